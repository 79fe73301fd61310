"""The live loop: grab, prepare, encode once, decide, hold, wait; and stop pressing whenever it should."""

import gc
from collections.abc import Callable
from typing import Protocol

import numpy as np

from agent.arrays import Floats
from agent.frames import Box, Image, RollingFrames, prepare
from agent.live.focus_gate import FocusGate, Look
from agent.live.hotkeys import Switches
from agent.pacing import Pacer
from agent.play.control import Control
from agent.play.rollout import Rollout
from agent.play.rollout_recording import RolloutRecording
from agent.play.warnings import held_long
from agent.policy.step import Policy, decide
from agent.screen.grab import OffScreen, Screen

_NOTHING: frozenset[str] = frozenset()
_SLOW_AFTER = 30  # decisions, before it is said that this machine cannot hold the rate
_STALLED_AFTER = 10  # or frames that follow none
_OUT_OF_DATE_NS = 1_000_000_000  # a decision about a picture so old is none: the machine was suspended in between


class Watcher(Protocol):
    """Who is shown what the model sees (`--preview`)."""

    def show(self, frame: Image, probabilities: Floats, game: Box, *, follows: bool) -> None: ...


class LiveLoop:
    """Plays until `switches.ended`, the window closes, or `duration_s` have passed.

    Keys are held only while the game has the focus, the agent has the keys, nobody paused, and the buffer is full of
    frames that follow each other as in training. While the person has the keys it decides on, but presses nothing:
    the buffer goes on when they come back. `say` gets what deserves a line, `check` raises what ended a thread.
    """

    def __init__(
        self,
        gate: FocusGate,
        screen: Screen,
        policy: Policy,
        control: Control,
        pacer: Pacer,
        switches: Switches,
        rollout: Rollout,
        say: Callable[[str], None],
        check: Callable[[], None],
        *,
        recording: RolloutRecording | None = None,
        watcher: Watcher | None = None,
        shadow: bool = False,
    ) -> None:
        self._gate = gate
        self._screen = screen
        self._policy = policy
        self._control = control
        self._pacer = pacer
        self._switches = switches
        self._rollout = rollout
        self._say = say
        self._check = check
        self._recording = recording
        self._watcher = watcher
        self._shadow = shadow
        self._frames = RollingFrames(policy.meta.frames_per_window, policy.meta.feature_size, policy.meta.apart)
        self._keys = [action.keys for action in policy.meta.actions.actions]
        self._held = _NOTHING
        self._captured_ns = 0
        self._told_stuck = False

    def run(self, duration_s: float | None) -> None:
        """Raises `TwoframeError` if the display, the key holder or the model fails. Leaves with no key held."""
        self._pacer.restart()
        end_ns = None if duration_s is None else self._pacer.clock_ns() + round(duration_s * 1e9)
        try:
            while not self._switches.ended and (end_ns is None or self._pacer.clock_ns() < end_ns):
                self._pacer.wait(between=self._hold_on)
                looked_ns = self._pacer.clock_ns()
                look = self._gate.look()
                self._pacer.ended("looking at the window")
                if look.news:
                    self._say(look.news)
                if look.shut == "closed":
                    self._say("the window was closed: play ends here")
                    break
                if not look.shut:
                    try:
                        self._tick(look.box, looked_ns)
                    except OffScreen:
                        self._forget()
                        look = self._gate.look()  # which tells why
                if look.shut:
                    self._pause(look, looked_ns)
                self._check()
                gc.collect(0)  # looking at the window leaves circles: 6 us now, or memory that grows all the time
            looked_ns = self._pacer.clock_ns()
            if self._recording and self._gate.look().shut is None:
                self._recording.confirm(looked_ns)
        finally:
            self._control.release()

    def _tick(self, box: Box, looked_ns: int) -> None:
        meta, frames = self._policy.meta, self._frames
        if self._recording:
            self._recording.confirm(looked_ns)  # this look found the game focused still
        self._tell_who_plays()

        begun_ns = self._pacer.ended("handing over")
        spacing_ns = self._spacing(begun_ns)
        who = self._control.who(begun_ns)
        down = self._control.down if self._shadow else _NOTHING
        image = self._screen.grab(box)
        grabbed_ns = self._pacer.ended("grab")
        recorded = prepare(image, meta.recorded)
        frame = prepare(recorded, meta.frame)
        prepared_ns = self._pacer.ended("prepare")
        probabilities = decide(self._policy, frame, frames)
        action = int(probabilities.argmax())
        decided_ns = self._pacer.ended("model")
        in_time = decided_ns - begun_ns <= max(_OUT_OF_DATE_NS, self._pacer.period_ns)
        self._held = self._keys[action] if frames.is_full and in_time else _NOTHING
        self._control.hold(self._held)
        held_ns = self._pacer.ended("hold")

        if self._recording and in_time:
            self._recording.frame(recorded, begun_ns, probabilities, who)
            self._pacer.ended("handing over")
        if self._watcher:
            self._watcher.show(frame, probabilities, box, follows=spacing_ns is not None)
        if frames.is_full and in_time:
            times_ns = (begun_ns, grabbed_ns, prepared_ns, decided_ns, held_ns)
            self._count(action, float(probabilities[action]), times_ns, spacing_ns)
            if self._shadow:
                self._rollout.agreement.seen(action, meta.actions.action_of(down))

    def _spacing(self, begun_ns: int) -> int | None:
        """The time since the frame before, None if there is none; forgets the frames that this one does not follow."""
        spacing_ns, self._captured_ns = begun_ns - self._captured_ns, begun_ns
        if self._frames.newest is None:
            return None
        if spacing_ns > 2 * self._policy.meta.spacing.median_ns:
            self._rollout.stalled(spacing_ns)
            self._forget()
            if self._rollout.stalls == _STALLED_AFTER > self._rollout.decisions:
                self._say_too_slow(spacing_ns)
            return None
        return spacing_ns

    def _count(self, action: int, probability: float, times_ns: tuple[int, ...], spacing_ns: int | None) -> None:
        rollout = self._rollout
        rollout.decided(action, probability, times_ns, spacing_ns)
        self._tell_stuck()
        if rollout.decisions == _SLOW_AFTER:
            latency_ns = int(np.median(rollout.stages_ns.sum(axis=1)))
            if latency_ns > self._pacer.period_ns:
                self._say_too_slow(latency_ns)

    def _tell_stuck(self) -> None:
        found = self._rollout.long_holds.found
        if found and not self._told_stuck:
            self._told_stuck = True  # once says what can be done; the summary tells of all
            recorded = "" if self._recording else " (play --record keeps it)"
            self._say(f"{held_long(found[0], self._policy.meta)}: taking over here would teach it most{recorded}")

    def _say_too_slow(self, took_ns: int) -> None:
        blame = self._pacer.blame
        self._say(
            f"warning: a frame and its decision take {took_ns / 1e6:.0f} ms here, longer than the "
            f"{self._pacer.period_ns / 1e6:.0f} ms from frame to frame{f' ({blame})' if blame.stage else ''}: "
            "it will not play as it learned"
        )

    def _tell_who_plays(self) -> None:
        if self._rollout.resume():
            self._say("watching" if self._shadow else "playing")
        persons = self._control.is_persons(self._pacer.clock_ns()) and not self._shadow
        if persons != self._rollout.person_plays:
            self._rollout.person_plays = persons
            self._rollout.takeovers += persons
            self._say("you have the keys" if persons else "the agent has the keys again")

    def _hold_on(self) -> None:
        """Between ticks of a slow rate: what is held has not expired yet."""
        self._control.hold(self._held)

    def _pause(self, look: Look, looked_ns: int) -> None:
        self._held = _NOTHING
        self._control.release()
        if self._recording:
            self._recording.discard(looked_ns)
        if self._rollout.pause(look.kind):
            self._say(f"no key is held: {look.reason}")
        self._forget()

    def _forget(self) -> None:
        self._frames.clear()
        self._rollout.broken_off()

"""The live loop: grab, prepare, encode once, decide, hold, wait; and stop pressing whenever it should."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from agent.errors import TwoframeError
from agent.frames import Box, RollingFrames
from agent.pacing import Pacer
from agent.policy import Policy
from agent.screen import Screen
from agent.switches import Switches
from agent.window import Target

STAGES = ("grab", "prepare", "model", "hold")
_CHUNK = 4096


class Holder(Protocol):
    """Who presses: the key holder, or nobody (`--shadow`)."""

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None: ...

    def release(self) -> None: ...


class NoHolder:
    """Presses nothing."""

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        pass

    def release(self) -> None:
        pass


@dataclass(slots=True)
class Rollout:
    """What a rollout measured: one row per decision in `stages_ns` (n, 4) and `spacing_ns` (n,)."""

    actions: int
    decisions: int = 0
    action: int | None = None
    probability: float = 0.0
    paused_for: str | None = "starting"
    pauses: int = 0
    stalls: int = 0
    counts: npt.NDArray[np.int64] = field(init=False)
    _stages_ns: npt.NDArray[np.int64] = field(init=False)
    _spacing_ns: npt.NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.actions, np.int64)
        self._stages_ns = np.empty((_CHUNK, len(STAGES)), np.int64)
        self._spacing_ns = np.empty(_CHUNK, np.int64)

    @property
    def stages_ns(self) -> npt.NDArray[np.int64]:
        return self._stages_ns[: self.decisions]

    @property
    def spacing_ns(self) -> npt.NDArray[np.int64]:
        return self._spacing_ns[: self.decisions]

    def decided(self, action: int, probability: float, times_ns: tuple[int, ...], spacing_ns: int) -> None:
        """`times_ns` are the instants at the stages' borders, one more than there are stages."""
        n = self.decisions
        if n == len(self._spacing_ns):
            self._stages_ns = np.concatenate([self._stages_ns, np.empty_like(self._stages_ns)])
            self._spacing_ns = np.concatenate([self._spacing_ns, np.empty_like(self._spacing_ns)])
        for stage in range(len(STAGES)):
            self._stages_ns[n, stage] = times_ns[stage + 1] - times_ns[stage]
        self._spacing_ns[n] = spacing_ns
        self.decisions = n + 1
        self.counts[action] += 1
        self.action, self.probability = action, probability


class LiveLoop:
    """Plays until `switches.ended`, the window closes, or `duration_s` have passed.

    Keys are held only while the game has the focus, nobody paused or took over, and the buffer is full of
    frames that follow each other as in training.
    """

    def __init__(
        self,
        target: Target,
        screen: Screen,
        policy: Policy,
        holder: Holder,
        pacer: Pacer,
        switches: Switches,
        rollout: Rollout,
        say: Callable[[str], None],
        listener_error: Callable[[], TwoframeError | None],
    ) -> None:
        self._target = target
        self._screen = screen
        self._policy = policy
        self._holder = holder
        self._pacer = pacer
        self._switches = switches
        self._rollout = rollout
        self._say = say
        self._listener_error = listener_error
        self._frames = RollingFrames(policy.meta.frames, policy.meta.feature_size)
        self._keys = [action.keys for action in policy.meta.actions.actions]
        self._held: frozenset[str] = frozenset()
        self._captured_ns = 0

    def run(self, duration_s: float | None) -> None:
        """Raises `TwoframeError` if the display, the key holder or the model fails. Leaves with no key held."""
        self._pacer.restart()
        end_ns = None if duration_s is None else time.perf_counter_ns() + round(duration_s * 1e9)
        try:
            while not self._switches.ended and (end_ns is None or time.perf_counter_ns() < end_ns):
                self._pacer.wait(between=self._hold_on)
                view = self._target.look()
                self._switches.focused = view.state == "focused"
                if view.state == "closed":
                    self._say("the window was closed: play ends here")
                    break
                if reason := self._reason_to_pause(view.state):
                    self._pause(reason)
                elif not self._screen.holds(view.box):
                    self._pause("the window is partly off the screen")
                else:
                    self._tick(view.box)
                if error := self._listener_error():
                    raise error
        finally:
            self._holder.release()

    def _tick(self, box: Box) -> None:
        rollout, policy, frames = self._rollout, self._policy, self._frames
        if rollout.paused_for:
            self._say("playing")
            rollout.paused_for = None
        begun_ns = time.perf_counter_ns()
        spacing_ns, self._captured_ns = begun_ns - self._captured_ns, begun_ns
        if frames.newest is not None and spacing_ns > 2 * policy.meta.spacing.median_ns:
            rollout.stalls += 1
            frames.clear()  # the older frame is no neighbour of this one
        image = self._screen.grab(box)
        grabbed_ns = time.perf_counter_ns()
        frame = policy.meta.prepare(image)
        prepared_ns = time.perf_counter_ns()
        features, probabilities = policy.step(frame, frames.features)
        frames.push(frame, features)
        action = int(probabilities.argmax())
        decided_ns = time.perf_counter_ns()
        self._held = self._keys[action] if frames.is_full else frozenset()
        self._holder.hold(self._held)
        if frames.is_full:
            times_ns = (begun_ns, grabbed_ns, prepared_ns, decided_ns, time.perf_counter_ns())
            rollout.decided(action, float(probabilities[action]), times_ns, spacing_ns)

    def _hold_on(self) -> None:
        """Between ticks of a slow rate: what is held has not expired yet."""
        self._holder.hold(self._held)

    def _reason_to_pause(self, state: str) -> str | None:
        if state != "focused":
            return f"the window is {state}"
        if self._switches.paused:
            return "paused by hotkey"
        return "taken over by the person" if self._switches.taken_over else None

    def _pause(self, reason: str) -> None:
        self._held = frozenset()
        self._holder.release()
        if self._rollout.paused_for != reason:
            self._say(f"no key is held: {reason}")
            self._rollout.pauses += 1
        self._rollout.paused_for = reason
        self._frames.clear()

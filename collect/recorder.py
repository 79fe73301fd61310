"""The recorder's loop: grab on absolute deadlines, prepare, hand over; pause when the game is not looked at."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from agent.actions import ActionSet
from agent.frames import Box, FrameSpec, Image, prepare
from agent.keyboard.listener import KeyListener
from agent.live.devices import Devices
from agent.live.focus_gate import Look
from agent.pacing import Blame, Pacer
from agent.recording.confirmed import ConfirmedJournal
from agent.recording.format import AGENT, PERSON
from agent.recording.journal import Journal
from agent.recording.key_log import KEYS_REMEDY, KeyLog, never_pressed
from agent.screen.grab import OffScreen
from collect.disturbance import Disturbance


@dataclass(slots=True)
class Progress:
    """What the recorder did so far, for the live line and the summary. Written by the loop alone."""

    ticks: int = 0
    late: int = 0
    recorded_s: float = 0.0
    paused_for: str | None = None
    longest_ms: dict[str, float] = field(default_factory=lambda: {"capture": 0.0, "prepare": 0.0})
    blame: Blame = field(default_factory=Blame)


STILL_NS = 3_000_000_000
UNHEARD_S = 30.0  # of play: every key has had its turn, and little is lost by beginning anew


class Stillness:
    """Notices a picture in which nothing changes while keys do: a black or frozen capture."""

    def __init__(self) -> None:
        self._frame: Image | None = None
        self._since_ns = 0
        self._keys_changed = False
        self._warned = False

    def key_changed(self) -> None:
        self._keys_changed = True

    def seen(self, frame: Image, now_ns: int) -> str | None:
        """A warning, once for each standstill, when `frame` has been the same for three seconds."""
        if self._frame is None or not np.array_equal(frame, self._frame):
            self._frame, self._since_ns = frame, now_ns
            self._keys_changed = self._warned = False
            return None
        if self._warned or not self._keys_changed or now_ns - self._since_ns < STILL_NS:
            return None
        self._warned = True
        kind = "black" if not frame.any() else "the same"
        return (
            f"warning: the picture has been {kind} for {STILL_NS / 1e9:g} s while keys changed; "
            "run the game in a window or borderless, not in exclusive full screen, and keep the screen awake"
        )


class Recorder:
    """Records the game of `devices` until it is asked to end, the window closes, or `duration_s` of play are recorded.

    `say` gets what deserves a line.
    """

    def __init__(
        self,
        devices: Devices,
        spec: FrameSpec,
        journal: Journal,
        key_log: KeyLog,
        listener: KeyListener,
        pacer: Pacer,
        progress: Progress,
        say: Callable[[str], None],
        actions: ActionSet,
        disturbance: Disturbance | None = None,
    ) -> None:
        self._devices = devices
        self._spec = spec
        self._journal = journal
        self._key_log = key_log
        self._actions = actions
        self._asked_for_keys = False
        self._pacer = pacer
        self._listener = listener
        self._disturbance = disturbance
        self._stillness = Stillness()
        self._warned_of: str | None = None
        self._progress = progress
        progress.blame = pacer.blame
        self._say = say

    def run(self, duration_s: float | None) -> None:
        """Raises `TwoframeError` if the display goes away or the disk is full; what came before is handed over."""
        gate, switches, progress = self._devices.gate, self._devices.switches, self._progress
        self._pacer.restart()
        start_ns = last_ns = self._pacer.clock_ns()
        spent_ns = 0
        confirmed = ConfirmedJournal(self._journal, self._key_log, start_ns)
        while not switches.ended and (duration_s is None or spent_ns < duration_s * 1e9):
            self._pacer.wait(between=self._disturbance.hold_on if self._disturbance else None)
            now_ns = self._pacer.clock_ns()
            look = gate.look()
            self._pacer.ended("looking at the window")
            if look.news:
                self._say(look.news)
            if look.shut == "closed":
                self._say("the window was closed: the recording ends here")
                break
            self._tell_whether_it_records(look)
            if look.shut:
                last_ns = now_ns
                self._note_keys(confirmed.discard(now_ns))
                if self._disturbance:
                    self._disturbance.stop(now_ns)
                continue
            self._note_keys(confirmed.confirm(now_ns))
            passed_ns, last_ns = now_ns - last_ns, now_ns
            if passed_ns > self._pacer.away_ns:
                self._was_away(passed_ns)
            else:
                spent_ns += passed_ns
            if self._disturbance:
                self._disturbance.act(now_ns, self._key_log.held)
            self._grab(look.box, confirmed)
            progress.recorded_s = spent_ns / 1e9
            progress.ticks, progress.late = self._pacer.ticks, self._pacer.late
            self._ask_for_keys()
            if self._listener.error:
                raise self._listener.error
        now_ns = self._pacer.clock_ns()
        if gate.look().shut is None:
            confirmed.confirm(now_ns)

    def _was_away(self, passed_ns: int) -> None:
        self._say(
            f"nothing was recorded for {passed_ns / 1e9:.0f} s: the machine was suspended, or this program stopped"
        )
        self._stillness = Stillness()
        if self._disturbance:
            self._disturbance.stop(self._pacer.clock_ns())

    def _ask_for_keys(self) -> None:
        """Once: tell of keys that were not heard so far. Where another key is meant, the default action hides it."""
        if self._asked_for_keys or self._progress.recorded_s < UNHEARD_S:
            return
        self._asked_for_keys = True
        if text := never_pressed(self._actions, self._key_log.pressed):
            self._say(f"warning: {UNHEARD_S:g} s recorded and {text}; {KEYS_REMEDY}")

    def _tell_whether_it_records(self, look: Look) -> None:
        paused_for, self._progress.paused_for = self._progress.paused_for, look.shut
        if look.shut and look.shut != paused_for:
            self._say("recording pauses" if look.shut == "paused" else f"recording pauses: {look.reason}")
        elif paused_for and not look.shut:
            self._say("recording again")
        if not look.shut and look.cover != self._warned_of:
            self._warned_of = look.cover
            if look.cover is not None:
                self._say(f"warning: the window {look.cover!r} lies over the game and gets recorded; move it away")

    def _note_keys(self, changed: bool) -> None:
        if changed:
            self._stillness.key_changed()

    def _grab(self, box: Box, confirmed: ConfirmedJournal) -> None:
        begun_ns = self._pacer.ended("handing over")
        is_disturbed = self._disturbance is not None and self._disturbance.is_on
        try:
            image = self._devices.screen.grab(box)
        except OffScreen:  # since the look: the next one tells
            return
        grabbed_ns = self._pacer.ended("capture")
        if grabbed_ns - begun_ns > self._pacer.away_ns:
            return  # before the machine was suspended or after it: this picture is of no known time
        frame = prepare(image, self._spec)
        prepared_ns = self._pacer.ended("prepare")
        longest = self._progress.longest_ms
        longest["capture"] = max(longest["capture"], (grabbed_ns - begun_ns) / 1e6)
        longest["prepare"] = max(longest["prepare"], (prepared_ns - grabbed_ns) / 1e6)
        extras = {"control": np.array(AGENT if is_disturbed else PERSON, np.uint8)} if self._disturbance else {}
        confirmed.frame(frame, begun_ns, **extras)
        if warning := self._stillness.seen(frame, begun_ns):
            self._say(warning)
        self._pacer.ended("handing over")

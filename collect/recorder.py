"""The recorder's loop: grab on absolute deadlines, prepare, hand over; pause when the game is not looked at."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from agent.frames import Box, FrameSpec, Image, prepare
from agent.keyboard.listener import KeyListener
from agent.live.switches import Switches
from agent.pacing import Pacer
from agent.recording.format import AGENT, PERSON
from agent.recording.journal import Journal
from agent.recording.key_log import KeyLog
from agent.screen.grab import Screen
from agent.screen.window import State as WindowState
from agent.screen.window import Target
from collect.disturbance import Disturbance

State = WindowState | Literal["paused", "off screen"]


@dataclass(slots=True)
class Progress:
    """What the recorder did so far, for the live line and the summary. Written by the loop alone."""

    ticks: int = 0
    late: int = 0
    recorded_s: float = 0.0
    paused_for: str | None = None
    longest_ms: dict[str, float] = field(default_factory=lambda: {"capture": 0.0, "prepare": 0.0})


STILL_NS = 3_000_000_000
COVER_NS = 2_000_000_000


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
    """Records `target` until `switches.ended`, the window closes, or `duration_s` of play are recorded.

    A frame is handed over only when the next look still finds the game focused: nothing that covered it for
    a moment, and no key typed elsewhere, gets into the recording. `say` gets what deserves a line.
    """

    def __init__(
        self,
        target: Target,
        screen: Screen,
        spec: FrameSpec,
        journal: Journal,
        key_log: KeyLog,
        listener: KeyListener,
        pacer: Pacer,
        switches: Switches,
        progress: Progress,
        say: Callable[[str], None],
        disturbance: Disturbance | None = None,
    ) -> None:
        self._target = target
        self._screen = screen
        self._spec = spec
        self._journal = journal
        self._key_log = key_log
        self._pacer = pacer
        self._switches = switches
        self._listener = listener
        self._disturbance = disturbance
        self._unconfirmed: tuple[Image, int, dict[str, Any]] | None = None
        self._stillness = Stillness()
        self._cover: str | None = None
        self._next_cover_ns = 0
        self._progress = progress
        self._say = say

    def run(self, duration_s: float | None) -> None:
        """Raises `TwoframeError` if the display goes away or the disk is full; what came before is handed over."""
        self._pacer.restart()
        spent_ns = last_ns = 0
        start_ns = time.perf_counter_ns()
        while not self._switches.ended and (duration_s is None or spent_ns < duration_s * 1e9):
            self._pacer.wait(between=self._disturbance.hold_on if self._disturbance else None)
            now_ns = time.perf_counter_ns() - start_ns
            view = self._target.look()
            state: State = view.state if not self._switches.paused or view.state == "closed" else "paused"
            if state == "focused" and not self._screen.holds(view.box):
                state = "off screen"
            self._switches.focused = view.state == "focused"
            if state == "closed":
                self._say("the window was closed: the recording ends here")
                break
            self._settle(state, start_ns, now_ns)
            if state != "focused":
                last_ns = now_ns
                if self._disturbance:
                    self._disturbance.stop(now_ns + start_ns)
                continue
            spent_ns += now_ns - last_ns
            last_ns = now_ns
            if self._disturbance:
                self._disturbance.act(now_ns + start_ns, self._key_log.held)
            self._grab(view.box, start_ns)
            self._watch_for_covers(now_ns)
            self._progress.recorded_s = spent_ns / 1e9
            self._progress.ticks, self._progress.late = self._pacer.ticks, self._pacer.late
            if error := self._journal.error or self._listener.error:
                raise error
        now_ns = time.perf_counter_ns() - start_ns
        if self._target.look().state == "focused":
            self._settle("focused", start_ns, now_ns)

    def _watch_for_covers(self, now_ns: int) -> None:
        """Every few seconds, for it takes its time: warn of a window that lies over the focused game."""
        if now_ns < self._next_cover_ns:
            return
        self._next_cover_ns = now_ns + COVER_NS
        cover = self._target.covering()
        if cover is not None and cover != self._cover:
            self._say(f"warning: the window {cover!r} lies over the game and gets recorded; move it away")
        self._cover = cover

    def _settle(self, state: State, start_ns: int, now_ns: int) -> None:
        """Hand over what is waiting, or drop it if the game was left meanwhile."""
        confirmed = self._unconfirmed if state == "focused" else None
        if state == "focused":
            changes = self._key_log.confirm(now_ns + start_ns)
            if self._progress.paused_for:
                self._say("recording again")
        else:
            changes = self._key_log.discard(now_ns + start_ns)
            if self._progress.paused_for != state:
                self._say(f"recording pauses: the window is {state}" if state != "paused" else "recording pauses")
        for change in changes:
            self._journal.event(change.time_ns - start_ns, change.key, change.down)
            self._stillness.key_changed()
        if confirmed:  # after its events: the journal's thread may take what is there at any moment
            frame, captured_ns, extras = confirmed
            self._journal.frame(frame, captured_ns, **extras)
        self._unconfirmed = None
        self._progress.paused_for = None if state == "focused" else state
        self._journal.settle(now_ns)

    def _grab(self, box: Box, start_ns: int) -> None:
        begun_ns = time.perf_counter_ns()
        is_disturbed = self._disturbance is not None and self._disturbance.is_on
        image = self._screen.grab(box)
        grabbed_ns = time.perf_counter_ns()
        frame = prepare(image, self._spec)
        longest = self._progress.longest_ms
        longest["capture"] = max(longest["capture"], (grabbed_ns - begun_ns) / 1e6)
        longest["prepare"] = max(longest["prepare"], (time.perf_counter_ns() - grabbed_ns) / 1e6)
        extras = {"control": np.uint8(AGENT if is_disturbed else PERSON)} if self._disturbance else {}
        self._unconfirmed = (frame, begun_ns - start_ns, extras)
        if warning := self._stillness.seen(frame, begun_ns):
            self._say(warning)

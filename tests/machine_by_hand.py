"""A machine whose time is moved by hand, for loops that take their devices as arguments."""

from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from recordings import ACTIONS, meta

from agent.frames import Box, Image
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Switches
from agent.pacing import Pacer
from agent.recording.journal import Journal
from agent.recording.key_log import KeyLog
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from agent.screen.target import FixedRegion, View
from collect.recorder import Progress, Recorder
from collect.summary import summary

MS = 1_000_000
HOUR_NS = 3600_000 * MS
PLACE = Box(0, 0, 64, 48)


class Machine:
    """A clock that moves when somebody sleeps, looks at the window or grabs; `more_ns` are the times that one of these
    moments, by its name and number, takes more. It is the screen and the clock of a loop.
    """

    is_of_window = False

    def __init__(self, more_ns: dict[tuple[str, int], int]) -> None:
        self.now_ns = 10**12
        self._moments = {"sleep": 0, "look": 0, "grab": 0}
        self._more_ns = more_ns
        self.resumed_ns = 0  # after the last of them

    def clock_ns(self) -> int:
        return self.now_ns

    def sleep_s(self, seconds: float) -> None:
        self._pass("sleep", round(seconds * 1e9))

    def aim(self, window_id: int | None) -> None:
        pass

    def is_hidden(self) -> bool:
        return False

    def holds(self, box: Box) -> bool:
        return True

    def look(self) -> View:
        self._pass("look", MS)
        return View("focused", PLACE)

    def grab(self, box: Box) -> Image:
        self._pass("grab", 2 * MS)
        return np.random.default_rng(self._moments["grab"]).integers(0, 256, (box.height, box.width, 4), np.uint8)

    def _pass(self, what: str, ns: int) -> None:
        self.now_ns += ns
        self._moments[what] += 1
        if more_ns := self._more_ns.get((what, self._moments[what])):
            self.now_ns += more_ns
            self.resumed_ns = self.now_ns


class Told:
    """Who holds keys: everything that it was told, with the time."""

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self.words: list[tuple[int, frozenset[str]]] = []

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        self.words.append((self._clock_ns(), frozenset(keys)))

    def release(self) -> None:
        self.hold(())


def recorded(machine: Machine, folder: Path, *, seconds: float) -> tuple[Recording, Progress, list[str], list[str]]:
    """A region recorded on it at 10 fps: what `collect` kept, counted, said on the way, and its summary."""
    said: list[str] = []
    switches, described = Switches(), meta(fps=10.0)
    target = FixedRegion(PLACE)
    target.look = machine.look  # type: ignore[method-assign]
    devices: Any = SimpleNamespace(
        gate=FocusGate(target, machine, switches),  # type: ignore[arg-type]
        screen=machine,
        switches=switches,
        target=target,
    )
    listener: Any = SimpleNamespace(error=None)
    progress = Progress()
    pacer = Pacer(described.fps, machine.clock_ns, machine.sleep_s)
    with Journal(RecordingWriter(folder, described), ACTIONS) as journal:
        log, spec = KeyLog(), described.frame
        recorder = Recorder(devices, spec, journal, log, listener, pacer, progress, said.append, ACTIONS)
        recorder.run(seconds)
    recording = Recording.open(folder)
    return recording, progress, said, summary(recording, progress, journal, described.fps)

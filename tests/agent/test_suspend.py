"""A machine that is suspended in the middle of a game, played out with the time moved by hand."""

from collections.abc import Callable, Collection
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from recordings import ACTIONS, meta

from agent.frames import Box, Image
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Hotkeys, Switches
from agent.pacing import Pacer
from agent.play.control import Control
from agent.play.live_loop import LiveLoop
from agent.play.rollout import Rollout
from agent.policy.step import Policy
from agent.recording.journal import Journal
from agent.recording.key_log import KeyLog
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from agent.screen.target import FixedRegion
from collect.recorder import Progress, Recorder

MS = 1_000_000
HOUR_NS = 3600_000 * MS
PLACE = Box(0, 0, 64, 48)


class Machine:
    """A clock that moves when somebody sleeps or grabs, and by an hour more at one of these moments."""

    def __init__(self, *, sleeps_in: str, at: int) -> None:
        self.now_ns = 10**12
        self._moments = {"sleep": 0, "grab": 0}
        self._suspended = (sleeps_in, at)
        self.resumed_ns = 0

    def clock_ns(self) -> int:
        return self.now_ns

    def sleep_s(self, seconds: float) -> None:
        self._pass("sleep", round(seconds * 1e9))

    def holds(self, box: Box) -> bool:
        return True

    def grab(self, box: Box) -> Image:
        self._pass("grab", 2 * MS)
        return np.random.default_rng(self._moments["grab"]).integers(0, 256, (box.height, box.width, 4), np.uint8)

    def _pass(self, what: str, ns: int) -> None:
        self.now_ns += ns
        self._moments[what] += 1
        if (what, self._moments[what]) == self._suspended:
            self.now_ns += HOUR_NS
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


@pytest.mark.parametrize("sleeps_in", ["sleep", "grab"])
def test_play_forgets_the_frames_and_holds_no_key_of_before(policy: Path, sleeps_in: str) -> None:
    machine = Machine(sleeps_in=sleeps_in, at=12)
    loaded = Policy.load(policy, threads=1)
    told, switches, rollout = Told(machine.clock_ns), Switches(), Rollout(3)
    pacer = Pacer(loaded.meta.fps, machine.clock_ns, machine.sleep_s)
    loop = LiveLoop(
        FocusGate(FixedRegion(PLACE), machine, switches),  # type: ignore[arg-type]
        machine,  # type: ignore[arg-type]
        loaded,
        Control(told, switches, Hotkeys(), machine.clock_ns, touch=True),
        pacer,
        switches,
        rollout,
        lambda text: None,
        lambda: setattr(switches, "ended", machine.resumed_ns != 0 and machine.now_ns > machine.resumed_ns + 10**9),
    )
    loop.run(duration_s=None)
    before = [keys for now_ns, keys in told.words if now_ns < machine.resumed_ns]
    after = [keys for now_ns, keys in told.words if now_ns >= machine.resumed_ns]
    assert before[-1]
    buffer = (loaded.meta.frames_per_window - 1) * loaded.meta.apart
    assert after[: buffer + 1 - (sleeps_in == "sleep")] == [frozenset()] * (buffer + 1 - (sleeps_in == "sleep"))
    assert after[buffer + 1]
    assert rollout.stalls == 1
    assert rollout.spacing_ns.max() < 100 * MS
    assert rollout.stages_ns.max() < 100 * MS
    assert pacer.late == 0


@pytest.mark.parametrize("sleeps_in", ["sleep", "grab"])
def test_a_recording_has_a_gap_and_counts_no_second_of_it_as_play(tmp_path: Path, sleeps_in: str) -> None:
    machine = Machine(sleeps_in=sleeps_in, at=7)
    said: list[str] = []
    switches, described = Switches(), meta(fps=10.0)
    target = FixedRegion(PLACE)
    devices: Any = SimpleNamespace(
        gate=FocusGate(target, machine, switches),  # type: ignore[arg-type]
        screen=machine,
        switches=switches,
        target=target,
    )
    listener: Any = SimpleNamespace(error=None)
    progress = Progress()
    pacer = Pacer(described.fps, machine.clock_ns, machine.sleep_s)
    with Journal(RecordingWriter(tmp_path / "rec", described), ACTIONS) as journal:
        Recorder(devices, described.frame, journal, KeyLog(), listener, pacer, progress, said.append).run(2.0)
    recording = Recording.open(tmp_path / "rec")
    assert recording.gap_before()[1:].sum() == 1
    assert 20 <= len(recording) <= 22
    assert progress.recorded_s == pytest.approx(2.0, abs=0.11)
    assert said == ["nothing was recorded for 3600 s: the machine was suspended, or this program stopped"]
    assert progress.late == 0

"""A machine that is suspended or slow in the middle of a game, with the time moved by hand."""

from pathlib import Path

import pytest
from machine_by_hand import HOUR_NS, MS, PLACE, Machine, Told, recorded

from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Hotkeys, Switches
from agent.pacing import Pacer
from agent.play.control import Control
from agent.play.live_loop import LiveLoop
from agent.play.rollout import Rollout
from agent.policy.step import Policy
from agent.screen.target import FixedRegion


@pytest.mark.parametrize("sleeps_in", ["sleep", "grab"])
def test_play_forgets_the_frames_and_holds_no_key_of_before(policy: Path, sleeps_in: str) -> None:
    machine = Machine({(sleeps_in, 12): HOUR_NS})
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
    machine = Machine({(sleeps_in, 7): HOUR_NS})
    recording, progress, said, _ = recorded(machine, tmp_path / "rec", seconds=2.0)
    assert recording.gap_before()[1:].sum() == 1
    assert 20 <= len(recording) <= 22
    assert progress.recorded_s == pytest.approx(2.0, abs=0.11)
    assert said == ["nothing was recorded for 3600 s: the machine was suspended, or this program stopped"]
    assert progress.late == 0


@pytest.mark.parametrize(
    ("moment", "blamed", "remedy"),
    [
        ("sleep", "1 because the system woke the loop up to 2", "other programs took the cores"),
        ("look", "1 because looking at the window took up to 251 ms", "the system was slow to answer"),
        ("grab", "1 because capture took up to 252 ms", "a smaller --region or window"),
    ],
)
def test_collect_names_what_made_frames_late_with_its_figure(
    tmp_path: Path, moment: str, blamed: str, remedy: str
) -> None:
    *_, lines = recorded(Machine({(moment, 7): 250 * MS}), tmp_path / "rec", seconds=2.0)
    (warning,) = [line for line in lines if "does not hold" in line]
    assert warning.startswith("warning: this machine does not hold 10 fps: 1 of ")
    assert f" frames late, {blamed}" in warning
    assert remedy in warning

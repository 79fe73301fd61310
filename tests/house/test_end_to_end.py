"""The whole loop in miniature, on a display of its own: record, train, play, compare."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import PATIENCE_S, ROOT, wait_for, without_display

from agent.recording.reader import Recording
from demo.__main__ import new_folder


@pytest.mark.display
@pytest.mark.training
@pytest.mark.slow(45)
def test_the_demo_records_trains_plays_and_compares(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out"):  # as an earlier demo left it
        (tmp_path / "out" / "table.json").write_text("old")
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--quick", "--out", tmp_path / "out"],
        cwd=ROOT,
        env=without_display(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    table = json.loads((tmp_path / "out" / "table.json").read_text())
    assert list(table) == ["agent", "driver", "random", "nothing"]
    assert all(set(row) == {"laps", "mean", "sd"} for row in table.values())
    laps = {player: json.loads((tmp_path / "out" / f"{player}.json").read_text()) for player in table}
    assert all(lap["ticks_with_key"] > 0.9 * lap["frames"] for lap in laps["agent"])  # the agent really pressed
    assert laps["nothing"][0]["ticks_with_key"] == 0
    assert laps["agent"][0]["seed"] == laps["driver"][0]["seed"]
    assert table["agent"]["laps"] == [lap["return"] for lap in laps["agent"]]
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"policy", "agent_best.mp4", "agent_worst.mp4"} <= made
    learned = json.loads((tmp_path / "out" / "policy" / "policy.json").read_text())["recordings"]
    assert [recording["folder"] for recording in learned] == ["../recording", "../recording_2"]
    assert learned[0]["digest"] != learned[1]["digest"]
    assert any(name.endswith(".png") for name in made)


def test_a_folder_that_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = subprocess.run(
        [sys.executable, "-m", "demo", "--out", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_folder_in_which_a_demo_is_at_work_is_left_alone(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out"):
        (tmp_path / "out" / "agent.json").write_text("its laps")
        done = subprocess.run(
            [sys.executable, "-m", "demo", "--out", tmp_path / "out"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert "held by another demo" in done.stderr
        assert (tmp_path / "out" / "agent.json").read_text() == "its laps"


@pytest.mark.display
@pytest.mark.slow(15)
@pytest.mark.skipif(sys.platform == "win32", reason="no signals there")
def test_kill_ends_a_demo_in_the_background_and_keeps_what_it_recorded(tmp_path: Path) -> None:
    background = "trap '' INT; exec \"$@\""  # as a script's `make demo &` has it
    command = ["sh", "-c", background, "sh", sys.executable, "-m", "demo", "--quick", "--out", str(tmp_path / "out")]
    recordings = [tmp_path / "out" / name for name in ("recording", "recording_2")]

    def both_begun() -> bool:
        frames = [recording / "frames.npy" for recording in recordings]
        return all(file.exists() and file.stat().st_size > 160 * 120 for file in frames)

    with (tmp_path / "said").open("w") as said:
        demo = subprocess.Popen(command, cwd=ROOT, env=without_display(), stdout=said, stderr=said)
        try:
            wait_for(both_begun, "two recordings")
            demo.terminate()
            assert demo.wait(PATIENCE_S) == 130
        finally:
            demo.kill()
    assert all(len(Recording.open(recording).frames) > 0 for recording in recordings)

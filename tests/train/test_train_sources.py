"""Which recordings a training takes: the sound ones of those named; and the same ones later, wherever they lie."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from recordings import empty_recording, meta
from training import SIZE, bar_recording

from agent.errors import TwoframeError
from agent.recording.learned_from import recording_digest
from train.cli import read_options
from train.fitting.cluster import cluster
from train.options import TrainOptions
from train.prepared_dataset import described, prepare_dataset
from train.sources import find_again, find_sources

QUICK = ["--batch", "32", "--epochs", "3", "--max-minutes", "60"]


def options(*recordings: Path, out: Path = Path("policies") / "my first") -> TrainOptions:
    return TrainOptions(recordings, out)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two sound recordings, and what lies beside such: one without a frame, a broken one, a file, an empty folder."""
    runs = tmp_path / "runs"
    runs.mkdir()
    bar_recording(runs / "one", 200, seed=1)
    bar_recording(runs / "two", 200, seed=2)
    empty_recording(runs / "empty", described=meta(size=SIZE))
    bar_recording(runs / "broken", 40)
    (runs / "broken" / "frames.npy").write_bytes(b"nothing")
    (runs / "notes.txt").write_text("mine")
    (runs / "killed").mkdir()
    return runs


def test_a_recording_that_is_empty_or_broken_is_named_and_left_out(runs: Path, tmp_path: Path) -> None:
    for named in ((runs,), tuple(sorted(runs.iterdir())), (runs / "*",)):
        prepared = prepare_dataset(options(*named), tmp_path)
        assert len(prepared.dataset) == 400
        said = [line for line in described(prepared) if line.startswith("left out: ")]
        assert len(said) == (2 if named == (runs,) else 4)
        assert any(f"{runs / 'empty'}: found no frames" in line for line in said)
        assert any(f"{runs / 'broken' / 'frames.npy'}: found no readable header" in line for line in said)
        if named != (runs,):
            assert any(f"{runs / 'notes.txt'}: found no meta.json" in line for line in said)
            assert any(f"{runs / 'killed'}: found no meta.json" in line for line in said)


def test_recordings_of_which_none_is_sound_are_an_error_that_names_them_all(runs: Path) -> None:
    with pytest.raises(TwoframeError) as error:
        find_sources(options(runs / "empty", runs / "broken"))
    assert "empty: found no frames" in str(error.value)
    assert "found no readable header" in str(error.value)
    with pytest.raises(TwoframeError, match="empty: found no frames"):
        find_sources(replace(options(runs / "one"), validate=(runs / "empty",)))


def test_a_recording_that_is_not_there_is_an_error_beside_sound_ones_too(runs: Path) -> None:
    with pytest.raises(TwoframeError, match="mondya: found no recording"):
        find_sources(options(runs / "one", runs / "mondya"))


def test_recordings_are_found_again_by_what_they_hold(runs: Path, tmp_path: Path) -> None:
    began = replace(options(runs / "one", runs / "two"), validate=(bar_recording(tmp_path / "judge", 100, seed=3),))
    first = find_sources(began)
    kept = first.to_json()
    (runs / "one").rename(runs / "zzz")  # another order, if it were by name
    shutil.move(tmp_path / "judge", tmp_path / "elsewhere" / "judge")
    shutil.copytree(runs / "two", tmp_path / "copies" / "two")
    shutil.rmtree(runs / "two")
    named = replace(began, recordings=(tmp_path / "cop*",), validate=(tmp_path / "elsewhere" / "judge",))
    found = find_again(kept, named)
    assert [each.folder.name for each in found.learned] == ["zzz", "two"]
    assert [recording_digest(each) for each in found.learned] == [recording_digest(each) for each in first.learned]
    assert [each.folder for each in found.judges] == [tmp_path / "elsewhere" / "judge"]
    assert found.notes[0] == f"{runs / 'one'} is now {runs / 'zzz'}"


def test_a_policy_tells_of_the_recordings_and_not_of_the_pattern_that_named_them(runs: Path, tmp_path: Path) -> None:
    told, _ = read_options([str(runs / "[ot]*"), "--out", str(tmp_path / "policy")], cluster())
    assert told.recordings == (runs / "one", runs / "two")


def test_a_recording_that_has_gone_or_changed_is_named_with_what_to_type(runs: Path) -> None:
    began = options(runs / "one", runs / "two")
    kept = find_sources(began).to_json()
    shutil.rmtree(runs / "one")
    shutil.rmtree(runs / "two")
    bar_recording(runs / "two", 200, seed=4)
    with pytest.raises(TwoframeError) as error:
        find_again(kept, began)
    said = str(error.value)
    assert f"{runs / 'one'}: found no recording, neither there nor beside it" in said
    assert f"{runs / 'two'}: found another recording than" in said
    assert "train RECORDING... --out 'policies/my first' --resume" in said


@pytest.mark.parametrize("kept", [{"learned": 3}, {"learned": [{}], "judges": []}, {"learned": ["x"], "judges": []}])
def test_a_checkpoint_that_tells_nothing_sensible_of_its_recordings_is_refused(kept: dict[str, object]) -> None:
    with pytest.raises(TwoframeError, match="odd recordings"):
        find_again(kept, options(Path("runs")))


@pytest.mark.training
@pytest.mark.slow(20)
def test_a_training_goes_on_from_another_folder_and_with_recordings_that_have_moved(tmp_path: Path) -> None:
    first, second = tmp_path / "first folder", tmp_path / "second"
    second.mkdir()
    bar_recording(first / "runs" / "one", 300, seed=1)
    bar_recording(first / "runs" / "two", 200, seed=2)

    def train(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    begun = (ROOT / "tests" / "eventful_training.py", "signal", int(signal.SIGINT), "runs", "--out", "policy", *QUICK)
    stopped = train(first, *begun)
    assert stopped.returncode == 130, stopped.stderr
    out = first / "policy"
    (first / "runs" / "two").rename(first / "runs" / "before one")
    shutil.move(first / "runs" / "one", second / "moved")

    lost = train(second, "-m", "train", "--out", out, "--resume")
    assert lost.returncode == 1
    assert f"{first / 'runs' / 'one'}: found no recording" in lost.stderr
    assert f"train RECORDING... --out '{out}' --resume" in lost.stderr
    assert lost.stderr.count("\n") == 1
    resumed = train(second, "-m", "train", "moved", "--out", out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{first / 'runs' / 'two'} is now {first / 'runs' / 'before one'}" in resumed.stdout.replace("\n", "")
    assert resumed.stdout.rstrip().endswith(f"next: play '{out}'")

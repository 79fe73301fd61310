"""A training that was interrupted goes on, whatever interrupted it, and the checkpoint is always a whole one."""

import json
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from training import bar_recording

from agent.errors import TwoframeError
from train.cli import main
from train.fitting.checkpoint import CHECKPOINT_FILE, Checkpoint, read_checkpoint, read_settings, write_checkpoint
from train.fitting.history import History
from train.metrics import score

QUICK = ["--batch", "32", "--epochs", "3", "--deterministic"]
TWICE = ["--batch", "32", "--epochs", "2", "--deterministic"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bar_recording(tmp_path_factory.mktemp("recordings") / "rec", 500)


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "train", *map(str, arguments)]


def eventful(event: str, value: object, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`train`, to which this happens in its second epoch."""
    script = ROOT / "tests" / "eventful_training.py"
    return subprocess.run(
        [sys.executable, *map(str, (script, event, value, *arguments))],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )


def weights(policy: Path) -> bytes:
    with zipfile.ZipFile(policy / "model.keras") as archive:
        return archive.read("model.weights.h5")


def label_shift_ms(policy: Path) -> float:
    return float(json.loads((policy / "policy.json").read_text())["label_shift_ms"])


@pytest.mark.training
@pytest.mark.slow(60)
def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    """Keys that are late: after the first of two epochs the labels are chosen, in the second it is interrupted."""
    recording = bar_recording(tmp_path / "rec", 2000, late=3)
    whole, stopped, killed = tmp_path / "whole", tmp_path / "stopped", tmp_path / "killed"
    subprocess.run(command(recording, "--out", whole, *TWICE), check=True, capture_output=True)

    interrupted = eventful("signal", int(signal.SIGINT), recording, "--out", stopped, *TWICE)
    assert interrupted.returncode == 130
    assert f"go on with: train --out {stopped} --resume" in interrupted.stdout
    assert (stopped / "policy.tflite").exists()
    assert eventful("signal", int(signal.SIGKILL), recording, "--out", killed, *TWICE).returncode == -signal.SIGKILL
    assert (killed / CHECKPOINT_FILE).exists()

    again = subprocess.run(command(recording, "--out", stopped, *TWICE), capture_output=True, text=True)
    assert again.returncode == 2
    assert "found an unfinished training" in again.stderr
    other = subprocess.run(
        command("--out", stopped, "--resume", "--batch", 8, "--mirror", "left=right"), capture_output=True, text=True
    )
    assert other.returncode == 2
    assert other.stderr.count("\n") == 1
    assert "--batch: found 8, expected 32 as when this training began" in other.stderr
    assert "--mirror: found left=right, expected nothing" in other.stderr

    for out in (stopped, killed):
        resumed = subprocess.run(command("--out", out, "--resume"), capture_output=True, text=True)
        assert resumed.returncode == 0, resumed.stderr
        assert resumed.stderr == ""
        assert resumed.stdout.rstrip().endswith(f"next: play {out}")
        assert weights(out) == weights(whole)
        epochs = json.loads((out / "report" / "metrics.json").read_text())["epochs"]
        assert [epoch["number"] for epoch in epochs] == [1, 2]
        assert label_shift_ms(out) == label_shift_ms(whole)
        assert not (out / CHECKPOINT_FILE).exists()


@pytest.mark.training
@pytest.mark.slow(15)
def test_a_disk_that_fills_while_keeping_leaves_the_last_checkpoint(recording: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        out = disk / "policy"
        filled = eventful("fill", disk, recording, "--out", out, *QUICK)
        assert filled.returncode == 1
        assert filled.stderr.startswith("error: ")
        assert filled.stderr.count("\n") == 1
        assert f"{out}: found the disk full" in filled.stderr
        assert (
            f"the last checkpoint is kept: free some space and go on with: train --out {out} --resume" in filled.stderr
        )
        assert len(read_checkpoint(out).history.epochs) == 1
        (disk / "full").unlink()
        resumed = subprocess.run(command("--out", out, "--resume"), capture_output=True, text=True)
        assert resumed.returncode == 0, resumed.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.training
def test_resume_needs_an_unfinished_training_of_these_recordings(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["--out", str(tmp_path / "none"), "--resume"]) == 1
    assert "none: found no checkpoint.npz, expected an unfinished training" in capfd.readouterr().err
    assert not (tmp_path / "none").exists()
    assert main(["--out", str(tmp_path / "none")]) == 2
    assert "RECORDING: found nothing" in capfd.readouterr().err


def some_checkpoint() -> Checkpoint:
    truth = np.array([0, 1, 2])
    history = History(number=2, step=3, best_weights=[np.ones((3, 2), np.float32)])
    history.end_epoch(0.5, score(truth, truth, np.zeros(3, bool), 3), 1.0)
    state = [np.arange(5), np.ones((2, 2), np.float32)]
    return Checkpoint({"seed": 4}, "digest", history, state, {"learned": []})


def test_a_checkpoint_comes_back_as_it_was_written(tmp_path: Path) -> None:
    written = some_checkpoint()
    write_checkpoint(tmp_path, written)
    found = read_checkpoint(tmp_path)
    assert read_settings(tmp_path) == ({"seed": 4}, {"learned": []})
    assert (found.settings, found.sources) == read_settings(tmp_path)
    assert found.history.to_json() == written.history.to_json()
    for one, other in zip(
        [*found.state, *found.history.best_weights], [*written.state, *written.history.best_weights], strict=True
    ):
        assert one.dtype == other.dtype
        assert (one == other).all()
    assert [path.name for path in tmp_path.iterdir()] == [CHECKPOINT_FILE]


def hostile(path: Path) -> Iterator[bytes]:
    """Contents that are no checkpoint."""
    content = path.read_bytes()
    yield b""
    yield b"nothing of the kind"
    yield content[: len(content) // 2]
    for header in (b"{}", b"[" * 100_000, b'{"format_version": 9}', b'{"format_version": 1, "settings": 3}'):
        np.savez(path, header=np.frombuffer(header, np.uint8))
        yield path.read_bytes()
    np.savez(path, header=np.array([{"a": "pickle"}], dtype=object))
    yield path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "header.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (9" + b"9" * 30
        )
    yield path.read_bytes()


def test_what_is_no_checkpoint_is_told_in_one_line(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, some_checkpoint())
    path = tmp_path / CHECKPOINT_FILE
    for content in list(hostile(path)):
        path.write_bytes(content)
        with pytest.raises(TwoframeError, match=CHECKPOINT_FILE):
            read_checkpoint(tmp_path)
    link = tmp_path / "link"
    link.mkdir()
    (link / CHECKPOINT_FILE).symlink_to(path)
    with pytest.raises(TwoframeError, match="found no checkpoint"):
        read_checkpoint(link)

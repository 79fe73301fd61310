"""A disk that is full and memory that is not enough are named as such, what was learned is kept, and it goes on."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from training import bar_recording

from agent.command_line.terminal import typed
from agent.errors import run_command
from train.fitting.checkpoint import read_checkpoint

QUICK = ["--batch", "32", "--epochs", "3", "--max-minutes", "60"]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bar_recording(tmp_path_factory.mktemp("recordings") / "rec", 500)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def eventful(event: str, value: object, *arguments: object) -> subprocess.CompletedProcess[str]:
    """`train`, to which this happens in its second epoch."""
    return run(ROOT / "tests" / "eventful_training.py", event, value, *arguments)


@contextmanager
def disk_of(size: str, folder: Path) -> Iterator[None]:
    """The folder lies on a real file system of this size; only root can make one."""
    folder.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.training
@pytest.mark.slow(45)
def test_a_disk_too_full_for_the_event_files_or_the_report_costs_nothing_that_was_learned(
    recording: Path, tmp_path: Path
) -> None:
    out = tmp_path / "my policy"
    assert eventful("signal", int(signal.SIGINT), recording, "--out", out, *QUICK).returncode == 130
    go_on = typed("train", "--out", out, "--resume")
    for size, epochs in (("4k", 2), ("48k", 3)):  # no event file; event files, but no picture
        shutil.rmtree(out / "report")
        with disk_of(size, out / "report"):
            filled = run("-m", "train", "--out", out, "--resume")
        assert filled.returncode == 1
        assert filled.stderr == (
            f"error: {out}: found the disk full, expected room on it; what was learned up to the last checkpoint is "
            f"kept: free some space and go on with: {go_on}\n"
        )
        assert ("writing the policy" in filled.stdout) == (size == "48k")
        assert len(read_checkpoint(out).history.epochs) == epochs
    resumed = run("-m", "train", "--out", out, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert (out / "report" / "worst.png").exists()


@pytest.mark.training
@pytest.mark.slow(35)
def test_too_little_memory_is_named_and_what_was_learned_is_kept(recording: Path, tmp_path: Path) -> None:
    for who in ("numpy", "tensorflow", "opencv"):
        out = tmp_path / who
        starved = eventful("starve", who, recording, "--out", out, *QUICK)
        assert starved.returncode == 1
        assert starved.stderr == (
            f"error: {out}: found no memory left, expected more of it; what was learned up to the last checkpoint is "
            f"kept: close other programs and go on with: train --out {out} --resume\n"
        )
        assert len(read_checkpoint(out).history.epochs) == 1
    resumed = run("-m", "train", "--out", out, "--resume")
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.training
def test_memory_that_is_not_enough_for_the_first_step_is_told_with_what_needs_less(
    recording: Path, tmp_path: Path
) -> None:
    # What is gathered for the first step is more than any machine has.
    out = tmp_path / "policy"
    code = (
        "import sys, numpy as np; from train.dataset.batches import Batches; from train.cli import main\n"
        "Batches.shuffled = lambda *_: iter([np.empty(1 << 55, np.uint8)])\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = run("-c", code, recording, "--out", out, *QUICK)
    assert done.returncode == 1
    assert "found no memory left" in done.stderr
    assert "nothing was learned yet: close other programs and start again, or learn with a smaller" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not out.exists()


def test_every_command_names_a_full_disk_and_too_little_memory(capsys: pytest.CaptureFixture[str]) -> None:
    def fill() -> int:
        with Path("/dev/full").open("wb", buffering=0) as file:
            file.write(b"x")
        return 0

    def starve() -> int:
        np.empty(1 << 55, np.uint8)
        return 0

    for command, said in ((fill, "found the disk full, expected room on it"), (starve, "found no memory left")):
        assert run_command(command) == 1
        error = capsys.readouterr().err
        assert said in error
        assert "defect" not in error
        assert error.count("\n") == 1


def test_what_is_kept_back_needs_no_room_on_the_disk() -> None:
    program = """
import os, sys, tempfile
from agent.quiet import kept_back
try:
    tempfile.gettempdir()
except FileNotFoundError:
    with kept_back():
        os.write(2, b"noise")
    print("silent")
"""
    # Nowhere a place for a temporary file; such mounts are this process's own.
    unwritable = "for each in /tmp /var/tmp /usr/tmp; do [ ! -d $each ] || mount -t tmpfs -o ro tmpfs $each; done"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{unwritable}; cd /proc && exec "$@"', "sh", sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if "silent" not in done.stdout and not done.stderr.startswith("Traceback"):
        pytest.skip("mounts of one's own are not allowed here")
    assert (done.stdout, done.stderr) == ("silent\n", "")

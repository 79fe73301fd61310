"""`python -m demo` when it is interrupted, and on a real screen. The whole loop is in test_end_to_end.py."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PATIENCE_S, ROOT, wait_for, without_display


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """A folder for the demo. In the end no program may be left that works on it."""
    folder = tmp_path / "out"
    yield folder
    assert programs_with(str(folder)) == []


def demo(*flags: object) -> subprocess.Popen[str]:
    """The demo on a machine without a screen."""
    command = [sys.executable, "-m", "demo", *map(str, flags)]
    return subprocess.Popen(
        command,
        env=without_display(),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def programs_with(text: str) -> list[str]:
    """The command lines of the programs that run with `text` in them."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
        if text in line:
            found.append(line)
    return found


@pytest.mark.display
def test_ctrl_c_ends_all_its_programs(out: Path) -> None:
    process = demo("--quick", "--out", out)
    wait_for(lambda: (out / "recording" / "frames.npy").exists(), "the recording")
    process.send_signal(signal.SIGINT)
    _, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert complaint.endswith("interrupted\n")


def test_on_a_real_screen_it_waits_for_enter(out: Path) -> None:
    process = demo("--quick", "--show", "--out", out)
    said, complaint = process.communicate(input="", timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "PRESSES KEYS" in said
    assert "expected a person at this terminal" in complaint

"""A program of ours begins in a group of its own and ends in order, or by force; its last words tell a failure."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PATIENCE_S, wait_for

from agent.errors import TwoframeError
from games import programs
from games.programs import Program, end, program, run, start

Write = Callable[[str], None]
WAITING = "import time\nprint('here')\ntime.sleep(60)"
DEAF = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + WAITING


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes the module `written`, which programs find."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def write(text: str) -> None:
        (tmp_path / "written.py").write_text(text)

    return write


def test_a_program_gets_its_arguments_and_finds_us_and_what_we_find(write: Write, tmp_path: Path) -> None:
    write("import sys, games.programs\nprint(sys.argv[1:], sys.stdin.read())")
    with program("written", 1, tmp_path, log=tmp_path / "logs" / "x.log") as running:
        running.wait(PATIENCE_S)
    assert running.said() == f"{['1', str(tmp_path)]} \n"


def test_it_is_ended_in_order_at_the_exit(write: Write, tmp_path: Path) -> None:
    write(WAITING)
    with program("written", log=tmp_path / "x.log") as running:
        running.wait_until(lambda: "here" in running.said(), "word", PATIENCE_S)
        assert os.getpgid(running.process.pid) == os.getsid(running.process.pid) == running.process.pid
    assert running.process.returncode == -signal.SIGTERM


def test_those_that_do_not_end_are_ended_by_force(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "ENDING_S", 0.5)
    write(DEAF)
    both = [Program("written", log=tmp_path / name) for name in "ab"]
    for one in both:
        one.wait_until(lambda one=one: "here" in one.said(), "word", PATIENCE_S)  # type: ignore[misc]
    end(*(one.process for one in both))
    assert [one.process.returncode for one in both] == [-signal.SIGKILL] * 2


def test_a_failure_is_told_with_its_last_words_and_its_log(write: Write, tmp_path: Path) -> None:
    write("import sys\nprint('before')\nsys.exit('no such thing')")
    with program("written", log=tmp_path / "x.log") as running:
        with pytest.raises(TwoframeError, match=r"written: found that it ended \(no such thing\).*x\.log"):
            running.wait_until(lambda: False, "word", PATIENCE_S)


def test_what_never_happens_is_told_in_time(write: Write, tmp_path: Path) -> None:
    write(WAITING)
    with program("written", log=tmp_path / "x.log") as running:
        with pytest.raises(TwoframeError, match="written: found no window, expected it by now"):
            running.wait_until(lambda: False, "window", 0.1)
        with pytest.raises(TwoframeError, match="written: found it still running"):
            running.wait(0.1)


def test_run_passes_on_what_it_says_and_tells_a_failure(write: Write, capfd: pytest.CaptureFixture[str]) -> None:
    write("import sys\nprint('said')\nsys.exit(int(sys.argv[1]))")
    run("written", 0)
    assert capfd.readouterr().out == "said\n"
    with pytest.raises(TwoframeError, match="written: found exit status 3, expected 0"):
        run("written", 3)


def test_run_ends_like_ctrl_c_what_has_reason_to_end(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "ENDING_S", 2.0)
    there = tmp_path / "there"
    write(
        f"import pathlib, time\ntry:\n    pathlib.Path({str(there)!r}).touch()\n    time.sleep(60)\n"
        "except KeyboardInterrupt:\n    print('in order')"
    )
    run("written", until=there.exists)


def test_only_a_job_can_be_stopped_from_the_terminal(write: Write) -> None:
    write(WAITING)
    with start("written", as_job=True, stdout=subprocess.PIPE) as job:
        try:
            assert job.stdout.readline() == b"here\n"
            assert os.getsid(job.pid) == os.getsid(0)
            os.killpg(job.pid, signal.SIGTSTP)
            status = Path(f"/proc/{job.pid}/status")
            wait_for(lambda: "State:\tT" in status.read_text(), "the stop")
        finally:
            job.kill()


def test_run_ends_what_it_runs_when_a_program_beside_it_has_failed(write: Write, tmp_path: Path) -> None:
    write(
        "import os, pathlib, sys, time\n"
        "begun = pathlib.Path(sys.argv[1])\n"
        "if sys.argv[2:]:\n    begun.write_text(str(os.getpid()))\n    time.sleep(3600)\n"
        "while not begun.exists() or not begun.read_text():\n    time.sleep(0.01)\n"
        "sys.exit('no such thing')"
    )
    begun = tmp_path / "begun"
    with program("written", begun, log=tmp_path / "x.log") as beside:
        with pytest.raises(TwoframeError, match=r"written: found that it ended \(no such thing\).*x\.log"):
            run("written", begun, "waits", beside=[beside])
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text()), 0)

"""What a terminal that is closed, a reader that leaves, an encoding or a missing library do to a command."""

import builtins
import errno
import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, wait_for
from played import all_go_up, held_key
from recordings import frames_in, wait_for_frames, write_recording
from terminals import left_pipe

from agent.child_process import end_of, last_words, start_child
from agent.command_line import terminal
from agent.command_line.terminal import Unhurried, is_gone, quoted_on_windows, typed, write_every_letter
from agent.errors import shortage
from agent.errors import start as start_command
from agent.recording.reader import Recording
from games.window.display import VirtualDisplay


@contextmanager
def at_a_terminal(*arguments: object, outlives: bool = False, **env: str) -> Iterator[tuple[int, Any]]:
    """`python -m MODULE ARGS...` as the one program of a new terminal, and our end, which closes it.

    `outlives`: begun as by nohup.
    """
    ours, end = pty.openpty()
    hang_up = "''" if outlives else "-"
    shell = ["sh", "-c", f'trap {hang_up} HUP; exec "$0" "$@"']
    command = ["setsid", "--ctty", *shell, sys.executable, "-m", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        try:
            yield ours, process
        finally:
            process.kill()


@pytest.mark.slow(4)
def test_a_terminal_that_is_closed_ends_the_recording_in_order(
    counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    options = ("--countdown-s", "0", "--window", "Counter", "--keys", "left=a", "right=d")
    with at_a_terminal("collect", tmp_path / "rec", *options, **display.env) as (ours, process):
        wait_for_frames(tmp_path / "rec", 10)
        os.close(ours)
        assert process.wait(PATIENCE_S) == 0
    assert Recording.open(tmp_path / "rec").meta.complete


@pytest.mark.slow(4)
def test_a_terminal_that_is_closed_ends_play_with_no_key_down_and_its_report(
    counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    options = ("--window", "Counter", "--record", tmp_path / "rollout", "--report", tmp_path / "report.json")
    with at_a_terminal("agent", policy, *options, **display.env) as (ours, process):
        held_key(display)
        os.close(ours)
        all_go_up(display)
        assert process.wait(PATIENCE_S) == 0
    assert (tmp_path / "report.json").exists()
    assert Recording.open(tmp_path / "rollout").meta.complete


@pytest.mark.slow(4)
def test_a_recording_that_is_to_outlive_its_terminal_does(
    counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    options = ("--countdown-s", "0", "--window", "Counter", "--keys", "left=a", "right=d")
    with at_a_terminal("collect", tmp_path / "rec", *options, outlives=True, **display.env) as (ours, process):
        wait_for_frames(tmp_path / "rec", 10)
        os.close(ours)
        heard = frames_in(tmp_path / "rec")
        wait_for(lambda: process.poll() is not None or frames_in(tmp_path / "rec") > heard + 30, "more frames")
        assert process.poll() is None


HUNG_UP_TWICE = """
import os, signal
from agent.signals import ending_signals
told = []
with ending_signals(lambda: told.append(1)):
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGHUP)
os.kill(os.getpid(), signal.SIGHUP)
print(len(told))
"""


def test_the_end_of_a_terminal_may_be_told_more_than_once() -> None:
    done = subprocess.run([sys.executable, "-c", HUNG_UP_TWICE], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "1\n")


@pytest.mark.parametrize(
    "words", [("collect", "--help"), ("collect", "--check", "--json"), ("collect.recordings", "info", "{recording}")]
)
def test_a_reader_that_leaves_is_not_worth_a_word(words: tuple[str, ...], tmp_path: Path) -> None:
    recording = write_recording(tmp_path / "rec", [np.zeros((12, 16, 1), np.uint8)] * 3, ["a"] * 3)
    command = [sys.executable, "-m", *(word.format(recording=recording) for word in words)]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with left_pipe() as end:
        done = subprocess.run(command, cwd=ROOT, env=env, stdout=end, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_windows_calls_a_reader_that_has_gone_an_invalid_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    invalid = OSError(errno.EINVAL, "Invalid argument")
    assert is_gone(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert not is_gone(invalid)
    monkeypatch.setattr(sys, "platform", "win32")
    assert is_gone(invalid)
    assert is_gone(BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert not is_gone(OSError(errno.EINVAL, "Invalid argument", "a<b"))  # no pipe, but a name that cannot be one
    assert not is_gone(OSError(errno.ENOSPC, "No space left on device"))


class Output(io.TextIOWrapper):
    """What stdout is where its locale is one of Western Europe."""

    def __init__(self, *, is_console: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding="cp1252", errors="strict")
        self._is_console = is_console

    def isatty(self) -> bool:
        return self._is_console


@pytest.mark.parametrize(
    ("system", "told", "written"),
    [("win32", "", "日本 Ñ".encode()), ("win32", "cp1252", b"?? \xd1"), ("linux", "", b"?? \xd1")],
)
def test_pipes_get_utf_8_on_windows_unless_told_otherwise(
    system: str, told: str, written: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = Output()
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setenv("PYTHONIOENCODING", told)
    write_every_letter()
    print("日本 Ñ", end="", flush=True)
    assert output.buffer.getvalue() == written  # type: ignore[attr-defined]


class Console(io.RawIOBase):
    """Windows' console: takes bytes, but whole letters each time, or it shows something else."""

    def __init__(self) -> None:
        self.shown = ""

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self.shown += bytes(content).decode("utf-8")
        return len(content)


def test_a_console_gets_no_half_of_a_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console()
    stream = io.TextIOWrapper(io.BufferedWriter(console), encoding="utf-8")  # type: ignore[arg-type]
    file = Unhurried(stream)
    text = "x" + "日本🎮" * 4000
    file.write(text)
    file.drain()
    assert console.shown == text


def test_what_a_child_complains_of_is_read_whatever_the_locale() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "cp1252:replace"}
    child = start_child("agent.keyboard.key_holder_process", "", "日本", env=environment)
    with child, end_of(child.stderr) as complained:
        assert "日本" in last_words(complained, "")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        (r"runs\monday", r"runs\monday"),
        (r"C:\Users\Jörg\日本", r"C:\Users\Jörg\日本"),
        ("--out=POLICY", "--out=POLICY"),
        (r"my runs\monday", r'"my runs\monday"'),
        (r"runs\tom & jerry", r'"runs\tom & jerry"'),  # cmd
        ("a;b", '"a;b"'),  # PowerShell
        ("1,2", '"1,2"'),  # PowerShell
        ("a(b)\\", '"a(b)\\\\"'),
        ("", '""'),
    ],
)
def test_what_a_shell_of_windows_takes_apart_is_in_quotes(
    word: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert quoted_on_windows(word) == expected
    monkeypatch.setattr(sys, "platform", "win32")
    assert typed("train", word) == f"train {expected}"


def test_where_a_command_was_begun_as_a_module_on_windows_so_is_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    class Main:
        class __spec__:  # noqa: N801
            name = "collect.__main__"

    monkeypatch.setitem(sys.modules, "__main__", Main)  # type: ignore[arg-type]
    assert terminal.begun("train") == "train"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("VIRTUAL_ENV", "active")
    assert terminal.begun("train") == "py -m train"
    assert terminal.begun("play") == "py -m agent"
    monkeypatch.delenv("VIRTUAL_ENV")
    monkeypatch.setattr(sys, "prefix", "C:\\v")
    monkeypatch.setattr(sys, "executable", "C:\\my v\\python.exe")
    assert terminal.begun("train") == '"C:\\my v\\python.exe" -m train'
    monkeypatch.setattr(Main.__spec__, "name", "pytest.__main__")
    assert terminal.begun("train") == "train"


TENSORFLOW = (
    "Could not find the DLL(s) 'msvcp140.dll or msvcp140_1.dll'. TensorFlow requires that these DLLs be installed"
)
LACKING = [
    (
        ImportError("DLL load failed while importing cv2: The specified module could not be found."),
        "found that Windows cannot load cv2 (The specified module could not be found), expected Microsoft's C++",
    ),
    (
        ImportError(
            "Traceback (most recent call last):\nImportError: DLL load failed while importing _pywrap: Nope.\n"
        ),
        "found that Windows cannot load _pywrap (Nope), expected Microsoft's C++ run time; install https://aka.ms/",
    ),
    (ImportError(TENSORFLOW), "found no 'msvcp140.dll or msvcp140_1.dll', expected Microsoft's C++ run time; install"),
    (
        ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
        "found no libGL.so.1, expected it installed; install the package of your system that has it and start again",
    ),
    (
        ModuleNotFoundError("No module named 'cv2'", name="cv2"),
        "found no package cv2, expected all that twoframe needs; install twoframe anew with pip and start again",
    ),
]


@pytest.mark.parametrize(("error", "told"), LACKING, ids=lambda value: type(value).__name__)
def test_a_library_that_cannot_be_loaded_is_one_line_with_the_remedy(
    error: ImportError, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where it is loaded before the command itself is there."""
    importing = builtins.__import__

    def fail(name: str, *arguments: Any) -> Any:
        if name == "cv2":
            raise error
        return importing(name, *arguments)

    for name in [name for name in sys.modules if name.startswith("collect") or name in ("agent.frames", "cv2")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", fail)
    assert start_command("collect.cli") == 1
    monkeypatch.undo()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {told}") and said.err.count("\n") == 1


def test_a_module_of_ours_that_is_not_there_is_a_defect() -> None:
    assert shortage(ModuleNotFoundError("No module named 'agent.nothing'", name="agent.nothing")) is None
    assert shortage(ImportError("cannot import name 'x' from 'cv2'")) is None

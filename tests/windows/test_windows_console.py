"""Consoles, pipes and libraries on Windows: what a command tells, and how it ends when they do."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, Start, wait_for
from played import heard_keys
from recordings import wait_for_frames, write_recording
from terminals import Terminal, left_pipe
from windows_python import EXE, windows_path

from agent.recording.reader import Recording
from games.window.display import VirtualDisplay

pytestmark = pytest.mark.wine

TITLE = "日本 Ñ 🎮 Spiel"

# Begins a command, and leaves the number by which Windows knows its process.
BEGIN = """
import importlib, os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
sys.exit(importlib.import_module(sys.argv[2]).main(sys.argv[3:]))
"""

# As Windows itself tells a program of Ctrl-Break (1), or that its console is being closed (2): calls its `CtrlRoutine`.
TELL = """
import ctypes, sys
from ctypes import c_void_p, wintypes
kernel32 = ctypes.WinDLL("kernel32")
kernel32.OpenProcess.restype = kernel32.GetModuleHandleW.restype = kernel32.GetProcAddress.restype = c_void_p
kernel32.GetProcAddress.argtypes = [c_void_p, ctypes.c_char_p]
sizes = [c_void_p, c_void_p, ctypes.c_size_t, c_void_p, c_void_p, wintypes.DWORD, c_void_p]
kernel32.CreateRemoteThread.argtypes = sizes
routine = kernel32.GetProcAddress(kernel32.GetModuleHandleW("kernelbase.dll"), b"CtrlRoutine")
process = kernel32.OpenProcess(0x1FFFFF, False, int(sys.argv[1]))
assert kernel32.CreateRemoteThread(process, None, 0, routine, int(sys.argv[2]), 0, None)
"""

WITHOUT_RUN_TIME = """
import sys
import agent.machine
agent.machine.find_cpp_run_time = lambda: None
from agent.errors import start
sys.exit(start("agent.play.cli"))
"""

PREVIEW_DIES = """
import sys
from agent.play import cli, preview
start = preview.start_child
def start_and_kill(*words, **options):
    child = start(*words, **options)
    child.kill()
    child.wait()
    return child
preview.start_child = start_and_kill
sys.exit(cli.main())
"""


def said_by(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=PATIENCE_S)
    return said


@pytest.fixture
def titled(start_windows: Start, tmp_path: Path) -> None:
    log = tmp_path / "titled.jsonl"
    start_windows("games.window.counter", log, "--size", "320x200", "--title", TITLE)
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5, "the window")


def test_a_pipe_gets_every_letter_of_a_title_and_json_any_stream(
    start_windows: Start, titled: None, tmp_path: Path
) -> None:
    assert repr(TITLE) in said_by(start_windows("collect", "--check"))
    recording = tmp_path / "rec"
    said = said_by(start_windows("collect", recording, "--window", "Spiel", "--countdown-s", "0", "--duration-s", "1"))
    assert f"recording {TITLE} at" in said
    assert f"next: py -m train {windows_path(recording)} --out POLICY" in said
    assert TITLE in said_by(start_windows("collect.recordings", "info", tmp_path / "r*"))
    checked = start_windows("collect", "--check", "--json", PYTHONIOENCODING="cp1252")
    windows = next(each for each in json.loads(said_by(checked)) if each["part"] == "windows")
    assert TITLE in windows["found"]


def test_a_console_shows_every_letter(wine: VirtualDisplay, titled: None) -> None:
    terminal = Terminal()
    command = ["wine", str(EXE), "-m", "collect", "--check"]
    env = {**wine.env, "PYTHONPATH": windows_path(ROOT)}
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=terminal.end, stdout=terminal.end, stderr=terminal.end):
        wait_for(lambda: "processor:" in terminal.shown, "the last finding")
    assert "日本 Ñ" in terminal.shown
    terminal.close()


def test_a_reader_that_leaves_is_not_worth_a_word(wine: VirtualDisplay) -> None:
    command = ["wine", str(EXE), "-m", "collect", "--help"]
    env = {**wine.env, "PYTHONPATH": windows_path(ROOT)}
    with left_pipe() as end:
        done = subprocess.run(
            command, env=env, cwd=ROOT, stdin=subprocess.PIPE, stdout=end, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("what", [1, 2], ids=["Ctrl-Break", "the console is closed"])
def test_the_recording_ends_in_order(what: int, start_windows: Start, windows_counter: Path, tmp_path: Path) -> None:
    number, recording = tmp_path / "number", tmp_path / "rec"
    process = start_windows("-c", BEGIN, number, "collect.cli", recording, "--window", "Counter", "--countdown-s", "0")
    wait_for_frames(recording, 10)
    start_windows("-c", TELL, number.read_text(), what)
    said = said_by(process)
    assert "written to" in said
    assert Recording.open(recording).meta.complete


def test_play_ends_in_order_when_the_console_is_closed(
    start_windows: Start, windows_counter: Path, policy: Path, tmp_path: Path
) -> None:
    number, report = tmp_path / "number", tmp_path / "report.json"
    process = start_windows("-c", BEGIN, number, "agent.play.cli", policy, "--window", "Counter", "--report", report)
    wait_for(lambda: heard_keys(windows_counter), "a key")
    start_windows("-c", TELL, number.read_text(), 2)
    assert "decisions at" in said_by(process)
    assert json.loads(report.read_text())["decisions"] > 0
    wait_for(lambda: sum(1 if down else -1 for _, down in heard_keys(windows_counter)) == 0, "the release of all keys")


def test_play_goes_on_when_its_preview_dies(start_windows: Start, windows_counter: Path, policy: Path) -> None:
    options = ("--window", "Counter", "--preview", "--duration-s", "2", "--shadow")
    said = said_by(start_windows("-c", PREVIEW_DIES, policy, *options))
    assert "preview: its window was closed; going on without it" in said
    assert "decisions at" in said and "Traceback" not in said


def test_without_the_c_run_time_play_says_what_to_install(start_windows: Start, policy: Path) -> None:
    said = said_by(start_windows("-c", WITHOUT_RUN_TIME, policy, "--window", "Counter"))
    assert said.startswith("error: found that Windows cannot load ") and said.count("\n") == 1
    assert "install https://aka.ms/" in said


def test_patterns_are_expanded_where_no_shell_does(start_windows: Start, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_recording(tmp_path / "my [runs]" / name, [np.zeros((12, 16, 1), np.uint8)] * 3, ["a"] * 3)
    said = said_by(start_windows("collect.recordings", "list", tmp_path / "my [runs]" / "*"))
    assert [line.split("  ")[0].rpartition("\\")[2] for line in said.splitlines()] == ["one", "two"]
    said = said_by(start_windows("collect.recordings", "list", tmp_path / "my [runs]" / "x*"))
    assert said.startswith("error: ") and "x*: found nothing that matches" in said

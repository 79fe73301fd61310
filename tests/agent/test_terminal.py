"""Whoever reads what the live commands print may stop, leave, or not know a letter: nothing else changes by it."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from conftest import PATIENCE_S, Start, wait_for
from played import all_go_up, held_key, keys_down
from recordings import wait_for_frames
from terminals import GO_ON, STOP, Terminal, full_pipe, left_pipe, writing_to
from training import bar_recording
from Xlib import X
from Xlib.ext import xtest

from agent.command_line.terminal import ROOM, Unhurried
from agent.recording.reader import Recording
from games.window.display import VirtualDisplay

F8, F9 = 74, 75
NO_READER = ["a terminal stopped by Ctrl-S", "a pipe whose reader stopped", "a pipe whose reader has gone"]


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture(params=NO_READER)
def output(request: pytest.FixtureRequest, terminal: Terminal) -> Iterator[int]:
    """Where a program writes, and nobody reads."""
    with ExitStack() as opened:
        if request.param == NO_READER[0]:
            terminal.type(STOP)
            yield terminal.end
        elif request.param == NO_READER[1]:
            yield opened.enter_context(full_pipe())[1]
        else:
            yield opened.enter_context(left_pipe())


def tap(display: VirtualDisplay, code: int) -> None:
    with display.connection() as connection:
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(connection, kind, code)
            connection.sync()


@pytest.mark.slow(15)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_collect_records_on_where_nobody_reads_and_a_signal_ends_it(
    number: signal.Signals, output: int, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    recording = tmp_path / "rec"
    options = ("--countdown-s", "0", "--fps", "30", "--window", "Counter")
    with writing_to(output, "collect", recording, *options, **display.env) as process:
        wait_for_frames(recording, 10)
        for _ in range(4):  # it has something to say of each
            tap(display, F9)
            time.sleep(0.2)
        wait_for_frames(recording, 10)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 0
    found = Recording.open(recording)
    assert found.problems == ()
    assert found.gap_before()[1:].sum() >= 2  # two pauses; on a busy machine stalls are gaps too


@pytest.mark.slow(15)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_play_plays_on_where_nobody_reads_and_a_signal_ends_it(
    number: signal.Signals, output: int, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    rollout = tmp_path / "rollout"
    with writing_to(output, "agent", policy, "--window", "Counter", "--record", rollout, **display.env) as process:
        held_key(display)
        for _ in range(2):
            tap(display, F8)
            all_go_up(display)
            tap(display, F8)
            held_key(display)
        process.send_signal(number)
        all_go_up(display)
        assert process.wait(PATIENCE_S) == 0
    assert keys_down(display) == set()
    assert Recording.open(rollout).meta.complete


@pytest.mark.training
@pytest.mark.slow(12)
def test_train_learns_on_where_nobody_reads(output: int, tmp_path: Path) -> None:
    recording = bar_recording(tmp_path / "rec", 300)
    options = (recording, "--out", tmp_path / "policy", "--epochs", "2", "--max-minutes", "60")
    with writing_to(output, "train", *options) as process:
        assert process.wait(PATIENCE_S) == 0
    assert (tmp_path / "policy" / "policy.json").exists()


def test_what_was_said_while_the_terminal_was_stopped_is_shown_when_it_goes_on(
    terminal: Terminal, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    recording = tmp_path / "rec"
    options = ("--countdown-s", "0", "--fps", "30", "--window", "Counter")
    with writing_to(terminal.end, "collect", recording, *options, **display.env) as process:
        wait_for_frames(recording, 10)
        terminal.type(STOP)
        tap(display, F9)
        time.sleep(0.3)
        tap(display, F9)
        wait_for_frames(recording, 10)
        assert "recording pauses" not in terminal.shown
        process.send_signal(signal.SIGINT)
        wait_for(lambda: json.loads((recording / "meta.json").read_text())["complete"], "the end of the recording")
        assert process.poll() is None  # it waits for its reader, but not long
        terminal.type(GO_ON)
        assert process.wait(PATIENCE_S) == 0
    wait_for(lambda: "next: train" in terminal.shown, "the summary")
    assert "recording pauses" in terminal.shown


def test_an_error_ends_the_command_where_nobody_reads(output: int, tmp_path: Path) -> None:
    with writing_to(output, "collect", tmp_path / "rec", "--window", "Game", DISPLAY="") as process:
        assert process.wait(PATIENCE_S) == 1


class Stream:
    """A text file on a pipe, as stdout is one, with its encoding."""

    def __init__(self, descriptor: int, encoding: str = "utf-8", errors: str = "strict") -> None:
        self.buffer = os.fdopen(descriptor, "wb")
        self.encoding = encoding
        self.errors = errors

    def isatty(self) -> bool:
        return False


def test_a_slow_reader_gets_everything() -> None:
    ours, end = os.pipe()
    got = b""

    def read() -> None:
        nonlocal got
        while content := os.read(ours, 20_000):
            got += content
            time.sleep(0.01)

    reader = threading.Thread(target=read)
    reader.start()
    stream = Stream(end)
    file = Unhurried(stream)  # type: ignore[arg-type]
    lines = [f"{i} {'x' * 100}\n" for i in range(5000)]
    for line in lines:
        file.write(line)
    file.drain()
    stream.buffer.close()
    reader.join()
    os.close(ours)
    assert got.decode() == "".join(lines)


def test_a_reader_that_stopped_costs_no_more_memory_than_there_is_room() -> None:
    with full_pipe() as (ours, end):
        stream = Stream(os.dup(end))
        file = Unhurried(stream)  # type: ignore[arg-type]
        for _ in range(40):
            assert file.write("y" * (ROOM // 10)) == ROOM // 10
        file.write("the summary")
        file.drain(0.1)  # not for ever
        os.set_blocking(ours, False)
        got = b""

        def read() -> bool:
            nonlocal got
            try:
                got += os.read(ours, 1 << 20)
            except BlockingIOError:
                return file._size == 0
            return False

        wait_for(read, "all that there was room for")
    assert got.endswith(b"the summary")
    assert 5 * ROOM // 10 < got.removesuffix(b"the summary").count(b"y") <= ROOM


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_letter_that_the_terminal_does_not_know_is_replaced(encoding: str) -> None:
    ours, end = os.pipe()
    stream = Stream(end, encoding)
    file = Unhurried(stream)  # type: ignore[arg-type]
    file.write("Größe 日本\n")
    file.drain()
    stream.buffer.close()
    assert os.read(ours, 100).decode(encoding) == ("Gr??e ??\n" if encoding == "ascii" else "Größe ??\n")
    os.close(ours)


UNKNOWING = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
]


@pytest.mark.parametrize("environment", UNKNOWING, ids=str)
def test_collect_and_play_tell_of_a_window_whose_letters_the_terminal_does_not_know(
    environment: dict[str, str], start: Start, terminal: Terminal, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    title = "Spiel 日本 Ñ"
    start("games.window.counter", tmp_path / "log", "--title", title, "--size", "320x200")
    wait_for(lambda: (tmp_path / "log").exists(), "the window")
    short = ("--duration-s", "0.5")
    commands = [
        ("collect", tmp_path / "rec", "--window", "Spiel", "--countdown-s", "0", *short),
        ("collect.recordings", "info", tmp_path / "rec"),
        ("agent", policy, "--window", "Spiel", *short),
    ]
    for command in commands:
        with writing_to(terminal.end, *command, **{**display.env, **environment}) as process:
            assert process.wait(PATIENCE_S) == 0, terminal.shown
    assert Recording.open(tmp_path / "rec").meta.window == title
    wait_for(lambda: terminal.shown.count("Spiel ??") >= 3, "the title")

"""`collect` asks in a console of Windows."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PATIENCE_S, Start, wait_for
from recordings import wait_for_frames
from terminals import Terminal
from x11_person import Person

from agent.recording.reader import Recording
from games.window.display import VirtualDisplay

pytestmark = pytest.mark.wine


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


def test_it_asks_and_records_what_was_said(
    start_windows: Start, windows_counter: Path, wine: VirtualDisplay, terminal: Terminal, tmp_path: Path
) -> None:
    process = start_windows("collect", tmp_path / "rec", "--countdown-s", "0", said=terminal.end)

    def answer(question: str, words: str) -> None:
        wait_for(lambda: question in terminal.shown, question)
        terminal.type(f"{words}\r".encode())

    answer("Its number", "1")
    answer("Their names", "left right")
    answer("Is holding", "")
    with Person(wine.name) as person:
        wait_for(lambda: "left: press" in terminal.shown, "left")
        person.press("a")
        person.release("a")
        wait_for(lambda: "right: press" in terminal.shown, "right")
        person.press("d")
        person.release("d")
    answer("is that right", "")
    answer("with the mouse", "n")
    answer("Size of", "")
    answer("gray, or", "")
    answer("second [", "")
    answer("Keep these", "y")
    wait_for_frames(tmp_path / "rec", 5)
    process.kill()
    process.wait(PATIENCE_S)
    assert str(Recording.open(tmp_path / "rec").meta.actions) == "left=a right=d none="
    assert (tmp_path / "counter.toml").is_file()

"""`collect` while the screen changes under it."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from conftest import PATIENCE_S, Start, so_far, wait_for
from recordings import wait_for_frames
from x11_screen import resize
from x11_windows import handle_of

from agent.recording.reader import Recording
from games.window.counter import read_counter
from games.window.display import VirtualDisplay


@pytest.fixture
def desktop() -> Iterator[VirtualDisplay]:
    """A screen of 640x400 that can grow to 1280x800."""
    with VirtualDisplay((1280, 800)) as virtual:
        resize(virtual, 640, 400)
        yield virtual


def test_a_window_is_followed_to_where_the_screen_grew(
    start: Start, desktop: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    start("games.window.counter", tmp_path / "log", "--size", "320x200", on=desktop)
    wait_for(lambda: (tmp_path / "log").exists(), "the window")
    folder = tmp_path / "rec"
    flags = ("--countdown-s", "0", "--fps", "30", "--window", "Counter")
    process = start("collect", *flags, folder, on=desktop, said=said)
    wait_for_frames(folder, 10)
    resize(desktop, 1280, 800)
    with handle_of(desktop, "Counter") as window:
        window.move(900, 500)
        wait_for(lambda: window.corner[0] > 800, "the move")
        wait_for_frames(folder, 10)
        window.resize(1200, 700)  # larger than the screen was
        window.move(20, 40)
        wait_for(lambda: window.corner[0] < 100, "the move back")
        wait_for_frames(folder, 60)
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)
    assert (process.returncode, process.stderr.read() if process.stderr else "") == (0, "")
    assert (read_counter(Recording.open(folder).frames[-5:]) >= 0).mean() > 0.5


def test_a_region_that_the_screen_no_longer_holds_pauses_and_goes_on_by_itself(
    start: Start, desktop: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    folder = tmp_path / "rec"
    flags = ("--countdown-s", "0", "--fps", "30", "--region", "100,50,400,300")
    process = start("collect", *flags, folder, on=desktop, said=said)
    wait_for_frames(folder, 10)
    resize(desktop, 400, 640)  # turned, as it were
    wait_for(lambda: "recording pauses: the region is partly off the screen" in so_far(said), "the pause")
    resize(desktop, 640, 400)
    wait_for(lambda: "recording again" in so_far(said), "the end of the pause")
    wait_for_frames(folder, 10)
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)
    assert (process.returncode, process.stderr.read() if process.stderr else "") == (0, "")
    assert so_far(said).count("recording pauses") == 1
    recording = Recording.open(folder)
    assert recording.gap_before()[1:].sum() >= 1  # on a busy machine stalls are gaps too
    assert recording.problems == ()


def test_a_region_on_a_display_that_dies_ends_in_one_line_with_a_whole_recording(start: Start, tmp_path: Path) -> None:
    with VirtualDisplay(window_manager=False) as doomed:
        process = start("collect", "--countdown-s", "0", "--region", "0,0,300,200", tmp_path / "rec", on=doomed)
        wait_for_frames(tmp_path / "rec", 5)
        doomed.close()
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert err.startswith("error: ")
    assert "unexpected" not in err
    assert err.count("\n") == 1
    assert Recording.open(tmp_path / "rec").problems == ()

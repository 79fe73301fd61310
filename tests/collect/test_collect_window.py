"""`collect` with a window that changes its title, its size, or is made anew; and one that is chosen otherwise."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from conftest import Start, ended, so_far, wait_for
from recordings import frames_in, wait_for_frames
from told_game import ToldGame
from x11_windows import handle_of
from Xlib import X
from Xlib.ext import xtest

from agent.recording.reader import Recording
from games.window.display import VirtualDisplay

COLLECT = ("collect", "--countdown-s", "0", "--fps", "30")


@pytest.fixture
def game(display: VirtualDisplay, tmp_path: Path) -> Iterator[ToldGame]:
    with ToldGame(display, tmp_path, "Racer - 60 fps") as game:
        yield game


def interrupted(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert (status, err) == (0, "")


def test_what_was_asked_for_is_stored_with_the_class_and_the_program_beside_the_title(
    start: Start, game: ToldGame, tmp_path: Path, said: IO[str]
) -> None:
    process = start(*COLLECT, "--window", "Racer", tmp_path / "rec", said=said)
    wait_for_frames(tmp_path / "rec", 5)
    game.tell("title", "Racer - 57 fps")
    wait_for_frames(tmp_path / "rec", 5)
    interrupted(process)
    assert "recording pauses" not in so_far(said)
    described = json.loads((tmp_path / "rec" / "meta.json").read_text())
    marks = described["window_marks"]
    assert described["window"] == "Racer - 60 fps"
    assert (marks["asked"], marks["class"]) == ("Racer", "Racer")
    assert marks["program"].endswith(" racer.py")


def test_a_window_made_anew_in_another_size_is_recorded_on_behind_a_gap(
    start: Start, game: ToldGame, tmp_path: Path, said: IO[str]
) -> None:
    process = start(*COLLECT, "--window", "Racer", tmp_path / "rec", said=said)
    wait_for_frames(tmp_path / "rec", 10)
    before = frames_in(tmp_path / "rec")
    game.tell("anew", "800x450", "Racer - 57 fps")
    wait_for(lambda: "recording again" in so_far(said), "the end of the pause")
    wait_for_frames(tmp_path / "rec", 15)
    wait_for(lambda: "the window is 800x450 now, at the beginning it was 640x360" in so_far(said), "the new size")
    interrupted(process)
    assert "recording pauses: the window is gone" in so_far(said)
    recording = Recording.open(tmp_path / "rec")
    assert recording.meta.complete
    assert recording.gap_before()[before - 5 :].any()


def test_a_window_of_another_shape_is_not_recorded_until_it_has_its_shape_again(
    start: Start, game: ToldGame, tmp_path: Path, said: IO[str]
) -> None:
    """Whether it is made anew or only resized."""
    process = start(*COLLECT, "--window", "Racer", "--crop", "0,0,640,180", tmp_path / "rec", said=said)
    wait_for_frames(tmp_path / "rec", 5)
    for times, command in enumerate((("anew", "600x600", "Racer"), ("resize", "600x600")), 1):
        game.tell(*command)
        wait_for(lambda least=times: so_far(said).count("pauses: the window is of another shape") == least, "the pause")
        wait_for(lambda least=times: so_far(said).count("its shape differs too much") == least, "the reason")
        recorded = frames_in(tmp_path / "rec")
        game.tell("resize", "1024x576")
        wait_for(lambda least=recorded + 5: frames_in(tmp_path / "rec") > least, "more frames")
        wait_for(lambda least=times: so_far(said).count("the window is 1024x576 now") == least, "the new size")
    interrupted(process)


def test_a_game_that_ends_ends_the_recording_and_one_without_a_window_does_in_a_few_seconds(
    start: Start, display: VirtualDisplay, game: ToldGame, tmp_path: Path
) -> None:
    for name, end in (("a", lambda: game.tell("close")), ("b", lambda: other.process.kill())):
        title = "Racer" if name == "a" else "Walker"
        with ToldGame(display, tmp_path, "Walker", name="walker.py") as other:
            process = start(*COLLECT, "--window", title, tmp_path / name)
            if name == "a":
                game.tell("anew", "640x360", "Racer")  # in front
            wait_for_frames(tmp_path / name, 5)
            end()
            status, out, err = ended(process)
            assert (status, err) == (0, "")
            assert "the window was closed: the recording ends here" in out
            assert Recording.open(tmp_path / name).meta.complete


def test_the_window_with_the_focus_at_the_end_of_the_countdown_is_recorded(
    start: Start, display: VirtualDisplay, game: ToldGame, tmp_path: Path, said: IO[str]
) -> None:
    with ToldGame(display, tmp_path, "Walker", name="walker.py"):  # in front
        process = start("collect", "--window", "focused", "--countdown-s", "2", tmp_path / "rec", said=said)
        wait_for(lambda: "recording starts in 1 s: click into the game" in so_far(said), "the countdown")
        with handle_of(display, "Racer - 60 fps") as window:
            window.activate()
        wait_for_frames(tmp_path / "rec", 5)
        interrupted(process)
    recording = Recording.open(tmp_path / "rec")
    assert (recording.meta.window, recording.meta.window_marks.asked) == ("Racer - 60 fps", None)
    assert so_far(said).count("recording starts in") == 2


def test_a_click_chooses_the_window(
    start: Start, display: VirtualDisplay, game: ToldGame, tmp_path: Path, said: IO[str]
) -> None:
    process = start(*COLLECT, "--pick", tmp_path / "rec", said=said)
    wait_for(lambda: "click on the game's window" in so_far(said), "the request")
    with display.connection() as connection:
        root = connection.screen().root
        window = connection.create_resource_object("window", game.window_id)
        place = root.translate_coords(window, 0, 0)
        mode = X.GrabModeAsync
        held = (False, 0, mode, mode, X.NONE, X.NONE, X.CurrentTime)
        wait_for(lambda: root.grab_pointer(*held) == X.AlreadyGrabbed, "the crosshair")
        xtest.fake_input(connection, X.MotionNotify, x=place.x + 300, y=place.y + 200)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(connection, kind, 1)
        connection.sync()
    wait_for_frames(tmp_path / "rec", 5)
    interrupted(process)
    assert Recording.open(tmp_path / "rec").meta.window == "Racer - 60 fps"
    assert f"picked 'Racer - 60 fps' (640x360 at {place.x},{place.y}, " in so_far(said)

"""The demo's game as it runs: a window of its own process, real keys through the X server, laps in a file."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from conftest import PATIENCE_S, Start, focused_title, wait_for, without_display
from x11_person import KeyWindow, Person

from agent.keyboard.listener import KeyEvent, KeyListener
from games.window.display import VirtualDisplay
from games.window.laps import read_laps

KEYS = ("a", "w", "d", "enter")
Play = Callable[..., tuple[subprocess.Popen[str], Path]]


@pytest.fixture
def play(start: Start, display: VirtualDisplay, tmp_path: Path) -> Play:
    """Starts the game; gives its process, its window having the focus, and its laps file."""

    def play(*flags: object) -> tuple[subprocess.Popen[str], Path]:
        laps = tmp_path / "laps.json"
        process = start("demo.game", "--laps-file", laps, *flags)
        wait_for(lambda: process.poll() is not None or focused_title(display) == "CarRacing", "the game's window")
        return process, laps

    return play


@pytest.fixture
def person(display: VirtualDisplay) -> Iterator[Person]:
    with Person(display.name) as person:
        yield person
        for key in KEYS:
            person.release(key)


@pytest.fixture
def heard(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[KeyEvent]]:
    """The key events of the display, whoever made them."""
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    events: list[KeyEvent] = []
    with KeyListener(KEYS, events.append):
        yield events


def ended(process: subprocess.Popen[str]) -> str:
    """What the game said; it must have ended in order."""
    said, complaint = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaint) == (0, "")
    return said


def test_real_keys_drive_and_time_stands_still_without_them(play: Play, person: Person) -> None:
    process, file = play("--seeds", 5, 6, 7, 8, 9, "--max-frames", 20)
    person.press("a")
    wait_for(lambda: read_laps(file), "the first lap")
    person.press("d")  # both at once: straight on
    person.press("w")
    time.sleep(0.1)
    for key in ("a", "w", "d"):
        person.release(key)
    time.sleep(0.3)
    driven = len(read_laps(file))
    time.sleep(1.0)
    assert len(read_laps(file)) == driven < 5
    person.press("d")
    said = ended(process)
    laps = read_laps(file)
    assert [lap["seed"] for lap in laps] == [5, 6, 7, 8, 9]
    assert [lap["frames"] for lap in laps] == [lap["ticks_with_key"] for lap in laps] == [20] * 5
    assert laps[0]["seconds"] > 0.5
    assert not laps[0]["finished"]
    assert laps[0]["return"] == pytest.approx(20 * -0.1 + 1000 / 320 * 2, abs=8)  # the tiles that the car starts on
    assert "lap 2 of 5, track 6" in said


def test_return_starts_a_lap_in_which_nothing_is_pressed(play: Play, person: Person) -> None:
    process, file = play("--max-frames", 20)
    person.press("enter")
    ended(process)
    person.release("enter")
    (lap,) = read_laps(file)
    assert (lap["frames"], lap["ticks_with_key"], lap["key_changes"]) == (20, 0, 0)


def test_the_driver_presses_on_another_device_than_the_agent(play: Play, heard: list[KeyEvent]) -> None:
    process, file = play("--driver", "scripted", "--laps", 2, "--max-frames", 30, "--disturb")
    ended(process)
    assert [lap["ticks_with_key"] for lap in read_laps(file)] == [30, 30]
    assert {event.key for event in heard} <= {"a", "w", "d"}
    assert {event.injected for event in heard} == {False}
    assert_nothing_is_down(heard)


@pytest.mark.parametrize(("driver", "keys"), [("random", {"a", "w", "d"}), ("none", {"enter"})])
def test_other_players_play_to_the_end(play: Play, heard: list[KeyEvent], driver: str, keys: set[str]) -> None:
    process, file = play("--driver", driver, "--laps", 2, "--max-frames", 30)
    ended(process)
    assert [lap["frames"] for lap in read_laps(file)] == [30, 30]
    assert {event.key for event in heard} <= keys
    assert_nothing_is_down(heard)


def test_the_driver_presses_nothing_while_another_window_has_the_focus(play: Play, display: VirtualDisplay) -> None:
    process, file = play("--driver", "scripted", "--laps", 9)
    with KeyWindow(display.name) as other:
        other.focus()
        wait_for(lambda: not any(other.is_down(key) for key in KEYS), "the release of its keys")
        other.forget()
        time.sleep(0.5)
        assert other.got() == []
        process.terminate()
        ended(process)
    assert read_laps(file) == []


def test_a_signal_ends_it_with_the_laps_so_far_and_no_key_down(play: Play, heard: list[KeyEvent]) -> None:
    process, file = play("--driver", "scripted", "--laps", 9, "--max-frames", 30)
    wait_for(lambda: read_laps(file), "the first lap")
    process.terminate()
    ended(process)
    assert 1 <= len(read_laps(file)) < 9
    assert_nothing_is_down(heard)


def test_each_lap_leaves_a_video(play: Play, person: Person, tmp_path: Path) -> None:
    process, _ = play("--laps", 2, "--max-frames", 20, "--video", tmp_path / "videos")
    person.press("w")
    ended(process)
    for name in ("lap_1.mp4", "lap_2.mp4"):
        video = cv2.VideoCapture(str(tmp_path / "videos" / name))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 10
        assert video.get(cv2.CAP_PROP_FPS) == 15
        shown, frame = video.read()
        video.release()
        assert shown
        assert frame.shape == (200, 300, 3)


def test_an_existing_laps_file_is_not_overwritten(play: Play, tmp_path: Path) -> None:
    (tmp_path / "laps.json").write_text("[1]")
    process, file = play()
    _, complaint = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert complaint.startswith("error: ")
    assert "expected a new one" in complaint
    assert file.read_text() == "[1]"


def test_without_a_display_it_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "demo.game", "--laps-file", str(tmp_path / "laps.json")]
    game = subprocess.run(command, env=without_display(), capture_output=True, text=True)
    assert game.returncode == 1
    assert game.stderr.startswith("error: display: found none")
    assert list(tmp_path.iterdir()) == []


def assert_nothing_is_down(heard: list[KeyEvent]) -> None:
    wait_for(lambda: {event.key: event.down for event in heard}.values(), "a key")
    wait_for(lambda: not any({event.key: event.down for event in heard}.values()), "the release of the last key")

"""A game of the bench as it runs: its window shows what lockstep shows, Return starts it, a log tells how it went."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from conftest import Start, wait_for
from x11_person import Person
from Xlib import X

pytest.importorskip("ale_py", reason="pip install -e '.[bench]'")

from experiments.lockstep import shown
from games.catalogue import GAMES
from games.window.display import VirtualDisplay, titles, windows
from games.window.laps import read_episodes

Open = Callable[..., Path]


@pytest.fixture
def open_game(start: Start, display: VirtualDisplay, tmp_path: Path) -> Open:
    """Starts a game; gives its log when its window is there."""

    def open_game(name: str, *flags: object) -> Path:
        log = tmp_path / f"{name}.jsonl"
        process = start("games", name, "--log", log, *flags)
        wait_for(lambda: process.poll() is not None or GAMES[name].title in titles(display), "the window")
        assert process.poll() is None
        return log

    return open_game


@pytest.mark.parametrize("name", ["pong", "car5", "catch", "gates"])
def test_the_window_shows_the_pixels_of_lockstep_and_moves(name: str, open_game: Open, display: VirtualDisplay) -> None:
    game = GAMES[name]
    open_game(name, "--seeds", 5)
    env = game.make(False, 10)
    try:
        env.reset(seed=5)
        picture = shown(env, game.zoom)
    finally:
        env.close()
    wait_for(lambda: np.array_equal(pixels(display, game.title), picture[:, :, :3]), "the same picture")
    with Person(display.name) as person:
        person.press("enter")
        wait_for(lambda: (pixels(display, game.title) != picture[:, :, :3]).any(), "a picture that moves")
        person.release("enter")


def pixels(display: VirtualDisplay, title: str) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 BGR of a window."""
    with display.connection() as connection:
        (window,) = (window for name, window in windows(connection) if name == title)
        size = window.get_geometry()
        image = window.get_image(0, 0, size.width, size.height, X.ZPixmap, 0xFFFFFFFF)
        return np.frombuffer(image.data, np.uint8).reshape(size.height, size.width, 4)[:, :, :3]


def test_return_starts_the_first_episode_and_the_next_follows(open_game: Open, display: VirtualDisplay) -> None:
    log = open_game("lander", "--seeds", 5, 6, "--max-frames", 20)
    with Person(display.name) as person:
        person.press("w")  # plays, but starts nothing
        time.sleep(0.3)
        assert read_episodes(log) == []
        person.release("w")
        person.press("enter")
        wait_for(lambda: len(read_episodes(log)) == 2, "the second episode")
        person.release("enter")
    assert [(e["seed"], e["frames"]) for e in read_episodes(log)] == [(5, 20), (6, 20)]
    assert all(e["late_ticks"] <= 20 for e in read_episodes(log))


def test_the_script_plays_with_real_keys(open_game: Open) -> None:
    log = open_game("lander", "--driver", "scripted", "--episodes", 1, "--max-frames", 90)
    wait_for(lambda: read_episodes(log), "the episode")
    (played,) = read_episodes(log)
    assert played["ticks_with_key"] > 5
    assert 1 < played["key_changes"] < 30

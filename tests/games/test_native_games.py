"""Games of the system: their programs started for real, their scores read off the screen, their files kept apart."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from conftest import PATIENCE_S, Start, wait_for
from x11_person import Person

pytest.importorskip("gymnasium", reason="pip install -e '.[demo]'")

from agent.errors import TwoframeError
from games.__main__ import main
from games.catalogue import NATIVE_GAMES
from games.native import madbomber, native_game, slimevolley
from games.native.native_game import Sight
from games.native.play import ALIKE, Matches, Taps
from games.window.display import VirtualDisplay, titles
from games.window.laps import read_episodes

Picture = npt.NDArray[np.uint8]
NOBODY: frozenset[str] = frozenset()


def installed(name: str) -> None:
    try:
        NATIVE_GAMES[name].path()
    except TwoframeError as error:
        pytest.skip(str(error))


@pytest.fixture
def apart(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, display: VirtualDisplay) -> Callable[..., Any]:
    """Starts a game; gives its process, its log, and the home of the person, which nothing may write to."""

    def apart(name: str, *flags: object) -> tuple[subprocess.Popen[str], Path, Path]:
        installed(name)
        home = tmp_path / "home"
        home.mkdir()
        for variable in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
            monkeypatch.setitem(display.env, variable, str(home))
        log = tmp_path / "log.jsonl"
        return start("games", name, "--log", log, *flags), log, home

    return apart


def test_the_script_plays_it_and_the_score_it_made_is_in_the_log(apart: Any, display: VirtualDisplay) -> None:
    process, log, home = apart("madbomber", "--driver", "scripted", "--max-frames", 250)
    said, complaint = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, complaint) == (0, "")
    (match,) = read_episodes(log)
    assert match["return"] > 2  # the first bombs fall straight into nobody's buckets
    assert match["key_changes"] > 2
    assert not match["finished"]
    assert f"1 of 1, seed 0: {match['return']:.0f}" in said
    assert list(home.rglob("*")) == []
    assert "Mad Bomber" not in titles(display)


def test_a_person_starts_it_by_return_and_it_is_led_through_its_menus(apart: Any, display: VirtualDisplay) -> None:
    process, log, home = apart("slimevolley", "--seeds", 7, 8, "--max-frames", 25)
    assert process.stdout.readline() == "Slime Volley is open: press Return in it to begin\n"
    time.sleep(2.0)  # twice as long as a match lasts
    assert read_episodes(log) == []
    with Person(display.name) as person:
        person.press("enter")
        wait_for(lambda: process.poll() is not None or read_episodes(log), "the first match")
        person.release("enter")
        assert process.wait(PATIENCE_S) == 0
    assert [(match["seed"], match["return"]) for match in read_episodes(log)] == [(7, 0), (8, 0)]
    assert list(home.rglob("*")) == []


def test_without_its_program_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(native_game, "GAMES_PATHS", ())
    log = tmp_path / "log.jsonl"
    assert main(["madbomber", "--log", str(log)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: madbomber: found no program madbomber, expected it installed")
    assert line.endswith("sudo apt-get install madbomber")
    assert not log.exists()


@pytest.mark.parametrize(("flag", "value"), [("--disturb", None), ("--driver", "corrector")])
def test_what_only_our_games_can_is_refused(flag: str, value: str | None, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    assert main(["madbomber", "--log", str(log), flag, *([value] if value else [])]) == 2
    assert not log.exists()


@pytest.mark.parametrize("score", [0, 7, 158, 90364, 123456])
def test_the_score_of_mad_bomber_is_read_as_it_is_drawn(score: int) -> None:
    installed("madbomber")
    picture = madbomber.background()
    for place, digit in enumerate(f"{score:6d}"):
        if digit != " ":
            drawn = cv2.imread(str(madbomber.PICTURES / "numbers" / f"{digit}.png"))
            cell = picture[2:34, 416 + 32 * place :][:, :32]
            cell[:, :, :3] = np.where((drawn < 255).any(axis=2, keepdims=True), drawn, 0)
    assert madbomber.MadBomberReader().read(picture) == Sight("paused", score)
    picture[200:300, 100:500] = 200
    assert madbomber.MadBomberReader().read(picture) == Sight("over", score)
    assert madbomber.MadBomberReader().read(np.zeros_like(picture)).stage == "menu"


@pytest.mark.parametrize(("size", "place"), [(25, (4, 620)), (40, (285, 230))])
@pytest.mark.parametrize("pair", [(0, 0), (3, 9), (1, 7), (10, 8), (4, 10), (5, 2), (6, 6)])
def test_the_score_of_slime_volley_is_read_as_it_is_drawn(
    size: int, place: tuple[int, int], pair: tuple[int, int]
) -> None:
    installed("slimevolley")
    import pygame

    pygame.font.init()
    text = pygame.font.Font(str(slimevolley.FONT), size).render("Score: {} - {}".format(*pair), True, (255, 255, 255))
    shade = pygame.surfarray.array_alpha(text).T[:, :, np.newaxis] / 255
    picture = np.full((600, 800, 4), (*slimevolley.SKY, 255), np.uint8)
    top, left = place
    under = picture[top : top + shade.shape[0], left : left + shade.shape[1]]
    under[:] = under + shade * (255.0 - under)
    read = slimevolley.SlimeVolleyReader().read(picture)
    assert read == Sight("over" if 10 in pair else "playing", pair[0] - pair[1])


def matches(seconds: float = 100.0) -> Matches:
    game = NATIVE_GAMES["madbomber"]
    return Matches(game, (5, 6), round(seconds * game.fps))


def test_a_match_lasts_from_its_first_picture_to_the_end_and_has_its_last_score() -> None:
    watched = matches()
    for _ in range(ALIKE):
        assert watched.see(Sight("playing", 3), NOBODY, 0.04) is None
    assert watched.see(Sight("playing", 4), frozenset({"left"}), 0.04) is None
    assert watched.see(Sight("playing", None), NOBODY, 0.2) is None
    ended = [watched.see(Sight("over", 9), NOBODY, 0.04) for _ in range(ALIKE)]
    assert ended[:-1] == [None] * (ALIKE - 1)
    lap = ended[-1]
    assert lap is not None
    assert (lap.seed, lap.score, lap.finished, lap.key_changes, lap.late_ticks) == (5, 9, True, 2, 1)
    assert watched.key() == "escape"


def test_a_picture_of_another_stage_between_others_ends_no_match() -> None:
    watched = matches()
    for stage in ("playing", "playing", "playing", "playing", "menu", "menu", "playing", "over", "menu"):
        assert watched.see(Sight(stage, 3), NOBODY, 0.04) is None  # type: ignore[arg-type]
    assert watched.lap is not None


def test_a_match_that_goes_on_is_left_after_its_time_and_the_next_one_begins_anew() -> None:
    watched = matches(seconds=1.0)
    laps = [lap for _ in range(40) if (lap := watched.see(Sight("playing", 3), NOBODY, 0.04))]
    assert [(lap.seed, lap.finished) for lap in laps] == [(5, False)]
    assert (watched.lap, watched.key()) == (None, "escape")
    for stage in ("menu", "playing"):
        for _ in range(ALIKE):
            watched.see(Sight(stage, 0), NOBODY, 0.04)  # type: ignore[arg-type]
    assert watched.lap is not None
    assert watched.key() is None


def test_a_score_that_cannot_be_read_is_told() -> None:
    watched = matches()
    with pytest.raises(TwoframeError, match="madbomber: found no score in its window"):
        for _ in range(1000):
            watched.see(Sight("playing", None), NOBODY, 0.04)


def test_keys_of_menus_are_tapped_one_after_the_other_the_first_ones_once() -> None:
    taps = Taps(("down", "up"))
    held = [taps.now("enter", 0.05) for _ in range(60)]
    presses = [now for before, now in zip([NOBODY, *held], held, strict=False) if now and now != before]
    assert presses[:4] == [{"down"}, {"up"}, {"enter"}, {"enter"}]
    assert taps.has_begun

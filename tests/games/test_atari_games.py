"""Atari's games: who plays them well does so by two pictures, rough ones too, and with keys that come later."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ale_py", reason="pip install -e '.[bench]'")

from agent.arrays import Floats
from experiments.lockstep import IN_PLACE, episode, played
from games.atari.breakout import AHEAD_FRAMES, RISING_AHEAD_FRAMES, BreakoutPlayer, wanted_for
from games.atari.console import LateKeys
from games.atari.freeway import FreewayPlayer
from games.atari.skiing import Skier
from games.catalogue import GAMES
from games.players.player import Player, RandomPlayer


def rough(player: type[Any]) -> type[Any]:
    """The player with a pixel of noise on what it is told; what is not there stays away."""

    def look(self: Any) -> Floats:
        seen: Floats = player.look(self)
        noisy = seen + self._random.normal(0, 1, seen.shape).astype(np.float32)
        return np.where(seen == 0, seen, noisy).astype(np.float32)

    return type(f"Rough{player.__name__}", (player,), {"look": look})


def episode_of(name: str, player: Callable[[Any, float, float], Player], max_frames: int) -> dict[str, Any]:
    game = GAMES[name]
    env = game.make(False, max_frames)
    try:
        eyes = player(env.unwrapped, game.fps, 0.0)
        return episode(game, env, 1, lambda _: eyes.keys(running=True), drawn=False)
    finally:
        env.close()


def test_in_breakout_the_ball_is_kept_in_play_by_rough_eyes_and_in_the_agents_place_too() -> None:
    frames = 3000
    (itself,) = played(GAMES["breakout"], "scripted", [1], 0.0, max_frames=frames)
    (late,) = played(GAMES["breakout"], IN_PLACE, [1], 7.0, max_frames=frames)
    (nobody,) = played(GAMES["breakout"], "none", [1], 0.0, max_frames=frames)
    assert nobody["frames"] < 1000 and nobody["return"] < 5  # who loses five balls is out
    for kept in (itself, late, episode_of("breakout", rough(BreakoutPlayer), frames)):
        assert kept["frames"] > frames - 60 and kept["return"] > 25  # all but the opening
    assert itself["key_changes"] < 8 * frames / GAMES["breakout"].fps


def test_in_breakout_the_paddle_is_wanted_where_the_ball_will_be_with_the_sides_as_mirrors() -> None:
    def wanted(x: float, y: float, before: tuple[float, float], later_frames: float = 0.0) -> float:
        now = np.array([x, y, 80], np.float32)
        return wanted_for(now, np.array([*before, 80], np.float32), later_frames)[0]

    assert wanted(80, 179, (74, 173)) == 90  # a pixel a frame, both ways: there in ten frames
    assert wanted(80, 179, (74, 173), 6.0) == 96  # keys come later
    assert wanted(80, 100, (74, 94)) == 80 + AHEAD_FRAMES  # too far to tell more
    assert wanted(148, 179, (142, 173)) == 144  # by the right side, at 151
    assert wanted(80, 100, (74, 106)) == 80 + RISING_AHEAD_FRAMES
    assert wanted(80, 100, (0, 0)) == 80  # there was none
    assert wanted(20, 168, (8, 147)) == 32  # a fast ball: 3.5 pixels a frame down and two across, there in six
    for x, before in ((17, 17), (17, 13), (17, 11)):  # it was at the left side, at 9, since then
        assert wanted(x, 168, (before, 147)) == x + 12
        assert wanted(160 - x, 168, (160 - before, 147)) == 160 - x - 12
    assert wanted(9, 185, (23, 164)) == pytest.approx(11.3, abs=0.1)  # to the very end, and not to where half of it is


def test_the_freeway_is_crossed_by_rough_eyes_and_in_the_agents_place_too_but_not_by_who_only_goes_up() -> None:
    (itself,) = played(GAMES["freeway"], "scripted", [1], 0.0)
    (late,) = played(GAMES["freeway"], IN_PLACE, [1], 7.0)
    rougher = episode_of("freeway", rough(FreewayPlayer), 9000)
    blind = episode_of("freeway", lambda _, fps, __: RandomPlayer(["w"], seed=0, fps=fps), 9000)
    assert itself["return"] > 29 and late["return"] > 29 and rougher["return"] > 26 > blind["return"] + 2
    assert itself["key_changes"] < 3 * itself["frames"] / GAMES["freeway"].fps


def test_all_gates_are_skied_through_by_rough_eyes_too() -> None:
    (itself,) = played(GAMES["skiing"], "scripted", [1], 0.0)
    rougher = episode_of("skiing", rough(Skier), 4000)
    assert itself["return"] > -3700 and rougher["return"] > -4100  # a gate missed is 500 less
    assert itself["key_changes"] < 5 * itself["frames"] / GAMES["skiing"].fps


@pytest.mark.parametrize("reaction_s", [0.0, 0.1])
def test_a_skier_in_the_agents_place_misses_no_gate(reaction_s: float) -> None:
    (late,) = played(GAMES["skiing"], IN_PLACE, [2], 7.0, reaction_s=reaction_s)
    assert late["return"] > -4000


def test_keys_come_late_and_those_before_are_held_until_then() -> None:
    keys = LateKeys("", 2)
    held = []
    for frame in range(6):
        if frame == 0:
            keys.decide("a", 2)
        if frame == 3:
            keys.decide("d", 1)
        held.append(keys.next())
    assert held == ["", "", "a", "a", "d", "d"]

"""Atari's games: who plays them well does so by two pictures, rough ones too, and with keys that come later."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip("ale_py", reason="pip install -e '.[bench]'")

from agent.arrays import Floats
from experiments.lockstep import IN_PLACE, episode, played
from games.atari.console import LateKeys
from games.atari.skiing import Skier
from games.catalogue import GAMES


class RoughSkier(Skier):
    def look(self) -> Floats:
        """With a pixel of noise; what is not there stays away."""
        seen = super().look()
        noisy = seen + self._random.normal(0, 1, seen.shape).astype(np.float32)
        return np.where(seen == 0, seen, noisy).astype(np.float32)


def rough_episode(max_frames: int) -> dict[str, Any]:
    game = GAMES["skiing"]
    env = game.make(False, max_frames)
    try:
        skier = RoughSkier(env.unwrapped, game.fps, 0.0)
        return episode(game, env, 1, lambda _: skier.keys(running=True), drawn=False)
    finally:
        env.close()


def test_all_gates_are_skied_through_by_rough_eyes_too() -> None:
    (itself,) = played(GAMES["skiing"], "scripted", [1], 0.0)
    rougher = rough_episode(4000)
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

"""Who may play a demo game from inside its process: they choose keys, `Hands` press them."""

from collections.abc import Collection, Sequence
from typing import Protocol

import numpy as np

START_KEY = "enter"
TAKEOVER_KEY = "f8"  # of `play`
SPELL_S = (0.1, 0.6)


def mirrored(x: float, low: float, high: float) -> float:
    """Where what would be at `x` is between two sides that send it back."""
    far = (x - low) % (2 * (high - low))
    return low + min(far, 2 * (high - low) - far)


class Player(Protocol):
    def keys(self, *, running: bool) -> frozenset[str]:
        """The keys to hold until the next tick; asked once per tick. `running`: whether the game's time passes."""
        ...


class Nobody:
    """Starts every lap, then presses nothing: what the game does alone."""

    def keys(self, *, running: bool) -> frozenset[str]:
        return frozenset() if running else frozenset({START_KEY})


class RandomPlayer:
    """Holds one set of keys after the other, each for a moment; the same for a seed."""

    def __init__(self, choice: Sequence[Collection[str]], seed: int, fps: float) -> None:
        self._choice = [frozenset(keys) for keys in choice]
        self._random = np.random.default_rng(seed)
        self._fps = fps
        self._ticks_left = 0
        self._keys = self._choice[0]

    def keys(self, *, running: bool) -> frozenset[str]:
        if self._ticks_left == 0:
            self._keys = self._choice[self._random.integers(len(self._choice))]
            self._ticks_left = round(self._random.uniform(*SPELL_S) * self._fps)
        self._ticks_left -= 1
        return self._keys

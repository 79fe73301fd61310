"""What every module of a game says: its environment, its keys, its window, what is recorded of it, who shows it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from agent.actions import ActionSet
from collect.disturbance import ADVISED_PER_MINUTE
from games.players.corrector import Corrector
from games.players.player import Player
from games.window.lap_game import Controls

Env = gym.Env[Any, Any]
ENTROPY = 0x6A3E  # of what this package draws at random, beside the seed of the episode
PLAY_SEED, RECORD_SEED, CORRECT_SEED = 1, 1000, 2000  # what is played is never what was recorded


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowGame:
    """A game as it is recorded, played and judged, whoever draws its window.

    `demonstrator(game, fps, reaction_s)` plays it well, given what its kind of game shows of itself; `reaction_s` is
    how much later its keys take effect than it decides, so that it can think ahead, as people do.
    """

    name: str
    title: str
    """Of the window."""
    demonstrator: Callable[[Any, float, float], Player]
    actions: tuple[str, ...]
    """As `collect --keys` takes them."""
    fps: int
    """Frames a second in the window."""
    record_fps: int
    """Frames a second recorded, and decisions a second of the agent."""
    size: str
    """Of recorded frames, as `collect --size` takes it."""
    crop: str
    """What is recorded, in pixels of the window, without what shows the keys; as `collect --crop` takes it."""
    record_s: float
    score: str
    """What the score of an episode is, in words."""
    bar: float
    """The least mean score of a demonstrator worth learning from."""
    max_frames: int
    """Frames after which an episode is cut off."""
    wrong_keys: float = ADVISED_PER_MINUTE
    """A minute, as `collect --disturb` takes them; fewer where they keep its player from what comes later."""
    episodes: int = 10
    """Of every player."""
    corrector: Callable[[Any, float], Corrector] | None = None
    """`corrector(game, fps)` takes over from an agent where it goes wrong, and gives back; None without such."""

    @property
    def action_set(self) -> ActionSet:
        return ActionSet.parse(self.actions)

    @property
    def chords(self) -> tuple[frozenset[str], ...]:
        return tuple(action.keys for action in self.action_set.actions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Game(WindowGame):
    """One game of ours around an environment, whose keys are letters; its players are given the environment without
    its wrappers. `make(disturbed, max_frames)` gives that, rendering `rgb_array`, an action a number."""

    make: Callable[[bool, int | None], Env]
    codes: tuple[int, ...]
    """The environment's action for each."""
    zoom: int = 1
    """Pixels of the window for one of the picture, each way."""
    drawn: bool = False
    """Whether it changes by being drawn, so that it must be drawn in every frame without a window, too."""

    @property
    def controls(self) -> Controls:
        """The environment's action for the keys held, by the rule that `collect` labels with."""
        actions = self.action_set
        return Controls(actions.keys, lambda held: self.codes[actions.action_of(held)])


class Opening(gym.Wrapper[Any, Any, Any, Any]):
    """Begins every episode with frames to wait, played by chance of the seed: no two begin alike."""

    def __init__(self, env: Env, frames: tuple[int, int], spell: int) -> None:
        super().__init__(env)
        self._frames = frames
        self._spell = spell

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        begun = super().reset(seed=seed, options=options)
        random = np.random.default_rng((ENTROPY, seed or 0))
        for frame in range(int(random.integers(*self._frames))):
            if frame % self._spell == 0:
                action = int(random.integers(self.env.action_space.n))  # type: ignore[attr-defined]
            observation, _, _, _, info = self.env.step(action)
            begun = observation, info
        return begun


class Disturbed(gym.Wrapper[Any, Any, Any, Any]):
    """Now and then does something else than the keys say, for some frames; the same for a seed.

    For demonstrations that show how one gets back: the game is disturbed, the keys stay clean (the idea of DART,
    Laskey et al. 2017).
    """

    def __init__(self, env: Env, *, calm: tuple[int, int], spell: tuple[int, int]) -> None:
        super().__init__(env)
        self._calm, self._spell = calm, spell
        self._other: int | None = None
        self._left = 0
        self._begin(0)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._begin(seed or 0)
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        self._left -= 1
        if self._left <= 0:
            self._other = None if self._other is not None else int(self._random.integers(self._count))
            self._left = int(self._random.integers(*(self._calm if self._other is None else self._spell)))
        return self.env.step(action if self._other is None else self._other)

    @property
    def _count(self) -> int:
        return int(self.env.action_space.n)  # type: ignore[attr-defined]

    def _begin(self, seed: int) -> None:
        self._random = np.random.default_rng((ENTROPY, seed, 1))
        self._other = None
        self._left = int(self._random.integers(*self._calm))


def as_told(env: Env, disturbed: bool, max_frames: int | None, *, calm: tuple[int, int], spell: tuple[int, int]) -> Env:
    """A game of our own as `Game.make` gives it."""
    env = Disturbed(env, calm=calm, spell=spell) if disturbed else env
    return gym.wrappers.TimeLimit(env, max_frames) if max_frames else env

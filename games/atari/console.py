"""What the games of Atari's console share: cartridges at 60 frames a second, moves, players by two pictures.

What a player is told is on the screen, in pixels of the picture; most is read from the console's memory.
"""

from abc import ABC, abstractmethod
from collections import deque
from typing import Any

import gymnasium as gym
import numpy as np

from agent.arrays import Floats
from games.game import ENTROPY, Disturbed, Env, Opening

FPS = 60
DECISION_FRAMES = 2  # a player decides on every second frame, as an agent does
REACTION_FRAMES = (1, 2)  # from a picture to its keys: one of these, by chance, as hands are no clocks
APART_FRAMES = 6  # from it and the one that many before, as an agent sees two frames
SEEN = APART_FRAMES // DECISION_FRAMES + 1  # pictures from that one to it
OPENING = (8, 60)  # frames of moves by chance at the beginning, from the one to below the other
OPENING_SPELL = 8  # frames of each of these moves
LEFT, NONE, RIGHT = "a", "", "d"  # the keys of games that go to the sides


class LateKeys:
    """Keys that come some frames, `most` at the most, after they are decided on; till then those before are held."""

    def __init__(self, none: Any, most: int) -> None:
        self._coming = [none] * (most + 1)  # of the next frames; the last one stays

    def decide(self, key: Any, late: int) -> None:
        self._coming[late:] = [key] * (len(self._coming) - late)

    def next(self) -> Any:
        """Held in the next frame."""
        self._coming.append(self._coming[-1])
        return self._coming.pop(0)


class AtariPlayer(ABC):
    """Decides by the picture that is there and the one 0.1 s before. When a key comes is a little by chance, which key
    never; without that, a game is a cycle that ends anywhere."""

    def __init__(self, env: Any) -> None:
        self.ale = env.ale
        self._seen: deque[Floats] = deque(maxlen=SEEN)
        self._keys = LateKeys(NONE, max(REACTION_FRAMES))
        self._frame = 0
        self._random = np.random.default_rng(ENTROPY)

    def keys(self, *, running: bool) -> frozenset[str]:
        if self._frame % DECISION_FRAMES == 0:
            self._seen.append(self.look())
            self._keys.decide(self.decide(self._seen[-1], self._seen[0]), int(self._random.choice(REACTION_FRAMES)))
        self._frame += 1
        return frozenset(self._keys.next())

    @abstractmethod
    def look(self) -> Floats:
        """What the picture shows."""

    @abstractmethod
    def decide(self, now: Floats, before: Floats) -> str:
        """The key for what was seen now and 0.1 s before."""


class Moves(gym.ActionWrapper[Any, Any, Any]):
    """Some of the cartridge's actions, numbered from 0."""

    def __init__(self, env: Env, codes: tuple[Any, ...]) -> None:
        super().__init__(env)
        self._codes = codes
        self.action_space = gym.spaces.Discrete(len(codes))

    def action(self, action: Any) -> Any:
        return self._codes[action]


def cartridge(
    name: str,
    codes: tuple[Any, ...],
    *,
    disturbed: bool,
    max_frames: int | None,
    opening: tuple[int, int] = OPENING,
    **settings: Any,
) -> Env:
    """As `Game.make` gives it; `settings` are further ones of ALE's. A machine plays the same game every time that it
    is played alike, so each seed begins with `opening` frames of moves by chance."""
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gym.register_envs(ale_py)
    env: Env = gym.make(
        f"ALE/{name}-v5",
        render_mode="rgb_array",
        frameskip=1,
        repeat_action_probability=0.0,
        max_episode_steps=max_frames,
        disable_env_checker=True,
        **settings,
    )
    env = Moves(env, codes)
    env = Disturbed(env, calm=(60, 240), spell=(4, 12)) if disturbed else env
    return Opening(env, opening, OPENING_SPELL)

"""Atari's Pong, 60 frames a second: W up, S down, or none. Where the ball goes cannot be seen in one frame.

Its episodes are games to 21. The machine plays the same game every time that it is played alike, so each seed begins
with a second or two of other moves.
"""

from collections import deque
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from agent.arrays import Floats, Levels
from games.game import ENTROPY, Disturbed, Env, Game, Opening

FPS = 60
UP, DOWN, NONE = "w", "s", ""

# The console's memory, as is known of this cartridge; what it holds is on the screen, in pixels of the picture: the
# ball, 0 down while there is none, the player's paddle and the machine's.
BALL_X, BALL_Y, PADDLE_Y, MACHINE_Y = 49, 54, 51, 50
PADDLE_MIDDLE = 7  # from PADDLE_Y

DECISION_FRAMES = 2  # decides on every second frame, as an agent does
REACTION_FRAMES = (1, 2)  # from a picture to its keys: one of these, by chance, as hands are no clocks
APART_FRAMES = 6  # from it and the one that many before, as an agent sees two frames
SEEN = APART_FRAMES // DECISION_FRAMES + 1  # pictures from that one to it
OPENING_FRAMES, OPENING_SPELL = (60, 120), 8  # of moves by chance, each for so many frames
KEYS = (NONE, UP, DOWN)  # of the network's outputs
LEARNED = Path(__file__).with_name("pong_player.npz")


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


class PongPlayer:
    """A small network that is told what an agent sees, in two pictures 0.1 s apart, and decides as often.

    It learned by reinforcement (`pong_learn`), with a pixel of noise on what it is told, keys that come one to three
    frames later, and now and then a wrong one. So what it does follows from two rough pictures that were there before
    its keys, and can be learned from them. Players that were thought up won as well and could not be learned
    (experiments/LOG.md). When a key comes is a little by chance, which key never; without that, a game is a cycle that
    ends anywhere. It was not taught to think ahead of keys that are later.
    """

    def __init__(self, ale: Any, fps: float, reaction_s: float) -> None:
        self._ale = ale.ale
        self._seen: deque[Floats] = deque(maxlen=SEEN)
        self._layers = layers()
        self._keys = LateKeys(NONE, max(REACTION_FRAMES))
        self._frame = 0
        self._random = np.random.default_rng(ENTROPY)

    def keys(self, *, running: bool) -> frozenset[str]:
        if self._frame % DECISION_FRAMES == 0:
            self._seen.append(positions(self._ale.getRAM()))
            key = KEYS[int(np.argmax(network(features(self._seen[-1], self._seen[0]), self._layers)))]
            self._keys.decide(key, int(self._random.choice(REACTION_FRAMES)))
        self._frame += 1
        return frozenset(self._keys.next())


def positions(memory: Levels) -> Floats:
    """Of the ball, across and down, of the player's paddle and of the machine's: (4,). Without a ball, 0 for it."""
    x, y, paddle, machine = (int(memory[place]) for place in (BALL_X, BALL_Y, PADDLE_Y, MACHINE_Y))
    return np.array([x if y else 0, y, paddle, machine], np.float32)


def features(now: Floats, before: Floats) -> Floats:
    """What the network is told of positions (..., 4) now and before: (..., 11), all about -1 to 1."""
    ball = (now[..., 1:2] > 0).astype(np.float32)
    ball_before = (before[..., 1:2] > 0).astype(np.float32)
    where = (now - (128, 125, 120, 120)) / (64, 50, 50, 50)
    moved = np.clip((now - before) / 12, -3, 3)
    above = np.clip((now[..., 1:2] - now[..., 2:3] - PADDLE_MIDDLE) / 16 * ball, -4, 4)
    told = (
        where[..., :2] * ball,
        where[..., 2:],
        moved[..., :2] * ball * ball_before,
        moved[..., 2:],
        above,
        ball,
        ball_before,
    )
    return np.concatenate(told, axis=-1).astype(np.float32)


def layers(learned: Path = LEARNED) -> list[tuple[Floats, Floats]]:
    """Weights (inputs, outputs) and biases of what was learned."""
    with np.load(learned) as kept:
        return [(kept[f"w{n}"].astype(np.float32), kept[f"b{n}"].astype(np.float32)) for n in range(len(kept) // 2)]


def network(told: Any, layers: Any) -> Any:
    """Scores (..., 3) of the keys: layers with a hyperbolic tangent between them."""
    for n, (weights, biases) in enumerate(layers):
        told = (np.tanh(told) if n else told) @ weights + biases
    return told


def make(disturbed: bool, max_frames: int | None) -> Env:
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gym.register_envs(ale_py)
    env: Env = gym.make(
        "ALE/Pong-v5",
        render_mode="rgb_array",
        frameskip=1,
        repeat_action_probability=0.0,
        max_episode_steps=max_frames,
        disable_env_checker=True,
    )
    env = Moves(env)
    env = Disturbed(env, calm=(60, 240), spell=(4, 12)) if disturbed else env
    return Opening(env, OPENING_FRAMES, OPENING_SPELL)


class Moves(gym.ActionWrapper[Any, Any, Any]):
    """Nothing, up and down of the cartridge's six actions."""

    CODES = (0, 2, 3)

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.action_space = gym.spaces.Discrete(len(self.CODES))

    def action(self, action: Any) -> int:
        return self.CODES[action]


GAME = Game(
    name="pong",
    title="Pong",
    make=make,
    demonstrator=PongPlayer,
    actions=("up=w", "none=", "down=s"),
    codes=(1, 0, 2),
    fps=FPS,
    record_fps=30,
    size="160x160",
    crop="0,68,320,320",  # without the score
    record_s=600.0,
    score="points won less points lost, to 21",
    bar=15.0,
    max_frames=108000,  # half an hour, as is the custom (Hessel et al. 2018)
    episodes=3,  # of 5 to 15 minutes
    zoom=2,
)

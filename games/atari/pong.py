"""Atari's Pong, 60 frames a second: W up, S down, or none. Where the ball goes cannot be seen in one frame.

Its episodes are games to 21.
"""

from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Floats, Levels
from games.atari.console import FPS, NONE, AtariPlayer, cartridge
from games.game import Env, Game

UP, DOWN = "w", "s"
CODES = (0, 2, 3)  # nothing, up and down of the cartridge's six actions

# The console's memory, as is known of this cartridge; what it holds is on the screen, in pixels of the picture: the
# ball, 0 down while there is none, the player's paddle and the machine's.
BALL_X, BALL_Y, PADDLE_Y, MACHINE_Y = 49, 54, 51, 50
PADDLE_MIDDLE = 7  # from PADDLE_Y

OPENING_FRAMES = (60, 120)
KEYS = (NONE, UP, DOWN)  # of the network's outputs
LEARNED = Path(__file__).with_name("pong_player.npz")


class PongPlayer(AtariPlayer):
    """A small network that is told what an agent sees, in two pictures 0.1 s apart, and decides as often.

    It learned by reinforcement (`pong_learn`), with a pixel of noise on what it is told, keys that come one to three
    frames later, and now and then a wrong one. So what it does follows from two rough pictures that were there before
    its keys, and can be learned from them. Players that were thought up won as well and could not be learned
    (experiments/LOG.md). It was not taught to think ahead of keys that are later.
    """

    def __init__(self, env: Any, fps: float, reaction_s: float) -> None:
        super().__init__(env)
        self._layers = layers()

    def look(self) -> Floats:
        return positions(self.ale.getRAM())

    def decide(self, now: Floats, before: Floats) -> str:
        return KEYS[int(np.argmax(network(features(now, before), self._layers)))]


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
    return cartridge("Pong", CODES, disturbed=disturbed, max_frames=max_frames, opening=OPENING_FRAMES)


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

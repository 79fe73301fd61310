"""Atari's Skiing, 60 frames a second: A and D turn the skier, none goes on. Twenty gates of thin poles, in as little
time as can be. No default of train was chosen on it.

The hill scrolls faster the straighter the skier stands, and where he goes lags behind where he looks.
"""

from typing import Any

import numpy as np

from agent.arrays import Floats
from games.atari.console import APART_FRAMES, FPS, LEFT, NONE, RIGHT, AtariPlayer, cartridge
from games.game import Env, Game
from games.players.road_driver import side_held

CODES = (0, 1, 2)  # nothing, right and left of the cartridge's actions

# The console's memory, as is known of this cartridge; what it holds is on the screen: the skier, which of his pictures
# is shown, from wholly left to wholly right, and eight things on the hill, for each its kind and where it is.
SKIER_X, TURNED = 25, 15
THING_X, THING_Y, KIND = slice(62, 70), slice(86, 94), slice(70, 78)
GATE = 2  # its left pole
GATE_MIDDLE = 17  # from there, pixels
PAST_Y = 122  # of a gate; the skier is at 120, and the hill comes up from 0
STRAIGHT = 7.5  # between two pictures of the skier

GLIDE_FRAMES = 20  # for so long he goes on as he goes
GAIN, MOST = 8.0, 3.0  # pixels from the gate's middle for one picture more to its side; no more of them
START, END = 1.0, 0.5  # pictures


class Skier(AtariPlayer):
    """Turns to the middle of the next gate, the less the nearer he will come to it as he goes."""

    def __init__(self, env: Any, fps: float, reaction_s: float) -> None:
        super().__init__(env)
        self._ahead_frames = GLIDE_FRAMES + reaction_s * fps
        self._side = 0

    def look(self) -> Floats:
        """The skier, across and which of his pictures, and the middle of the next gate, nan without one; (3,)."""
        memory = self.ale.getRAM().astype(np.float32)
        x, y = memory[THING_X], memory[THING_Y]
        coming = np.flatnonzero((memory[KIND] == GATE) & (y < PAST_Y))
        gate = x[coming[y[coming].argmax()]] + GATE_MIDDLE if len(coming) else np.nan
        return np.array([memory[SKIER_X], memory[TURNED], gate], np.float32)

    def decide(self, now: Floats, before: Floats) -> str:
        x, turned, gate = now.tolist()
        moves = (x - float(before[0])) / APART_FRAMES
        off = 0.0 if np.isnan(gate) else gate - x - moves * self._ahead_frames
        wanted = STRAIGHT + float(np.clip(off / GAIN, -MOST, MOST))
        self._side = side_held(self._side, wanted - turned, START, END)
        return {-1: LEFT, 0: NONE, 1: RIGHT}[self._side]


def make(disturbed: bool, max_frames: int | None) -> Env:
    return cartridge("Skiing", CODES, disturbed=disturbed, max_frames=max_frames)


GAME = Game(
    name="skiing",
    title="Skiing",
    make=make,
    demonstrator=Skier,
    actions=("left=a", "none=", "right=d"),
    codes=(2, 0, 1),
    fps=FPS,
    record_fps=20,
    size="120x120",
    crop="0,56,320,320",  # without the clock
    record_s=480.0,
    score="hundredths of a second, and 500 for each gate missed; all of it less than 0",
    bar=-4000.0,
    max_frames=10800,
    zoom=2,
)

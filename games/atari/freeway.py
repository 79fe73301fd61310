"""Atari's Freeway, 60 frames a second: W goes up, S down, none waits. A chicken crosses ten lanes of cars.

One car in each lane, each lane at a speed of its own; who is hit is thrown back. Two minutes and a quarter.
"""

from typing import Any

import numpy as np

from agent.arrays import Floats
from games.atari.console import APART_FRAMES, FPS, NONE, REACTION_FRAMES, AtariPlayer, cartridge
from games.game import Env, Game

CODES = (0, 1, 2)  # nothing, up and down of the cartridge's actions
WAYS = (("w", 1.0), (NONE, 0.0), ("s", -1.0))  # keys, the first one preferred, and where the chicken goes by them

# The console's memory, as is known of this cartridge; what it holds is on the screen, in pixels of the picture: from
# the bottom up of the chicken, from the left of the cars, those of the lowest lane first.
CHICKEN_Y, CAR_X = 14, slice(108, 118)
CHICKEN_X, BOTTOM = 47.0, 6.0
LANES_Y = 21.0 + 16 * np.arange(10)
SPEEDS = np.array([1 / 5, 1 / 4, 1 / 3, 1 / 2, 1, -1, -1 / 2, -1 / 3, -1 / 4, -1 / 5])  # pixels a frame, always
ROAD = 160.0  # a car that leaves it comes in again on the other side

# Chosen by trying some with a pixel of noise on what is told, and with late keys.
AHEAD = np.arange(1.0, 17.0)[:, None]  # frames
ROOM_X, ROOM_Y = 8.0, 8.0  # from a car's middle to the chicken's
LESS = 1.5  # of the room across, to go on as it goes


class FreewayPlayer(AtariPlayer):
    """Goes up where no car will be in the next quarter of a second; else waits, or goes back from one that comes."""

    def __init__(self, env: Any, fps: float, reaction_s: float) -> None:
        super().__init__(env)
        self._later_frames = float(np.mean(REACTION_FRAMES)) + reaction_s * fps

    def look(self) -> Floats:
        """The chicken, from the bottom up, and the ten cars, from the left; (11,)."""
        memory = self.ale.getRAM().astype(np.float32)
        return np.array([memory[CHICKEN_Y], *memory[CAR_X]], np.float32)

    def decide(self, now: Floats, before: Floats) -> str:
        goes = float(np.clip((now[0] - before[0]) / APART_FRAMES, -1, 1))  # up, pixels a frame
        carried = now[0] + goes * np.minimum(AHEAD, self._later_frames)  # until the key is there
        moving = np.maximum(AHEAD - self._later_frames, 0)
        across = abs((now[1:] + SPEEDS * AHEAD - CHICKEN_X + ROAD / 2) % ROAD - ROAD / 2)
        for key, way in WAYS:
            y = np.maximum(carried + way * moving, BOTTOM)
            room = ROOM_X - (LESS if abs(goes - way) < 0.5 else 0)
            if not ((across < room) & (abs(y - LANES_Y) < ROOM_Y)).any():
                return key
        return WAYS[-1][0]


def make(disturbed: bool, max_frames: int | None) -> Env:
    return cartridge("Freeway", CODES, disturbed=disturbed, max_frames=max_frames)


GAME = Game(
    name="freeway",
    title="Freeway",
    make=make,
    demonstrator=FreewayPlayer,
    actions=("up=w", "none=", "down=s"),
    codes=(1, 0, 2),
    fps=FPS,
    record_fps=30,
    size="120x120",
    crop="16,48,304,344",  # without the score
    record_s=600.0,
    score="times it came across, in two minutes and a quarter",
    bar=28.0,
    max_frames=10800,
    zoom=2,
)

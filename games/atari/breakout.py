"""Atari's Breakout, 60 frames a second: A and D move the paddle, none lets it stand. The ball is two pixels wide.

A wall of bricks in three minutes, with five balls; the next one comes by itself. The paddle goes at less than half of
the console's speed: at the whole, the shortest press takes it further than it is wide.
"""

import math
from typing import Any

import numpy as np

from agent.arrays import Floats
from games.atari.console import APART_FRAMES, FPS, LEFT, NONE, RIGHT, AtariPlayer, cartridge
from games.game import Env, Game
from games.players.player import mirrored

# The console's memory, as is known of this cartridge; what it holds is on the screen. BALL_Y is 0 without a ball.
BALL_X, BALL_Y, PADDLE_X, PADDLE_HALF = 99, 101, 72, 108
BALL_TO_X, BALL_TO_Y, PADDLE_TO_X = -48, 11, -47  # from there to pixels: of the ball's middle, of the paddle's left end

SPEED = 0.4  # of the console's
KNOB = ((0.0, 0.0), (SPEED, 0.0), (SPEED, math.pi))  # let alone, turned to the right, to the left: how fast, which way
BUTTON = 1.0  # down all the while, so that the next ball comes by itself
SIDES = (9.0, 151.0)  # between these the ball's middle goes to and fro
PADDLE_Y = 189.0
MIDDLE, NEAR_MIDDLE = 80.0, 8.0  # where it waits for a ball

# Chosen by search with two pixels of noise on what is told and with late keys; the first by half a pixel, since a fast
# ball's pace is known; NEAR by what agents make of it: they stop a few pixels shorter than they are shown
# (experiments/LOG.md).
AHEAD_FRAMES = 24.0  # at most, of a ball that comes down
RISING_AHEAD_FRAMES = 11.5
PADDLE_AHEAD_FRAMES = 1.1
NEAR, NEAR_A_FRAME = 3.0, 0.25  # near enough, in pixels, and for each frame more until the ball is there
FALLING = 0.3  # pixels a frame, less is rising
FAST, FAST_ACROSS = 2.75, 2.0  # a ball that goes more than the one up or down, in pixels a frame, goes the other across


class BreakoutPlayer(AtariPlayer):
    """Keeps the paddle where the ball will be in a moment, the sides as mirrors, as it goes in the two pictures.

    It keeps nothing in mind and leaves a few pixels of the paddle on both sides, so that what it does can be learned
    from pictures; it pushes the paddle against the ends, where who stops a little early misses. A player that computes
    where the ball comes down, and counts its own keys, makes as much and cannot be learned (experiments/LOG.md).
    """

    def __init__(self, env: Any, fps: float, reaction_s: float) -> None:
        super().__init__(env)
        self._later_frames = reaction_s * fps

    def look(self) -> Floats:
        """The ball's middle, across and down, and the paddle's; (3,). Without a ball, 0 for it."""
        memory = self.ale.getRAM().astype(np.float32)
        paddle = memory[PADDLE_X] + PADDLE_TO_X + memory[PADDLE_HALF]
        if not memory[BALL_Y]:
            return np.array([0, 0, paddle], np.float32)
        return np.array([memory[BALL_X] + BALL_TO_X, memory[BALL_Y] + BALL_TO_Y, paddle], np.float32)

    def decide(self, now: Floats, before: Floats) -> str:
        wanted, near = wanted_for(now, before, self._later_frames)
        goes = (now[2] - before[2]) / APART_FRAMES
        off = wanted - float(now[2] + goes * (PADDLE_AHEAD_FRAMES + self._later_frames))
        if abs(off) < near:
            return NONE
        return RIGHT if off > 0 else LEFT


def wanted_for(now: Floats, before: Floats, later_frames: float = 0.0) -> tuple[float, float]:
    """Where the paddle's middle is wanted, and how near is near enough, both in pixels, for what a picture shows `now`
    and 0.1 s `before`, as `BreakoutPlayer.look` tells it."""
    if not now[1] or not before[1]:
        return MIDDLE, NEAR_MIDDLE
    across, down = way_of_ball(now, before)
    falling = down > FALLING
    frames = min((PADDLE_Y - float(now[1])) / down, AHEAD_FRAMES) if falling else RISING_AHEAD_FRAMES
    ahead = frames + later_frames
    x = mirrored(float(now[0]) + across * ahead, *SIDES)
    return x, NEAR + NEAR_A_FRAME * frames


def way_of_ball(now: Floats, before: Floats) -> tuple[float, float]:
    """Across and down, in pixels a frame. A fast ball that seems slower across than it can be was sent back by a side
    between the two pictures."""
    across, down = ((now[:2] - before[:2]) / APART_FRAMES).tolist()
    if abs(down) > FAST:
        inwards = MIDDLE - float(now[0])
        across = math.copysign(FAST_ACROSS, across if abs(across) > 0.8 * FAST_ACROSS else inwards)
    return across, down


def make(disturbed: bool, max_frames: int | None) -> Env:
    return cartridge(
        "Breakout",
        tuple(np.array([*knob, BUTTON], np.float32) for knob in KNOB),
        disturbed=disturbed,
        max_frames=max_frames,
        continuous=True,
        continuous_action_threshold=SPEED / 2,
    )


GAME = Game(
    name="breakout",
    title="Breakout",
    make=make,
    demonstrator=BreakoutPlayer,
    actions=("left=a", "none=", "right=d"),
    codes=(2, 0, 1),
    fps=FPS,
    record_fps=30,
    size="120x120",
    crop="0,72,320,320",  # without the score
    record_s=600.0,
    wrong_keys=10,  # a ball lost is lost: with 60 no game got past 36 % of the wall (experiments/LOG.md)
    score="points for bricks, of five balls or three minutes",
    bar=250.0,
    max_frames=10800,
    zoom=2,
)

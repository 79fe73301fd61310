"""Walls with a gap each come down a scrolling picture, 30 frames a second: A and D steer, none lets the boat glide out.

A game of our own, for what the others of the bench do not have: all of the picture moves but what is steered, few
decisions a second, and a boat that glides on for a while, so that how fast it goes counts and no one frame shows it.
"""

from typing import Any

import cv2
import gymnasium as gym
import numpy as np

from agent.arrays import Floats, Levels
from games.game import Env, Game, as_told
from games.players.road_driver import side_held

FPS = 30
WIDTH, HEIGHT = 320, 240
Observation = Floats

GATES = 40  # an episode
SPACING, FIRST = 120, 60  # from wall to wall; how high above the picture's top the first one is; lengths in pixels
SCROLL = 4.0  # speeds in pixels a frame
WALL, GAP = 8, 32  # half of its height, half of its width
MARGIN, FURTHEST = 45, 120  # of the gap from the sides; from one gap to the next
BOAT_Y, BOAT = 205, 9  # half of its width and of its height
PUSH, GLIDE = 1.6, 0.8  # what a key adds to the speed in a frame, and what is left of the speed after one
NONE, LEFT, RIGHT = 0, 1, 2
DIRECTION = {NONE: 0, LEFT: -1, RIGHT: 1}

GLIDES_FRAMES = GLIDE / (1 - GLIDE)  # so many times its speed it goes on without a key
START, END = 14.0, 6.0  # the player steers for what is further away than the one, and until it is nearer than the other


class Gates(gym.Env[Observation, int]):
    """Each gap gone through is a point, each wall hit one less. Observed are the boat's x and speed, and for the wall
    that it comes to its y and the x of its gap."""

    observation_space = gym.spaces.Box(-WIDTH, WIDTH, (4,))
    action_space = gym.spaces.Discrete(3)
    render_mode = "rgb_array"

    def __init__(self) -> None:
        rough = np.random.default_rng(5).integers(60, 130, (HEIGHT // 6, WIDTH // 8, 3)).astype(np.uint8)
        rough[:, :, 2] += 60
        joined = np.concatenate([rough, rough])
        self._water = cv2.resize(joined, (WIDTH, 2 * HEIGHT), interpolation=cv2.INTER_CUBIC)[HEIGHT // 2 :][:HEIGHT]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        random = np.random.default_rng(seed)
        self.x, self.speed = WIDTH / 2, 0.0
        gap = self.x
        self.gaps: list[float] = []
        for _ in range(GATES):
            low, high = max(MARGIN, gap - FURTHEST), min(WIDTH - MARGIN, gap + FURTHEST)
            gap = random.uniform(low, high)
            self.gaps.append(gap)
        self.passed = 0
        self._scrolled = 0.0
        return self._observed(), {}

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self.speed = (self.speed + PUSH * DIRECTION[action]) * GLIDE
        self.x = self.x + self.speed
        if not BOAT <= self.x <= WIDTH - BOAT:
            self.x, self.speed = min(WIDTH - BOAT, max(BOAT, self.x)), 0.0
        self._scrolled += SCROLL
        score = 0.0
        if self.wall_y(self.passed) >= BOAT_Y:
            score = 1.0 if abs(self.x - self.gaps[self.passed]) < GAP - BOAT else -1.0
            self.passed += 1
        return self._observed(), score, self.passed >= GATES, False, {}

    def wall_y(self, wall: int) -> float:
        return self._scrolled - FIRST - SPACING * wall

    def render(self) -> Levels:  # type: ignore[override]
        picture = np.roll(self._water, int(self._scrolled) % HEIGHT, axis=0)
        for wall, gap in enumerate(self.gaps):
            top = round(self.wall_y(wall)) - WALL
            if -2 * WALL < top < HEIGHT:
                rows = slice(max(0, top), top + 2 * WALL)
                picture[rows, : max(0, round(gap) - GAP)] = (60, 50, 40)
                picture[rows, round(gap) + GAP :] = (60, 50, 40)
        x = round(self.x)
        corners = np.array([(x - BOAT, BOAT_Y + BOAT), (x, BOAT_Y - BOAT), (x + BOAT, BOAT_Y + BOAT)], np.int32)
        cv2.fillPoly(picture, [corners], (250, 240, 230))
        return picture

    def _observed(self) -> Observation:
        wall = min(self.passed, GATES - 1)
        return np.array([self.x, self.speed, self.wall_y(wall), self.gaps[wall]], np.float32)


class Steersman:
    """Steers for the gap of the wall that comes next, and lets go where the boat will glide there."""

    def __init__(self, gates: Any, fps: float, reaction_s: float) -> None:
        self._gates = gates
        self._ahead_frames = GLIDES_FRAMES + reaction_s * fps
        self._side = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        gates = self._gates
        if gates.passed < GATES:
            off = gates.gaps[gates.passed] - gates.x - gates.speed * self._ahead_frames
            self._side = side_held(self._side, off, START, END)
        return frozenset({-1: "a", 0: "", 1: "d"}[self._side])


def make(disturbed: bool, max_frames: int | None) -> Env:
    return as_told(Gates(), disturbed, max_frames, calm=(30, 120), spell=(4, 12))


GAME = Game(
    name="gates",
    title="Gates",
    make=make,
    demonstrator=Steersman,
    actions=("left=a", "none=", "right=d"),
    codes=(LEFT, NONE, RIGHT),
    fps=FPS,
    record_fps=10,
    size="160x120",
    crop=f"0,0,{WIDTH},{HEIGHT}",
    record_s=480.0,
    score=f"gaps gone through less walls hit, of {GATES}",
    bar=35.0,
    max_frames=3000,
)

"""A ball to be caught, 60 frames a second: A and D move the bar at the bottom, none lets it stand.

A game of our own, for what the others of the bench do not have: a small quick thing before a texture, and a player who
goes at once to where the ball will come down, when two pictures can tell, and waits there. A policy that only repeats
what was done leaves the bar standing wherever it is.
"""

from collections import deque
from typing import Any

import cv2
import gymnasium as gym
import numpy as np

from agent.arrays import Floats, Levels
from games.game import Env, Game, as_told
from games.players.player import mirrored

FPS = 60
WIDTH, HEIGHT = 320, 240
Observation = Floats

BALLS = 30  # an episode
BALL = 3  # radius; all lengths in pixels, speeds in pixels a frame
SIDES = (BALL + 1, WIDTH - BALL - 1)  # between these the ball's middle goes to and fro
TOP, FLOOR = 4.0, 222.0
FALLS, DRIFTS = (2.5, 3.5), 3.0
BAR, THICK, SPEED = 22, 7, 5.0  # half of its length, its height, how fast it goes
CATCHES = BAR + BALL  # so far from the bar's middle the ball is still caught
STAND, LEFT, RIGHT = 0, 2, 1
DIRECTION = {STAND: 0, LEFT: -1, RIGHT: 1}

SEEN_FRAMES = 7  # of a ball's way, after which two pictures 0.1 s apart show where it goes
NEAR, THERE = 12.0, 4.0  # the player starts for what is further away than the one, and stops nearer than the other


class Catch(gym.Env[Observation, int]):
    """Each ball caught is a point, each ball missed one less. Observed are the ball's x and y and the bar's x."""

    observation_space = gym.spaces.Box(0, WIDTH, (3,))
    action_space = gym.spaces.Discrete(3)
    render_mode = "rgb_array"

    def __init__(self) -> None:
        rough = np.random.default_rng(3).integers(40, 110, (HEIGHT // 8, WIDTH // 8, 3)).astype(np.uint8)
        self._background = cv2.resize(rough, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        self._random = np.random.default_rng(seed)
        self.bar = WIDTH / 2
        self._balls = 0
        self._throw()
        return self._observed(), {}

    def step(self, action: int) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self.bar = min(WIDTH - BAR, max(BAR, self.bar + SPEED * DIRECTION[action]))
        self.x += self.drift
        self.y += self.fall
        if not SIDES[0] < self.x < SIDES[1]:
            self.drift = -self.drift
            self.x += 2 * self.drift
        score = 0.0
        if self.y > FLOOR:
            score = 1.0 if abs(self.x - self.bar) < CATCHES else -1.0
            self._balls += 1
            self._throw()
        return self._observed(), score, self._balls >= BALLS, False, {}

    def render(self) -> Levels:  # type: ignore[override]
        picture = self._background.copy()
        eighths = (int(self.x * 8), int(self.y * 8))
        cv2.circle(picture, eighths, BALL * 8, (240, 230, 80), -1, shift=3)
        left, top = int(self.bar) - BAR, int(FLOOR) + 2
        picture[top : top + THICK, left : left + 2 * BAR] = (90, 200, 240)
        return picture

    def _observed(self) -> Observation:
        return np.array([self.x, self.y, self.bar], np.float32)

    def _throw(self) -> None:
        self.x, self.y = self._random.uniform(10, WIDTH - 10), TOP
        self.drift = self._random.uniform(-DRIFTS, DRIFTS)
        self.fall = self._random.uniform(*FALLS)


class Catcher:
    """Goes to where the ball will come down, and waits there.

    It stands till the ball was seen for 0.1 s: who starts for each new ball at once shows what no picture can tell, and
    what an agent makes of that is of no use for what follows either (experiments/LOG.md).
    """

    def __init__(self, catch: Any, fps: float, reaction_s: float) -> None:
        self._catch = catch
        self._direction = 0
        late = round(reaction_s * fps)
        self._under_way = deque([0] * late, maxlen=late)  # its decisions of the last frames, which take effect late

    def keys(self, *, running: bool) -> frozenset[str]:
        to_go = self._comes_down() - self._catch.bar - SPEED * sum(self._under_way) if self._sees_its_way() else 0.0
        if self._direction * to_go <= THERE:
            self._direction = int(np.sign(to_go)) if abs(to_go) > NEAR else 0
        self._under_way.append(self._direction)
        return frozenset(("", "d", "a")[self._direction])

    def _sees_its_way(self) -> bool:
        return bool(self._catch.y > TOP + (SEEN_FRAMES - 0.5) * self._catch.fall)

    def _comes_down(self) -> float:
        """The ball's x at the floor."""
        catch = self._catch
        return mirrored(float(catch.x + catch.drift * (FLOOR - catch.y) / catch.fall), *SIDES)


def make(disturbed: bool, max_frames: int | None) -> Env:
    return as_told(Catch(), disturbed, max_frames, calm=(60, 240), spell=(4, 12))


GAME = Game(
    name="catch",
    title="Catch",
    make=make,
    demonstrator=Catcher,
    actions=("left=a", "none=", "right=d"),
    codes=(LEFT, STAND, RIGHT),
    fps=FPS,
    record_fps=20,
    size="160x120",
    crop=f"0,0,{WIDTH},{HEIGHT}",
    record_s=480.0,
    score=f"balls caught less balls missed, of {BALLS}",
    bar=25.0,
    max_frames=6000,
)

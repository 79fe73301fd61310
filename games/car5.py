"""CarRacing as Gymnasium has it, five discrete actions: W gas, S brake, A and D steer, one at a time.

The speed must be told from two frames: the bar that shows it also shows the steering, and is cropped.
"""

import math
from typing import Any

import gymnasium as gym

from games.car_racing import CROP, ENVIRONMENT, STEP_S, TITLE, DrawnOnce
from games.game import Disturbed, Env, Game
from games.players.corrector import Corrector, Limits, road_corrector
from games.players.road_driver import DECISIONS_HZ, RoadSight, side_held

FPS = 30

LOOK_AHEAD = 24.0  # in the game's units
ANTICIPATION_S = 0.13
START_TURN_RAD = 0.25
END_TURN_RAD = 0.19

# At 70 a hairpin forgives no agent that steers a little late or misses the brake (experiments/LOG.md).
STRAIGHT_SPEED = 62.0
TURN_SPEED = 58.0
SHARP_RAD = 1.3  # the road turns by that within what can be seen
ENOUGH, MORE = 2.0, 2.0  # gas below the wanted speed by the one, brake above it by the other
TILES_AHEAD = (0, 3, 6, 9)  # of 3.5 units; the picture shows 37 ahead

# Bends are cut by up to the edge, and a car that goes well again is let go in a bend, too: there are few straights.
CORRECTED = Limits(take_over=6.0, take_over_rad=1.2, give_back=3.0, give_back_rad=0.35, straight_rad=0.9)


class Driver:
    """Steers first, else keeps the speed. Holds `a` or `d` until the car points where it should."""

    def __init__(self, racing: Any, fps: float, reaction_s: float) -> None:
        later_s = reaction_s * fps * STEP_S
        self._racing = racing
        self._look = RoadSight(racing, LOOK_AHEAD, later_s)
        self._anticipation_s = ANTICIPATION_S + later_s
        self._ticks_per_decision = math.ceil(fps / DECISIONS_HZ)
        self._ticks = 0
        self._side = 0
        self._pedal = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        if self._ticks % self._ticks_per_decision == 0:
            self._steer()
            self._keep_speed()
        self._ticks += 1
        if self._side:
            return frozenset("d" if self._side > 0 else "a")
        return frozenset({-1: "s", 0: "", 1: "w"}[self._pedal])

    def _steer(self) -> None:
        sight = self._look()
        off_rad = sight.bearing_rad - sight.turning_rad_s * self._anticipation_s
        self._side = side_held(self._side, off_rad, START_TURN_RAD, END_TURN_RAD)

    def _keep_speed(self) -> None:
        speed = self._racing.car.hull.linearVelocity.length
        wanted = TURN_SPEED if self._look.turn_ahead_rad(TILES_AHEAD) > SHARP_RAD else STRAIGHT_SPEED
        if self._pedal == 0:
            self._pedal = 1 if speed < wanted - ENOUGH else -1 if speed > wanted + MORE else 0
        elif (self._pedal > 0 and speed > wanted) or (self._pedal < 0 and speed < wanted + ENOUGH):
            self._pedal = 0


def corrector(racing: Any, fps: float) -> Corrector:
    return road_corrector(Driver(racing, fps, 0.0), RoadSight(racing, LOOK_AHEAD), CORRECTED, by_hotkey=True)


def make(disturbed: bool, max_frames: int | None) -> Env:
    racing = gym.make(
        ENVIRONMENT, render_mode="rgb_array", continuous=False, max_episode_steps=max_frames, disable_env_checker=True
    )
    env: Env = DrawnOnce(racing)
    return Disturbed(env, calm=(60, 160), spell=(2, 6)) if disturbed else env


GAME = Game(
    name="car5",
    title=TITLE,
    make=make,
    demonstrator=Driver,
    actions=("left=a", "right=d", "gas=w", "brake=s", "none="),
    codes=(2, 1, 3, 4, 0),
    fps=FPS,
    record_fps=15,
    size="160x120",
    crop=",".join(map(str, CROP)),
    record_s=480.0,
    score="1000 for the whole track less 0.1 a frame",
    bar=850.0,
    max_frames=1000,
    corrector=corrector,
)

"""CarRacing for three keys: cruise control keeps the speed, so that a player only steers.

While recording, the steering can be pushed at random. The game is disturbed then, the keys stay clean: the
demonstrations show how one gets back to the middle (the idea of DART, Laskey et al. 2017).
"""

import math
from enum import IntEnum
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np

from games.car_racing import STEP_S, DrawnOnce

Step = tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]

# The wheels turn slowly and return quickly: a tap corrects, a held key turns sharply. At this top speed a driver who
# decides 15 times a second stays on the road even if every fifth decision is wrong or all come 0.1 s late.
STEERING_MAX_RAD = 0.3
STEERING_RAD_S = 1.2
STRAIGHTENING_RAD_S = 3.0
STRAIGHT_SPEED = 63.0
TURN_SPEED = 49.0  # the speed falls to this while a turn goes on
EASE_S = 0.4
GAS_PER_SPEED = 0.05
BRAKE_PER_SPEED = 0.01
MAX_WHEEL_SPIN = 4.0  # rim over ground; with more gas than grip the car would spin on the spot

# Strong enough to leave the middle, weak enough to come back.
PUSH_RAD = (0.12, 0.25)
PUSH_FRAMES = (10, 30)
CALM_FRAMES = (30, 90)


class Steer(IntEnum):
    LEFT = 0
    FORWARD = 1
    RIGHT = 2


def steering(keys: frozenset[str]) -> Steer:
    """Opposite keys cancel out; a turn wins over forward; no key is forward, for it is the car that keeps the speed."""
    return Steer(1 + ("d" in keys) - ("a" in keys))


class SteeringPush:
    """Pushes of the steering, up to a second each at 30 frames a second, that swell and fade; the same for a seed."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._frame = 0
        self._begin()

    def next_rad(self) -> float:
        """The push in the next frame, in radians of the wheels."""
        since = self._frame - self._calm
        self._frame += 1
        if since < 0:
            return 0.0
        if since >= self._length:
            self._begin()
            return 0.0
        return self._strength_rad * math.sin(math.pi * (since + 0.5) / self._length)

    def _begin(self) -> None:
        self._frame = 0
        self._calm = int(self._random.integers(*CALM_FRAMES))
        self._length = int(self._random.integers(*PUSH_FRAMES))
        self._strength_rad = float(self._random.choice([-1, 1]) * self._random.uniform(*PUSH_RAD))


class CruiseControl(DrawnOnce):
    """`CarRacing-v3` (continuous, `rgb_array`) with the actions of `Steer`; `disturbed` pushes the steering."""

    def __init__(self, env: gym.Env[Any, Any], *, disturbed: bool = False) -> None:
        super().__init__(env)
        self.action_space = gym.spaces.Discrete(len(Steer))
        self._disturbed = disturbed
        self._push = SteeringPush(0)
        self._steering_rad = 0.0
        self._speed = STRAIGHT_SPEED

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._push = SteeringPush(seed or 0)
        self._steering_rad = 0.0
        self._speed = STRAIGHT_SPEED
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Step:
        side = Steer(action) - Steer.FORWARD
        push_rad = self._push.next_rad() if self._disturbed else 0.0
        self._turn_wheels(side)
        gas, brake = self._pedals(side)
        wheels_rad = float(np.clip(self._steering_rad + push_rad, -1, 1))
        return self.env.step(np.array([wheels_rad, gas, brake], np.float32))

    def _turn_wheels(self, side: int) -> None:
        goal_rad = side * STEERING_MAX_RAD
        turning_in = side != 0 and side * self._steering_rad >= 0
        most_rad = STEP_S * (STEERING_RAD_S if turning_in else STRAIGHTENING_RAD_S)
        self._steering_rad += float(np.clip(goal_rad - self._steering_rad, -most_rad, most_rad))

    def _pedals(self, side: int) -> tuple[float, float]:
        goal = TURN_SPEED if side else STRAIGHT_SPEED
        self._speed += (goal - self._speed) * STEP_S / EASE_S
        car = self.unwrapped.car  # type: ignore[attr-defined]
        ahead = car.hull.GetWorldVector((0, 1))
        speed = car.hull.linearVelocity[0] * ahead[0] + car.hull.linearVelocity[1] * ahead[1]
        spin = max(wheel.omega * wheel.wheel_rad for wheel in car.wheels[2:]) - speed  # the rear wheels drive
        gas = 0.0 if spin > MAX_WHEEL_SPIN else float(np.clip((self._speed - speed) * GAS_PER_SPEED, 0, 1))
        return gas, float(np.clip((speed - self._speed) * BRAKE_PER_SPEED, 0, 0.5))

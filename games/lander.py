"""LunarLander: A and D fire the side engines, W the main one, none lets it fall. 200 counts as landed well.

The demonstrator is the heuristic that Gymnasium ships, made to hold its engines as a person holds keys: it decides
15 times a second, and an engine that fires stays on until its work is done.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
from gymnasium.envs.box2d import lunar_lander

from games.game import Disturbed, Env, Game
from games.players.corrector import Corrector

FPS = 30
DECISIONS_HZ = 15
LEFT, MAIN, RIGHT, NONE = "a", "w", "d", ""
LEAN_PLACE, LEAN_SPEED, LEAN_MOST = 0.5, 0.51, 0.22  # towards the middle, against the speed
TURN_ANGLE, TURN_SPEED = 1.3, 0.26
LIFT_SPEED, LIFT_HEIGHT, CONE = 1.45, 0.41, 0.13  # down slowly, and down only above the pad
ANGLE_ON, ANGLE_OFF = 0.13, 0.0
HOVER_ON, HOVER_OFF = 0.2, 0.03
FIRST = 1.1  # the other engine takes over when its work is so much larger
LEANS, AWAY = 0.5, 0.6  # a lander that leans or drifts further is rescued,
FALLS, FALLS_HIGH = 0.5, 0.2  # and one that falls faster than the one and, for each height, the other

# What a frame does to the state of the heuristic (positions, speeds, angle, each in its own unit), as measured.
X_PER_SPEED, Y_PER_SPEED, ANGLE_PER_SPEED = 0.01, 0.0233, 0.05
GRAVITY, MAIN_UP, MAIN_SIDE, SIDE, SIDE_TURN = -0.0267, 0.046, 0.068, 0.0093, 0.041


@dataclass(frozen=True, slots=True)
class State:
    x: float
    y: float
    x_speed: float
    y_speed: float
    angle: float
    angle_speed: float
    landing: bool

    @classmethod
    def of(cls, lander: Any) -> "State":
        """As `LunarLander.step` observes it."""
        body, fps = lander.lander, lunar_lander.FPS
        half_width = lunar_lander.VIEWPORT_W / lunar_lander.SCALE / 2
        half_height = lunar_lander.VIEWPORT_H / lunar_lander.SCALE / 2
        return cls(
            (body.position.x - half_width) / half_width,
            (body.position.y - (lander.helipad_y + lunar_lander.LEG_DOWN / lunar_lander.SCALE)) / half_height,
            body.linearVelocity.x * half_width / fps,
            body.linearVelocity.y * half_height / fps,
            body.angle,
            20.0 * body.angularVelocity / fps,
            lander.legs[0].ground_contact or lander.legs[1].ground_contact,
        )

    def after(self, keys: str) -> "State":
        """A frame later, with these keys held: what somebody knows who thinks ahead."""
        side = (keys == RIGHT) - (keys == LEFT)
        main = keys == MAIN
        x_speed = self.x_speed + SIDE * side - MAIN_SIDE * main * math.sin(self.angle)
        y_speed = self.y_speed + GRAVITY + MAIN_UP * main * math.cos(self.angle)
        angle_speed = self.angle_speed - SIDE_TURN * side
        return State(
            self.x + X_PER_SPEED * x_speed,
            self.y + Y_PER_SPEED * y_speed,
            x_speed,
            y_speed,
            self.angle + ANGLE_PER_SPEED * angle_speed,
            angle_speed,
            self.landing,
        )


class Pilot:
    """Holds one engine at a time; thinks as far ahead as its own hands are slow."""

    def __init__(self, lander: Any, fps: float, reaction_s: float) -> None:
        self._lander = lander
        self._ticks_per_decision = math.ceil(fps / DECISIONS_HZ)
        self._ticks = 0
        self._keys = NONE
        self._under_way: deque[str] = deque([NONE] * round(reaction_s * fps))

    def keys(self, *, running: bool) -> frozenset[str]:
        state = State.of(self._lander)
        if self._ticks % self._ticks_per_decision == 0:
            if not state.landing:
                for keys in self._under_way:
                    state = state.after(keys)
            self._keys = self._decide(state)
        self._ticks += 1
        self._under_way.append(self._keys)
        self._under_way.popleft()
        return frozenset(self._keys)

    def _decide(self, state: State) -> str:
        """Gymnasium's heuristic, with hysteresis."""
        lean = max(-LEAN_MOST, min(LEAN_MOST, LEAN_PLACE * state.x + LEAN_SPEED * state.x_speed))
        turn = 0.0 if state.landing else TURN_ANGLE * (lean - state.angle) - TURN_SPEED * state.angle_speed
        lift = -LIFT_SPEED * state.y_speed
        lift += 0.0 if state.landing else LIFT_HEIGHT * (CONE * abs(state.x) - state.y)
        side = RIGHT if turn < 0 else LEFT
        if self._keys == MAIN and lift > HOVER_OFF and abs(turn) < FIRST * max(lift, ANGLE_ON):
            return MAIN
        lifting = lift > HOVER_ON
        if self._keys == side and abs(turn) > ANGLE_OFF and not (lifting and lift > FIRST * abs(turn)):
            return side
        if lifting and lift > abs(turn):
            return MAIN
        return side if abs(turn) > ANGLE_ON else NONE


def rescuer(lander: Any, fps: float) -> Corrector:
    """Takes over where it goes wrong, and lands itself: it never gives back."""
    return Corrector(Pilot(lander, fps, 0.0), goes_wrong=lambda: goes_wrong(State.of(lander)), is_well=lambda: False)


def goes_wrong(state: State) -> bool:
    """Whether it leans, drifts or falls as the pilot hardly ever does."""
    return abs(state.angle) > LEANS or abs(state.x) > AWAY or -state.y_speed > FALLS + FALLS_HIGH * max(state.y, 0.0)


def make(disturbed: bool, max_frames: int | None) -> Env:
    env: Env = gym.make(
        "LunarLander-v3", render_mode="rgb_array", max_episode_steps=max_frames, disable_env_checker=True
    )
    return Disturbed(env, calm=(40, 120), spell=(2, 6)) if disturbed else env


GAME = Game(
    name="lander",
    title="LunarLander",
    make=make,
    demonstrator=Pilot,
    actions=("left=a", "main=w", "right=d", "none="),
    codes=(1, 2, 3, 0),
    fps=FPS,
    record_fps=15,
    size="180x120",
    crop="0,0,600,400",
    record_s=480.0,
    score="200 and more is a good landing, -100 a crash",
    bar=200.0,
    max_frames=1000,
    drawn=True,  # what the engines blow out fades then
    corrector=rescuer,
)

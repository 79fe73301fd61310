"""CarRacing with cruise control and three keys: the demo's game, with the demo's driver."""

from typing import Any

import gymnasium as gym

from games.car_racing import CROP, ENVIRONMENT, STEP_S, TITLE
from games.cruise import CruiseControl
from games.game import Env, Game
from games.players.corrector import driver_corrector
from games.players.road_driver import ANTICIPATION_S, RoadSight, ScriptedDriver

FPS = 30


def make(disturbed: bool, max_frames: int | None) -> Env:
    racing = gym.make(ENVIRONMENT, render_mode="rgb_array", max_episode_steps=max_frames, disable_env_checker=True)
    return CruiseControl(racing, disturbed=disturbed)


def demonstrator(racing: Any, fps: float, reaction_s: float) -> ScriptedDriver:
    later_s = reaction_s * fps * STEP_S
    return ScriptedDriver(RoadSight(racing, later_s=later_s), fps, ANTICIPATION_S + later_s)


GAME = Game(
    name="car3",
    title=TITLE,
    make=make,
    demonstrator=demonstrator,
    actions=("left=a", "forward=w", "right=d"),
    codes=(0, 1, 2),
    fps=FPS,
    record_fps=15,
    size="160x120",
    crop=",".join(map(str, CROP)),
    record_s=240.0,
    score="1000 for the whole track less 0.1 a frame",
    bar=850.0,
    max_frames=1000,
    corrector=driver_corrector,
)

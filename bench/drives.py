"""A recording of the scripted driver in CarRacing, made in lockstep, without a window: seconds instead of minutes.

For benches of the training alone: what `collect` records of the window is the same game at the same rate.
"""

from pathlib import Path

import cv2
import gymnasium as gym

from agent.actions import ActionSet
from agent.frames import Box, FrameSpec, prepare
from agent.recording import Meta
from agent.recording_writer import RecordingWriter
from demo.cruise import CruiseControl, steering
from demo.driver import RoadSight, ScriptedDriver
from demo.game import CROP, ENVIRONMENT, SIZE

GAME_FPS = 30
EVERY = 2  # game frames for each one recorded


def drive(folder: Path, frames: int, *, size: tuple[int, int] = (160, 120), first_seed: int = 1000) -> Path:
    """Write a recording of `frames` gray frames at 15 Hz into `folder`, disturbed as in the demo."""
    fps = GAME_FPS / EVERY
    spec = FrameSpec(*size, "gray", Box(*CROP), SIZE)
    actions = ActionSet.parse(["left=a", "forward=w", "right=d"])
    meta = Meta(spec, actions.keys, actions, fps, None, Box(0, 0, *SIZE), "demonstration", "", {}, "")
    racing = gym.make(ENVIRONMENT, render_mode="rgb_array", max_episode_steps=1000, disable_env_checker=True)
    game = CruiseControl(racing, disturbed=True)
    driver = ScriptedDriver(RoadSight(racing.unwrapped), GAME_FPS)
    held: frozenset[str] = frozenset()
    tick, seed, over, written = 0, first_seed, True, 0
    with RecordingWriter(folder, meta) as writer:
        while written < frames:
            if over:
                game.reset(seed=seed)
                seed += 1
                tick += GAME_FPS  # a gap: no window of frames holds two laps
            now_ns = round(tick * 1e9 / GAME_FPS)
            keys = driver.keys(running=True)
            for key in sorted(held - keys):
                writer.key_event(now_ns, key, down=False)
            for key in sorted(keys - held):
                writer.key_event(now_ns, key, down=True)
            held = keys
            if tick % EVERY == 0:
                image = cv2.cvtColor(game.render(), cv2.COLOR_RGB2BGRA)
                writer.append(prepare(image, spec), now_ns)
                written += 1
            _, _, terminated, truncated, _ = game.step(steering(keys))
            over = terminated or truncated
            tick += 1
    game.close()
    return folder

"""Gymnasium's CarRacing-v3 in a window: what every game made of it shares."""

from typing import Any

import gymnasium as gym
import pygame
from gymnasium.envs.box2d import car_racing

ENVIRONMENT = "CarRacing-v3"
TITLE = "CarRacing"
SIZE = (600, 400)  # width, height of the window
BAR_HEIGHT = 50  # rows at the bottom that show the steering, and so give the last action away
CROP = (0, 0, SIZE[0], SIZE[1] - BAR_HEIGHT)  # left, top, width, height: what a player should look at
STEP_S = 1 / car_racing.FPS  # simulated time of one frame


class DrawnOnce(gym.Wrapper[Any, Any, Any, Any]):
    """`CarRacing-v3` (`rgb_array`) whose picture is what `step` drew for its observation."""

    def render(self) -> Any:
        """At the size of the window: (400, 600, 3) uint8.

        Drawing the scene is the costly part (7 ms); the game's own `render` would draw it a second time.
        """
        size = (car_racing.VIDEO_W, car_racing.VIDEO_H)
        scaled = pygame.transform.smoothscale(self.unwrapped.surf, size)  # type: ignore[attr-defined]
        return pygame.surfarray.array3d(scaled).swapaxes(0, 1)

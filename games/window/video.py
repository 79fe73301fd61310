"""A small video of one lap, with the keys that were held drawn in."""

from pathlib import Path
from typing import Any

import cv2

from agent.arrays import Levels
from collect.video import VideoFile

Image = Levels

SIZE = (300, 200)  # width, height
MAX_FPS = 15
CAP = 18  # side of a key cap, in pixels
HELD, FREE, EDGE = (60, 220, 255), (40, 40, 40), (230, 230, 230)  # BGR


class LapVideo:
    """Writes `path` (mp4) while the lap goes on: a frame costs 2 ms of the game's 33. Idempotent `close`."""

    def __init__(self, path: Path, keys: tuple[str, ...], game_fps: float) -> None:
        self._keys = keys
        self._every = max(1, round(game_fps / MAX_FPS))
        self._frames = 0
        self._file = VideoFile(path, game_fps / self._every, SIZE)

    def add(self, frame: Image, held: frozenset[str]) -> None:
        """`frame` is (H, W, 3) RGB as shown; takes as many of the frames as the video has."""
        if self._frames % self._every == 0:
            picture = cv2.cvtColor(cv2.resize(frame, SIZE, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
            for place, key in enumerate(self._keys):
                _draw_key(picture, place, key, held=key in held)
            self._file.add(picture)
        self._frames += 1

    def close(self) -> None:
        self._file.close()


def _draw_key(picture: Any, place: int, key: str, *, held: bool) -> None:
    left, top = 6 + place * (CAP + 4), 6
    corner = (left + CAP, top + CAP)
    cv2.rectangle(picture, (left, top), corner, HELD if held else FREE, cv2.FILLED)
    cv2.rectangle(picture, (left, top), corner, EDGE, 1)
    color = FREE if held else EDGE
    cv2.putText(picture, key, (left + 4, top + 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, 1, cv2.LINE_AA)

"""Recordings to learn from in tests: a bar whose direction, the action, only two frames show."""

from pathlib import Path

import numpy as np
from recordings import meta, write_recording

SIZE = (32, 24)  # width, height
KEYS = ["a", "w", "d"]  # the bar moves left, stands, moves right


def bar_frames(t: int, seed: int) -> tuple[list[np.ndarray], list[str]]:
    """`t` frames (24, 32, 1) uint8 and the key held at each: the bar just moved that way."""
    rng = np.random.default_rng(seed)
    frames, keys = [], []
    x, action, left = 0, 1, 0
    for _ in range(t):
        if left == 0:
            action, left = int(rng.integers(0, 3)), int(rng.integers(3, 8))
        left -= 1
        x = (x + 4 * (action - 1)) % SIZE[0]
        frame = rng.integers(20, 40, (SIZE[1], SIZE[0], 1)).astype(np.uint8)
        frame[:, np.arange(x, x + 4) % SIZE[0]] = 220
        frames.append(frame)
        keys.append(KEYS[action])
    return frames, keys


def bar_recording(
    folder: Path, t: int = 400, seed: int = 0, *, came_hz: float | None = None, late: int = 0, **changed: object
) -> Path:
    """A recording of `t` frames of the bar, at 20 Hz; `came_hz` where they came otherwise than was asked for. The keys
    are so many frames `late`."""
    frames, keys = bar_frames(t, seed)
    keys = [keys[0]] * late + keys[: t - late]
    described = meta(size=SIZE, **changed)  # type: ignore[arg-type]
    return write_recording(folder, frames, keys, described=described, came_hz=came_hz)

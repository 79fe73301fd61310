"""What the tests of `play` share: a policy that was really trained, once, and a look at the keys that are down."""

import subprocess
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
from conftest import ROOT
from recordings import meta, write_recording

from games.window.display import VirtualDisplay

KEYS = {"a": 38, "w": 25, "d": 40}


@cache
def trained_policy(place: Path) -> Path:
    """The bar of the counter window says which key to hold, by the third of the window that it is in.

    It was really trained, on such pictures. In `place`, with the `recording` that it learned from.
    """
    random = np.random.default_rng(0)
    width, height, bar = 32, 24, 4
    lefts = np.arange(960) * 0.4 % width  # as it moves in the window, twice as fast
    frames = np.full((len(lefts), height, width, 1), 53, np.uint8)  # the grays of the window
    for frame, left in zip(frames, lefts, strict=True):
        frame[height // 2 : height * 3 // 4, round(left) : round(left) + bar] = 135
        frame[: height // 8] = np.repeat(random.choice([0, 255], 16), width // 16)[None, :, None]
    keys = [tuple(KEYS)[int(left * 3 / width)] for left in lefts]
    described = meta(size=(width, height), fps=30.0)
    write_recording(place / "recording", list(frames), keys, described=described)
    done = subprocess.run(
        [sys.executable, "-m", "train", place / "recording", "--out", place / "policy", "--epochs", "6"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return place / "policy"


def keys_down(display: VirtualDisplay) -> set[str]:
    """Asked of the X server."""
    with display.connection() as connection:
        keymap = connection.query_keymap()
    return {key for key, code in KEYS.items() if keymap[code // 8] >> (code % 8) & 1}


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=15)
    return process.returncode, out, err


class Held:
    """A holder that remembers what it was told last."""

    def __init__(self) -> None:
        self.keys: frozenset[str] = frozenset()

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        self.keys = frozenset(keys)

    def release(self) -> None:
        self.keys = frozenset()

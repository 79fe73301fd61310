"""What the tests of `play` share: a policy that was really trained, once, and a look at the keys that are down."""

import subprocess
import sys
from collections.abc import Collection
from functools import cache
from pathlib import Path

import numpy as np
from conftest import ROOT
from recordings import meta, write_recording

from demo.display import VirtualDisplay

KEYS = {"a": 38, "w": 25, "d": 40}


@cache
def trained_policy(place: Path) -> Path:
    """The side of a bright bar says which key to hold. In `place`, with the `recording` that it learned from."""
    random = np.random.default_rng(0)
    columns = np.repeat(random.permutation(np.tile([2, 15, 28], 40)), 6)
    frames = np.zeros((len(columns), 24, 32, 1), np.uint8)
    for frame, column in zip(frames, columns, strict=True):
        frame[:, column - 2 : column + 3] = 200
    keys = [{2: "a", 15: "w", 28: "d"}[int(column)] for column in columns]
    described = meta(size=(32, 24), fps=30.0)
    write_recording(place / "recording", list(frames), keys, described=described)
    done = subprocess.run(
        [sys.executable, "-m", "train", place / "recording", "--out", place / "policy", "--epochs", "3"],
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

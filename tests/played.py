"""What the tests of `play` share: a policy that is really trained, and a look at the keys that are down."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from conftest import ROOT, wait_for
from recordings import meta, write_recording

if TYPE_CHECKING:
    from games.window.display import VirtualDisplay

KEYS = {"a": 38, "w": 25, "d": 40}
LET_GO_S = 0.3  # the safety bound: by then no key of the agent is down


def train_policy(place: Path) -> None:
    """The bar of the counter window says which key to hold, by the third of the window that it is in.

    It learns from such pictures. Into `place`: the `policy`, and the `recording` that it learned from.
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


def keys_down(display: VirtualDisplay) -> set[str]:
    """Asked of the X server."""
    with display.connection() as connection:
        keymap = connection.query_keymap()
    return {key for key, code in KEYS.items() if keymap[code // 8] >> (code % 8) & 1}


def held_key(display: VirtualDisplay) -> str:
    """The key that is down, as soon as it is the only one."""
    (key,) = wait_for(lambda: len(down := keys_down(display)) == 1 and down, "a held key")
    return key


def all_go_up(display: VirtualDisplay) -> None:
    """In the time that `play` promises."""
    wait_for(lambda: not keys_down(display), "the release of all keys", within_s=LET_GO_S)


def heard_keys(log: Path) -> list[tuple[str, bool]]:
    """What the game's window got."""
    told = [json.loads(line) for line in whole_lines(log) if '"key"' in line]
    return [(line["key"], line["down"]) for line in told]


def whole_lines(log: Path) -> list[str]:
    """Those that the game has written so far; not one that it is writing."""
    text = log.read_text(encoding="utf-8")
    return text[: text.rfind("\n") + 1].splitlines()


def assert_stays(display: VirtualDisplay, expected: set[str], seconds: float) -> None:
    end_s = time.monotonic() + seconds
    while True:
        down = keys_down(display)
        if time.monotonic() > end_s:  # seen too late to count, on a busy machine
            return
        assert down == expected
        time.sleep(0.01)


class Held:
    """A holder that remembers what it was told last."""

    def __init__(self) -> None:
        self.keys: frozenset[str] = frozenset()

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        self.keys = frozenset(keys)

    def release(self) -> None:
        self.keys = frozenset()

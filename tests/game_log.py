"""Judging by what the window Counter logs: what was recorded of it, and which keys reached it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from played import KEYS, heard_keys, whole_lines

from agent.frames import prepare
from agent.recording.reader import Recording
from games.window.counter import bar_left, draw, read_counter

Line = dict[str, Any]
SIZE = (640, 360)  # of the window, where the fixtures open it
DRAWN_HZ = 60


class Touched(NamedTuple):
    """A person pressed or let go of a key, after the picture `shown` had been drawn."""

    key: str
    down: bool
    shown: int


def lines(log: Path) -> list[Line]:
    """All whole lines so far."""
    return [json.loads(line) for line in whole_lines(log)]


def last_shown(log: Path) -> int:
    """-1 before the first picture."""
    return next((int(json.loads(line)["shown"]) for line in reversed(whole_lines(log)) if '"shown"' in line), -1)


def held_keys(log: Path) -> set[str]:
    """Those that are down, as far as the game knows."""
    held: set[str] = set()
    for key, down in heard_keys(log):
        (held.add if down else held.discard)(key)
    return held


def asked_key(shown: int) -> str:
    """The key that the picture asks for: by the third of the window that the bar is in."""
    return tuple(KEYS)[bar_left(shown, SIZE[0]) * 3 // SIZE[0]]


def right_share(truth: Sequence[Line]) -> float:
    """Of the pictures that were drawn while a key was held: how many asked for it. By chance a third."""
    held: set[str] = set()
    right = []
    for line in truth:
        if "key" in line:
            (held.add if line["down"] else held.discard)(line["key"])
        elif held:
            right.append(held == {asked_key(line["shown"])})
    return float(np.mean(right))


def assert_pixels_are_those_drawn(recording: Recording) -> None:
    """To the last grey level, but for pictures that were grabbed between two draws."""
    import pygame

    surface = pygame.Surface(SIZE, depth=32)
    equal = []
    for frame, n in zip(recording.frames, read_counter(recording.frames), strict=True):
        if n >= 0:
            draw(surface, int(n))
            pixels = pygame.surfarray.array3d(surface).swapaxes(0, 1)  # rgb
            equal.append(np.array_equal(frame, prepare(np.ascontiguousarray(pixels), recording.meta.frame)))
    assert np.mean(equal) > 0.9


def behind_ns(truth: Sequence[Line]) -> int:
    """By how much the screen may be behind the log under Wine, which hands a picture over after up to 50 ms.

    On a busy machine by more: the longest wait between two pictures of this run tells how busy it was.
    """
    return 50_000_000 + 2 * int(np.diff([line["time_ns"] for line in truth if "shown" in line]).max())


def zero_by_frames(recording: Recording, truth: Sequence[Line], *, behind_ns: int = 0) -> tuple[int, int]:
    """Between which two times of the game's clock the recording's zero lies, by its frames.

    However long a busy machine kept a program waiting: a frame was grabbed between its time and that of the next, and
    the picture in it was on the screen between the drawing of the one before and of the one behind. One zero must
    satisfy them all, and does not where a frame is missing, late or of another time. `behind_ns` is by how much the
    screen may be behind the log: Wine does not wait until the X server has shown a picture.
    """
    counters = read_counter(recording.frames)
    clear = np.flatnonzero(counters >= 0)
    assert len(clear) > 0.9 * len(counters)  # a grab between two draws of the window may see half of one
    assert (np.diff(counters[clear]) >= 0).all()
    shown_ns = {line["shown"]: line["time_ns"] for line in truth if "shown" in line}
    captured_ns = recording.captured_ns
    earliest_ns = [shown_ns[counters[t] - 1] - captured_ns[t + 1] for t in clear[:-1] if counters[t] - 1 in shown_ns]
    latest_ns = [shown_ns[counters[t] + 1] + behind_ns - captured_ns[t] for t in clear if counters[t] + 1 in shown_ns]
    assert max(earliest_ns) <= min(latest_ns)
    return max(earliest_ns), min(latest_ns)


def assert_keys_stand_at_their_frames(
    recording: Recording, truth: Sequence[Line], touched: Sequence[Touched], *, behind_ns: int = 0
) -> None:
    """The keys of each frame are those that were held when its picture was drawn.

    By the game's pictures, not by times, so that it holds on any machine: a frame of a picture from before the touch
    lacks the key, and the frame behind one of a picture from after the game got it has it.
    """
    keys = recording.meta.keys
    told = [(at, line) for at, line in enumerate(truth) if line.get("key") in keys]
    assert [(line["key"], line["down"]) for _, line in told] == [(each.key, each.down) for each in touched]
    assert [(keys[event["key"]], bool(event["down"])) for event in recording.key_events] == [
        (each.key, each.down) for each in touched
    ]
    counters = read_counter(recording.frames)
    behind = -(-behind_ns * DRAWN_HZ // 1_000_000_000)  # in pictures
    events_ns = [int(event["time_ns"]) for event in recording.key_events]
    for (at, _), each, event_ns in zip(told, touched, events_ns, strict=True):
        got = next((line["shown"] for line in truth[at:] if "shown" in line), 2**16)
        before = np.flatnonzero((counters >= 0) & (counters < each.shown - behind))
        after = np.flatnonzero(counters >= got)[1:]
        assert (recording.captured_ns[before] < event_ns).all(), each
        assert (recording.captured_ns[after] >= event_ns).all(), each

"""The scripted driver: knows the track, but decides by what can be seen on the screen, and steers like a person.

A person looks some way down the road, feels how fast the car is turning already, and holds a key until the car
points where it should. So does this: one look-ahead point, one angle, two thresholds.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

LOOK_AHEAD = 26.0  # in the game's units; the screen shows 37 ahead of the car and 31 to each side
ANTICIPATION_S = 0.15
START_TURN_RAD = 0.18
END_TURN_RAD = 0.08
DECISIONS_HZ = 15


@dataclass(frozen=True, slots=True)
class Sight:
    """What the driver sees: where the road is going, and how the car turns, both positive to the right; and how far the
    middle of the road is, in the game's units."""

    bearing_rad: float
    turning_rad_s: float
    off_middle: float = 0.0


class RoadSight:
    """Looks so far ahead on the road of a `CarRacing`, given without its wrappers.

    `later_s` is how much later (simulated seconds) the driver's hands will do what it decides: it looks from where the
    car will be then.
    """

    def __init__(self, racing: Any, look_ahead: float = LOOK_AHEAD, later_s: float = 0.0) -> None:
        self._racing = racing
        self._look_ahead = look_ahead
        self._later_s = later_s
        self._track: Any = None
        self._points: list[tuple[float, float]] = []  # the middle of the road
        self._nearest = 0

    def __call__(self) -> Sight:
        if self._track is not self._racing.track:
            self._track = self._racing.track
            self._points = [(x, y) for _, _, x, y in self._track]
            self._nearest = 0
        hull = self._racing.car.hull
        x, y = hull.position + self._later_s * hull.linearVelocity

        def distance(i: int) -> float:
            point = self._points[i % len(self._points)]
            return math.hypot(point[0] - x, point[1] - y)

        # Only from near where the car was: elsewhere the road may come close to itself.
        self._nearest = min(range(self._nearest - 6, self._nearest + 12), key=distance) % len(self._points)
        ahead = next(
            (i for i in range(self._nearest, self._nearest + 12) if distance(i) >= self._look_ahead), self._nearest + 12
        )
        point = self._points[ahead % len(self._points)]
        right, forward = hull.GetLocalVector((point[0] - x, point[1] - y))
        return Sight(math.atan2(right, forward), -hull.angularVelocity, distance(self._nearest))

    def turn_ahead_rad(self, tiles: Sequence[int]) -> float:
        """How sharply the road turns at most over two spans of tiles, seen from where the last look was."""
        headings = [self._track[(self._nearest + tile) % len(self._track)][1] for tile in tiles]
        turns = [math.remainder(after - before, math.tau) for before, after in pairwise(headings)]
        return max(abs(one + other) for one, other in pairwise(turns))


class ScriptedDriver:
    """Holds `a`, `w` or `d`; decides at most 15 times a second, and changes its mind about twice."""

    def __init__(self, look: Callable[[], Sight], fps: float, anticipation_s: float = ANTICIPATION_S) -> None:
        self._look = look
        self._anticipation_s = anticipation_s
        self._ticks_per_decision = math.ceil(fps / DECISIONS_HZ)
        self._ticks = 0
        self._side = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        if self._ticks % self._ticks_per_decision == 0:
            self._decide(self._look())
        self._ticks += 1
        return frozenset({-1: "a", 0: "w", 1: "d"}[self._side])

    def _decide(self, sight: Sight) -> None:
        off_rad = sight.bearing_rad - sight.turning_rad_s * self._anticipation_s
        self._side = side_held(self._side, off_rad, START_TURN_RAD, END_TURN_RAD)


def side_held(side: int, off: float, start: float, end: float) -> int:
    """Which side to steer to next, -1, 0 or 1, when it was `side` and the goal is `off`, positive to the right: steers
    for what is `start` or more away, until it is nearer than `end`."""
    if side * off >= end:  # never so when going straight
        return side
    return 0 if abs(off) < start else int(math.copysign(1, off))

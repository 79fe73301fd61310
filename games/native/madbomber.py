"""Mad Bomber (Bill Kendrick): bombs fall off a wall, and buckets under them must catch each."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.arrays import Levels
from agent.frames import Image
from games.native.glyphs import glyphs_of_files, read_number
from games.native.native_game import Look, NativeGame, Sight, picture_file

PICTURES = Path("/usr/share/games/madbomber/images/game")
FPS = 25

WALL = (
    131,
    352,
)  # rows where bombs fall; below are the buckets, in rows of 32, of which the uppermost is the last to go
FLOOR = 446
SIDES = (32, 608)
BUCKET, BOMB = 64, 32  # wide
SCORE_CELLS, SCORE_TOP, CELL = 416, 2, 32  # six digits
NOTHING, ALIKE = (0, 0, 0, 0), (50, 50, 50, 255)  # BGRA; so far a pixel of the background may differ from it
IS_WALL = 0.5  # the share of the wall up to which something may be drawn on it, or the game is not shown
IS_OVER = (200, 280, 0.3)  # rows of GAME OVER, and the share of pixels that differ there
LEAST_BOMB = 250  # pixels; a splash is smaller

# How it plays: starts for a bomb that is so far from the middle of the buckets, and stops nearer than the other.
START, STOP = 30.0, 26.0


class MadBomberReader:
    """Reads stage and score by the pictures that the game itself draws with."""

    def __init__(self) -> None:
        self._background = background()
        names = {digit: picture_file("madbomber", PICTURES / "numbers" / f"{digit}.png") for digit in range(10)}
        self._glyphs = glyphs_of_files(names, CELL)

    def read(self, picture: Image) -> Sight:
        other = drawn(picture, self._background)
        if other[: WALL[1] - WALL[0]].mean() > IS_WALL * 255:
            return Sight("menu", None)
        top, bottom, share = IS_OVER
        if other[top - WALL[0] : bottom - WALL[0]].mean() > share * 255:
            return Sight("over", self._score(picture))
        seen = see(picture, self._background)
        return Sight("playing" if seen.bombs else "paused", self._score(picture))

    def _score(self, picture: Image) -> int | None:
        for cell in range(6):
            left = SCORE_CELLS + cell * CELL
            if (found := read_number(picture, self._glyphs, left, SCORE_TOP, 6 - cell)) is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Seen:
    """Where things are, in pixels of the window."""

    bucket: float | None
    """The middle of the buckets; None where none are left."""
    bombs: tuple[tuple[float, float], ...]
    """Middle and lower edge of each bomb, from the lowest up."""


def background() -> Image:
    """(480, 640, 4) uint8 BGRA. Raises `TwoframeError`."""
    picture = cv2.imread(str(picture_file("madbomber", PICTURES / "background.png")))
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA), np.uint8)


def drawn(picture: Image, background: Image) -> Levels:
    """(rows from the wall to the floor, columns) 255 where something is drawn over the background, else 0."""
    place = slice(WALL[0], FLOOR)
    return ~cv2.inRange(cv2.absdiff(picture[place], background[place]), NOTHING, ALIKE)


def see(picture: Image, background: Image) -> Seen:
    """Finds what is not background."""
    other, top = drawn(picture, background), WALL[0]
    bucket = _bucket(other[WALL[1] - top : WALL[1] - top + 32])
    if bucket is not None:
        other[WALL[1] - top :, int(bucket - BUCKET / 2) - 4 : int(bucket + BUCKET / 2) + 4] = 0
    count, _, stats, _ = cv2.connectedComponentsWithStats(np.ascontiguousarray(other[:, SIDES[0] : SIDES[1]]))
    bombs = [
        (SIDES[0] + float(left) + width / 2, float(top + upper + height))
        for left, upper, width, height, area in stats[1:count]
        if area >= LEAST_BOMB and width < 2 * BOMB
    ]
    return Seen(bucket, tuple(sorted(bombs, key=lambda bomb: -bomb[1])))


def _bucket(other: Levels) -> float | None:
    """The middle of the longest run of columns that are filled."""
    filled = np.flatnonzero(other.mean(axis=0) > 127)
    if len(filled) < BUCKET / 2:
        return None
    runs = np.split(filled, np.flatnonzero(np.diff(filled) > 4) + 1)
    longest = max(runs, key=len)
    return float(longest[0] + longest[-1] + 1) / 2 if len(longest) >= BUCKET / 2 else None


class Catcher:
    """Goes under the lowest bomb, and stays there till it is caught."""

    def __init__(self, look: Look, fps: float, reaction_s: float) -> None:
        self._look = look
        self._background = background()
        self._side = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        seen = see(self._look(), self._background)
        if seen.bucket is None or not seen.bombs:
            self._side = 0
        else:
            off = seen.bombs[0][0] - seen.bucket
            if self._side * off < STOP:
                self._side = 0 if abs(off) < START else int(np.sign(off))
        return frozenset({-1: {"left"}, 0: set[str](), 1: {"right"}}[self._side])


GAME = NativeGame(
    name="madbomber",
    title="Mad Bomber",
    program="madbomber",
    package="madbomber",
    window=(640, 480),
    # Silent; and a best score that nobody beats, for who does is asked for a name.
    files={".madbomber": "highscore=999999\nhighscorer=NOBODY\neffects=0\nmusic=0\n"},
    reader=MadBomberReader,
    demonstrator=Catcher,
    leads_on={"menu": "enter", "paused": "enter", "over": "escape"},
    leaves="escape",
    actions=("left=left", "none=", "right=right"),
    fps=FPS,
    record_fps=15,
    size="144x80",
    crop="32,128,576,320",
    record_s=480.0,
    score="points for bombs caught",
    bar=150.0,
    max_frames=FPS * 120,
)

"""Slime Volley (Côme Bernigaud, Vincent Duvert): volleyball of two half balls, against the game's own player."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.arrays import Bools, Floats
from agent.frames import Image
from agent.pacing import clock_ns
from games.native.native_game import Look, NativeGame, Sight, picture_file

FONT = Path("/usr/share/games/slimevolley/themes/default/police.ttf")
FPS = 25
POINTS = 10  # win a match

SKY = (255, 128, 128)  # BGR, at a place where no cloud is; the menus are yellow
SKY_AT = (200, 400)  # row, column
# Where the score stands while the ball is played, and after a point: top, bottom, left, right.
PLACES = ((0, 45, 560, 800), (270, 350, 200, 600))
NOTHING, ANY = (0, 0, 0, 0), (255, 255, 255, 255)  # BGRA
WHITE = (200, 200, 200, 0)
BLACK, DARK = (30, 30, 30, 255), (110, 110, 110, 255)
UNLIKE = 0.3  # mean difference of two shapes up to which they are one digit

SKY_TOP, GROUND = 60, 580  # rows where the ball is looked for
NET = 400
COURT = (0, 800)
SLIME, BALL = 50, 9  # radius
GRAVITY = 445.0  # pixels a second, each second
HOME = 200.0  # where it waits

# How it plays: a ball that comes down so far right of its middle goes over the net.
AIM = 18.0
START, STOP = 10.0, 5.0
KNOWN_S = 0.1  # so long the ball must be seen before it is known where it goes


class SlimeVolleyReader:
    """Reads the score by the digits of the game's own font."""

    def __init__(self) -> None:
        import pygame

        pygame.font.init()
        font = pygame.font.Font(str(picture_file("slimevolley", FONT)), 60)
        drawn = [font.render(str(digit), True, (255, 255, 255)) for digit in range(10)]
        self._digits = [_shape(pygame.surfarray.array_alpha(picture).T > 127) for picture in drawn]

    def read(self, picture: Image) -> Sight:
        row, column = SKY_AT
        if not np.array_equal(picture[row, column, :3], SKY):
            return Sight("menu", None)
        for top, bottom, left, right in PLACES:
            if pair := self._score(cv2.inRange(picture[top:bottom, left:right], WHITE, ANY) > 0):
                mine, theirs = pair
                return Sight("over" if POINTS in pair else "playing", mine - theirs)
        return Sight("playing", None)

    def _score(self, white: Bools) -> tuple[int, int] | None:
        """Of `Score: 3 - 10`: what is drawn right of the dash, and left of it up to a wide gap."""
        marks = _marks(white)
        dash = next((i for i, (_, mark) in enumerate(marks) if mark.shape[1] > 2 * mark.shape[0]), None)
        if dash is None:
            return None
        before = marks[:dash]
        wide = max(mark.shape[1] for _, mark in before) if before else 0
        first = next((i for i in range(dash - 1, 0, -1) if marks[i][0] - _end(marks[i - 1]) > wide / 2), dash)
        numbers = [self._number([mark for _, mark in part]) for part in (marks[first:dash], marks[dash + 1 :])]
        return None if None in numbers else (numbers[0] or 0, numbers[1] or 0)

    def _number(self, marks: list[Bools]) -> int | None:
        if not 1 <= len(marks) <= 2:
            return None
        text = ""
        for mark in marks:
            unlike = [float(np.abs(_shape(mark) - digit).mean()) for digit in self._digits]
            best = int(np.argmin(unlike))
            if unlike[best] > UNLIKE:
                return None
            text += str(best)
        return int(text)


def _marks(white: Bools) -> list[tuple[int, Bools]]:
    """What is drawn side by side, without margins, each with its first column."""
    columns = np.flatnonzero(white.any(axis=0))
    found = []
    for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
        if len(run):
            part = white[:, run[0] : run[-1] + 1]
            rows = np.flatnonzero(part.any(axis=1))
            found.append((int(run[0]), part[rows[0] : rows[-1] + 1]))
    return found


def _end(mark: tuple[int, Bools]) -> int:
    return mark[0] + mark[1].shape[1]


def _shape(mark: Bools) -> Floats:
    """(24, 16): a mark whatever its size."""
    rows, columns = np.flatnonzero(mark.any(axis=1)), np.flatnonzero(mark.any(axis=0))
    mark = mark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cv2.resize(mark.astype(np.float32), (16, 24), interpolation=cv2.INTER_AREA)


@dataclass(frozen=True, slots=True)
class Court:
    """Where things are, in pixels of the window; None for what is not seen."""

    ball: tuple[float, float] | None
    slime: float | None
    """Ours, the left one: its middle."""


def see(picture: Image) -> Court:
    black = cv2.inRange(picture[SKY_TOP:GROUND], NOTHING, BLACK)
    count, _, stats, middles = cv2.connectedComponentsWithStats(black)
    balls = [middles[i] for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] > 40]  # the eyes are smaller
    foot = cv2.inRange(picture[GROUND - 14 : GROUND - 4, :NET], NOTHING, DARK)
    filled = np.flatnonzero(foot.mean(axis=0) > 127)
    slime = float(filled[0] + filled[-1]) / 2 if len(filled) > SLIME else None
    return Court((float(balls[0][0]), float(balls[0][1]) + SKY_TOP) if balls else None, slime)


class Volleyer:
    """Goes to where the ball will come down on its side, a little to the left, and else to the middle of its half."""

    def __init__(self, look: Look, fps: float, reaction_s: float, clock_ns: Callable[[], int] = clock_ns) -> None:
        self._look = look
        self._clock_ns = clock_ns
        self._balls: deque[tuple[float, float, float]] = deque(maxlen=6)  # seconds, x, y
        self._last = HOME
        self._side = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        court = see(self._look())
        self._follow(court.ball)
        if court.slime is not None:
            off = self._goal() - court.slime
            if self._side * off < STOP:
                self._side = 0 if abs(off) < START else int(np.sign(off))
        return frozenset({-1: {"left"}, 0: set[str](), 1: {"right"}}[self._side])

    def _follow(self, ball: tuple[float, float] | None) -> None:
        """Remembers the ball since it last bounced or was served."""
        seen = self._balls
        if ball is None:
            seen.clear()
            return
        if len(seen) > 1:
            before, now = np.subtract(seen[-1][1:], seen[-2][1:]), np.subtract(ball, seen[-1][1:])
            if before[1] > 0 > now[1] or before[0] * now[0] < -1:  # off the ground or a head; off a wall or the net
                seen.clear()
        seen.append((self._clock_ns() / 1e9, *ball))

    def _goal(self) -> float:
        """Where to be. Kept where a new one would be nearly the same, and until the ball has been seen for a moment."""
        seen = self._balls
        if not seen or seen[-1][0] - seen[0][0] < KNOWN_S:
            return self._last
        x = self._comes_down()
        goal = HOME if x > NET else max(x - AIM, COURT[0] + SLIME)
        if abs(goal - self._last) > START:
            self._last = goal
        return self._last

    def _comes_down(self) -> float:
        """The ball's x at the height of our head."""
        (then_s, x, y), (now_s, to_x, to_y) = self._balls[0], self._balls[-1]
        passed_s = now_s - then_s
        aside = (to_x - x) / passed_s
        down = (to_y - y) / passed_s + GRAVITY * passed_s / 2
        far = GROUND - SLIME - BALL - to_y
        under_root = down**2 + 2 * GRAVITY * far
        if under_root < 0:
            return to_x
        left_s = max(0.0, (-down + float(np.sqrt(under_root))) / GRAVITY)
        low, high = COURT[0] + BALL, COURT[1] - BALL
        comes = (to_x + aside * left_s - low) % (2 * (high - low))
        return low + min(comes, 2 * (high - low) - comes)


GAME = NativeGame(
    name="slimevolley",
    title="Slime Volley",
    program="slimevolley",
    package="slimevolley",
    window=(800, 600),
    files={
        ".slime": "273-274-276-275\n119-115-97-100\n116-103-102-104\n105-107-106-108\ndefault\n10\n"
    },  # arrows first
    opening=("enter", "down", "right", "enter", "enter", "enter", "up"),  # against the game's own player, level 0
    reader=SlimeVolleyReader,
    demonstrator=Volleyer,
    leads_on={"menu": "enter", "over": "enter"},
    leaves="escape",
    actions=("left=left", "none=", "right=right"),
    fps=FPS,
    record_fps=15,
    size="160x108",
    crop="0,60,800,540",
    record_s=480.0,
    score="points won less points lost, in a minute or up to ten",
    bar=-1.0,
    max_frames=FPS * 60,
)

"""Atari's Pong, 60 frames a second: W up, S down, or none. Where the ball goes cannot be seen in one frame.

Its episodes are games to 21. The machine plays the same game every time that it is played alike, so each seed begins
with a second or two of other moves.
"""

import math
from itertools import chain
from typing import Any

import gymnasium as gym

from bench.closed_loop.game import Disturbed, Env, Game, Opening

FPS = 60
UP, DOWN, NONE = "w", "s", ""

# The console's memory, as is known of this cartridge; what it holds is on the screen, in pixels of the picture.
BALL_X, BALL_Y, PADDLE_Y = 49, 54, 51
WALLS = (44, 207)  # between these the middle of the ball goes up and down
REACH_X = 188  # where it meets the paddle
PADDLE_MIDDLE = 7  # from PADDLE_Y
PADDLE_LIMITS = (38, 203)  # of PADDLE_Y
GLIDE = 6  # the paddle goes so far for each frame that a key is held, the way it glides included
TOO_FAR_DOWN = 1  # and so much less on its way down
SHORTEST, LONGEST = 2, 33  # frames that a key is held
SETTLE_FRAMES = 12
LAST_FRAMES = 6  # no move begins later than it ends so long before the ball comes in
HOME, NEAR_HOME = 115, 12  # of PADDLE_Y: where it waits
EDGE = 9.5  # further from its middle a paddle misses
RISKY = 4.5  # so far from the middle for nothing is not worth the risk

# The machine follows the ball, a little slower than a steep ball flies. Ball off the middle of our paddle, in pixels:
STEEP_DOWN, STEEP_UP, HIGH = (6, 9), (-9, -7), (-5, -3)
UPPER, LOWER, LOWEST = 126, 172, 207


def aims(y: float) -> list[tuple[int, int]]:
    """With which part of the paddle to hit a ball that comes in at `y`: across the court, where the machine is late."""
    if y < 80 or 122 <= y < 130:
        return [STEEP_DOWN, STEEP_UP]
    if y < UPPER:
        return [STEEP_DOWN]
    return [STEEP_UP] if y <= LOWER else [HIGH]


class PongPlayer:
    """Sees where the ball will come in, goes there in one move, and back to the middle when the ball is on its way."""

    def __init__(self, ale: Any, fps: float, reaction_s: float) -> None:
        self._ale = ale.ale
        self._late = round(reaction_s * fps)
        self._seen: list[tuple[int, int]] = []
        self._held = NONE
        self._left = 0
        self._idle = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        memory = self._ale.getRAM()
        self._seen = [*self._seen[-4:], (int(memory[BALL_X]), int(memory[BALL_Y]))]
        if self._left:
            self._left -= 1
            self._idle = 0
        else:
            self._held = NONE
            self._idle += 1
            if self._idle >= SETTLE_FRAMES + self._late:
                paddle_y = int(memory[PADDLE_Y])
                self._move(self._move_home(paddle_y) if self._going() else self._move_to_ball(paddle_y))
        return frozenset(self._held)

    def _move(self, frames: int) -> None:
        """Hold a key for so many frames, down if positive."""
        if frames:
            self._held = DOWN if frames > 0 else UP
            self._left = abs(frames) - 1
            self._idle = 0

    def _move_home(self, paddle_y: int) -> int:
        off = HOME - paddle_y
        return 0 if abs(off) <= NEAR_HOME else int(math.copysign(max(SHORTEST, round(abs(off) / GLIDE)), off))

    def _move_to_ball(self, paddle_y: int) -> int:
        """The move after which the ball meets the best part of the paddle, none if it does already."""
        if (coming := self._coming()) is None:
            return 0
        y, frames = coming
        best, move = _badness(y, paddle_y), 0
        for length in range(SHORTEST, min(LONGEST, math.floor(frames) - LAST_FRAMES - self._late) + 1):
            for there, frames_held in (
                (paddle_y - GLIDE * length, -length),
                (paddle_y + GLIDE * length - TOO_FAR_DOWN, length),
            ):
                badness = _badness(y, there) + 0.5 + 0.02 * length
                if PADDLE_LIMITS[0] <= there <= PADDLE_LIMITS[1] and badness < best:
                    best, move = badness, frames_held
        return move

    def _going(self) -> bool:
        """Whether the ball is seen on its way to the other side."""
        return self._all_seen() and self._seen[-1][0] < self._seen[0][0]

    def _all_seen(self) -> bool:
        return len(self._seen) == 5 and all(chain.from_iterable(self._seen))

    def _coming(self) -> tuple[float, float] | None:
        """At which height the ball comes in, and in how many frames; None while that cannot be told."""
        if not self._all_seen():
            return None
        (x_before, y_before), (x, y) = self._seen[0], self._seen[-1]
        x_speed, y_speed = (x - x_before) / 4, (y - y_before) / 4
        if x_speed <= 0.5 or x >= REACH_X - 6 or y_speed != int(y_speed):  # away, too late, or at the wall just now
            return None
        frames = (REACH_X - x) / x_speed
        end = y + y_speed * frames
        top, bottom = WALLS
        while not top <= end <= bottom:
            end = 2 * top - end if end < top else 2 * bottom - end
        return end, frames


def _badness(y: float, paddle_y: int) -> float:
    """How bad it is to hit a ball that comes in at `y` with the paddle there: 0 is as aimed."""
    off = y - PADDLE_MIDDLE - paddle_y
    if abs(off) > EDGE:
        return 100 + abs(off)
    missed_by = min(max(low - off, 0, off - high) for low, high in aims(y))
    return min(missed_by, 2) + (2 if missed_by > 0 and abs(off) > RISKY else 0)


def make(disturbed: bool, max_frames: int | None) -> Env:
    import ale_py

    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    gym.register_envs(ale_py)
    env: Env = gym.make(
        "ALE/Pong-v5",
        render_mode="rgb_array",
        frameskip=1,
        repeat_action_probability=0.0,
        max_episode_steps=max_frames,
        disable_env_checker=True,
    )
    env = Moves(env)
    env = Disturbed(env, calm=(60, 240), spell=(4, 12)) if disturbed else env
    return Opening(env, (60, 120), spell=8)


class Moves(gym.ActionWrapper[Any, Any, Any]):
    """Nothing, up and down of the cartridge's six actions."""

    CODES = (0, 2, 3)

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self.action_space = gym.spaces.Discrete(len(self.CODES))

    def action(self, action: Any) -> int:
        return self.CODES[action]


GAME = Game(
    name="pong",
    title="Pong",
    make=make,
    demonstrator=PongPlayer,
    actions=("up=w", "none=", "down=s"),
    codes=(1, 0, 2),
    fps=FPS,
    record_fps=30,
    size="160x160",
    crop="0,68,320,320",  # without the score
    record_s=600.0,
    score="points won less points lost, to 21",
    bar=15.0,
    max_frames=18000,
    zoom=2,
)

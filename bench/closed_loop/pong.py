"""Atari's Pong, 60 frames a second: W up, S down, or none. Where the ball goes cannot be seen in one frame.

Its episodes are games to 21. The machine plays the same game every time that it is played alike, so each seed begins
with a second or two of other moves.
"""

from typing import Any

import gymnasium as gym

from bench.closed_loop.game import Disturbed, Env, Game, Opening

FPS = 60
UP, DOWN, NONE = "w", "s", ""

# The console's memory, as is known of this cartridge; what it holds is on the screen, in pixels of the picture.
BALL_X, BALL_Y, PADDLE_Y = 49, 54, 51
WALLS = (44, 207)  # between these the middle of the ball goes up and down
REACH_X = 188  # where it meets the paddle; it flies one pixel a frame
PADDLE_MIDDLE = 7  # from PADDLE_Y
PADDLE_LIMITS = (38, 203)  # of PADDLE_Y
GLIDE = 6  # the paddle goes so far for each frame that a key is held, the way it glides included

DECISION_FRAMES = 2  # decides on every second frame, as an agent does, from it and the one seen before
AHEAD = 38  # of BALL_X: it follows where the ball will be so much later, or comes in
HOME, NEAR_HOME = 118, 30  # of PADDLE_Y: where it waits while the ball is away
FAR = 16.6  # so far from where it should be, a key is held
STILL_TO_COME = 1.07  # of the distance between two decisions: so far a paddle goes on when its key is let go
OFF = 8.35  # nearer than that is near enough: the shortest press moves the paddle by 12
LOOKS, EACH = range(100, 174), 12  # of BALL_X: from there to there the paddle is put right once in so many pixels


def aim(y: float, speed: float) -> float:
    """How far under the paddle's middle to meet a ball that comes in at `y`, `speed` pixels a frame down.

    An end of the paddle sends it back so steep that the machine is late for it, and the end that a steep ball comes
    towards has the most room: it is hit when the ball is still beside it. These are a little nearer the middle than
    is best, since who misses loses the point and who returns the ball gets another chance.
    """
    if y > 166:  # nothing from there is too steep for the machine
        return 0
    if speed < 0:
        return 8.5 if speed <= -2 else 5
    if speed == 0:
        return 4
    if y < 126:  # the machine reaches whatever goes up from there
        return -1 if y < 80 else 3
    return -9.5 if speed >= 2 else -7


class PongPlayer:
    """Follows the ball as it comes, a little ahead of it, and puts the paddle right by short presses.

    What it does follows from two pictures, 1/30 s apart, alone. It could know where the ball will come in as soon as
    it comes; then the paddle would stand there for most of the time, and an agent would learn that a paddle that
    stands is to stand. A press shows some frames late, so that short ones are decided on where the ball is at
    certain columns only: each has been seen to its end before the next.
    """

    def __init__(self, ale: Any, fps: float, reaction_s: float) -> None:
        self._ale = ale.ale
        self._seen: list[tuple[int, int, int]] = []
        self._held = 0
        self._frame = 0
        self._late = round(reaction_s * fps)
        self._under_way = [0] * self._late  # its keys of the last frames, where they take effect late

    def keys(self, *, running: bool) -> frozenset[str]:
        memory = self._ale.getRAM()
        if self._frame % DECISION_FRAMES == 0:
            self._seen = [*self._seen[-1:], (int(memory[BALL_X]), int(memory[BALL_Y]), int(memory[PADDLE_Y]))]
            self._held = self._decide() if len(self._seen) == 2 else 0
        self._frame += 1
        self._under_way = [*self._under_way, self._held][1:] if self._late else []
        return frozenset((NONE, DOWN, UP)[self._held])

    def _decide(self) -> int:
        """1 to go down, -1 up, 0 neither."""
        (x_before, y_before, paddle_before), (x, y, paddle_y) = self._seen
        if not (y_before and y):  # no ball
            return 0
        coming = x - x_before == DECISION_FRAMES and x < REACH_X - DECISION_FRAMES
        if not coming and x_before - x != DECISION_FRAMES:
            return 0
        wanted = self._where_to_be(x, y, (y - y_before) / DECISION_FRAMES) if coming else HOME
        low, high = PADDLE_LIMITS
        to_go = min(high, max(low, wanted)) - paddle_y - GLIDE * sum(self._under_way)
        moved = paddle_y - paddle_before
        far, left = (FAR if coming else NEAR_HOME), to_go - STILL_TO_COME * moved
        if abs(left) > far and abs(to_go) > 0.2 * far:
            return 1 if left > 0 else -1
        column = x + self._late
        if coming and column in LOOKS and (column - LOOKS.start) % EACH < DECISION_FRAMES and abs(to_go - moved) > OFF:
            return 1 if to_go > moved else -1
        return 0

    def _where_to_be(self, x: int, y: int, speed: float) -> float:
        """For a ball that falls `speed` pixels a frame."""
        end = y + speed * min(AHEAD, REACH_X - x)
        top, bottom = WALLS
        while not top <= end <= bottom:
            end, speed = (2 * top if end < top else 2 * bottom) - end, -speed
        return end - PADDLE_MIDDLE - aim(end, speed)


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

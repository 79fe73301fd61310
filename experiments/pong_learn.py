"""Learns the player of Pong by reinforcement: `python -m experiments.pong_learn OUT.npz [--minutes 26]`.

Proximal policy optimisation (Schulman et al. 2017) on what `pong.features` tells, for two processes of 32 courts each.
What counts is not how it is learned but what it is learned under: noise on the positions, keys that come one to three
frames late, wrong keys.
"""

import argparse
import math
import multiprocessing
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Floats, Ints
from agent.errors import TwoframeError, raise_if_any, run_command, usage
from bench.table import files_without_place, parser_of
from games.atari.console import DECISION_FRAMES, FPS, OPENING_SPELL, SEEN, LateKeys
from games.atari.pong import OPENING_FRAMES, features, network, positions

CODES = (0, 3, 4)  # of the console: nothing, up, down
COURTS, PROCESSES = 32, 2
STEPS = 128  # decisions of a court between two updates
UPDATES, BATCH, CLIP = 4, 1024, 0.2
TRACE = 0.95  # of generalised advantage estimation (Schulman et al. 2016)
HIDDEN = 64
NOISE = 1.0  # standard deviation of what is told of the positions, pixels
LATE_FRAMES = (1, 2, 2, 3)  # from a picture to its keys: as the player's own, and later, as those are who learn from it
WRONG_FRAMES = (12, 36)  # for which a wrong key is held
DECISIONS_A_MINUTE = 60 * FPS // DECISION_FRAMES
MOST_FRAMES = 18000
HIT_FROM = 160  # of where the ball is across: who sends the ball back from there is the player
FIRST_SEED = 1000  # of the courts


@dataclass(frozen=True, slots=True)
class Stage:
    """What is learned under for `share` of the time, with rewards besides the points."""

    share: float
    wrong: float
    """Wrong keys a minute."""
    hit: float
    """For sending the ball back: without it nothing is learned at first."""
    change: float
    """Off for each decision that is another than the last."""
    discount: float
    entropy: float
    rate: float
    """Of learning, at first; at the end a tenth of it."""


STAGES = (
    Stage(0.20, wrong=15, hit=0.3, change=0, discount=0.99, entropy=0.01, rate=5e-4),
    Stage(0.32, wrong=15, hit=0, change=0, discount=0.995, entropy=0.008, rate=1e-3),
    Stage(0.48, wrong=6, hit=0, change=0.002, discount=0.99, entropy=0.005, rate=1e-3),
)


class Court:
    """A game of its own, played decision by decision. Begun anew when it is over."""

    def __init__(self, seed: int, stage: Stage) -> None:
        import ale_py

        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self._ale = ale_py.ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._ale.setInt("frame_skip", 1)
        self._ale.loadROM(ale_py.roms.get_rom_path("pong"))
        self._random = np.random.default_rng(seed)
        self._stage = stage
        self._begin()

    def told(self) -> Floats:
        """(11,), as `pong.features` has it."""
        return features(self._seen[-1], self._seen[0])

    def step(self, action: int) -> tuple[float, bool]:
        """The reward of one decision, 0 for nothing, 1 up, 2 down; and whether the game is over."""
        stage = self._stage
        self._wrong_for -= DECISION_FRAMES
        if self._wrong_for <= 0 and self._random.random() < stage.wrong / DECISIONS_A_MINUTE:
            self._wrong_for = int(self._random.integers(*WRONG_FRAMES))
            self._wrong = int(self._random.integers(len(CODES)))
        pressed = self._wrong if self._wrong_for > 0 else action
        self._keys.decide(pressed, int(self._random.choice(LATE_FRAMES)))
        points = float(sum(self._ale.act(CODES[self._keys.next()]) for _ in range(DECISION_FRAMES)))
        changed, self._decided = action != self._decided, action
        self._frame += DECISION_FRAMES
        seen = positions(self._ale.getRAM())
        reward = points - stage.change * changed + stage.hit * self._sent_back(seen[0])
        over = bool(self._ale.game_over()) or self._frame >= MOST_FRAMES
        if over:
            self._begin()
        else:
            self._see(seen)
        return reward, over

    def _begin(self) -> None:
        self._ale.reset_game()
        for frame in range(int(self._random.integers(*OPENING_FRAMES))):
            if frame % OPENING_SPELL == 0:
                action = CODES[int(self._random.integers(len(CODES)))]
            self._ale.act(action)
        self._seen: deque[Floats] = deque(maxlen=SEEN)
        self._keys = LateKeys(0, max(LATE_FRAMES))
        self._decided = self._wrong = self._wrong_for = self._frame = 0
        self._ball, self._came = np.float32(0), False
        self._see(positions(self._ale.getRAM()))

    def _see(self, seen: Floats) -> None:
        noisy = seen + self._random.normal(0, NOISE, seen.shape)
        self._seen.append(np.where(seen > 0, noisy, 0).astype(np.float32))

    def _sent_back(self, ball: np.float32) -> bool:
        """Whether the ball, so far across, 0 without one, has just turned at the player."""
        back = self._came and self._ball > HIT_FROM and 0 < ball < self._ball
        self._came, self._ball = bool(0 < self._ball < ball), ball
        return bool(back)


def courts(pipe: Connection, first_seed: int, stage: Stage) -> None:
    """A process: actions in, (told, rewards, overs) out. Ends with who asks."""
    games = [Court(first_seed + n, stage) for n in range(COURTS)]
    with suppress(EOFError, ConnectionError):
        pipe.send(np.stack([game.told() for game in games]))
        while (actions := pipe.recv()) is not None:
            results = [game.step(int(action)) for game, action in zip(games, actions, strict=True)]
            rewards, overs = (np.array(column, np.float32) for column in zip(*results, strict=True))
            pipe.send((np.stack([game.told() for game in games]), rewards, overs))


@dataclass(slots=True)
class Play:
    """What came of `STEPS` decisions, each array (STEPS, courts, ...)."""

    told: Floats
    actions: Ints
    log_chances: Floats
    values: Floats
    rewards: Floats
    overs: Floats


class Hall:
    """All courts, in their processes."""

    def __init__(self, stage: Stage) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes = []
        for n in range(PROCESSES):
            ours, theirs = spawn.Pipe()
            process = spawn.Process(target=courts, args=(theirs, FIRST_SEED + n * COURTS, stage), daemon=True)
            process.start()
            theirs.close()  # or the end of the process would not be seen
            self._pipes.append(ours)
            self._processes.append(process)
        self.told: Floats = np.concatenate([pipe.recv() for pipe in self._pipes])

    def play(self, actor: Any, critic: Any, random: np.random.Generator) -> Play:
        rows = []
        for _ in range(STEPS):
            log_chances = log_softmax(network(self.told, actor))
            drawn = (log_chances + random.gumbel(size=log_chances.shape)).argmax(axis=-1)
            taken = np.take_along_axis(log_chances, drawn[:, None], axis=-1)[:, 0]
            values = network(self.told, critic)[:, 0]
            for pipe, actions in zip(self._pipes, np.split(drawn, PROCESSES), strict=True):
                pipe.send(actions)
            told, rewards, overs = (
                np.concatenate(parts) for parts in zip(*(pipe.recv() for pipe in self._pipes), strict=True)
            )
            rows.append((self.told, drawn, taken, values, rewards, overs))
            self.told = told
        return Play(*(np.stack(column) for column in zip(*rows, strict=True)))

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.send(None)
        for process in self._processes:
            process.join()


def log_softmax(scores: Floats) -> Floats:
    scores = scores - scores.max(axis=-1, keepdims=True)
    logs: Floats = scores - np.log(np.exp(scores).sum(axis=-1, keepdims=True))
    return logs


def advantages(play: Play, after: Floats, discount: float) -> Floats:
    """Generalised advantage estimation, (STEPS, courts); `after` is the value of what comes after the last decision.

    What is at stake ends with each point.
    """
    found = np.zeros_like(play.rewards)
    running = np.zeros_like(after)
    for step in reversed(range(STEPS)):
        goes_on = (1 - play.overs[step]) * (np.abs(play.rewards[step]) < 0.5)
        following = after if step == STEPS - 1 else play.values[step + 1]
        error = play.rewards[step] + discount * following * goes_on - play.values[step]
        running = error + discount * TRACE * goes_on * running
        found[step] = running
    return found


def stage_learned(stage: Stage, seconds: float, actor: Any, critic: Any) -> tuple[Any, Any]:
    """Actor and critic, as `pong.layers` has a network, after so long; tells how it goes."""
    import tensorflow as tf

    variables = [[(tf.Variable(w), tf.Variable(b)) for w, b in part] for part in (actor, critic)]
    flat = [variable for part in variables for pair in part for variable in pair]
    optimizer = tf.keras.optimizers.Adam(stage.rate, epsilon=1e-5, global_clipnorm=0.5)
    optimizer.build(flat)

    def through(told: Any, part: Any) -> Any:
        for n, (weights, biases) in enumerate(part):
            told = (tf.tanh(told) if n else told) @ weights + biases
        return told

    @tf.function  # type: ignore[untyped-decorator]
    def update(told: Any, actions: Any, before: Any, advantage: Any, returns: Any, entropy_weight: Any) -> None:
        with tf.GradientTape() as tape:
            logs = tf.nn.log_softmax(through(told, variables[0]))
            ratio = tf.exp(tf.gather(logs, actions, batch_dims=1) - before)
            clipped = tf.clip_by_value(ratio, 1 - CLIP, 1 + CLIP)
            gain = tf.reduce_mean(tf.minimum(ratio * advantage, clipped * advantage))
            entropy = -tf.reduce_mean(tf.reduce_sum(tf.exp(logs) * logs, axis=-1))
            wrong = tf.reduce_mean(tf.square(through(told, variables[1])[:, 0] - returns))
            loss = 0.5 * wrong - gain - entropy_weight * entropy
        optimizer.apply_gradients(zip(tape.gradient(loss, flat), flat, strict=True))

    random = np.random.default_rng(0)
    hall = Hall(stage)
    begun_s = told_s = time.monotonic()
    won = lost = 0
    while (passed := (time.monotonic() - begun_s) / seconds) < 1:
        optimizer.learning_rate.assign(stage.rate * (1 - 0.9 * passed))
        actor, critic = values_of(variables)
        play = hall.play(actor, critic, random)
        advantage = advantages(play, network(hall.told, critic)[:, 0], stage.discount)
        returns = advantage + play.values
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        rows = [
            each.reshape(-1, *each.shape[2:])
            for each in (play.told, play.actions, play.log_chances, advantage, returns)
        ]
        for _ in range(UPDATES):
            for batch in batches(len(rows[0]), random):
                update(
                    *(tf.constant(each[batch]) for each in rows), tf.constant(stage.entropy * (1 - passed), tf.float32)
                )
        won += int((play.rewards > 0.5).sum())
        lost += int((play.rewards < -0.5).sum())
        if time.monotonic() - told_s > 30:
            print(f"{time.monotonic() - begun_s:.0f} s: points won {won}, lost {lost}", flush=True)
            told_s, won, lost = time.monotonic(), 0, 0
    hall.close()
    actor, critic = values_of(variables)
    return actor, critic


def values_of(networks: Any) -> Any:
    """Each as `pong.layers` has it."""
    return [[(weights.numpy(), biases.numpy()) for weights, biases in each] for each in networks]


def batches(count: int, random: np.random.Generator) -> Iterator[Ints]:
    yield from np.split(random.permutation(count), range(BATCH, count, BATCH))


def fresh(outputs: int, random: np.random.Generator) -> Any:
    """A network that says next to nothing."""
    sizes = (11, HIDDEN, HIDDEN, outputs)
    made = [
        (random.normal(0, inputs**-0.5, (inputs, units)).astype(np.float32), np.zeros(units, np.float32))
        for inputs, units in pairwise(sizes)
    ]
    return [*made[:-1], (made[-1][0] * np.float32(0.1), made[-1][1])]


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.npz", help="written after each stage")
    parser.add_argument("--minutes", type=float, default=26.0, metavar="M", help="of all stages (default 26)")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `UsageError`, and `TwoframeError` if a process with courts dies."""
    problems = files_without_place(options.out)
    if not 0 < options.minutes < math.inf:
        problems.append(f"--minutes: found {options.minutes:g}, expected more than 0")
    with usage():
        raise_if_any(problems)
    random = np.random.default_rng(0)
    actor, critic = fresh(len(CODES), random), fresh(1, random)
    for stage in STAGES:
        print(stage, flush=True)
        try:
            actor, critic = stage_learned(stage, stage.share * options.minutes * 60, actor, critic)
        except (EOFError, ConnectionError):
            raise TwoframeError(
                "courts: found one of their processes dead, expected it to play on; "
                f"{options.out} is as it was before this stage"
            ) from None
        kept = {
            f"{part}{n}": each.astype(np.float16)
            for n, layer in enumerate(actor)
            for part, each in zip("wb", layer, strict=True)
        }
        np.savez_compressed(options.out, **kept)  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main())

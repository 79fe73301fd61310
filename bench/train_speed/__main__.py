"""How quickly `train` learns, and whether it learns as much per sample: `python -m bench.train_speed`.

The loop of `train` (runs of consecutive frames, what a frame gives computed once, no gradient through the earlier
frame's features, of `compact` one strand of the step for each core) beside the plain Keras way (`model.fit` of
shuffled two-frame windows from an in-memory tf.data pipeline with prefetch), in turn, each in a process of its own,
with the same network, first weights, optimiser and batch, on a recording of the scripted driver. Then a whole epoch
of both, of `train` with its validation; the validation loss of both after the same number of samples, for three seeds;
and the share of what a core can do that each layer uses. PyTorch beside it where it is installed
(`pip install -c constraints.txt -e '.[bench]'`).

It takes about half an hour on two cores; `--speed-only --encoders alexnet --sizes 160x120` some minutes. What a
processor of another kind does: ONEDNN_MAX_CPU_ISA=AVX2 (or AVX, SSE41) before the command.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from agent.errors import TwoframeError, run_command
from bench.table import Bench, bench_options, show_all
from bench.train_speed.ways import BATCH
from games.car3 import GAME
from games.lockstep_record import record

ENCODERS = ("alexnet", "compact")
SIZES = ("160x120", "80x84")
WAYS = ("train", "model.fit")


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: frames recorded, steps in a turn, turns, samples for the loss, seeds."""

    frames: int
    steps: dict[str, int]
    turns: int
    samples: int
    seeds: int


FULL = Scale(1200, {"alexnet": 12, "compact": 60}, 5, 3200, 3)
QUICK = Scale(400, {"alexnet": 3, "compact": 20}, 2, 320, 1)


class Trainer:
    """A process of `bench.train_speed.ways`."""

    def __init__(self, process: subprocess.Popen[str], complaints: IO[str]) -> None:
        self._process = process
        self._complaints = complaints

    def __call__(self, order: str) -> Any:
        assert self._process.stdin and self._process.stdout
        print(order, file=self._process.stdin, flush=True)
        if answer := self._process.stdout.readline():
            return json.loads(answer)
        self._complaints.seek(0)
        raise TwoframeError(f"bench.train_speed.ways: found an end instead of an answer: {self._complaints.read()}")


@contextmanager
def trainer(way: str, encoder: str, recording: Path, size: str, seed: int = 0) -> Iterator[Trainer]:
    command = [sys.executable, "-m", "bench.train_speed.ways", way, encoder, str(recording), size, str(seed)]
    with tempfile.TemporaryFile("w+") as said:  # TensorFlow talks a lot
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        ) as process:
            yield Trainer(process, said)


def speed(encoder: str, size: str, recording: Path, scale: Scale) -> list[dict[str, Any]]:
    """Both ways in turn."""
    samples = scale.steps[encoder] * BATCH
    with ExitStack() as stack:
        ways = {way: stack.enter_context(trainer(way, encoder, recording, size)) for way in WAYS}
        for go in ways.values():
            go(f"samples {2 * BATCH}")
        found: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(scale.turns):
            for way, go in ways.items():
                found[way].append(samples / go(f"samples {samples}"))
        for way, go in ways.items():
            go("epoch")  # whatever an epoch needs beyond steps is compiled now
            times = [go("epoch") for _ in range(1 if encoder == "alexnet" else min(scale.turns, 3))]
            found[f"{way}, whole epoch"] = [windows / seconds for seconds, windows in times]
    plain, plain_epoch = found["model.fit"], found["model.fit, whole epoch"]
    rows = [_row(encoder, size, way, speeds, plain_epoch if "epoch" in way else plain) for way, speeds in found.items()]
    if (encoder, size) == ("alexnet", "160x120") and (steps := _pytorch(scale.steps[encoder])):
        rows.append(_row(encoder, size, "PyTorch", [BATCH / step_s for step_s in steps], plain))
    return rows


def _row(encoder: str, size: str, way: str, speeds: Sequence[float], plain: Sequence[float]) -> dict[str, Any]:
    return {
        "network": encoder,
        "size": size,
        "way": way,
        "samples/s, median": statistics.median(speeds),
        "least": min(speeds),
        "most": max(speeds),
        "times model.fit": statistics.median(speeds) / statistics.median(plain),
    }


def _pytorch(steps: int) -> list[float]:
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: pip install -c constraints.txt -e '.[bench]'", file=sys.stderr)
        return []
    command = [sys.executable, "-m", "bench.train_speed.torch_alexnet", str(steps), str(BATCH)]
    return [float(step_s) for step_s in json.loads(subprocess.run(command, check=True, capture_output=True).stdout)]


def losses(recording: Path, scale: Scale) -> list[dict[str, Any]]:
    """The validation loss after the same samples, both ways, for some seeds."""
    rows = []
    for encoder in ENCODERS:
        found: dict[str, list[float]] = {"train": [], "train at a constant rate": [], "model.fit": []}
        for seed in range(scale.seeds):
            for way, values in found.items():
                rate = "falling" if way == "train" else "constant"
                with trainer(way.split()[0], encoder, recording, "160x120", seed) as go:
                    values.append(go(f"loss {scale.samples} {rate}"))
                print(f"{encoder}, seed {seed}, {way}: {values[-1]:.3f} after {scale.samples} samples", flush=True)
        rows += [
            {
                "network": encoder,
                "way": way,
                "samples": scale.samples,
                "seeds": len(values),
                "validation loss, mean": statistics.mean(values),
                "least": min(values),
                "most": max(values),
            }
            for way, values in found.items()
        ]
    return rows


def step_share(recording: Path, epochs: int) -> list[dict[str, Any]]:
    """The share of the loop's time that `compact` spends in the compiled step, in the loop that `train` runs."""
    with trainer("train", "compact", recording, "160x120") as go:
        _, *shares = go(f"share {epochs + 1}")  # the first epoch compiles
    return [
        {
            "network": "compact",
            "share of the time in the step, median": statistics.median(shares),
            "least": min(shares),
            "epochs": len(shares),
        }
    ]


def layers(size: str) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "bench.train_speed.layers", *size.split("x")]
    return [
        {"size": size, **row} for row in json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(argv))


def add_parts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--speed-only", action="store_true", help="samples a second alone, the first of the tables")
    parser.add_argument("--encoders", nargs="+", choices=ENCODERS, default=ENCODERS, help="whose speed to measure")
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=SIZES, help="of the frames, there")


def run(argv: Sequence[str] | None) -> int:
    options = bench_options(__doc__, argv, add_parts)
    scale = QUICK if options.quick else FULL
    conditions = f"gray, two frames, batch {BATCH}, instructions {os.environ.get('ONEDNN_MAX_CPU_ISA', 'as there are')}"
    with tempfile.TemporaryDirectory() as room:
        print(f"recording {scale.frames} frames of the scripted driver ...", flush=True)
        recording = record(GAME, Path(room) / "drive", scale.frames / GAME.record_fps, disturbed=True, size="160x120")
        rows = [
            row
            for encoder in options.encoders
            for size in options.sizes
            for row in speed(encoder, size, recording, scale)
        ]
        benches = [Bench("training speed", f"{conditions}, {scale.turns} turns of each way", rows)]
        if not options.speed_only:
            shares = step_share(recording, 2 if options.quick else 5)
            after = losses(recording, scale)
            benches += [
                Bench("the loop around the step", conditions, shares),
                Bench("after the same samples", f"160x120, {conditions}, no augmentation", after),
                Bench("of what one core can do", conditions, [row for size in SIZES for row in layers(size)]),
            ]
    show_all(benches, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

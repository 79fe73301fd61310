"""How quickly `train` learns, and whether it learns as much per sample: `python -m bench.train_speed`.

The loop of `train` (runs of consecutive frames, each encoded once, gathered by a thread of its own) beside the plain
Keras way (`model.fit` of shuffled two-frame windows from an in-memory tf.data pipeline with prefetch), in turn in one
process, with the same network, first weights, optimiser and batch, on a recording of the scripted driver. Then the
validation loss of both after the same number of samples, for three seeds. PyTorch beside it where it is installed
(`pip install -c constraints.txt -e '.[bench]'`).
"""

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.table import Bench, bench_options, show_all
from games.car3 import GAME
from games.lockstep_record import record
from train.dataset.batches import Augmentation, Batch, Batches, ahead
from train.fitting.fit import Fitting, Plan, judge, learning_rate_share
from train.fitting.history import History
from train.options import TrainOptions
from train.prepared_dataset import PreparedDataset, prepare_dataset
from train.quiet import quieten_tensorflow

BATCH = 32
RUN = TrainOptions((Path("any"),), Path("any")).run


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is done: frames recorded, steps in a turn, turns, samples for the loss, seeds."""

    frames: int
    steps: dict[str, int]
    turns: int
    samples: int
    seeds: int


FULL = Scale(2400, {"alexnet": 12, "compact": 60}, 5, 3200, 3)
QUICK = Scale(400, {"alexnet": 3, "compact": 20}, 2, 320, 1)


class Trainer:
    """One network with both ways to train it."""

    def __init__(self, encoder: str, prepared: PreparedDataset, seed: int) -> None:
        import keras

        from train.encoders import RECIPES
        from train.fitting.learner import Learner
        from train.model import build_network

        keras.utils.set_random_seed(seed)
        shape = prepared.dataset.frame.shape
        self.network = build_network(
            encoder, shape, frames=2, actions=3, mean=prepared.mean, deviation=prepared.deviation
        )
        recipe = RECIPES[encoder]
        rate = recipe.learning_rate
        self.learner = Learner(self.network, recipe.optimizer(rate), rate, recipe.clip_norm)
        optimizer = recipe.optimizer(rate)
        optimizer.global_clipnorm = recipe.clip_norm
        self.network.model.compile(optimizer, "sparse_categorical_crossentropy")
        self.prepared, self.seed = prepared, seed
        self.weights = np.ones(len(prepared.dataset), np.float32)

    def batches(self, part: str = "training") -> Batches:
        stretches = getattr(self.prepared.split, part)
        return Batches(self.prepared.dataset, stretches, self.weights, frames=2, run_frames=RUN, batch_windows=BATCH)

    def endless(self) -> Iterator[Batch]:
        batches, epoch = self.batches(), 0
        while True:
            epoch += 1
            yield from batches.shuffled([self.seed, epoch], Augmentation())

    def ours(self, batches: Iterator[Batch], samples: int, *, scheduled: bool = False) -> float:
        """Learn from so many samples, `scheduled` with the rates that `train` would use; the seconds it took."""
        begun_s, seen = time.perf_counter(), 0
        while seen < samples:
            batch = next(batches)
            self.learner.train(batch, learning_rate_share(seen / samples) if scheduled else 1.0)
            seen += batch.windows
        return (time.perf_counter() - begun_s) * samples / seen

    def plain_pipeline(self) -> Any:
        """Shuffled windows (2, H, W, C) with their labels, as a tutorial has it."""
        import tensorflow as tf

        dataset, ends = self.prepared.dataset, self.prepared.training
        frames = np.concatenate([np.asarray(source) for source in dataset.sources])
        windows = np.stack([frames[ends - 1], frames[ends]], axis=1)
        pipeline = tf.data.Dataset.from_tensor_slices((windows, dataset.labels[ends]))
        return pipeline.shuffle(len(ends), seed=self.seed).repeat().batch(BATCH).prefetch(tf.data.AUTOTUNE)

    def plain(self, pipeline: Any, samples: int) -> float:
        begun_s = time.perf_counter()
        self.network.model.fit(pipeline, epochs=1, steps_per_epoch=samples // BATCH, verbose=0)
        return time.perf_counter() - begun_s

    def validation_loss(self) -> float:
        return judge(self.learner, self.prepared.dataset, self.batches("validation")).loss


class Timed:
    """A learner that measures how long it is in the compiled step."""

    def __init__(self, learner: Any) -> None:
        self._learner = learner
        self.in_step_s = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._learner, name)

    def train(self, *arguments: Any, **named: Any) -> Any:
        begun_s = time.perf_counter()
        try:
            return self._learner.train(*arguments, **named)
        finally:
            self.in_step_s += time.perf_counter() - begun_s


def speed(encoder: str, prepared: PreparedDataset, scale: Scale) -> list[dict[str, Any]]:
    """Both ways in turn."""
    trainer = Trainer(encoder, prepared, seed=0)
    batches, pipeline = ahead(trainer.endless()), trainer.plain_pipeline()
    samples = scale.steps[encoder] * BATCH
    trainer.ours(batches, 2 * BATCH)
    trainer.plain(pipeline, 2 * BATCH)
    ours, plain = [], []
    for _ in range(scale.turns):
        ours.append(samples / trainer.ours(batches, samples))
        plain.append(samples / trainer.plain(pipeline, samples))
    batches.close()
    rows = [_row(encoder, "train", ours, plain), _row(encoder, "model.fit", plain, plain)]
    if encoder == "alexnet" and (steps := _pytorch(scale.steps[encoder])):
        rows.append(_row(encoder, "PyTorch", [BATCH / step_s for step_s in steps], plain))
    return rows


def _row(encoder: str, way: str, speeds: Sequence[float], plain: Sequence[float]) -> dict[str, Any]:
    return {
        "network": encoder,
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
    command = [sys.executable, "-m", "bench.torch_alexnet", str(steps), str(BATCH)]
    return [float(step_s) for step_s in json.loads(subprocess.run(command, check=True, capture_output=True).stdout)]


def losses(prepared: PreparedDataset, scale: Scale) -> list[dict[str, Any]]:
    """AlexNet's validation loss after the same samples, both ways, for some seeds."""
    found: dict[str, list[float]] = {"train": [], "train at a constant rate": [], "model.fit": []}
    for seed in range(scale.seeds):
        for way, values in found.items():
            trainer = Trainer("alexnet", prepared, seed)
            if way.startswith("train"):
                batches = ahead(trainer.endless())
                trainer.ours(batches, scale.samples, scheduled=way == "train")
                batches.close()
            else:
                trainer.plain(trainer.plain_pipeline(), scale.samples)
            values.append(trainer.validation_loss())
            print(f"seed {seed}, {way}: validation loss {values[-1]:.3f} after {scale.samples} samples", flush=True)
    return [
        {
            "way": way,
            "samples": scale.samples,
            "seeds": len(values),
            "validation loss, mean": statistics.mean(values),
            "least": min(values),
            "most": max(values),
        }
        for way, values in found.items()
    ]


def step_share(prepared: PreparedDataset, epochs: int) -> list[dict[str, Any]]:
    """The share of the loop's time that `compact` spends in the compiled step, in the loop that `train` runs."""
    trainer = Trainer("compact", prepared, seed=0)
    timed = Timed(trainer.learner)
    plan = Plan(
        epochs + 1,
        99,
        float("inf"),
        0,
        TrainOptions((Path("any"),), Path("any")).augmentation(prepared.dataset.actions),
    )
    history = History()
    shares: list[float] = []

    class Watch:
        def begin_epoch(self, number: int, steps: int, done: int) -> None:
            timed.in_step_s = 0.0

        def end_step(self, loss: float) -> None:
            self.share = timed.in_step_s / history.epoch_s

        def end_epoch(self, epoch: Any) -> None:
            shares.append(self.share)

    Fitting(
        timed,  # type: ignore[arg-type]
        prepared.dataset,
        trainer.batches(),
        trainer.batches("validation"),
        plan,
        history,
        observers=[Watch()],
    ).run()
    of_all = shares[1:]  # the first epoch compiles
    return [
        {
            "network": "compact",
            "share of the time in the step, median": statistics.median(of_all),
            "least": min(of_all),
            "epochs": len(of_all),
        }
    ]


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    scale = QUICK if options.quick else FULL
    quieten_tensorflow()
    with tempfile.TemporaryDirectory() as room:
        print(f"recording {scale.frames} frames of the scripted driver ...", flush=True)
        record(GAME, Path(room) / "drive", scale.frames / GAME.record_fps, disturbed=True, size="160x120")
        prepared = prepare_dataset(TrainOptions((Path(room) / "drive",), Path(room) / "policy"), Path(room))
        rows = [row for encoder in ("alexnet", "compact") for row in speed(encoder, prepared, scale)]
        shares = step_share(prepared, 2 if options.quick else 5)
        after = losses(prepared, scale)
    conditions = f"160x120 gray, two frames, batch {BATCH}"
    benches = [
        Bench("training speed", f"{conditions}, {scale.turns} turns of each way", rows),
        Bench("the loop around the step", conditions, shares),
        Bench("AlexNet after the same samples", f"{conditions}, no augmentation", after),
    ]
    show_all(benches, options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

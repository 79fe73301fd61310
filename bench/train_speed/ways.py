"""A process that trains one network in one way, whenever it is told to: a way's threads are its process's own.

`python -m bench.train_speed.ways WAY ENCODER RECORDING SIZE SEED` reads a line from its input for each order and
answers with a line of JSON: `samples N` (the seconds they took), `epoch` (seconds and windows), `loss N RATE` (the
validation loss after so many samples at a learning rate that is `falling`, as in `train`, or `constant`), `share N` (of
the time of N epochs that was spent in the compiled step).
"""

import json
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from train.dataset.batches import Augmentation, Batch, Batches, ahead, sizes_to_judge
from train.fitting.fit import Fitting, Plan, judge, learning_rate_share
from train.fitting.history import History
from train.options import TrainOptions
from train.prepared_dataset import PreparedDataset, prepare_dataset
from train.quiet import quieten_tensorflow

BATCH = 32
RUN = TrainOptions((Path("any"),), Path("any")).run


class Way(ABC):
    """One network with one way to train it; the same first weights and optimiser in all ways."""

    def __init__(self, encoder: str, prepared: PreparedDataset, seed: int) -> None:
        import keras

        from train.encoders import RECIPES
        from train.model import build_network

        keras.utils.set_random_seed(seed)
        self.prepared, self.seed = prepared, seed
        self.weights = np.ones(len(prepared.dataset), np.float32)
        self.recipe = RECIPES[encoder]
        self.network = build_network(
            encoder,
            prepared.dataset.frame.shape,
            frames=2,
            actions=3,
            mean=prepared.mean,
            deviation=prepared.deviation,
        )

    @abstractmethod
    def samples(self, count: int) -> float:
        """Learn from so many windows; the seconds it took."""

    @abstractmethod
    def epoch(self) -> tuple[float, int]:
        """Learn from every window once: the seconds it took, and how many there were."""

    @abstractmethod
    def loss(self, samples: int, *, scheduled: bool) -> float:
        """The validation loss after so many samples."""

    def batches(self) -> Batches:
        dataset, stretches = self.prepared.dataset, self.prepared.split.training
        return Batches(dataset, stretches, self.weights, frames=2, run_frames=RUN, batch_windows=BATCH)

    def judging(self) -> Batches:
        dataset, stretches = self.prepared.dataset, self.prepared.split.validation
        return Batches(dataset, stretches, self.weights, frames=2, **sizes_to_judge(2, BATCH))

    def learner(self, strands: int) -> Any:
        from train.fitting.learner import Learner

        rate = self.recipe.learning_rate
        return Learner(self.network, self.recipe.optimizer(rate), rate, self.recipe.clip_norm, strands=strands)


class Train(Way):
    """The loop of `train`: runs of consecutive frames gathered by a thread of its own."""

    def __init__(self, encoder: str, prepared: PreparedDataset, seed: int) -> None:
        from train.fitting.cluster import cluster
        from train.training import start_tensorflow, strands

        start_tensorflow(TrainOptions((Path("any"),), Path("any"), encoder=encoder), cluster())
        super().__init__(encoder, prepared, seed)
        self._learner = self.learner(strands())
        self._batches = ahead(self._endless())

    def _endless(self) -> Iterator[Batch]:
        batches, epoch = self.batches(), 0
        while True:
            epoch += 1
            yield from batches.shuffled([self.seed, epoch], Augmentation())

    def _learn(self, samples: int, *, scheduled: bool) -> float:
        begun_s, seen = time.perf_counter(), 0
        while seen < samples:
            batch = next(self._batches)
            self._learner.train(batch, learning_rate_share(seen / samples) if scheduled else 1.0)
            seen += batch.windows
        return (time.perf_counter() - begun_s) * samples / seen

    def samples(self, count: int) -> float:
        return self._learn(count, scheduled=False)

    def epoch(self) -> tuple[float, int]:
        """With its validation."""
        begun_s = time.perf_counter()
        self._fit(self._learner, 1)
        return time.perf_counter() - begun_s, len(self.prepared.training)

    def loss(self, samples: int, *, scheduled: bool) -> float:
        self._learn(samples, scheduled=scheduled)
        return judge(self._learner, self.prepared.dataset, self.judging()).loss

    def share(self, epochs: int) -> list[float]:
        """Of the time of each epoch, what was spent in the compiled step."""
        timed = Timed(self._learner)
        shares: list[float] = []

        class Watch:
            def begin_epoch(self, number: int, steps: int, done: int) -> None:
                timed.in_step_s = 0.0
                self.begun_s = time.perf_counter()

            def end_step(self, loss: float) -> None:
                self.share = timed.in_step_s / (time.perf_counter() - self.begun_s)

            def end_epoch(self, epoch: Any) -> None:
                shares.append(self.share)

        self._fit(timed, epochs, [Watch()])
        return shares

    def _fit(self, learner: Any, epochs: int, observers: Any = ()) -> None:
        options = TrainOptions((Path("any"),), Path("any"))
        plan = Plan(epochs, 99, float("inf"), 0, options.augmentation(self.prepared.dataset.actions))
        dataset, judged = self.prepared.dataset, self.judging()
        Fitting(learner, dataset, self.batches(), judged, plan, History(), observers=observers).run()


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


class ModelFit(Way):
    """Plain Keras, as a tutorial has it: `model.fit` of shuffled windows from an in-memory tf.data pipeline."""

    def __init__(self, encoder: str, prepared: PreparedDataset, seed: int) -> None:
        super().__init__(encoder, prepared, seed)
        optimizer = self.recipe.optimizer(self.recipe.learning_rate)
        optimizer.global_clipnorm = self.recipe.clip_norm
        self.network.model.compile(optimizer, "sparse_categorical_crossentropy")
        self._once = self._pipeline()
        self._endless = self._pipeline(repeated=True)

    def _pipeline(self, *, repeated: bool = False) -> Any:
        """Shuffled windows (2, H, W, C) with their labels."""
        import tensorflow as tf

        dataset, ends = self.prepared.dataset, self.prepared.training
        frames = np.concatenate([np.asarray(source) for source in dataset.sources])
        windows = np.stack([frames[ends - 1], frames[ends]], axis=1)
        pipeline = tf.data.Dataset.from_tensor_slices((windows, dataset.labels[ends]))
        pipeline = pipeline.shuffle(len(ends), seed=self.seed)
        return (pipeline.repeat() if repeated else pipeline).batch(BATCH).prefetch(tf.data.AUTOTUNE)

    def samples(self, count: int) -> float:
        begun_s = time.perf_counter()
        self.network.model.fit(self._endless, epochs=1, steps_per_epoch=count // BATCH, verbose=0)
        return time.perf_counter() - begun_s

    def epoch(self) -> tuple[float, int]:
        begun_s = time.perf_counter()
        self.network.model.fit(self._once, epochs=1, verbose=0)
        return time.perf_counter() - begun_s, len(self.prepared.training)

    def loss(self, samples: int, *, scheduled: bool) -> float:
        assert not scheduled
        self.samples(samples)
        return judge(self.learner(1), self.prepared.dataset, self.judging()).loss


def main(way: str, encoder: str, recording: str, size: str, seed: str) -> int:
    quieten_tensorflow()
    with tempfile.TemporaryDirectory() as room:
        prepared = prepare_dataset(TrainOptions((Path(recording),), Path(room) / "policy", size=size), Path(room))
        trainer = {"train": Train, "model.fit": ModelFit}[way](encoder, prepared, int(seed))
        for line in sys.stdin:
            order, *rest = line.split()
            answer: Any
            if order == "loss":
                answer = trainer.loss(int(rest[0]), scheduled=rest[1] == "falling")
            else:
                answer = getattr(trainer, order)(*map(int, rest))
            print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

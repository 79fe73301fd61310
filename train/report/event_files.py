"""TensorBoard's event files: `tensorboard --logdir POLICY/report/tensorboard` draws the training while it runs."""

from pathlib import Path
from typing import Any

import tensorflow as tf

from train.fitting.history import Epoch


class EventFiles:
    """An `Observer`: after each epoch writes its figures into `folder`, for training and validation apart."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers: dict[str, Any] = {}

    def begin_epoch(self, number: int, steps: int, done: int) -> None:
        pass

    def end_step(self, loss: float) -> None:
        pass

    def end_epoch(self, epoch: Epoch) -> None:
        scores = epoch.scores
        self._write("training", epoch.number, {"loss": epoch.loss, "accuracy": epoch.accuracy})
        self._write("training", epoch.number, {"samples per second": epoch.samples_per_s})
        self._write("validation", epoch.number, {"loss": epoch.validation_loss, "accuracy": scores.accuracy})
        self._write("validation", epoch.number, {"accuracy at changes": scores.change_accuracy})
        self._write("validation", epoch.number, {"macro F1": scores.macro_f1})

    def _write(self, part: str, number: int, figures: dict[str, float]) -> None:
        if part not in self._writers:
            self._writers[part] = tf.summary.create_file_writer(str(self._folder / part))
        with self._writers[part].as_default(step=number):
            for name, value in figures.items():
                tf.summary.scalar(name, value)
        self._writers[part].flush()

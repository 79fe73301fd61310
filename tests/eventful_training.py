"""`train`, to which something happens in its second epoch, after the first step: not sooner or later on any machine.

`python eventful_training.py EVENT VALUE ARGUMENTS...` with the arguments of `train`. The events: `signal NUMBER`
comes; `fill FOLDER` leaves the disk of the folder hardly any room; `wait FILE` goes on when there is such a file;
`starve WHO` has numpy, TensorFlow or OpenCV ask for more memory than any machine has.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from train.cli import main
from train.report.console import EpochLines


def happen(event: str, value: str) -> None:
    match event:
        case "signal":
            os.kill(os.getpid(), int(value))
        case "fill":
            (Path(value) / "full").write_bytes(bytes(shutil.disk_usage(value).free - 1_000_000))
        case "wait":
            while not Path(value).exists():
                time.sleep(0.01)
        case "starve":
            starve(value)
        case _:
            raise SystemExit(f"no event {event!r}")


def starve(who: str) -> None:
    match who:
        case "numpy":
            np.empty(1 << 55, np.uint8)
        case "tensorflow":
            import tensorflow as tf

            tf.zeros((1 << 20, 1 << 20, 1 << 10))
        case "opencv":
            cv2.resize(np.zeros((1, 1), np.float64), (1 << 30, 1 << 29))
    raise SystemExit(f"{who} got it")


def main_with_event(event: str, value: str, *arguments: str) -> int:
    begin_epoch, end_step = EpochLines.begin_epoch, EpochLines.end_step
    epochs: list[int] = []

    def begin_epoch_and_note(self: EpochLines, number: int, steps: int, done: int) -> None:
        epochs.append(number)
        begin_epoch(self, number, steps, done)

    def end_step_and_happen(self: EpochLines, loss: float) -> None:
        end_step(self, loss)
        if epochs[-1] == 2:
            epochs.append(0)
            happen(event, value)

    EpochLines.begin_epoch = begin_epoch_and_note  # type: ignore[method-assign]
    EpochLines.end_step = end_step_and_happen  # type: ignore[method-assign]
    return main(arguments)


if __name__ == "__main__":
    sys.exit(main_with_event(*sys.argv[1:]))

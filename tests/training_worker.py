"""A worker of a training in the tests: steps without dropout on shared batches, then what came of them into a file.

`python training_worker.py RECORDING OUT.npz`, with TF_CONFIG for one of several. A word behind it: `devices` trains on
two devices of this process; `reordered` trains alone twice, and the second time reads the runs of each batch in the
opposite order: the same sums, added up another way.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from train.dataset.batches import Augmentation, Batch, Batches, Share
from train.dataset.frame_windows import frame_window_weights
from train.encoders import RECIPES, momentum
from train.fitting.cluster import cluster
from train.fitting.learner import Learner
from train.model import build_network
from train.options import TrainOptions
from train.prepared_dataset import PreparedDataset, prepare_dataset
from train.training import start_tensorflow

STEPS = 20


def two_devices() -> Any:
    """A strategy over two devices, as a machine with two GPUs has; here they are halves of the processor."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def exact(batch: Batch) -> Batch:
    return batch._replace(weights=batch.weights.astype(np.float64))


def reordered(batch: Batch) -> Batch:
    """The same windows, the last run first. `older_from` counts the windows from the first run on."""
    runs, windows = batch.older_from.shape
    older = batch.older_from
    older = np.where(older >= 0, (runs - 1 - older // windows) * windows + older % windows, older)
    backwards = (array[::-1] for array in (batch.frames, batch.labels, batch.weights, older, batch.ends))
    return Batch(*backwards, batch.windows)


def main(recording: Path, out: Path, how: str) -> None:
    # In float64 what rounding leaves is a billionth of what a worker's mistake would.
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    here = cluster()
    options = TrainOptions((recording,), out)
    strategy = two_devices() if how == "devices" else start_tensorflow(options, here)
    prepared = prepare_dataset(options, out.parent)
    found = trained(strategy, prepared, Share(here.index, here.workers), backwards=False)
    if how == "reordered":
        again = trained(strategy, prepared, Share(), backwards=True)
        found |= {f"reordered {name}": value for name, value in again.items()}
    np.savez(out, **found)


def trained(strategy: Any, prepared: PreparedDataset, share: Share, *, backwards: bool) -> dict[str, Any]:
    """The weights at the start, after the first step, half way and after the last, and the losses of all steps."""
    shape = prepared.dataset.frame.shape
    with strategy.scope():
        keras.utils.set_random_seed(3)
        mean, deviation = np.full(shape[-1], 60, np.float32), np.full(shape[-1], 60, np.float32)
        network = build_network("compact", shape, frames=2, actions=3, mean=mean, deviation=deviation)
        for layer in network.decider.get_layer("look").layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        # Neither Muon nor AdamW: they hide gradients that are wrong by a factor.
        learner = Learner(network, momentum(1e-2), 1e-2, RECIPES["compact"].clip_norm)
    weights = frame_window_weights(prepared.dataset, prepared.training, balance=0.5, change=2.0, correction=1.0)
    batches = Batches(
        prepared.dataset,
        prepared.split.training,
        weights,
        frames=2,
        run_frames=9,
        batch_windows=32,
        share=share,
        parts=strategy.num_replicas_in_sync,
    )
    found = {f"start {place}": value for place, value in enumerate(learner.weights())}
    losses: list[float] = []
    epoch = 0
    while len(losses) < STEPS:
        epoch += 1
        for batch in batches.shuffled([0, epoch], Augmentation(brightness=0.1, shift=0.05, drop_older=0.1)):
            losses.append(learner.train(exact(reordered(batch) if backwards else batch), 1.0).loss)
            if len(losses) in (1, STEPS // 2, STEPS):
                found |= {f"{len(losses)} {place}": value for place, value in enumerate(learner.weights())}
            if len(losses) == STEPS:
                break
    assert (learner.summed(np.arange(3)) == np.arange(3) * share.of).all()
    return found | {"losses": np.array(losses)}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:] or [""])

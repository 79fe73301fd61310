"""A worker of a training in the tests: 20 steps without dropout on shared batches, then its weights into a file.

`python training_worker.py RECORDING OUT.npz`, with TF_CONFIG for one of several; with `devices` behind it, on two
devices of this process.
"""

import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from train.dataset.batches import Augmentation, Batches, Share
from train.dataset.frame_windows import frame_window_weights
from train.encoders import RECIPES, momentum
from train.fitting.cluster import cluster
from train.fitting.learner import Learner
from train.model import build_network
from train.options import TrainOptions
from train.prepared_dataset import prepare_dataset
from train.training import start_tensorflow

STEPS = 20


def two_devices() -> Any:
    """A strategy over two devices, as a machine with two GPUs has; here they are halves of the processor."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    return tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def main(recording: Path, out: Path, *, devices: bool) -> None:
    here = cluster()
    options = TrainOptions((recording,), out)
    strategy = two_devices() if devices else start_tensorflow(options, here)
    prepared = prepare_dataset(options, out.parent)
    shape = prepared.dataset.frame.shape
    with strategy.scope():
        keras.utils.set_random_seed(3)
        mean, deviation = np.full(shape[-1], 60, np.float32), np.full(shape[-1], 60, np.float32)
        network = build_network("compact", shape, frames=2, actions=3, mean=mean, deviation=deviation)
        for layer in network.decider.get_layer("look").layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        recipe = RECIPES["compact"]
        # Small steps, and not of AdamW: what rounding leaves would grow from step to step.
        learner = Learner(network, momentum(1e-3), 1e-3, recipe.clip_norm)
    weights = frame_window_weights(prepared.dataset, prepared.training, balance=0.5, change=2.0, correction=1.0)
    batches = Batches(
        prepared.dataset,
        prepared.split.training,
        weights,
        frames=2,
        run_frames=9,
        batch_windows=32,
        share=Share(here.index, here.workers),
        parts=strategy.num_replicas_in_sync,
    )
    losses, epoch = [], 0
    while len(losses) < STEPS:
        epoch += 1
        for batch in batches.shuffled([0, epoch], Augmentation(brightness=0.1, shift=0.05, drop_older=0.1)):
            losses.append(learner.train(batch, 1.0).loss)
            if len(losses) == STEPS:
                break
    assert (learner.summed(np.arange(3)) == np.arange(3) * here.workers).all()
    np.savez(out, *learner.weights(), losses=np.array(losses))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), devices=sys.argv[3:] == ["devices"])

"""The compiled steps: one batch of runs in, updated weights or probabilities out."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from train.batches import Batch
from train.model import Network, probabilities_of_runs


class Learner:
    """A network with its optimiser, under the `tf.distribute` strategy in whose scope both were made.

    Batches are split over the replicas by whole runs; what a step returns is summed over all of them.
    """

    def __init__(self, network: Network, optimizer: Any, learning_rate: float) -> None:
        self.network = network
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self._strategy = tf.distribute.get_strategy()
        self._train = tf.function(self._train_everywhere)
        self._predict = tf.function(self._predict_here)

    def train(self, batch: Batch, learning_rate_share: float) -> tuple[float, int]:
        """Learn from one batch: its loss (the sum of weight times cross-entropy) and how many windows were right.

        `learning_rate_share` (0..1) is the part of the learning rate to use now.
        """
        self.optimizer.learning_rate.assign(self.learning_rate * learning_rate_share)
        counts = batch.ends >= 0
        loss, right = self._train(batch.frames, batch.labels, batch.weights, counts, batch.older_from)
        return float(loss), int(right)

    def predict(self, batch: Batch) -> npt.NDArray[np.float32]:
        """(R, W, A) float32: the probabilities of all windows in the batch."""
        probabilities: npt.NDArray[np.float32] = self._predict(batch.frames).numpy()
        return probabilities.reshape(*batch.labels.shape, -1)

    def loss_and_gradients(
        self, frames: Any, labels: Any, weights: Any, older_from: Any, *, training: bool
    ) -> tuple[Any, Any, Any]:
        """Loss (), gradients of all trainable weights, and probabilities (R * W, A) of one batch of runs."""
        with tf.GradientTape() as tape:
            probabilities = probabilities_of_runs(self.network, frames, older_from, training=training)
            losses = keras.losses.sparse_categorical_crossentropy(tf.reshape(labels, [-1]), probabilities)
            loss = tf.reduce_sum(tf.reshape(weights, [-1]) * losses)
        return loss, tape.gradient(loss, self.network.model.trainable_variables), probabilities

    def _train_everywhere(self, *parts: Any) -> tuple[Any, Any]:
        losses, rights = self._strategy.run(self._train_here, args=parts)
        return self._strategy.reduce("SUM", losses, axis=None), self._strategy.reduce("SUM", rights, axis=None)

    def _train_here(self, frames: Any, labels: Any, weights: Any, counts: Any, older_from: Any) -> tuple[Any, Any]:
        loss, gradients, probabilities = self.loss_and_gradients(frames, labels, weights, older_from, training=True)
        self.optimizer.apply_gradients(zip(gradients, self.network.model.trainable_variables, strict=True))
        said = tf.argmax(probabilities, axis=1, output_type=tf.int32)
        right = tf.reshape(counts, [-1]) & (said == tf.reshape(labels, [-1]))
        return loss, tf.math.count_nonzero(right)

    def _predict_here(self, frames: Any) -> Any:
        windows = frames.shape[0] * (frames.shape[1] - self.network.frames + 1)
        return probabilities_of_runs(self.network, frames, tf.range(windows), training=False)

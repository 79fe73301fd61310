"""The compiled steps: one batch of runs in, updated weights or probabilities out, on one device or on many."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from agent.arrays import Array, Floats
from train.dataset.batches import Batch
from train.model import Network
from train.runs import probabilities_of_runs

State = list[Array]


class Step(NamedTuple):
    """What one step gave, summed over all replicas: the loss (the sum of weight times cross-entropy) and how many
    windows were right; the workers' mean of `passed_s`, and whether any of them was asked to stop."""

    loss: float
    right: int
    passed_s: float
    stop: bool


class Learner:
    """A network with its optimiser, under the `tf.distribute` strategy in whose scope both were made.

    Each worker gives its own share of a batch, which is split over its replicas by whole runs. All workers call
    the same methods in the same order: what a step returns is the same everywhere, so that they also decide alike.
    `clip_norm` is the largest norm of all gradients together. On a processor the runs are split once more, into
    `strands` that do not wait for each other: one thread each gets more done than all of them in every operation.
    A network that answers for several `shifts` of the labels learns all of them alike, until one is chosen.
    """

    def __init__(
        self,
        network: Network,
        optimizer: Any,
        learning_rate: float,
        clip_norm: float | None = None,
        *,
        strands: int = 1,
        shifts: int = 1,
    ) -> None:
        self.network = network
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self._clip_norm = clip_norm
        self._strands = strands
        self.shifts = shifts
        self._chosen = tf.Variable(0, trainable=False)
        self._shares = tf.Variable(np.full(shifts, 1 / shifts, np.float32), trainable=False)
        self._strategy = tf.distribute.get_strategy()
        self._replicas = self._strategy.num_replicas_in_sync
        self._local_replicas = 1 if self._replicas == 1 else len(self._strategy.extended.worker_devices)
        optimizer.build(network.model.trainable_variables)
        self._train = tf.function(self._train_everywhere)
        self._predict = tf.function(self._predict_everywhere)
        self._sum = tf.function(self._sum_everywhere)

    def train(self, batch: Batch, learning_rate_share: float, *, passed_s: float = 0.0, stop: bool = False) -> Step:
        """Learn from one batch. `learning_rate_share` (0..1) is the part of the learning rate to use now."""
        self.optimizer.learning_rate.assign(self.learning_rate * learning_rate_share)
        news = np.array([passed_s / self._replicas, stop], np.float32)
        parts = self._spread(batch.frames, batch.labels, batch.weights, batch.ends >= 0, batch.older_from)
        loss, right, (mean_passed_s, stops) = self._train(parts, news)
        return Step(float(loss), int(right), float(mean_passed_s), bool(stops > 0))

    def predict(self, batch: Batch) -> Floats:
        """(R, W, A) float32: the probabilities of all windows in this worker's share of the batch, for the shift that
        is chosen."""
        chosen: Floats = self.predict_shifts(batch)[:, :, int(self._chosen.numpy())]
        return chosen

    def predict_shifts(self, batch: Batch) -> Floats:
        """(R, W, S, A) float32: for each shift."""
        per_replica = self._predict(self._spread(batch.frames, batch.older_from))
        probabilities = np.concatenate(
            [part.numpy() for part in self._strategy.experimental_local_results(per_replica)]
        )
        return probabilities.reshape(*batch.ends.shape, self.shifts, -1)

    def choose(self, shift: int) -> None:
        """Answer for this one of the shifts, and learn no other any more."""
        self._chosen.assign(shift)
        self._shares.assign(np.arange(self.shifts) == shift)

    def summed(self, values: Array) -> Array:
        """`values` added up over all workers, the same bits everywhere."""
        if self._replicas == 1:
            return values
        rest = [np.zeros_like(values)] * (self._local_replicas - 1)
        result: Array = self._sum(self._per_replica([values, *rest])).numpy()
        return result

    def state(self) -> State:
        """All that the next step depends on: weights, random state, and what the optimiser keeps."""
        return [np.array(variable) for variable in self._variables()]

    def restore(self, state: Sequence[Array]) -> None:
        """Go on from a `state` of the same network and optimiser."""
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def weights(self) -> State:
        """The network's weights alone."""
        return [np.array(weight) for weight in self.network.model.weights]

    def set_weights(self, weights: Sequence[Array]) -> None:
        self.network.model.set_weights(list(weights))

    def loss_and_gradients(
        self, frames: Any, labels: Any, weights: Any, older_from: Any, *, training: bool
    ) -> tuple[Any, Any, Any]:
        """Loss (), gradients of all trainable weights, and probabilities (R * W, A) of one batch of runs.

        Loss and probabilities are for the shift that is chosen, with several the gradients for all of them.
        """
        with tf.GradientTape() as tape:
            probabilities = probabilities_of_runs(self.network, frames, older_from, training=training)
            probabilities = tf.reshape(probabilities, (-1, self.shifts, probabilities.shape[-1] // self.shifts))
            losses = keras.losses.sparse_categorical_crossentropy(tf.reshape(labels, (-1, self.shifts)), probabilities)
            losses = tf.reduce_sum(tf.reshape(weights, (-1, self.shifts)) * losses, axis=0)
            loss = tf.reduce_sum(tf.cast(self._shares, losses.dtype) * losses)
        gradients = tape.gradient(loss, self.network.model.trainable_variables)
        return losses[self._chosen], gradients, tf.gather(probabilities, self._chosen, axis=1)

    def _variables(self) -> list[Any]:
        # Not the learning rate: each step sets it.
        kept = [variable for variable in self.optimizer.variables if variable is not self.optimizer.learning_rate]
        return [*self.network.model.variables, *kept]

    def _spread(self, *arrays: Array | None) -> tuple[Any, ...]:
        """Each array (R, ...) split over the local replicas by runs; windows lend to others of their replica."""
        if self._local_replicas == 1:
            return arrays
        *others, older_from = arrays
        if older_from is not None:
            windows = older_from.size // self._local_replicas
            older_from = np.where(older_from >= 0, older_from % windows, older_from)
        return tuple(
            None if array is None else self._per_replica(np.split(array, self._local_replicas))
            for array in (*others, older_from)
        )

    def _per_replica(self, parts: Sequence[Array]) -> Any:
        if len(parts) == 1:
            return parts[0]
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.convert_to_tensor(parts[context.replica_id_in_sync_group % len(parts)])
        )

    def _train_everywhere(self, parts: Any, news: Any) -> Any:
        return self._reduced(self._strategy.run(self._train_here, args=(*parts, news)))

    def _reduced(self, values: Any) -> Any:
        return tf.nest.map_structure(lambda value: self._strategy.reduce("SUM", value, axis=None), values)

    def _train_here(self, frames: Any, labels: Any, weights: Any, counts: Any, older_from: Any, news: Any) -> Any:
        variables = self.network.model.trainable_variables
        strands = [
            self.loss_and_gradients(frames[part], labels[part], weights[part], older_from, training=True)
            for part in self._parts(frames, older_from)
        ]
        loss = tf.add_n([strand[0] for strand in strands])
        gradients = [tf.add_n(parts) for parts in zip(*(strand[1] for strand in strands), strict=True)]
        probabilities = tf.concat([strand[2] for strand in strands], 0)
        self.optimizer.apply_gradients(zip(self._clipped(gradients), variables, strict=True))
        said = tf.argmax(probabilities, axis=1, output_type=tf.int32)
        labels = tf.gather(tf.reshape(labels, (-1, self.shifts)), self._chosen, axis=1)
        right = tf.reshape(counts, [-1]) & (said == labels)
        return loss, tf.math.count_nonzero(right), tf.identity(news)

    def _parts(self, frames: Any, older_from: Any) -> list[slice]:
        """The runs of each strand. Windows that lend to each other stay together."""
        runs = frames.shape[0]
        strands = min(self._strands, runs) if older_from is None else 1
        bounds = [runs * strand // strands for strand in range(strands + 1)]
        return [slice(begin, end) for begin, end in pairwise(bounds)]

    def _clipped(self, gradients: Any) -> Any:
        """What the optimiser, which sums over the replicas, is to be given. Its own clipping would clip before."""
        if self._clip_norm is None:
            return gradients
        if self._replicas > 1:
            gradients = tf.distribute.get_replica_context().all_reduce("SUM", gradients)
        clipped, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        return clipped if self._replicas == 1 else [gradient / self._replicas for gradient in clipped]

    def _predict_everywhere(self, parts: Any) -> Any:
        return self._strategy.run(self._predict_here, args=parts)

    def _predict_here(self, frames: Any, older_from: Any) -> Any:
        parts = self._parts(frames, older_from)
        said = [probabilities_of_runs(self.network, frames[part], older_from, training=False) for part in parts]
        return tf.concat(said, 0)

    def _sum_everywhere(self, values: Any) -> Any:
        return self._strategy.reduce("SUM", self._strategy.run(tf.identity, args=(values,)), axis=None)

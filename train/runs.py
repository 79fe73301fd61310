"""All windows in runs of consecutive frames at once: what a frame gives is computed once for all of them.

The probabilities are those of the network itself. All is in the order of time, a moment of all runs after the other,
so that to take moments apart and together again is to copy memory, and nothing else.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import tensorflow as tf

from train.dataset.batches import DROPPED, REPEATED
from train.model import Moving, Network


def probabilities_of_runs(network: Network, frames: Any, older_from: Any = None, *, training: bool) -> Any:
    """All windows in runs of `frames` (R, L, H, W, C) uint8: their probabilities (R * W, A), where W = L - N + 1.

    An LSTM's earlier features are not learned through: no gradient goes that way. It saves a third of the work, and
    the weights are those by which the newest frames are seen (experiments/LOG.md).

    `older_from` (R, W) int32 says whose earlier frames a window sees, see `Batch`; None where each sees its own.
    """
    runs, length = frames.shape[:2]
    windows = length - network.frames_per_window + 1
    moments = tf.reshape(tf.transpose(frames, (1, 0, 2, 3, 4)), (length * runs, *frames.shape[2:]))
    if network.moving and older_from is None:
        probabilities = _by_parts(network, network.moving, moments, length, training=training)
    else:
        places = _places(network, moments, length, training=training)
        if older_from is not None:
            places = _lent(places, tf.reshape(tf.transpose(older_from), [-1]), runs, windows)
        probabilities = network.decider(tf.stack(places, axis=1), training=training)
    by_moment = tf.reshape(probabilities, (windows, runs, -1))
    return tf.reshape(tf.transpose(by_moment, (1, 0, 2)), (runs * windows, -1))


def _places(network: Network, moments: Any, length: int, *, training: bool) -> list[Any]:
    """The features (W * R, D) at each of the N places in the windows, of `moments` (L * R, H, W, C)."""
    n = network.frames_per_window
    windows = length - n + 1
    if n == 1 or not network.remembers_features:
        features = tf.split(network.encoder(moments, training=training), length)
        return [tf.concat(features[place : place + windows], 0) for place in range(n)]
    first = moments.shape[0] // length * (n - 1)
    earlier = tf.stop_gradient(network.encoder(moments[:first], training=training))
    newest = network.encoder(moments[first:], training=training)
    features = [*tf.split(earlier, n - 1), *tf.split(tf.stop_gradient(newest), windows)]
    return [*(tf.concat(features[place : place + windows], 0) for place in range(n - 1)), newest]


def _by_parts(network: Network, parts: Moving, moments: Any, length: int, *, training: bool) -> Any:
    """(W * R, A) of `moments` (L * R, H, W, C), for a decider that sees each frame beside what changed."""
    n = network.frames_per_window
    windows = length - n + 1
    features = network.encoder(moments, training=training)
    patches = tf.split(tf.reshape(features, (-1, *parts.own.input_shape[1:])), length)
    owns = tf.split(parts.own(tf.concat(patches[n - 1 :], 0)), windows)
    if n == 1:
        still = parts.look(tf.concat(owns, 0), training=training)
        return network.answer(network.recall(still[:, None], training=training))
    owns = [*tf.split(tf.stop_gradient(parts.own(tf.concat(patches[: n - 1], 0))), n - 1), *owns]
    moved = parts.changes(tf.concat([after - before for before, after in pairwise(patches)], 0))
    sums = [own + change for own, change in zip(owns[1:], tf.split(moved, length - 1), strict=True)]
    first = tf.stop_gradient(parts.look(tf.stop_gradient(tf.concat(owns[:windows], 0)), training=training))
    newest = parts.look(tf.concat(sums[n - 2 :], 0), training=training)
    later = tf.split(tf.stop_gradient(newest), windows)
    if n > 2:
        between = tf.stop_gradient(parts.look(tf.stop_gradient(tf.concat(sums[: n - 2], 0)), training=training))
        later = [*tf.split(between, n - 2), *later]
    places = [first, *(tf.concat(later[place : place + windows], 0) for place in range(n - 2)), newest]
    return network.answer(network.recall(tf.stack(places, axis=1), training=training))


def _lent(places: Sequence[Any], older_from: Any, runs: int, windows: int) -> list[Any]:
    """The features at each place in the windows (W * R, D), the earlier ones as `older_from` (W * R,) says, which
    counts the windows run by run."""
    *older, newest = places
    lender = tf.maximum(older_from, 0)
    lender = lender % windows * runs + lender // windows
    is_repeated, is_dropped = (older_from == REPEATED)[:, None], (older_from == DROPPED)[:, None]
    lent = [tf.where(is_repeated, newest, tf.gather(features, lender)) for features in older]
    return [*(tf.where(is_dropped, tf.zeros_like(features), features) for features in lent), newest]

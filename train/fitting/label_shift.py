"""How much later than a picture the keys are that it tells of best. People are late, each in each game otherwise.

Somebody who reacts after 0.2 seconds shows, beside every picture, what an older one called for. Learned so, the
network must tell what was there then, and plays as late. Which shift of the labels is right Kanervisto et al. 2020
(arXiv:2004.00981) found by trying all, one training each. Here one training tries them together: till it knows
something, its last layer answers for each shift, and the one that it has learned best is kept, where those of 40 to
120 ms together are told better than the first. It is asked of what it learned, not of the fifth it is judged by: there
a single bend that it does not understand can count for more than how late somebody is (experiments/LOG.md). What it
knows by heart by then it knows of all shifts alike.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agent.arrays import Bools, Floats, Ints
from train.dataset.batches import Batches, ahead
from train.dataset.dataset import ShiftedLabels
from train.fitting.fit import cross_entropies

if TYPE_CHECKING:
    from train.fitting.learner import Learner

LATER_MS = (0, 40, 80, 120, 160, 200, 240)  # than half a decision and the latency
CHOSEN_AFTER = 0.4  # of the training: it knows something then, and can learn more
LEAST_GAIN = 0.02  # of the loss, to leave the first
LEAST_ASKED, MOST_ASKED = 1400, 4000  # windows: fewer say little, more take time
PARTS = 16  # of the windows, each by itself
SURE = 3.0  # standard errors of the gain, lest keys come too early (experiments/LOG.md)
TILL_LATE = LATER_MS.index(120)  # who reacts to a picture reacts later: the shifts till then are told better


def best_shift(learner: "Learner", learned: Batches, windows: Ints, shifted: Sequence[ShiftedLabels]) -> int:
    """Which of the `shifted` labels the network, which answers for each, tells best of what it `learned`, where all are
    known. `windows` (M,) int64 are the last frames of it, in order."""
    labels = np.stack([each.labels for each in shifted], axis=1)
    is_known: Bools = np.logical_and.reduce([each.is_target for each in shifted])
    borders = [part[0] for part in np.array_split(windows, PARTS)[1:]]
    losses, counts = np.zeros((PARTS, len(shifted)), np.float32), np.zeros((PARTS, 1), np.float32)
    for batch in ahead(learned.in_order(every=math.ceil(len(windows) / MOST_ASKED))):
        counted = (batch.ends >= 0) & is_known[batch.ends]
        ends, probabilities = batch.ends[counted], learner.predict_shifts(batch)[counted]  # (M,), (M, S, A)
        parts = np.searchsorted(borders, ends, side="right")
        np.add.at(losses, parts, cross_entropies(labels[ends], probabilities))
        np.add.at(counts, parts, 1)
    losses, counts = learner.summed(losses), learner.summed(counts)
    asked = counts[:, 0] > 0
    return surely_best(losses[asked] / counts[asked])


def surely_best(losses: Floats) -> int:
    """The shift that is surely told best, of the losses (P, S) of parts and shifts; the first unless those till
    `TILL_LATE` together are surely told better too. Where one alone is, the player is not late, and keys that come
    earlier than its own spoil the game."""
    if min(losses.shape) < 2:  # one part shows nothing, and one shift is none to choose from
        return 0
    gains = losses[:, :1] - losses
    least = LEAST_GAIN * losses[:, 0].mean()
    if not is_sure(gains[:, 1 : TILL_LATE + 1].mean(axis=1), least):
        return 0
    return int(np.where(is_sure(gains, least), gains.mean(axis=0), 0.0).argmax())


def is_sure(gains: Floats, least: float) -> Bools:
    """Whether the gains (P, ...) of the parts are more than `least`, and in enough of the parts: windows that lie
    together are much alike, so that those of a part count as one."""
    errors = gains.std(axis=0, ddof=1) / np.sqrt(len(gains))
    return np.asarray(gains.mean(axis=0) > np.maximum(least, SURE * errors))

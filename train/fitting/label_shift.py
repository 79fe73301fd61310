"""How much later than a picture the keys are that it tells of best. People are late, each in each game otherwise.

Somebody who reacts after 0.2 seconds shows, beside every picture, what an older one called for. Learned so, the
network must tell what was there then, and plays as late. Which shift of the labels is right Kanervisto et al. 2020
(arXiv:2004.00981) found by trying all, one training each. Here one training tries them together: till it knows
something, its last layer answers for each shift, and the one that tells of the validation windows best is kept.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from agent.arrays import Bools
from train.dataset.batches import Batches, ahead
from train.dataset.dataset import ShiftedLabels
from train.fitting.fit import cross_entropies

if TYPE_CHECKING:
    from train.fitting.learner import Learner

LATER_MS = (0, 40, 80, 120, 160, 200, 240)  # than half a decision and the latency
CHOSEN_AFTER = 0.4  # of the training: it knows something then, and can learn more
LEAST_GAIN = 0.02  # of the loss, to leave the first
LEAST_JUDGED = 200  # windows: fewer say little


def best_shift(learner: "Learner", validation: Batches, shifted: Sequence[ShiftedLabels]) -> int:
    """Which of the `shifted` labels the network, which answers for each, tells best of the validation windows that have
    all; the first where the gain is small."""
    labels = np.stack([each.labels for each in shifted], axis=1)
    is_known: Bools = np.logical_and.reduce([each.is_target for each in shifted])
    losses = np.zeros(len(shifted))
    for batch in ahead(validation.in_order()):
        counts = (batch.ends >= 0) & is_known[batch.ends]
        probabilities = learner.predict_shifts(batch)[counts]  # (M, S, A)
        losses += cross_entropies(labels[batch.ends[counts]], probabilities).sum(axis=0)
    losses = learner.summed(losses)
    best = int(losses.argmin())
    return best if losses[best] < (1 - LEAST_GAIN) * losses[0] else 0

"""Whether a game is the same in a mirror, asked of a network that has never seen a mirrored picture.

Where left and right are played alike, every picture teaches twice: as it is, and mirrored with the actions swapped. No
game says so of itself. But a network that has learned what to do, and not where it was shown, tells of mirrored
pictures what to do as well, or nearly, as of others that it did not learn; of a game with a side it tells far less. A
policy that goes on (`train --from`) may have learned mirrored pictures before, where its game was found to be the same.
"""

from typing import TYPE_CHECKING

import numpy as np

from agent.actions import ActionSet
from train.dataset.batches import Batches
from train.dataset.dataset import Dataset
from train.fitting.fit import cross_entropies, judge

if TYPE_CHECKING:
    from train.fitting.learner import Learner

OPPOSITE = {"left": "right", "right": "left", "a": "d", "d": "a"}  # keys: the arrows, WASD
LEAST_JUDGED = 200  # windows: fewer say little
LEAST_TOLD = 0.2  # of what the actions' shares leave open: who knows nothing knows as much in the mirror
ALIKE = 0.5  # of what is told of the pictures as they are (experiments/LOG.md)


def opposite(actions: ActionSet) -> tuple[int, ...]:
    """The action that each action becomes where every key is its opposite; empty where that is none of `actions`, or
    always the same one."""
    chords = [action.keys for action in actions.actions]
    mirrored = [frozenset(OPPOSITE.get(key, key) for key in chord) for chord in chords]
    if mirrored == chords or not set(mirrored) <= set(chords):
        return ()
    return tuple(chords.index(chord) for chord in mirrored)


def is_alike(learner: "Learner", dataset: Dataset, validation: Batches, mirror: tuple[int, ...]) -> bool:
    """Whether the network knows what to do in mirrored pictures, where each action is that of `mirror`. Asked of the
    windows to judge by, which it has not learned as they are either."""
    plain = judge(learner, dataset, validation)
    seen = judge(learner, dataset, validation, lambda batch: batch._replace(frames=batch.frames[:, :, :, ::-1].copy()))
    labels, weights = dataset.labels[plain.ends], validation.weights[plain.ends]
    mirrored = np.average(cross_entropies(labels, seen.probabilities[:, mirror]), weights=weights)
    shares = np.bincount(labels, weights, minlength=len(mirror)) / weights.sum()
    nothing = -float(np.sum(shares * np.log(np.maximum(shares, 1e-7))))
    return len(labels) >= LEAST_JUDGED and tells_enough(nothing, plain.loss, float(mirrored))


def tells_enough(nothing: float, plain: float, mirrored: float) -> bool:
    """Whether a network tells enough of mirrored pictures for what it tells of others, by its losses and by the loss
    of who knows `nothing` but how often each action is right."""
    told = nothing - plain
    return told >= LEAST_TOLD * nothing and nothing - mirrored >= ALIKE * told

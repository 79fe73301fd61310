"""Does the policy look, or does it repeat? What becomes of its decisions when the earlier frames are tampered with.

A network with history may learn to continue what was done, which scores well on recordings and fails live (the
copycat problem, Wen et al. 2020). One that uses its earlier frames to see motion decides otherwise without them;
one that copies is wrong where the action changes, and says there what was done before.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from train.dataset.batches import DROPPED, REPEATED, Batch, Batches
from train.dataset.dataset import Dataset
from train.fitting.fit import Judgement, judge
from train.metrics import Scores

if TYPE_CHECKING:
    from train.fitting.learner import Learner

NEWEST = "the newest instead"


@dataclass(frozen=True, slots=True)
class Tampered:
    """The validation windows with other earlier frames: `otherwise` is the share that is decided otherwise than
    with their own, `difference` the mean total variation of the probabilities (0..1)."""

    otherwise: float
    difference: float
    scores: Scores

    def to_json(self) -> dict[str, Any]:
        return {
            "otherwise": round(self.otherwise, 6),
            "difference": round(self.difference, 6),
            "accuracy": self.scores.to_json()["accuracy"],
            "change_accuracy": self.scores.to_json()["change_accuracy"],
        }


@dataclass(frozen=True, slots=True)
class Copycat:
    """`repeats` is the share of the changes of action at which the policy says the action before it, NaN without
    changes; `tampered` by what was done to the earlier frames, empty for a single frame."""

    repeats: float
    tampered: dict[str, Tampered]

    def to_json(self) -> dict[str, Any]:
        return {
            "repeats_at_changes": None if np.isnan(self.repeats) else round(self.repeats, 6),
            "earlier_frames": {name: tampered.to_json() for name, tampered in self.tampered.items()},
        }


def find_copycat(
    learner: "Learner", dataset: Dataset, validation: Batches, judgement: Judgement, *, frames: int
) -> Copycat:
    """Judge the validation windows again with their earlier frames replaced by the newest, blank, or from elsewhere."""
    changes = judgement.ends[dataset.is_change[judgement.ends]]
    at_changes = judgement.said[dataset.is_change[judgement.ends]] == dataset.previous[changes]
    ways: dict[str, Callable[[Batch], Batch]] = {
        NEWEST: lambda batch: batch._replace(older_from=np.full(batch.labels.shape, REPEATED, np.int32)),
        "blank": lambda batch: batch._replace(older_from=np.full(batch.labels.shape, DROPPED, np.int32)),
        "from elsewhere": _elsewhere,
    }
    tampered = {}
    for name, changed in ways.items() if frames > 1 else ():
        other = judge(learner, dataset, validation, changed)
        tampered[name] = Tampered(
            otherwise=float((other.said != judgement.said).mean()),
            difference=float(0.5 * np.abs(other.probabilities - judgement.probabilities).sum(axis=1).mean()),
            scores=other.scores,
        )
    return Copycat(float(at_changes.mean()) if len(changes) else float("nan"), tampered)


def _elsewhere(batch: Batch) -> Batch:
    """The windows that count are lent the earlier frames of the one half a batch away."""
    lenders = np.flatnonzero(batch.ends >= 0).astype(np.int32)
    older_from = np.arange(batch.labels.size, dtype=np.int32)
    older_from[lenders] = np.roll(lenders, len(lenders) // 2)
    return batch._replace(older_from=older_from.reshape(batch.labels.shape))

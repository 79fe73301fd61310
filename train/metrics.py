"""What a policy is judged by, and what it must beat: 'always the commonest' and 'repeat the last action'."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.arrays import Array, Bools, Ints

Labels = Ints


@dataclass(frozen=True, slots=True)
class Scores:
    """Shares in 0..1, NaN where there is nothing to judge by. `recalls` and `confusion` in the order of the actions.

    `change_accuracy` is that of the windows where the action differs from the one before: what a copycat,
    who repeats the last action, never gets right. confusion[truth][said] counts windows.
    """

    windows: int
    changes: int
    accuracy: float
    change_accuracy: float
    macro_f1: float
    recalls: tuple[float, ...]
    confusion: tuple[tuple[int, ...], ...]

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Scores":
        """The inverse of `to_json`."""

        def number(found: float | None) -> float:
            return float("nan") if found is None else found

        return cls(
            windows=value["windows"],
            changes=value["changes"],
            accuracy=number(value["accuracy"]),
            change_accuracy=number(value["change_accuracy"]),
            macro_f1=number(value["macro_f1"]),
            recalls=tuple(number(recall) for recall in value["recalls"]),
            confusion=tuple(tuple(row) for row in value["confusion"]),
        )

    def to_json(self) -> dict[str, Any]:
        """NaN, which JSON does not know, becomes null."""
        return {
            "windows": self.windows,
            "changes": self.changes,
            "accuracy": _number(self.accuracy),
            "change_accuracy": _number(self.change_accuracy),
            "macro_f1": _number(self.macro_f1),
            "recalls": [_number(recall) for recall in self.recalls],
            "confusion": [list(row) for row in self.confusion],
        }


def score(labels: Labels, said: Labels, is_change: Bools, actions: int) -> Scores:
    """Compare what was `said` (M,) with the `labels` (M,), actions as 0..A-1; -1 said nothing and is wrong."""
    right = said == labels
    spoken = said >= 0
    confusion = np.zeros((actions, actions), np.int64)
    np.add.at(confusion, (labels[spoken], said[spoken]), 1)
    hits = np.diagonal(confusion)
    played = np.bincount(labels, minlength=actions)
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls = hits / played
        f1 = 2 * hits / (played + confusion.sum(axis=0))
    return Scores(
        windows=len(labels),
        changes=int(is_change.sum()),
        accuracy=_mean(right),
        change_accuracy=_mean(right[is_change]),
        macro_f1=_mean(f1[played > 0]),
        recalls=tuple(recalls.tolist()),
        confusion=tuple(tuple(row) for row in confusion.tolist()),
    )


def commonest(labels: Labels, actions: int) -> Labels:
    """'Always the commonest': (M,) the one action that is right most often."""
    return np.full(len(labels), np.bincount(labels, minlength=actions).argmax(), np.int64)


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def share(value: float) -> str:
    """As a percentage; a dash where there was nothing to judge by."""
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"

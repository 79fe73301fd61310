"""What a training that goes on from a policy gained and what it forgot: before and after, on the same windows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from agent.arrays import Bools, Floats
from train.dataset.dataset import Dataset
from train.fitting.fit import Judgement, judged
from train.metrics import Scores, share

Worth = dict[str, dict[str, Any]]  # loss and scores, by `new` and `old`; what has no windows is not in it
_STAYED = 0.01  # of the loss, and as much of 1: less is no news


def worth(judgement: Judgement, dataset: Dataset, weights: Floats, is_new: Bools) -> Worth:
    """Of the windows in recordings that the policy did not know, and of those in recordings that it knew."""
    found = {}
    for name, part in (("new", is_new[judgement.ends]), ("old", ~is_new[judgement.ends])):
        if part.any():
            rows = np.flatnonzero(part)
            found[name] = judged(dataset, weights, judgement.ends[rows], judgement.probabilities[rows]).to_json()
    return found


def worth_lines(now: Worth) -> Iterator[str]:
    """What a policy is worth before it learns more."""
    for name, group in now.items():
        yield f"as it is, {_WHERE[name]}: {_figures(group)} ({group['windows']} windows)"


def gain_lines(before: Worth, after: Worth) -> Iterator[str]:
    for name, group in after.items():
        yield (
            f"{_WHERE[name]} it {_verb(name, before, after)}: {_figures(before[name], group)} "
            f"({group['windows']} windows)"
        )


def is_worse(before: Worth, after: Worth, name: str) -> bool:
    """Whether its loss there has risen, by more than nothing."""
    return name in after and after[name]["loss"] > before[name]["loss"] * (1 + _STAYED) + _STAYED


_WHERE = {"new": "on the new recordings", "old": "on those it knew"}


def _verb(name: str, before: Worth, after: Worth) -> str:
    if is_worse(before, after, name):
        return "got worse" if name == "new" else "forgot"
    return "gained" if is_worse(after, before, name) else "stayed as it was"


def _figures(*groups: dict[str, Any]) -> str:
    scores = [Scores.from_json(group) for group in groups]
    rows = {
        "loss": [f"{group['loss']:.3f}" for group in groups],
        "right": [share(one.accuracy) for one in scores],
        "at changes": [share(one.change_accuracy) for one in scores],
    }
    return ", ".join(f"{name} {' -> '.join(values)}" for name, values in rows.items())

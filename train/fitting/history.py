"""Where a training stands: what the loop must know, beside the learner's state, to go on after an interruption."""

from dataclasses import dataclass, field, replace
from typing import Any

from agent.arrays import Array
from train.metrics import Scores


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch: loss and accuracy of the training windows as they were learned, and what validation said after it."""

    number: int
    loss: float
    accuracy: float
    validation_loss: float
    scores: Scores
    samples_per_s: float
    seconds: float
    is_best: bool

    def to_json(self) -> dict[str, Any]:
        """Exact, so that a resumed training compares as the uninterrupted one would."""
        return {
            "number": self.number,
            "loss": self.loss,
            "accuracy": self.accuracy,
            "validation_loss": self.validation_loss,
            "scores": self.scores.to_json(),
            "samples_per_s": round(self.samples_per_s, 1),
            "seconds": round(self.seconds, 3),
            "is_best": self.is_best,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Epoch":
        """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
        return cls(**{**value, "scores": Scores.from_json(value["scores"])})


@dataclass(slots=True)
class History:
    """Epoch `number` is under way with `step` of its batches done, whose sums follow; `epochs` are complete.

    `passed_s` is the time spent in all sittings, `epoch_s` the part of it on this epoch's batches. `best_weights`
    are those after the epoch with the lowest validation loss. `before` is what the policy that the training started
    from was worth, if there is one. `shift` is which of several shifts of the labels was chosen, once it was, and
    `other_labels` how many epochs were judged by others. `mirror` is the action that each action becomes in a mirror
    where the game was found to be the same there, empty where not, None while it was not asked.
    """

    number: int = 1
    step: int = 0
    loss_sum: float = 0.0
    right: int = 0
    windows: int = 0
    epoch_s: float = 0.0
    passed_s: float = 0.0
    epochs: list[Epoch] = field(default_factory=list)
    best_weights: list[Array] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    shift: int | None = None
    other_labels: int = 0
    mirror: tuple[int, ...] | None = None

    @property
    def best(self) -> Epoch | None:
        """The last epoch that was better than all before it, of those with the labels of now."""
        return next((epoch for epoch in reversed(self.epochs[self.other_labels :]) if epoch.is_best), None)

    def end_epoch(self, validation_loss: float, scores: Scores, validation_s: float) -> Epoch:
        """Count the epoch under way as complete and begin the next."""
        epoch = Epoch(
            number=self.number,
            loss=self.loss_sum / self.step,
            accuracy=self.right / max(self.windows, 1),
            validation_loss=validation_loss,
            scores=scores,
            samples_per_s=self.windows / max(self.epoch_s, 1e-9),
            seconds=self.epoch_s + validation_s,
            is_best=self.best is None or validation_loss < self.best.validation_loss,
        )
        self.epochs.append(epoch)
        self.number += 1
        self.step = self.right = self.windows = 0
        self.loss_sum = self.epoch_s = 0.0
        return epoch

    def judge_again(self, validation_loss: float, scores: Scores) -> None:
        """The last epoch is judged by other labels, which those before it cannot be compared by."""
        self.epochs[-1] = replace(self.epochs[-1], validation_loss=validation_loss, scores=scores, is_best=True)
        self.other_labels = len(self.epochs) - 1

    def to_json(self) -> dict[str, Any]:
        """All but the best weights."""
        return {
            "number": self.number,
            "step": self.step,
            "loss_sum": self.loss_sum,
            "right": self.right,
            "windows": self.windows,
            "epoch_s": self.epoch_s,
            "passed_s": self.passed_s,
            "epochs": [epoch.to_json() for epoch in self.epochs],
            "before": self.before,
            "shift": self.shift,
            "other_labels": self.other_labels,
            "mirror": None if self.mirror is None else list(self.mirror),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "History":
        """The inverse of `to_json`. Raises KeyError or TypeError for anything else."""
        mirror = value.get("mirror")  # not in those of an older train
        return cls(
            **{
                **value,
                "epochs": [Epoch.from_json(epoch) for epoch in value["epochs"]],
                "mirror": None if mirror is None else tuple(mirror),
            }
        )

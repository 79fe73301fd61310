"""The loop of training: epochs of batches, judged after each by the validation windows; the best weights win."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.errors import TwoframeError
from train.batches import Augmentation, Batches, ahead
from train.dataset import Dataset
from train.metrics import Scores, score

if TYPE_CHECKING:  # the loop itself needs no TensorFlow
    from train.learner import Learner


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network said of the validation windows: ends (M,) int64 increasing, probabilities (M, A) float32."""

    ends: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    loss: float
    scores: Scores

    @property
    def said(self) -> npt.NDArray[np.int64]:
        """(M,) the action with the highest probability."""
        said: npt.NDArray[np.int64] = self.probabilities.argmax(axis=1)
        return said

    def to_json(self) -> dict[str, Any]:
        """Loss and scores."""
        return {"loss": round(self.loss, 6), **self.scores.to_json()}


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch: loss and accuracy of the training windows as they were learned, and the judgement after it."""

    number: int
    loss: float
    accuracy: float
    judgement: Judgement
    samples_per_s: float
    seconds: float
    is_best: bool


class Observer(Protocol):
    """Is told how the training goes."""

    def begin_epoch(self, number: int, steps: int) -> None: ...

    def end_step(self, loss: float) -> None: ...

    def end_epoch(self, epoch: Epoch) -> None: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train and how. `budget_s` ends the training in time, whatever the epochs."""

    epochs: int
    patience: int
    budget_s: float
    seed: int
    augmentation: Augmentation


@dataclass(frozen=True, slots=True)
class Fit:
    """How it went; the learner holds the weights of the `best` epoch. `failure` tells what broke it off, if so."""

    epochs: list[Epoch]
    best: Epoch
    ended: str
    failure: TwoframeError | None


def fit(
    learner: "Learner",
    dataset: Dataset,
    training: Batches,
    validation: Batches,
    plan: Plan,
    observers: Sequence[Observer] = (),
) -> Fit:
    """Train till the epochs are done, the time is over or the validation loss stops falling.

    A loss that is no number ends it too: `failure` tells, and the weights are those of the best epoch so far.
    Raises `TwoframeError` if not one epoch came to its end with numbers.
    """
    started_s = time.monotonic()
    epochs: list[Epoch] = []
    best: Epoch | None = None
    failure: TwoframeError | None = None
    ended = ""
    best_weights: list[Any] = []
    steps = training.steps()

    for number in range(1, plan.epochs + 1):
        epoch_started_s = time.monotonic()
        for observer in observers:
            observer.begin_epoch(number, steps)
        losses: list[float] = []
        right, windows = 0, 0
        for i, batch in enumerate(ahead(training.shuffled([plan.seed, number], plan.augmentation))):
            by_time = (time.monotonic() - started_s) / plan.budget_s
            if by_time >= 1 and losses:
                break
            progress = max((number - 1 + i / steps) / plan.epochs, by_time)
            loss, hits = learner.train(batch, learning_rate_share(progress))
            losses.append(loss)
            right += hits
            windows += int((batch.ends >= 0).sum())
            if not math.isfinite(loss):
                break
            for observer in observers:
                observer.end_step(loss)
        trained_s = time.monotonic() - epoch_started_s
        judgement = judge(learner, dataset, validation)
        if not (losses and math.isfinite(losses[-1] + judgement.loss)):
            failure = _not_a_number(number, best)
            break
        is_best = best is None or judgement.loss < best.judgement.loss
        epoch = Epoch(
            number,
            float(np.mean(losses)),
            right / windows,
            judgement,
            windows / trained_s,
            time.monotonic() - epoch_started_s,
            is_best,
        )
        epochs.append(epoch)
        if best is None or is_best:
            best, best_weights = epoch, learner.network.model.get_weights()
        for observer in observers:
            observer.end_epoch(epoch)
        ended = _reason_to_end(epoch, best, plan, time.monotonic() - started_s)
        if ended:
            break

    if best is None:
        raise failure or TwoframeError("epochs: found none, expected at least 1")
    learner.network.model.set_weights(best_weights)
    return Fit(epochs, best, ended, failure)


def judge(learner: "Learner", dataset: Dataset, validation: Batches) -> Judgement:
    """Let the network decide on every validation window. The loss is weighted as in training."""
    ends, probabilities, weights = [], [], []
    for batch in ahead(validation.in_order()):
        counts = batch.ends >= 0
        ends.append(batch.ends[counts])
        weights.append(validation.weights[batch.ends[counts]])
        probabilities.append(learner.predict(batch)[counts])
    all_ends, all_probabilities = np.concatenate(ends), np.concatenate(probabilities)
    labels = dataset.labels[all_ends]
    likelihood = np.take_along_axis(all_probabilities, labels[:, None], axis=1)[:, 0]
    # A maximum with 1e-7, as Keras takes it: a certain error costs much, not infinitely much. NaN stays NaN.
    losses = -np.log(np.maximum(likelihood, 1e-7))
    return Judgement(
        ends=all_ends,
        probabilities=all_probabilities,
        loss=float(np.average(losses, weights=np.concatenate(weights))),
        scores=score(labels, all_probabilities.argmax(axis=1), dataset.is_change[all_ends], len(dataset.actions)),
    )


def learning_rate_share(progress: float) -> float:
    """Up within the first 2 % of the training, then down along half a cosine (Loshchilov and Hutter 2017)."""
    return min(1.0, 0.05 + progress / 0.02) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def _reason_to_end(epoch: Epoch, best: Epoch, plan: Plan, passed_s: float) -> str:
    if epoch.number == plan.epochs:
        return f"all {plan.epochs} epochs done"
    if passed_s >= plan.budget_s:
        return f"the time is over (--max-minutes {plan.budget_s / 60:g})"
    if epoch.number - best.number >= plan.patience:
        return f"the validation loss has not fallen for {plan.patience} epochs"
    return ""


def _not_a_number(number: int, best: Epoch | None) -> TwoframeError:
    kept = f"the policy has the weights of epoch {best.number}" if best else "nothing was kept"
    return TwoframeError(
        f"loss: found no number (NaN) in epoch {number}, expected one; {kept}: choose a lower --learning-rate"
    )

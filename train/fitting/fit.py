"""The loop of training: epochs of batches, judged after each by the validation windows; those at its end are kept."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

import numpy as np

from agent.arrays import Floats, Ints
from agent.errors import TwoframeError
from train.dataset.batches import Augmentation, Batch, Batches, ahead
from train.dataset.dataset import Dataset
from train.fitting.history import Epoch, History
from train.metrics import Scores, score

if TYPE_CHECKING:  # the loop itself needs no TensorFlow
    from train.fitting.learner import Learner

Limit = Literal["", "--epochs", "--max-minutes"]
CHECKPOINT_S = 300.0  # an epoch over a long recording is kept so often, too
STEADY_FROM = 0.5  # of the training; epochs that begin later see the images where they are


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network said of the validation windows: ends (M,) int64 increasing, probabilities (M, A) float32.

    `losses` (M,) float32 are those of each window, unweighted; `loss` is their mean, weighted as in training.
    """

    ends: Ints
    probabilities: Floats
    losses: Floats
    loss: float
    scores: Scores

    @property
    def said(self) -> Ints:
        """(M,) the action with the highest probability."""
        said: Ints = self.probabilities.argmax(axis=1)
        return said

    def to_json(self) -> dict[str, Any]:
        """Loss and scores."""
        return {"loss": round(self.loss, 6), **self.scores.to_json()}


class Observer(Protocol):
    """Is told how the training goes."""

    def begin_epoch(self, number: int, steps: int, done: int) -> None: ...

    def end_step(self, loss: float) -> None: ...

    def end_epoch(self, epoch: Epoch) -> None: ...


class JudgedBy(NamedTuple):
    """The windows to judge by, and the labels they have there."""

    dataset: Dataset
    validation: Batches


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train and how. `budget_s` ends the training in time, whatever the epochs."""

    epochs: int
    patience: int | None
    budget_s: float
    seed: int
    augmentation: Augmentation


@dataclass(frozen=True, slots=True)
class Fit:
    """How it went; the learner holds the weights of the epoch `kept`, if there is one.

    That is the last one of a training that ran to its end, for the falling learning rate has brought it to rest there;
    the validation loss tells little about how a policy plays (Mandlekar et al. 2021, experiments/LOG.md). Of a training
    that ended before, it is the one with the lowest validation loss.

    `ended` says why; it is empty when the training was asked to stop and can be resumed. `limit` is the flag that set
    its end, if one did. `failure` tells what broke it off, if so.
    """

    history: History
    ended: str
    kept: Epoch | None
    failure: TwoframeError | None = None
    limit: Limit = ""


class Fitting:
    """One sitting of a training: trains from where `history` stands, and keeps it up to date.

    Runs till the epochs are done, the time is over, the validation loss stops falling, or `asked_to_stop`. A loss
    that is no number ends it too. The first step, which is compiled, takes no time of the plan: it would be the time in
    which the learning rate rises. `keep` is called after each epoch, every few minutes within one, and at a stop;
    `relabel` after each, with the part of the training that is done: it may give other labels to judge by, and find
    the `mirror` of the history.
    """

    def __init__(
        self,
        learner: "Learner",
        dataset: Dataset,
        training: Batches,
        validation: Batches,
        plan: Plan,
        history: History,
        *,
        observers: Sequence[Observer] = (),
        keep: Callable[[], None] = lambda: None,
        relabel: Callable[[float], JudgedBy | None] = lambda progress: None,
        asked_to_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._learner = learner
        self._dataset = dataset
        self._training = training
        self._validation = validation
        self._plan = plan
        self._history = history
        self._observers = observers
        self._keep = keep
        self._relabel = relabel
        self._asked_to_stop = asked_to_stop
        self._steps = training.steps()
        self._started_s = time.monotonic() - history.passed_s
        self._is_compiled = False

    def run(self) -> Fit:
        """Raises `TwoframeError` if a loss is no number before one epoch came to its end."""
        history = self._history
        while not (ended := _reason_to_end(history, self._plan)):
            if not self._epoch():
                self._keep()
                break
            judgement = judge(self._learner, self._dataset, self._validation)
            if not math.isfinite(history.loss_sum + judgement.loss):
                failure = _not_a_number(history)
                if history.best is None:
                    raise failure
                self._learner.set_weights(history.best_weights)
                return Fit(history, "a loss that is no number", history.best, failure)
            epoch = history.end_epoch(judgement.loss, judgement.scores, self._passed_s() - history.passed_s)
            if epoch.is_best:
                history.best_weights = self._learner.weights()
            if relabelled := self._relabel(self._progress(0, history.passed_s)):
                self._dataset, self._validation = relabelled
                judgement = judge(self._learner, self._dataset, self._validation)
                history.judge_again(judgement.loss, judgement.scores)
                history.best_weights = self._learner.weights()
            self._keep()
            for observer in self._observers:
                observer.end_epoch(history.epochs[-1])
        if ended and (limit := _limit(history, self._plan)):
            return Fit(history, ended, history.epochs[-1], limit=limit)
        if history.best:
            self._learner.set_weights(history.best_weights)
        return Fit(history, ended, history.best)

    def _epoch(self) -> bool:
        """The rest of the epoch under way. False if asked to stop; a loss that is no number ends it early."""
        history, plan = self._history, self._plan
        for observer in self._observers:
            observer.begin_epoch(history.number, self._steps, history.step)
        began_s = time.monotonic() - history.epoch_s
        kept_s = time.monotonic()
        batches = ahead(self._training.shuffled([plan.seed, history.number], self._augmentation(), history.step))
        for batch in batches:
            step_began_s = time.monotonic()
            step = self._learner.train(
                batch,
                learning_rate_share(self._progress(history.step, history.passed_s)),
                passed_s=self._passed_s(),
                stop=self._asked_to_stop(),
            )
            if not self._is_compiled:
                compiled_s = time.monotonic() - step_began_s
                self._started_s += compiled_s
                began_s += compiled_s
                self._is_compiled = True
            history.step += 1
            history.loss_sum += step.loss
            history.right += step.right
            history.windows += batch.windows
            history.passed_s = step.passed_s
            history.epoch_s = time.monotonic() - began_s
            for observer in self._observers:
                observer.end_step(step.loss)
            if step.stop:
                return False
            if not math.isfinite(step.loss) or history.passed_s >= plan.budget_s:
                break
            if time.monotonic() - kept_s > CHECKPOINT_S:
                kept_s = time.monotonic()
                self._keep()
        return True

    def _passed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _augmentation(self) -> Augmentation:
        """That of the whole epoch under way. The images are moved only at first: it teaches that a thing is the same
        wherever it is, and takes away where it is; `play` will never see one moved (Zhuoxun He et al. 2019). They are
        mirrored once the game is known to be alike."""
        history, augmentation = self._history, self._plan.augmentation
        is_steady = self._progress(0, history.passed_s - history.epoch_s) >= STEADY_FROM
        return augmentation._replace(
            shift=0.0 if is_steady else augmentation.shift, mirror=history.mirror or augmentation.mirror
        )

    def _progress(self, step: int, passed_s: float) -> float:
        """The part of the training done at a `step` of the epoch under way, by epochs or by time, whichever is nearer
        to its end. `passed_s` is the time of a step, on which all workers agree."""
        by_epochs = (self._history.number - 1 + step / self._steps) / self._plan.epochs
        return max(by_epochs, passed_s / self._plan.budget_s)


def judge(
    learner: "Learner",
    dataset: Dataset,
    validation: Batches,
    changed: Callable[[Batch], Batch] = lambda batch: batch,
) -> Judgement:
    """Let the network decide on every validation window. The loss is weighted as in training.

    `changed` may show it the frames of a batch otherwise.
    """
    said = np.zeros((len(dataset), len(dataset.actions)), np.float32)
    counts_here = np.zeros(len(dataset), np.int32)
    for batch in ahead(validation.in_order()):
        counts = batch.ends >= 0
        said[batch.ends[counts]] = learner.predict(changed(batch))[counts]
        counts_here[batch.ends[counts]] = 1
    ends = np.flatnonzero(learner.summed(counts_here))
    return judged(dataset, validation.weights, ends, learner.summed(said[ends]))


def judged(dataset: Dataset, weights: Floats, ends: Ints, probabilities: Floats) -> Judgement:
    """What `probabilities` (M, A) of the windows that end at `ends` are worth; `weights` (T,) are those of the loss."""
    labels = dataset.labels[ends]
    losses = cross_entropies(labels, probabilities)
    return Judgement(
        ends=ends,
        probabilities=probabilities,
        losses=losses,
        loss=float(np.average(losses, weights=weights[ends])),
        scores=score(labels, probabilities.argmax(axis=1), dataset.is_change[ends], len(dataset.actions)),
    )


def cross_entropies(labels: Ints, probabilities: Floats) -> Floats:
    """The losses (...) float32 of `probabilities` (..., A) where `labels` (...) are right."""
    likelihood = np.take_along_axis(probabilities, labels[..., None], axis=-1)[..., 0]
    # A maximum with 1e-7, as Keras takes it: a certain error costs much, not infinitely much. NaN stays NaN.
    losses: Floats = -np.log(np.maximum(likelihood, 1e-7))
    return losses


def learning_rate_share(progress: float) -> float:
    """Up within the first 2 % of the training, then down along half a cosine (Loshchilov and Hutter 2017)."""
    return min(1.0, 0.05 + progress / 0.02) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def _reason_to_end(history: History, plan: Plan) -> str:
    if history.best is None:
        return ""
    match _limit(history, plan):
        case "--epochs":
            return f"all {plan.epochs} epochs done"
        case "--max-minutes":
            return f"the time is over (--max-minutes {plan.budget_s / 60:g})"
    if plan.patience and history.number - 1 - history.best.number >= plan.patience:
        return f"the validation loss has not fallen for {plan.patience} epochs"
    return ""


def _limit(history: History, plan: Plan) -> Limit:
    """The flag by which the learning rate has come to its end, if it has."""
    if history.number > plan.epochs:
        return "--epochs"
    return "--max-minutes" if history.passed_s >= plan.budget_s else ""


def _not_a_number(history: History) -> TwoframeError:
    kept = f"the policy has the weights of epoch {history.best.number}" if history.best else "nothing was kept"
    return TwoframeError(
        f"loss: found no number (NaN) in epoch {history.number}, expected one; {kept}: choose a lower --learning-rate"
    )

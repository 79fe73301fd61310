"""The loop of training: epochs of batches, judged after each by the validation windows; those at its end are kept."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from agent.errors import TwoframeError
from train.batches import Augmentation, Batch, Batches, ahead
from train.course import Course, Epoch
from train.dataset import Dataset
from train.metrics import Scores, score

if TYPE_CHECKING:  # the loop itself needs no TensorFlow
    from train.learner import Learner

CHECKPOINT_S = 300.0  # an epoch over a long recording is kept so often, too
STEADY_FROM = 0.5  # of the training; epochs that begin later see the images where they are


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the network said of the validation windows: ends (M,) int64 increasing, probabilities (M, A) float32.

    `losses` (M,) float32 are those of each window, unweighted; `loss` is their mean, weighted as in training.
    """

    ends: npt.NDArray[np.int64]
    probabilities: npt.NDArray[np.float32]
    losses: npt.NDArray[np.float32]
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


class Observer(Protocol):
    """Is told how the training goes."""

    def begin_epoch(self, number: int, steps: int, done: int) -> None: ...

    def end_step(self, loss: float) -> None: ...

    def end_epoch(self, epoch: Epoch) -> None: ...


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
    the validation loss tells little about how a policy plays (Mandlekar et al. 2021, bench/RECIPE.md). Of a training
    that ended before, it is the one with the lowest validation loss.

    `ended` says why; it is empty when the training was asked to stop and can be resumed. `failure` tells what
    broke it off, if so.
    """

    course: Course
    ended: str
    kept: Epoch | None
    failure: TwoframeError | None = None


class Fitting:
    """One sitting of a training: trains from where `course` stands, and keeps it up to date.

    Runs till the epochs are done, the time is over, the validation loss stops falling, or `asked_to_stop`. A loss
    that is no number ends it too. `keep` is called after each epoch, every few minutes within one, and at a stop.
    """

    def __init__(
        self,
        learner: "Learner",
        dataset: Dataset,
        training: Batches,
        validation: Batches,
        plan: Plan,
        course: Course,
        *,
        observers: Sequence[Observer] = (),
        keep: Callable[[], None] = lambda: None,
        asked_to_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self._learner = learner
        self._dataset = dataset
        self._training = training
        self._validation = validation
        self._plan = plan
        self._course = course
        self._observers = observers
        self._keep = keep
        self._asked_to_stop = asked_to_stop
        self._steps = training.steps()
        self._started_s = time.monotonic() - course.passed_s

    def run(self) -> Fit:
        """Raises `TwoframeError` if a loss is no number before one epoch came to its end."""
        course = self._course
        while not (ended := _reason_to_end(course, self._plan)):
            if not self._epoch():
                self._keep()
                break
            judgement = judge(self._learner, self._dataset, self._validation)
            if not math.isfinite(course.loss_sum + judgement.loss):
                failure = _not_a_number(course)
                if course.best is None:
                    raise failure
                self._learner.set_weights(course.best_weights)
                return Fit(course, "a loss that is no number", course.best, failure)
            epoch = course.end_epoch(judgement.loss, judgement.scores, self._passed_s() - course.passed_s)
            if epoch.is_best:
                course.best_weights = self._learner.weights()
            self._keep()
            for observer in self._observers:
                observer.end_epoch(epoch)
        if ended and _end_of_plan(course, self._plan):
            return Fit(course, ended, course.epochs[-1])
        if course.best:
            self._learner.set_weights(course.best_weights)
        return Fit(course, ended, course.best)

    def _epoch(self) -> bool:
        """The rest of the epoch under way. False if asked to stop; a loss that is no number ends it early."""
        course, plan = self._course, self._plan
        for observer in self._observers:
            observer.begin_epoch(course.number, self._steps, course.step)
        began_s = time.monotonic() - course.epoch_s
        kept_s = time.monotonic()
        batches = ahead(self._training.shuffled([plan.seed, course.number], self._augmentation(), course.step))
        for batch in batches:
            step = self._learner.train(
                batch,
                learning_rate_share(self._progress(course.step, course.passed_s)),
                passed_s=self._passed_s(),
                stop=self._asked_to_stop(),
            )
            course.step += 1
            course.loss_sum += step.loss
            course.right += step.right
            course.windows += batch.windows
            course.passed_s = step.passed_s
            course.epoch_s = time.monotonic() - began_s
            for observer in self._observers:
                observer.end_step(step.loss)
            if step.stop:
                return False
            if not math.isfinite(step.loss) or course.passed_s >= plan.budget_s:
                break
            if time.monotonic() - kept_s > CHECKPOINT_S:
                kept_s = time.monotonic()
                self._keep()
        return True

    def _passed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _augmentation(self) -> Augmentation:
        """That of the whole epoch under way. The images are moved only at first: it teaches that a thing is the same
        wherever it is, and takes away where it is; `play` will never see one moved (Zhuoxun He et al. 2019)."""
        course, augmentation = self._course, self._plan.augmentation
        is_steady = self._progress(0, course.passed_s - course.epoch_s) >= STEADY_FROM
        return augmentation._replace(shift=0.0) if is_steady else augmentation

    def _progress(self, step: int, passed_s: float) -> float:
        """The part of the training done at a `step` of the epoch under way, by epochs or by time, whichever is nearer
        to its end. `passed_s` is the time of a step, on which all workers agree."""
        by_epochs = (self._course.number - 1 + step / self._steps) / self._plan.epochs
        return max(by_epochs, passed_s / self._plan.budget_s)


def judge(
    learner: "Learner",
    dataset: Dataset,
    validation: Batches,
    older_from: Callable[[Batch], npt.NDArray[np.int32]] | None = None,
) -> Judgement:
    """Let the network decide on every validation window. The loss is weighted as in training.

    `older_from` may give the windows of a batch other earlier frames, see `Batch`.
    """
    said = np.zeros((len(dataset), len(dataset.actions)), np.float32)
    counts_here = np.zeros(len(dataset), np.int32)
    for batch in ahead(validation.in_order()):
        asked = batch._replace(older_from=older_from(batch)) if older_from else batch
        counts = batch.ends >= 0
        said[batch.ends[counts]] = learner.predict(asked)[counts]
        counts_here[batch.ends[counts]] = 1
    ends = np.flatnonzero(learner.summed(counts_here))
    probabilities = learner.summed(said[ends])
    labels = dataset.labels[ends]
    likelihood = np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    # A maximum with 1e-7, as Keras takes it: a certain error costs much, not infinitely much. NaN stays NaN.
    losses = -np.log(np.maximum(likelihood, 1e-7))
    return Judgement(
        ends=ends,
        probabilities=probabilities,
        losses=losses,
        loss=float(np.average(losses, weights=validation.weights[ends])),
        scores=score(labels, probabilities.argmax(axis=1), dataset.is_change[ends], len(dataset.actions)),
    )


def learning_rate_share(progress: float) -> float:
    """Up within the first 2 % of the training, then down along half a cosine (Loshchilov and Hutter 2017)."""
    return min(1.0, 0.05 + progress / 0.02) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(progress, 1.0))))


def _reason_to_end(course: Course, plan: Plan) -> str:
    if course.best is None:
        return ""
    if reason := _end_of_plan(course, plan):
        return reason
    if plan.patience and course.number - 1 - course.best.number >= plan.patience:
        return f"the validation loss has not fallen for {plan.patience} epochs"
    return ""


def _end_of_plan(course: Course, plan: Plan) -> str:
    """Why the learning rate has come to its end, if it has."""
    if course.number > plan.epochs:
        return f"all {plan.epochs} epochs done"
    if course.passed_s >= plan.budget_s:
        return f"the time is over (--max-minutes {plan.budget_s / 60:g})"
    return ""


def _not_a_number(course: Course) -> TwoframeError:
    kept = f"the policy has the weights of epoch {course.best.number}" if course.best else "nothing was kept"
    return TwoframeError(
        f"loss: found no number (NaN) in epoch {course.number}, expected one; {kept}: choose a lower --learning-rate"
    )

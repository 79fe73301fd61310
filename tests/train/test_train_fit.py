"""The loop of training, with a learner that does as it is told."""

import json
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from recordings import meta

from agent.errors import TwoframeError
from train.dataset.batches import Augmentation, Batch, Batches
from train.dataset.dataset import Dataset, previous_actions
from train.dataset.frame_windows import Stretch
from train.fitting.fit import Fit, Fitting, JudgedBy, Plan, learning_rate_share
from train.fitting.history import Epoch, History
from train.fitting.label_shift import surely_best
from train.fitting.learner import Step
from train.metrics import commonest, score

LABELS = np.arange(200) // 5 % 3
PIXELS = np.random.default_rng(0).integers(0, 256, (200, 8, 8, 1), np.uint8)


class ToldLearner:
    """Learns nothing: after epoch e it gives the truth the probability `truth[e - 1]`; weights are the epoch."""

    def __init__(self, truth: Sequence[float], loss: Sequence[float] | None = None) -> None:
        self.truth, self.loss = truth, loss or [1.0] * len(truth)
        self.epoch = 0
        self.shares: list[float] = []
        self.moved: dict[int, bool] = {}  # by epoch, whether its images were

    def begin_epoch(self, number: int, steps: int, done: int) -> None:
        self.epoch = number
        self.begun_at = done

    def end_step(self, loss: float) -> None: ...

    def end_epoch(self, epoch: Epoch) -> None: ...

    def train(self, batch: Batch, learning_rate_share: float, *, passed_s: float, stop: bool) -> Step:
        self.shares.append(learning_rate_share)
        counts = batch.ends[:, -1] >= 0
        moved = not np.array_equal(batch.frames[counts, -1], PIXELS[batch.ends[counts, -1]])
        self.moved[self.epoch] = moved or self.moved.get(self.epoch, False)
        return Step(self.loss[self.epoch - 1], 0, passed_s, stop)

    def predict(self, batch: Batch) -> np.ndarray:
        right = self.truth[self.epoch - 1]
        said = np.full((*batch.labels.shape, 3), (1 - right) / 2, np.float32)
        np.put_along_axis(said, batch.labels[..., None], right, axis=2)
        return said

    def summed(self, values: np.ndarray) -> np.ndarray:
        return values

    def weights(self) -> list[np.ndarray]:
        return [np.array(self.epoch)]

    def set_weights(self, weights: list[np.ndarray]) -> None:
        self.epoch = int(weights[0])


def told(
    learner: ToldLearner, *, history: History | None = None, stop_after: int = -1, shift: float = 0.0, **changed: float
) -> Fitting:
    """The training of `learner`, asked to stop at step `stop_after`."""
    gap_before = np.zeros(200, bool)
    gap_before[0] = True
    described = meta(size=(8, 8))
    dataset = Dataset(
        sources=(PIXELS,),
        starts=np.array([0, 200]),
        labels=LABELS,
        previous=previous_actions(LABELS, gap_before, 1),
        gap_before=gap_before,
        is_target=np.ones(200, bool),
        is_correction=np.zeros(200, bool),
        captured_ns=np.arange(200) * 50_000_000,
        actions=described.actions,
        meta=described,
        frame=described.frame,
    )
    weights = np.ones(200, np.float32)
    training, validation = (
        Batches(dataset, [stretch], weights, frames=2, run_frames=8, batch_windows=14)
        for stretch in (Stretch(0, 150), Stretch(150, 200))
    )
    plan = {"epochs": len(learner.truth), "patience": 99, "budget_s": math.inf, "seed": 0, **changed}
    return Fitting(
        learner,  # type: ignore[arg-type]
        dataset,
        training,
        validation,
        Plan(**plan, augmentation=Augmentation(shift=shift)),  # type: ignore[arg-type]
        History() if history is None else history,
        observers=[learner],
        asked_to_stop=lambda: len(learner.shares) == stop_after,
    )


def test_other_labels_begin_a_new_count_of_what_is_best() -> None:
    learner = ToldLearner([0.9, 0.6, 0.5, 0.7, 0.6])
    asked: list[float] = []
    kept: list[tuple[int, int]] = []

    def relabel(progress: float) -> JudgedBy | None:
        asked.append(progress)
        return JudgedBy(training._dataset, training._validation) if len(asked) == 2 else None

    training = told(learner)
    training._relabel = relabel
    training._keep = lambda: kept.append((training._history.number, training._history.other_labels))
    result = training.run()
    assert asked == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert kept == [(2, 0), (3, 1), (4, 1), (5, 1), (6, 1)]  # an interruption does not come between
    assert [epoch.is_best for epoch in result.history.epochs] == [True, True, False, True, False]
    assert int(result.history.best_weights[0]) == 4
    again = History.from_json(result.history.to_json())
    assert again.best is not None and again.best.number == 4


def test_images_are_mirrored_from_the_epoch_after_the_game_was_found_alike() -> None:
    learner, history = ToldLearner([0.9, 0.9, 0.9]), History()
    training = told(learner, history=history)

    def find(progress: float) -> None:
        history.mirror = (2, 1, 0) if progress > 0.5 else None

    training._relabel = find
    training.run()
    assert learner.moved == {1: False, 2: False, 3: True}

    resumed = ToldLearner([0.9, 0.9, 0.9, 0.9])
    told(resumed, history=History.from_json(history.to_json())).run()
    assert resumed.moved == {4: True}


def fitted(learner: ToldLearner, **changed: float) -> Fit:
    return told(learner, **changed).run()


def test_the_weights_at_the_end_are_kept() -> None:
    learner = ToldLearner([0.5, 0.8, 0.6])
    result = fitted(learner)
    best = result.history.best
    assert best is not None
    assert result.kept is result.history.epochs[-1]
    assert best.number == 2
    assert [epoch.is_best for epoch in result.history.epochs] == [True, True, False]
    assert learner.epoch == 3
    assert best.validation_loss == pytest.approx(-math.log(0.8), abs=1e-5)
    assert best.scores.windows == 49
    assert best.scores.accuracy == 1
    assert result.failure is None


def test_a_stopped_training_goes_on_at_the_step_where_it_was() -> None:
    whole = ToldLearner([0.5, 0.8, 0.6])
    fitted(whole)
    learner, history = ToldLearner([0.5, 0.8, 0.6]), History()
    for stop_after in (4, 15):  # in the first epoch and in the second
        result = told(learner, history=history, stop_after=stop_after).run()
        assert (result.ended, result.limit) == ("", "")
        assert len(learner.shares) == stop_after + 1
        history = History.from_json(json.loads(json.dumps(history.to_json())) | {"best_weights": history.best_weights})
    assert 0 < history.step < 11
    result = told(learner, history=history).run()
    assert learner.begun_at == 0
    assert (result.ended, result.limit) == ("all 3 epochs done", "--epochs")
    assert learner.epoch == 3
    assert learner.shares == whole.shares
    assert [epoch.number for epoch in result.history.epochs] == [1, 2, 3]


def test_images_are_moved_in_the_epochs_of_the_first_half_alone() -> None:
    learner = ToldLearner([0.5] * 5)
    fitted(learner, shift=0.25)
    assert learner.moved == {1: True, 2: True, 3: True, 4: False, 5: False}


def test_an_epoch_that_is_resumed_moves_its_images_as_it_began() -> None:
    history = History()
    told(ToldLearner([0.5] * 4), history=history, stop_after=15, shift=0.25).run()
    history.passed_s, history.epoch_s = 60.0, 20.0  # two thirds of the time are over; where the epoch began it was less
    learner = ToldLearner([0.5] * 4)
    told(learner, history=history, shift=0.25, budget_s=90.0).run()
    assert learner.moved == {2: True, 3: False, 4: False}


def test_it_stops_when_the_validation_loss_no_longer_falls() -> None:
    learner = ToldLearner([0.5, 0.8, 0.7, 0.7, 0.9])
    result = fitted(learner, patience=2)
    assert learner.epoch == 2 and result.kept is result.history.best
    assert len(result.history.epochs) == 4
    assert "not fallen for 2 epochs" in result.ended
    assert result.limit == ""


def test_a_loss_that_is_no_number_keeps_the_last_good_weights() -> None:
    learner = ToldLearner([0.5, 0.6, 0.7], loss=[1.0, 1.0, math.nan])
    result = fitted(learner)
    assert learner.epoch == 2
    assert "NaN" in str(result.failure)
    assert "epoch 2" in str(result.failure)
    with pytest.raises(TwoframeError, match="nothing was kept"):
        fitted(ToldLearner([0.5], loss=[math.nan]))
    assert fitted(ToldLearner([0.5, math.nan])).failure is not None


def test_it_stops_in_time_with_what_it_has() -> None:
    result = fitted(ToldLearner([0.5] * 1000), budget_s=1e-9)
    assert len(result.history.epochs) == 1
    assert "time is over" in result.ended
    assert result.limit == "--max-minutes"


def test_the_first_step_which_is_compiled_takes_no_time_of_the_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]

    class SlowToBegin(ToldLearner):
        def train(self, batch: Batch, learning_rate_share: float, *, passed_s: float, stop: bool) -> Step:
            clock[0] += 1.0 if self.shares else 1000.0
            return super().train(batch, learning_rate_share, passed_s=passed_s, stop=stop)

    monkeypatch.setattr("train.fitting.fit.time.monotonic", lambda: clock[0])
    learner = SlowToBegin([0.5] * 1000)
    result = fitted(learner, budget_s=500.0)
    assert 500 <= len(learner.shares) < 550
    assert learner.shares[1] < 0.2 < max(learner.shares)
    assert sum(epoch.seconds for epoch in result.history.epochs) < 1000
    assert result.limit == "--max-minutes"


def test_the_learning_rate_rises_shortly_and_falls_to_nearly_nothing() -> None:
    shares = [learning_rate_share(i / 1000) for i in range(1001)]
    assert shares[0] < 0.1
    assert max(shares) > 0.99
    assert shares[-1] == pytest.approx(0.01)
    assert all(a >= b for a, b in pairwise(shares[30:]))


def test_scores_are_counted_right() -> None:
    truth, said = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, -1, 1])
    changes = np.array([False, False, True, True, False, True])
    scores = score(truth, said, changes, 3)
    assert scores.accuracy == pytest.approx(3 / 6)
    assert scores.change_accuracy == pytest.approx(1 / 3)
    assert scores.recalls == pytest.approx((2 / 3, 1 / 2, 0))
    assert scores.macro_f1 == pytest.approx((4 / 5 + 2 / 5 + 0) / 3)
    assert scores.confusion == ((2, 1, 0), (0, 1, 0), (0, 1, 0))
    assert score(truth, commonest(truth, 3), changes, 3).accuracy == pytest.approx(1 / 2)
    none = score(truth[:0], truth[:0], changes[:0], 3)
    assert math.isnan(none.accuracy)
    assert none.to_json()["accuracy"] is None


def test_labels_are_learned_later_only_where_that_is_told_better_all_over() -> None:
    alike = np.repeat([[0.5], [0.4], [0.7], [0.6]], 4, axis=0).astype(np.float32)  # of parts; some are hard
    better = alike - [0, 0.03, 0.06, 0.02]
    assert surely_best(better.astype(np.float32)) == 2
    one_bend = np.repeat(alike, 3, axis=1)
    one_bend[3] = [6.0, 3.0, 2.0]  # what the network does not understand there it says of the first with conviction
    assert surely_best(one_bend) == 0
    assert one_bend.mean(axis=0).argmin() == 2
    uneven = np.tile([[0.0, -0.06], [0.0, 0.06], [0.0, -0.02], [0.0, 0.02]], (4, 1))  # a standard error of 0.0115
    assert surely_best((alike - uneven - [0, 0.03]).astype(np.float32)) == 0
    assert surely_best((alike - uneven - [0, 0.04]).astype(np.float32)) == 1
    hardly = alike - np.array([0, 0.004], np.float32)
    assert surely_best(hardly) == 0
    assert surely_best(better[:1].astype(np.float32)) == 0  # a single part shows nothing


def test_who_is_told_better_40_ms_later_and_not_later_still_is_not_late() -> None:
    alike = np.repeat([[0.28], [0.25], [0.31], [0.29]], 4, axis=0).astype(np.float32)
    not_late = [0, 0.05, -0.01, -0.03, -0.05, -0.08, -0.12]  # as one training of Breakout's player
    late = [0, 0.05, 0.06, 0.03, 0.03, -0.03, -0.09]  # as the lander's player, 200 ms late
    assert surely_best((alike - not_late).astype(np.float32)) == 0
    assert surely_best((alike - late).astype(np.float32)) == 2
    one_bend = alike - np.array(late)
    one_bend[0] = [3.0] * 6 + [0.1]  # the last is told best on the average, by a single part
    assert one_bend.mean(axis=0).argmin() == 6
    assert surely_best(one_bend.astype(np.float32)) == 2
    assert surely_best(alike) == 0  # told by --label-shift-ms, there is but one

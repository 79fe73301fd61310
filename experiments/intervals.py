"""Means, differences and normalised means of the scores of training runs, with 95 % bootstrap intervals.

Scores of one variant are (S, E) float: a row for each training seed, a column for each episode seed. All variants
have the same seeds, so that scores at the same place are pairs. With few training seeds the intervals are too narrow:
where training seeds, episodes and their combinations vary alike, those called 95 % held the truth in 88 % of 600
simulated searches with 3 training seeds and 10 episodes, in 93 % with 8 and 20, and in 52 % with a single one.
"""

from typing import NamedTuple

import numpy as np

from agent.arrays import Doubles

Scores = Doubles
RESAMPLES = 10_000
RANDOM_SEED = 1993
PERCENTILES = (2.5, 97.5)
SAME = "no difference"


class Interval(NamedTuple):
    low: float
    high: float

    def __str__(self) -> str:
        return (
            f"{self.low:.2f} to {self.high:.2f}" if max(map(abs, self)) < 10 else f"{self.low:.0f} to {self.high:.0f}"
        )


class Estimate(NamedTuple):
    """A figure of the scores as they are, and its 95 % interval."""

    value: float
    interval: Interval


def resampled_means(scores: Scores) -> Scores:
    """(RESAMPLES,) means of (S, E) scores with S of the training seeds and E of the episodes, drawn with replacement.

    Within one resample every training seed drawn plays the same episodes drawn: episodes and training seeds are
    crossed, and an easy episode is easy for all (the "pigeonhole" bootstrap, Owen 2007; drawn anew for each training
    seed, the luck of the episodes would wrongly average out). The draws are the same in every call for a shape.
    """
    random = np.random.default_rng(RANDOM_SEED)
    seeds, episodes = scores.shape
    of_seeds = random.multinomial(seeds, np.full(seeds, 1 / seeds), RESAMPLES) / seeds  # (R, S), shares
    of_episodes = random.multinomial(episodes, np.full(episodes, 1 / episodes), RESAMPLES) / episodes  # (R, E)
    return np.asarray(((of_seeds @ scores) * of_episodes).sum(axis=1))


def interval_of(resampled: Scores) -> Interval:
    """The percentile interval of (R,) figures of resamples (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.percentile(resampled, PERCENTILES)
    return Interval(float(low), float(high))


def mean_of(scores: Scores) -> Estimate:
    """The mean of (S, E) scores."""
    return Estimate(float(scores.mean()), interval_of(resampled_means(scores)))


def difference_of(scores: Scores, first: Scores) -> Estimate:
    """The mean of the paired differences between (S, E) scores of two variants; above 0 where `scores` are higher."""
    return mean_of(scores - first)


def verdict(difference: Estimate) -> str:
    """`better`, `worse`, or where the interval holds 0 that there is no difference."""
    if difference.interval.low <= 0 <= difference.interval.high:
        return SAME
    return "better" if difference.value > 0 else "worse"


def normalised_of(scores: Scores, floor: Scores, best: Scores) -> Estimate | None:
    """The mean of (S, E) scores between 0, as `floor`, and 1, as `best`: (E,) scores in the same episodes.

    A ratio of means, each resample with the players' scores in the episodes drawn, since these are chance too. None
    where the two players are too close to tell: where `best` is not above `floor` in 97.5 % of the resamples; the
    others are left out of the interval.
    """
    gap = best - floor
    gaps = resampled_means(np.broadcast_to(gap, scores.shape))
    if np.percentile(gaps, 100 - PERCENTILES[1]) <= 0:
        return None
    apart = gaps > 0
    above = resampled_means(scores - floor)
    return Estimate(float((scores - floor).mean() / gap.mean()), interval_of(above[apart] / gaps[apart]))


def sd_of_episodes(scores: Scores) -> float:
    """Of the episodes of one policy: root of the mean over training seeds of the variance of E scores."""
    return float(np.sqrt(scores.var(axis=1, ddof=1).mean())) if scores.shape[1] > 1 else 0.0

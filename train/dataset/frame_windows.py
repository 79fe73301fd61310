"""Which frames make a window, which windows are learned from and which are kept to judge by.

A stretch is an unbroken row of frames: no gap and no border between recordings, or between training and
validation, lies inside. Windows never leave their stretch.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from agent.arrays import Bools, Doubles, Floats, Ints
from agent.errors import TwoframeError
from train.dataset.dataset import Dataset

VALIDATION_SHARE = 0.125
_SECTION = 450  # frames; one validation block in each: half a minute at 15 Hz
_DRAWS = 32


class Stretch(NamedTuple):
    """Frames `start` to `stop - 1` of the dataset."""

    start: int
    stop: int


class Split(NamedTuple):
    """The stretches to learn from and those to judge by; `guard` frames lie unused between the two."""

    training: tuple[Stretch, ...]
    validation: tuple[Stretch, ...]
    guard: int


def stretches_of(gap_before: Bools, part: Bools) -> tuple[Stretch, ...]:
    """The unbroken rows of frames within `part` (T,) bool."""
    before = np.concatenate([[False], part[:-1]])
    starts = np.flatnonzero(part & (gap_before | ~before))
    after = np.concatenate([part[1:], [False]])
    gap_after = np.concatenate([gap_before[1:], [True]])
    stops = np.flatnonzero(part & (gap_after | ~after)) + 1
    return tuple(Stretch(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True))


def frame_windows_of(dataset: Dataset, stretches: Sequence[Stretch], frames: int) -> Ints:
    """(M,) int64: the last frame of each window of `frames` frames that has a label to learn."""
    reach = (frames - 1) * dataset.apart
    ends = [np.arange(start + reach, stop) for start, stop in stretches if stop - start > reach]
    joined = np.concatenate(ends) if ends else np.empty(0, np.int64)
    return joined[dataset.is_target[joined]]


def split(dataset: Dataset, *, frames: int, seed: int) -> Split:
    """Contiguous blocks spread over the recordings for validation, the rest for training.

    One block of about `VALIDATION_SHARE` lies at random in each section of half a minute, a guard on both of
    its sides. Of several draws the one is taken whose validation windows show every action and come nearest
    to the shares of all. The same for the same seed. Raises `TwoframeError` where no windows are left.
    """
    total = len(dataset)
    sections = int(np.clip(total // _SECTION, 2, 64))
    length = total / sections
    reach = (frames - 1) * dataset.apart
    block = max(reach + 2, round(length * VALIDATION_SHARE))
    guard = max(reach, min(round(dataset.meta.fps), round(length * VALIDATION_SHARE / 4)))
    everything = frame_windows_of(dataset, stretches_of(dataset.gap_before, np.ones(total, np.bool_)), frames)
    if not len(everything):
        raise TwoframeError(
            f"recordings: found {total} frames but no {frames} in a row without a gap and with a person's keys, "
            "expected some; record longer"
        )
    wanted = _shares(dataset, everything)
    best: tuple[float, Split] | None = None
    rng = np.random.default_rng([seed, 1])
    for _ in range(_DRAWS):
        is_validation = np.zeros(total, np.bool_)
        is_near = np.zeros(total, np.bool_)
        for section in range(sections):
            room = max(0, int(length) - block)
            start = int(section * length) + int(rng.integers(0, room + 1))
            is_validation[start : start + block] = True
            is_near[max(0, start - guard) : start + block + guard] = True
        drawn = Split(
            stretches_of(dataset.gap_before, ~is_near), stretches_of(dataset.gap_before, is_validation), guard
        )
        training = _shares(dataset, frame_windows_of(dataset, drawn.training, frames))
        validation = _shares(dataset, frame_windows_of(dataset, drawn.validation, frames))
        far = float(np.abs(validation - wanted).sum()) + 10.0 * int((training == 0).sum() + (validation == 0).sum())
        if best is None or far < best[0]:
            best = far, drawn
    assert best is not None
    _check(dataset, best[1], frames)
    return best[1]


def split_off(dataset: Dataset, first: int, *, frames: int) -> Split:
    """Judge by the recordings from frame `first` on, learn from those before (`--validate`).

    Raises `TwoframeError` where no windows are left.
    """
    is_validation = np.arange(len(dataset)) >= first
    drawn = Split(
        stretches_of(dataset.gap_before, ~is_validation), stretches_of(dataset.gap_before, is_validation), guard=0
    )
    _check(dataset, drawn, frames)
    return drawn


def _shares(dataset: Dataset, windows: Ints) -> Doubles:
    counts = np.bincount(dataset.labels[windows], minlength=len(dataset.actions))
    return counts / max(len(windows), 1)


def _check(dataset: Dataset, drawn: Split, frames: int) -> None:
    training = frame_windows_of(dataset, drawn.training, frames)
    counts = np.bincount(dataset.labels[training], minlength=len(dataset.actions))
    if not len(frame_windows_of(dataset, drawn.validation, frames)) or not counts.all():
        never = [name for name, count in zip(dataset.actions.names, counts, strict=True) if not count]
        raise TwoframeError(
            f"recordings: found too few windows to learn from and to judge by (no {', '.join(never) or 'validation'}), "
            "expected several seconds of each action; record longer"
        )


def frame_window_weights(
    dataset: Dataset, windows: Ints, *, balance: float, change: float, correction: float
) -> Floats:
    """(T,) float32: what a window that ends at frame t counts in the loss; 0 without a label, mean 1 over `windows`.

    The weight of an action is its share to the power of `-balance`: 0 leaves them alone, 1 makes all actions
    count alike. Where the action changes it is multiplied by `change` (keyframes, Wen et al. 2021), and by
    `correction` where a person corrected a rollout (HG-DAgger, Kelly et al. 2019).
    """
    counts = np.bincount(dataset.labels[windows], minlength=len(dataset.actions))
    by_action = (np.maximum(counts, 1) / max(counts.sum(), 1)) ** -balance
    weights = by_action[dataset.labels] * np.where(dataset.is_change, change, 1.0) * dataset.is_target
    weights *= np.where(dataset.is_correction, correction, 1.0)
    mean_one: Floats = (weights / weights[windows].mean()).astype(np.float32)
    return mean_one

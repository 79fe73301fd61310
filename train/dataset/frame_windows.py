"""Which frames make a window, which windows are learned from and which are kept to judge by.

A stretch is an unbroken row of frames: no gap and no border between recordings, or between training and
validation, lies inside. Windows never leave their stretch.
"""

from collections.abc import Iterator, Sequence
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
    reaches = [(frames - 1) * dataset.apart_at(start) for start, _ in stretches]
    ends = [np.arange(start + reach, stop) for (start, stop), reach in zip(stretches, reaches, strict=True)]
    joined = np.concatenate(ends) if ends else np.empty(0, np.int64)
    return joined[dataset.is_target[joined]]


def split(dataset: Dataset, *, frames: int, seed: int, every_action: bool = True) -> Split:
    """Contiguous blocks spread over the recordings for validation, the rest for training.

    One block of about `VALIDATION_SHARE` lies at random in each section of half a minute, a guard on both of
    its sides. Of several draws the one is taken whose windows show every action on both sides and whose validation
    windows come nearest to the shares of all. Where no draw shows them all, the blocks are laid where the rare actions
    are. The same for the same seed; and what there is decides, not the seed, whether it can be learned from. Raises
    `TwoframeError` where no windows are left. Without `every_action`, actions that nobody plays are not missed, and
    where there is too little to keep some for validation, all is for training.
    """
    total = len(dataset)
    everything = frame_windows_of(dataset, stretches_of(dataset.gap_before, np.ones(total, np.bool_)), frames)
    if not len(everything):
        raise TwoframeError(
            f"recordings: found {total} frames but no {frames} in a row without a gap and with a person's keys, "
            "expected some; record longer"
        )
    reach = (frames - 1) * dataset.widest_apart
    wanted = _shares(dataset, everything)
    is_played = wanted > 0
    if every_action:
        _require(dataset, wanted, is_judged=True)
    places = Places.of(dataset, everything, reach)
    can_judge = bool(places.allowed.any())
    taken = len(places.sections) * (places.block + 2 * places.guard)  # from what is learned
    if every_action:
        _require(dataset, wanted, is_judged=can_judge)
    elif not can_judge or taken > total / 2:
        return Split(stretches_of(dataset.gap_before, np.ones(total, np.bool_)), (), 0)

    def drawn(starts: Sequence[int]) -> tuple[float, Split]:
        is_validation, is_near = np.zeros(total, np.bool_), np.zeros(total, np.bool_)
        for start in starts:
            is_validation[start : start + places.block] = True
            is_near[max(0, start - places.guard) : start + places.block + places.guard] = True
        one = Split(
            stretches_of(dataset.gap_before, ~is_near), stretches_of(dataset.gap_before, is_validation), places.guard
        )
        training = _shares(dataset, frame_windows_of(dataset, one.training, frames))
        validation = _shares(dataset, frame_windows_of(dataset, one.validation, frames))
        missing = int((training == 0)[is_played].sum()) * len(wanted) + int((validation == 0)[is_played].sum())
        return float(np.abs(validation - wanted).sum()) + 10.0 * missing, one

    def best(draws: Iterator[list[int]]) -> tuple[float, Split]:
        return min((drawn(starts) for starts in draws), key=lambda one: one[0])

    rng = np.random.default_rng([seed, 1])
    found = best(places.anywhere(rng) for _ in range(_DRAWS))
    if found[0] >= 10.0:
        found = min(found, best(places.chosen(rng) for _ in range(_DRAWS)), key=lambda one: one[0])
    return found[1]


class Places(NamedTuple):
    """Where validation blocks of `block` frames may begin: within `room` of the first frame of each section.

    allowed (T,) bool: such starts as show a window to judge by and leave one of every action, its first or its last, to
    be learned from; windows (A, T + 1) int64: those of each action that end before a frame.
    """

    sections: tuple[int, ...]
    room: int
    block: int
    guard: int
    reach: int
    allowed: Bools
    windows: Ints

    @classmethod
    def of(cls, dataset: Dataset, ends: Ints, reach: int) -> "Places":
        """For windows that end at `ends` and reach `reach` frames back."""
        total = len(dataset)
        count = int(np.clip(total // _SECTION, 2, 64))
        length = total / count
        block = max(reach + 2, round(length * VALIDATION_SHARE))
        guard = max(reach, min(round(dataset.meta.fps), round(length * VALIDATION_SHARE / 4)))
        sections = tuple(int(section * length) for section in range(count))
        room = max(0, int(length) - block)
        labels = dataset.labels[ends]
        windows = np.zeros((len(dataset.actions), total + 1), np.int64)
        windows[labels, ends + 1] = 1
        within = np.zeros(total, np.bool_)
        for start in sections:
            within[start : start + room + 1] = True
        places = cls(sections, room, block, guard, reach, within, windows.cumsum(axis=1))
        judged = places.judged(np.arange(total))
        places = places._replace(allowed=within & judged.any(axis=0))
        for action in np.argsort(np.bincount(labels, minlength=len(windows)), kind="stable"):
            own = ends[labels == action]
            if not len(own):
                continue
            left = [places.without(int(kept)) for kept in (own[0], own[-1])]
            places = max(left, key=lambda one: int((one.allowed & judged[action]).any()))
        return places

    def without(self, end: int) -> "Places":
        """The same but for starts that would keep the window that ends at `end` from being learned from."""
        allowed = self.allowed.copy()
        allowed[max(0, end - self.reach - self.block - self.guard + 1) : end + self.guard + 1] = False
        return self._replace(allowed=allowed)

    def judged(self, starts: Ints) -> Bools:
        """(A, S) bool: which actions a block from each of the `starts` (S,) shows."""
        stops = np.minimum(starts + self.block, len(self.allowed))
        shown: Bools = self.windows[:, stops] > self.windows[:, np.minimum(starts + self.reach, stops)]
        return shown

    def anywhere(self, rng: np.random.Generator) -> list[int]:
        """A block at random in each section."""
        return [start + int(rng.integers(0, self.room + 1)) for start in self.sections]

    def chosen(self, rng: np.random.Generator) -> list[int]:
        """Blocks in places that are allowed: first such as show the actions, from the rarest on, then one in each
        section that is left."""
        starts = np.flatnonzero(self.allowed)
        judged = self.judged(starts)
        section = np.searchsorted(self.sections, starts, side="right")
        shown = np.zeros(len(judged), np.bool_)
        found: dict[int, int] = {}

        def take(rows: Ints) -> None:
            row = int(rng.choice(rows))
            found[int(section[row])] = int(starts[row])
            np.logical_or(shown, judged[:, row], out=shown)

        for action in np.argsort(judged.sum(axis=1)):
            free = ~np.isin(section, list(found))
            if not shown[action] and len(rows := np.flatnonzero(judged[action] & free)):
                take(rows)
        for left in set(section.tolist()) - set(found):
            take(np.flatnonzero(section == left))
        return list(found.values())


def split_off(dataset: Dataset, first: int, *, frames: int) -> Split:
    """Judge by the recordings from frame `first` on, learn from those before (`--validate`).

    Raises `TwoframeError` where no windows are left.
    """
    is_validation = np.arange(len(dataset)) >= first
    drawn = Split(
        stretches_of(dataset.gap_before, ~is_validation), stretches_of(dataset.gap_before, is_validation), guard=0
    )
    training = _shares(dataset, frame_windows_of(dataset, drawn.training, frames))
    _require(dataset, training, is_judged=len(frame_windows_of(dataset, drawn.validation, frames)) > 0)
    return drawn


def require_windows(dataset: Dataset, drawn: Split, *, frames: int) -> None:
    """Raise `TwoframeError` unless `drawn` has windows to learn from and to judge by, of whatever actions."""
    for stretches, what in ((drawn.training, "to learn from"), (drawn.validation, "to judge by")):
        if not len(frame_windows_of(dataset, stretches, frames)):
            raise TwoframeError(
                f"recordings: found no windows {what} with a person's keys, expected some; record longer"
            )


def _shares(dataset: Dataset, windows: Ints) -> Doubles:
    counts = np.bincount(dataset.labels[windows], minlength=len(dataset.actions))
    return counts / max(len(windows), 1)


def _require(dataset: Dataset, training: Doubles, *, is_judged: bool) -> None:
    """`training` (A,) are the shares of the actions in what is learned from."""
    never = [name for name, share in zip(dataset.actions.names, training, strict=True) if not share]
    if never or not is_judged:
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

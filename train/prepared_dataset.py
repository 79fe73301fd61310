"""A dataset prepared for one training: what there is to learn from and to judge by, and what must be beaten there."""

import hashlib
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from agent.actions import ActionSet
from agent.arrays import Bools, Doubles, Floats, Ints
from agent.errors import usage
from agent.frames import Image, mean_difference
from agent.recording.key_log import never_pressed
from agent.recording.learned_from import LearnedFrom, recording_digest
from train.dataset.batches import Augmentation, Rehearsal
from train.dataset.dataset import Dataset, ShiftedLabels, channel_statistics, labels_of, open_dataset
from train.dataset.frame_windows import Split, frame_windows_of, require_windows, split, split_off
from train.dataset.remembered import Draw, Parts, judged_parts, split_remembered
from train.metrics import Scores, commonest, score, share
from train.options import TrainOptions
from train.sources import Sources, find_sources
from train.starting_policy import StartingPolicy

MOST_COMPARED = 20_000  # frames, to find out what a cut is
FEWEST_CUTS, CUTS_SHARE = 3, 0.02  # of the frames at most
DROP, LEAST_CUT = 3.0, 1.0  # from cuts to movements; grey levels
SCROLLING, SEEN = 0.05, 8  # of the pixels, grey levels; CarRacing 0.2, Pong and the lander 0.005
STANDING = 0.9  # of the windows: more are no game that is played


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """`training` and `validation` (M,) int64 are the last frames of the windows.

    `mean` and `deviation` (C,) float32 are those of the pixels to learn from, 0..255. Of a training that goes on from
    the policy `start`, `is_new` (T,) bool are the frames of recordings that it was not learned from, and `rehearsal`
    says how much of the old ones is learned.
    """

    sources: Sources
    dataset: Dataset
    split: Split
    training: Ints
    validation: Ints
    augmentation: Augmentation
    mean: Floats
    deviation: Floats
    start: StartingPolicy | None = None
    is_new: Bools | None = None
    rehearsal: Rehearsal | None = None

    @property
    def baselines(self) -> dict[str, Scores]:
        """The players that know nothing, by name, on the validation windows."""
        dataset, actions = self.dataset, len(self.dataset.actions)
        labels, is_change = dataset.labels[self.validation], dataset.is_change[self.validation]
        players = {
            "repeat the last action": dataset.previous[self.validation],
            "always the commonest": commonest(labels, actions),
        }
        return {name: score(labels, said, is_change, actions) for name, said in players.items()}

    def digest(self) -> str:
        """Of what is learned from: the actions and times of all frames, and their pixels here and there; and of the
        policy that it starts from."""
        dataset = self.dataset
        digest = hashlib.sha256(str(dataset.frame).encode())
        if self.start:
            digest.update(repr(sorted(self.start.meta.digests.items())).encode())
        for array in (dataset.labels, dataset.captured_ns, dataset.is_target):
            digest.update(np.ascontiguousarray(array).tobytes())
        for source in dataset.sources:
            for t in np.linspace(0, len(source) - 1, 16).astype(int):
                digest.update(source[t].tobytes())
        return digest.hexdigest()


def prepare_dataset(
    options: TrainOptions, room: Path, sources: Sources | None = None, start: StartingPolicy | None = None
) -> PreparedDataset:
    """Bring the recordings together and split them; frames prepared anew go to the folder `room`.

    `sources` are the recordings, unless those that `options` name; `start` is the policy that the training goes on
    from. Raises `TwoframeError` for whatever of it cannot be learned from.
    """
    with usage():
        actions = ActionSet.parse(options.keys) if options.keys else None
    sources = sources or find_sources(options, start)
    dataset = open_dataset(
        sources.recordings,
        actions=actions,
        frame_of=options.frame_of,
        shift_ms=options.label_shift_ms,
        stride=options.stride,
        apart_ms=options.apart_ms,
        frames=options.frames,
        told=[name for name in ("size", "crop", "color") if getattr(options, name)],
        skip_disturbed=options.skip_disturbed,
        room=room,
        policy=start.meta if start else None,
    )
    is_new, rehearsal = None, None
    if start:
        drawn, is_new, rehearsal = _split_of_old_and_new(options, sources, start, dataset)
    elif sources.judges:
        drawn = split_off(dataset, int(dataset.starts[len(sources.learned)]), frames=options.frames)
    else:
        drawn = split(dataset, frames=options.frames, seed=options.seed)
    validation = frame_windows_of(dataset, drawn.validation, options.frames)
    training = frame_windows_of(dataset, drawn.training, options.frames)
    mean, deviation = channel_statistics(dataset, training)
    return PreparedDataset(
        sources=sources,
        dataset=dataset,
        split=drawn,
        training=training,
        validation=validation,
        augmentation=options.augmentation(dataset.actions),
        mean=mean,
        deviation=deviation,
        start=start,
        is_new=is_new,
        rehearsal=rehearsal,
    )


def labels_later(prepared: PreparedDataset, options: TrainOptions, shift_ms: float) -> ShiftedLabels:
    """What was held so much later than each frame."""
    dataset = prepared.dataset
    return labels_of(
        prepared.sources.recordings,
        ActionSet.parse(options.keys) if options.keys else None,
        shift_ms,
        dataset.strides,
        skip_disturbed=options.skip_disturbed,
    )


def relabelled(prepared: PreparedDataset, options: TrainOptions, labels: ShiftedLabels) -> PreparedDataset:
    """The same with other labels."""
    dataset = replace(prepared.dataset, **labels._asdict())
    return replace(
        prepared,
        dataset=dataset,
        training=frame_windows_of(dataset, prepared.split.training, options.frames),
        validation=frame_windows_of(dataset, prepared.split.validation, options.frames),
    )


def _split_of_old_and_new(
    options: TrainOptions, sources: Sources, start: StartingPolicy, dataset: Dataset
) -> tuple[Split, Bools, Rehearsal]:
    """What `start` was judged by stays what is judged by. Which frames are new, and how the old ones are learned.

    Raises `TwoframeError` where nothing is left to learn from or to judge by.
    """
    known = {one.digest: one.judged for one in start.meta.recordings}
    learned, kept = len(sources.learned), len(sources.kept)
    judged: list[Parts | Draw] = []
    is_new = np.zeros(len(dataset), np.bool_)
    for i, recording in enumerate(sources.recordings):
        parts = known.get(recording_digest(recording))
        is_old = parts is not None or learned <= i < learned + kept
        is_new[dataset.starts[i] : dataset.starts[i + 1]] = not is_old
        if i >= learned + kept:
            judged.append(((0, len(recording)),))
        elif parts is not None:
            judged.append(parts)
        elif i >= learned:
            judged.append(Draw("old", start.options.seed))  # as it was drawn, if all that was learned is named
        else:
            judged.append(() if sources.judges else Draw("new", options.seed))
    drawn = split_remembered(dataset, judged, frames=options.frames)
    rehearsal = Rehearsal(
        int(dataset.starts[learned]), int(dataset.starts[learned + kept]), options.keep_share if kept else 0.0
    )
    if not rehearsal.share:
        of_new = tuple(one for one in drawn.training if not rehearsal.start <= one.start < rehearsal.stop)
        drawn = drawn._replace(training=of_new)
    require_windows(dataset, drawn, frames=options.frames)
    return drawn, is_new, rehearsal


def remembered(prepared: PreparedDataset, policy: Path) -> tuple[LearnedFrom, ...]:
    """What the policy that is written to the folder `policy` tells of its recordings: for trainings that start from
    it."""

    def seen_from_there(folder: Path) -> str:
        try:
            return Path(os.path.relpath(folder.resolve(), policy.resolve())).as_posix()
        except ValueError:  # on another drive of Windows
            return folder.resolve().as_posix()

    parts = judged_parts(prepared.dataset, prepared.split)
    return tuple(
        LearnedFrom(seen_from_there(each.folder), recording_digest(each), judged)
        for each, judged in zip(prepared.sources.recordings, parts, strict=True)
    )


def described(prepared: PreparedDataset) -> Iterator[str]:
    """What a person should know before the training starts, line by line."""
    dataset = prepared.dataset
    yield from (*prepared.sources.notes, *dataset.notes)
    yield (
        f"{len(dataset)} frames in {len(dataset.sources)} recording{'s'[: len(dataset.sources) > 1]}, "
        f"{dataset.frame} at {dataset.fps:g} fps; {len(prepared.training)} windows to learn from, "
        f"{len(prepared.validation)} to judge by"
    )
    parts = list(zip(dataset.actions.names, played_shares(prepared), strict=True))
    yield f"actions played: {', '.join(f'{name} {share(part)}' for name, part in parts)}"
    if prepared.start:
        yield from _going_on(prepared, prepared.start)
    judged = np.bincount(dataset.labels[prepared.validation], minlength=len(dataset.actions))
    if unjudged := [name for (name, part), count in zip(parts, judged, strict=True) if part and not count]:
        yield (
            f"warning: {', '.join(unjudged)} is learned but not judged: played too little, or in one place only; "
            "record more of it"
        )
    if (standing := standing_share(prepared)) > STANDING:
        yield (
            f"warning: in {share(standing)} of the windows the picture stands still, as where black or a frozen window "
            "was recorded; look at it with recordings video"
        )
    scores = [f"'{name}' is right in {share(player.accuracy)}" for name, player in prepared.baselines.items()]
    yield f"to beat: {', '.join(scores)}"


def _going_on(prepared: PreparedDataset, start: StartingPolicy) -> Iterator[str]:
    """What is learned of new and of old recordings, and what of neither."""
    ends, first, stop, share_of_old = prepared.training, *(prepared.rehearsal or (0, 0, 0.0))
    old = int(((ends >= first) & (ends < stop)).sum())
    new = len(ends) - old
    drawn = min(old, round(new * share_of_old / (1 - share_of_old)))
    beside = f" and {drawn} of {old} old ones" if old else ""
    yield f"goes on from {start.folder}; each epoch takes {new} windows{beside}"
    parts = zip(prepared.dataset.actions.names, played_shares(prepared), strict=True)
    if unplayed := [name for name, part in parts if not part]:
        yield (
            f"warning: {', '.join(unplayed)} is nowhere in what is learned, and may be forgotten; name old recordings "
            "with --keep"
        )


def never_pressed_by_anybody(prepared: PreparedDataset) -> str:
    """In words, which keys of the actions nobody pressed. A policy that goes on was told before."""
    pressed = frozenset[str]().union(*(recording.pressed for recording in prepared.sources.recordings))
    return "" if prepared.start else never_pressed(prepared.dataset.actions, pressed)


def played_shares(prepared: PreparedDataset) -> tuple[float, ...]:
    """The share of each action in what is learned."""
    counts = np.bincount(prepared.dataset.labels[prepared.training], minlength=len(prepared.dataset.actions))
    return tuple((counts / counts.sum()).tolist())


def longest_holds_s(prepared: PreparedDataset) -> tuple[float, ...]:
    """For how long each action was held at most, as a mirror swaps them too, and by what the policy to start from was
    told: what it was learned from need not be here."""
    longest = np.array(prepared.dataset.longest_holds_s())
    if prepared.augmentation.mirror:
        longest = np.maximum(longest, longest[list(prepared.augmentation.mirror)])
    if prepared.start and prepared.start.meta.longest_holds_s:
        longest = np.maximum(longest, prepared.start.meta.longest_holds_s)
    return tuple(longest.tolist())


def cut_difference(prepared: PreparedDataset) -> float:
    """The mean difference from one frame to the next above which the picture is another one, in grey levels: a new life
    or level, not a movement. Infinite where the recordings show no such thing, and no policy to start from tells.

    Cuts are few and far greater than what moves: the greatest differences, in order, drop at once where they end. What
    is on both sides of a gap is compared too: in a recording made of episodes the cuts are there.
    """
    dataset = prepared.dataset
    ends = prepared.training[dataset.previous[prepared.training] >= 0][:MOST_COMPARED]
    after_gaps = np.setdiff1d(np.flatnonzero(dataset.gap_before), dataset.starts)[:MOST_COMPARED]
    compared = chain(pairs(dataset, ends, dataset.stride_at), pairs(dataset, after_gaps, lambda _: 1))
    found = drop(np.array([mean_difference(*pair) for pair in compared]))
    if math.isinf(found) and prepared.start:
        return prepared.start.meta.cut_difference
    return found


def drop(differences: Doubles) -> float:
    """Where the greatest of the `differences` (M,) drop at once: between two of them, infinite where they do not."""
    rarest = max(FEWEST_CUTS + 1, round(CUTS_SHARE * len(differences)))
    greatest = np.sort(differences)[::-1][:rarest]
    above, below = greatest[FEWEST_CUTS - 1 : -1], greatest[FEWEST_CUTS:]
    ratios = above / np.maximum(below, 1 / 256)
    ratios[above < LEAST_CUT] = 0.0
    if not len(ratios) or ratios.max() < DROP:
        return math.inf
    return float(np.sqrt(above * np.maximum(below, 1 / 256))[ratios.argmax()])


def standing_share(prepared: PreparedDataset) -> float:
    """The share of the windows to learn from, some of them, whose last frame equals the one before."""
    standing = [np.array_equal(*pair) for pair in window_ends(prepared)]
    return sum(standing) / max(1, len(standing))


def scrolls(prepared: PreparedDataset) -> bool:
    """Whether the whole picture moves, not things before a background that stands still."""
    return moving_share(prepared) > SCROLLING


def moving_share(prepared: PreparedDataset) -> float:
    """The share of the pixels that change by `SEEN` or more in a window to learn from, the median of some of them."""
    moved = [np.mean(cv2.absdiff(*pair) >= SEEN) for pair in window_ends(prepared)]
    return float(np.median(moved)) if moved else 0.0


def window_ends(prepared: PreparedDataset, most: int = 500) -> Iterator[Image]:
    """The last two frames (2, H, W, C) of windows to learn from, about `most` of them, in the same place in turn."""
    dataset = prepared.dataset
    ends = frame_windows_of(dataset, prepared.split.training, 2)
    return pairs(dataset, ends[:: max(1, len(ends) // most)], dataset.apart_at)


def pairs(dataset: Dataset, ends: Ints, before: Callable[[int], int]) -> Iterator[Image]:
    """The frame so many `before` each of the `ends`, and that there: (2, H, W, C), all in the same place in turn."""
    pair: Image = np.empty((2, *dataset.frame.shape), np.uint8)
    for end in ends:
        dataset.gather(np.array([end - before(end), end]), pair)
        yield pair

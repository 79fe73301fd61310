"""Batches made of runs of consecutive frames: each frame is read and encoded once for all windows that hold it.

A run of L frames holds W = L - N + 1 windows of N frames. Shapes are the same in every batch, so the step is
compiled once; what a run or a batch lacks to its full size has weight 0.
"""

import math
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypedDict

import cv2
import numpy as np
import numpy.typing as npt

from agent.arrays import Bools, Floats, Ints, Levels
from train.dataset.dataset import Dataset
from train.dataset.frame_windows import Stretch

DROPPED, REPEATED = -1, -2  # in `older_from`
JUDGED_RUN_WINDOWS, JUDGED_BATCHES = 16, 4  # windows of a run, and batches in one, see `sizes_to_judge`


class Augmentation(NamedTuple):
    """What is drawn at random while training. Changes of the image are drawn once per run: drawn for each
    frame they would destroy the motion between the frames.

    `brightness` is the largest change of brightness and contrast as a share of their range, `shift` the
    largest move as a share of the side; `erase` is the share of runs with a rectangle of one color over them
    (random erasing, Zhong et al. 2020). With `mirror`, the action that each action becomes in a mirror, half of
    the runs are mirrored. `drop_older` and `swap_older` are the shares of windows whose earlier frames are blank
    (their features 0), or taken from another window: remedies against the copycat.
    """

    brightness: float = 0.0
    shift: float = 0.0
    erase: float = 0.0
    mirror: tuple[int, ...] = ()
    drop_older: float = 0.0
    swap_older: float = 0.0

    @property
    def lends(self) -> bool:
        """Whether there are windows that do not see their own earlier frames."""
        return self.drop_older + self.swap_older > 0


class Rehearsal(NamedTuple):
    """Frames `start` to `stop - 1` of the dataset are old ones: of all windows of an epoch they make at most `share`,
    0 to less than 1, drawn anew for each."""

    start: int
    stop: int
    share: float


class Share(NamedTuple):
    """Which part of every batch is read here: of `of` workers each takes a block of runs."""

    worker: int = 0
    of: int = 1


class Batch(NamedTuple):
    """R runs of L frames with W windows each; window j of a run ends at its frame j + N - 1.

    frames (R, L, H, W, C) uint8 0..255; labels (R, W) int32; weights (R, W) float32, what each window adds to the mean
    loss (over all workers they sum to about 1); both (R, W, S) where there are labels for S shifts; older_from (R, W)
    int32, the window in this batch that lends its earlier frames, or `DROPPED`, or `REPEATED` (the newest frame stands
    for them), None where each sees its own; ends (R, W) int64, the window's last frame in the dataset, -1 where the
    window does not count; windows, how many count, over all workers.
    """

    frames: Levels
    labels: npt.NDArray[np.int32]
    weights: Floats
    older_from: npt.NDArray[np.int32] | None
    ends: Ints
    windows: int


class Sizes(TypedDict):
    """How long the runs of `Batches` are, and how many windows a batch has."""

    run_frames: int
    batch_windows: int


def sizes_to_judge(frames: int, batch_windows: int) -> Sizes:
    """To judge a network that learns in batches of `batch_windows`: larger ones, so that its weights are read less
    often, of longer runs, so that fewer frames are seen twice. Without gradients that takes little memory."""
    return Sizes(run_frames=frames - 1 + JUDGED_RUN_WINDOWS, batch_windows=JUDGED_BATCHES * batch_windows)


class Batches:
    """All windows of `stretches`, each exactly once per epoch, but for those of a `rehearsal`. `weights` (T,) float32
    by the window's last frame; `labels` (T,), unless those of the dataset; both (T, S) for S shifts of the labels.

    `run_frames` (L) is raised to the window's size where it is smaller; `batch_windows` is met to within a run
    for each part that works on the batch, of which there are a multiple of `parts`.
    """

    def __init__(
        self,
        dataset: Dataset,
        stretches: Sequence[Stretch],
        weights: Floats,
        *,
        frames: int,
        run_frames: int,
        batch_windows: int,
        share: Share = Share(),  # noqa: B008 - a tuple
        parts: int = 1,
        rehearsal: Rehearsal | None = None,
        labels: Ints | None = None,
    ) -> None:
        self._dataset = dataset
        self._stretches = stretches
        self.weights = weights
        self._labels = dataset.labels if labels is None else labels
        self._frames = frames
        self._rehearsal = rehearsal
        self.run_frames = max(run_frames, frames)
        self.run_windows = self.run_frames - frames + 1
        self.runs = max(1, round(batch_windows / self.run_windows / parts)) * parts
        self._own_runs = self.runs // share.of
        self._first_run = share.worker * self._own_runs

    def in_order(self, every: int = 1) -> Iterator[Batch]:
        """Every window once, as recorded; or the batches that come `every` so many."""
        index, ends = self._runs_of_epoch(phase=None)
        for start in range(0, len(index), self.runs * every):
            yield self._batch(index[start:], ends[start:], None, Augmentation())

    def shuffled(self, seed: Sequence[int], augmentation: Augmentation, first: int = 0) -> Iterator[Batch]:
        """Every window once, runs cut at other places and in another order for each `seed`; from batch `first` on."""
        rng = np.random.default_rng(seed)
        index, ends = self._runs_of_epoch(phase=rng)
        order = self._stratified(ends, rng)
        for start in range(first * self.runs, len(index), self.runs):
            chosen = order[start : start + self.runs]
            yield self._batch(index[chosen], ends[chosen], [*seed, start], augmentation)

    def steps(self) -> int:
        """Batches in an epoch that starts every stretch at its first window."""
        return -(-len(self._runs_of_epoch(phase=None)[0]) // self.runs)

    def _runs_of_epoch(self, phase: np.random.Generator | None) -> tuple[Ints, Ints]:
        """The frames (M, L) int64 of each run and the last frames (M, W) int64 of its windows, -1 where none counts."""
        index, ends = [np.empty((0, self.run_frames), np.int64)], [np.empty((0, self.run_windows), np.int64)]
        for row in self._rows():
            offset = 0 if phase is None else int(phase.integers(0, self.run_windows))
            first = np.arange(-offset, len(row) - self._frames + 1, self.run_windows)
            frames = first[:, None] + np.arange(self.run_frames)
            last = first[:, None] + np.arange(self.run_windows) + self._frames - 1
            inside = (last >= self._frames - 1) & (last < len(row))
            last_frames = row[np.clip(last, 0, len(row) - 1)]
            index.append(row[np.clip(frames, 0, len(row) - 1)])
            ends.append(np.where(inside & self._dataset.is_target[last_frames], last_frames, -1))
        all_index, all_ends = np.concatenate(index), np.concatenate(ends)
        useful: Bools = np.asarray((all_ends >= 0).any(axis=1))
        if self._rehearsal:
            useful[self._left_out(all_index[:, 0], useful, phase)] = False
        return all_index[useful], all_ends[useful]

    def _left_out(self, first: Ints, useful: Bools, rng: np.random.Generator | None) -> Ints:
        """Which of the runs that begin at the frames `first` (M,) are too many of the old ones; drawn, if there is
        something to draw with."""
        assert self._rehearsal
        start, stop, share = self._rehearsal
        is_old = (first >= start) & (first < stop)
        old = np.flatnonzero(is_old & useful)
        wanted = round(int((useful & ~is_old).sum()) * share / (1 - share))
        return (old if rng is None else rng.permutation(old))[wanted:]

    def _stratified(self, ends: Ints, rng: np.random.Generator) -> Ints:
        """A random order of the runs in which every batch has about the same share of each action: the windows of a
        run are so alike that a few runs drawn plainly would teach one action now and another then."""
        order = rng.permutation(len(ends))
        labels = self._dataset.labels[ends.max(axis=1)[order]]
        by_action = order[np.argsort(labels, kind="stable")]
        batches = -(-len(ends) // self.runs)
        dealt = [by_action[batch::batches] for batch in rng.permutation(batches)]
        dealt.sort(key=len, reverse=True)  # the full ones first, so that the cuts fall between them
        return np.concatenate(dealt)

    def _rows(self) -> Iterator[Ints]:
        """Frames of each stretch of which any neighbours make a window: every `apart`-th, from each possible start."""
        for start, stop in self._stretches:
            apart = self._dataset.apart_at(start)
            for phase in range(min(apart, stop - start)):
                row = np.arange(start + phase, stop, apart)
                if len(row) >= self._frames:
                    yield row

    def _batch(
        self,
        index: Ints,
        ends: Ints,
        seed: Sequence[int] | None,
        augmentation: Augmentation,
    ) -> Batch:
        """Of the first runs in `index` and `ends`; each run draws for itself, so it is the same whoever reads it."""
        own = slice(self._first_run, self._first_run + self._own_runs)
        windows = int((ends[: self.runs] >= 0).sum())
        own_index, own_ends = index[: self.runs][own], ends[: self.runs][own]
        frames = np.zeros((self._own_runs, self.run_frames, *self._dataset.frame.shape), np.uint8)
        padded_ends = np.full((self._own_runs, self.run_windows), -1, np.int64)
        padded_ends[: len(own_ends)] = own_ends
        counts = padded_ends >= 0
        labels = self._labels[padded_ends].astype(np.int32)
        weights = self.weights[padded_ends] / np.float32(max(windows, 1))
        labels[~counts], weights[~counts] = 0, 0
        older_from = np.arange(counts.size, dtype=np.int32).reshape(counts.shape)
        for run, frame_index in enumerate(own_index):
            self._dataset.gather(frame_index, frames[run])
            if seed is not None:
                rng = np.random.default_rng([*seed, self._first_run + run])
                if augment(frames[run], rng, augmentation):
                    labels[run] = np.array(augmentation.mirror)[labels[run]]
                lend_older(older_from[run], rng, augmentation, lenders=counts.size)
        return Batch(
            frames=frames,
            labels=labels,
            weights=weights.astype(np.float32),
            older_from=older_from if augmentation.lends else None,
            ends=padded_ends,
            windows=windows,
        )


def augment(frames: Levels, rng: np.random.Generator, augmentation: Augmentation) -> bool:
    """Change one run of frames (L, H, W, C) uint8 in place, all of its frames alike; True if it was mirrored."""
    height, width, channels = frames.shape[1:]
    if augmentation.brightness:
        contrast, brightness = rng.uniform(-augmentation.brightness, augmentation.brightness, 2)
        levels = (np.arange(256) - 127.5) * (1 + contrast) + 127.5 + 255 * brightness
        table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        cv2.LUT(frames.reshape(-1, 1), table, dst=frames.reshape(-1, 1))
    if augmentation.shift:
        y = int(rng.integers(-round(augmentation.shift * height), round(augmentation.shift * height) + 1))
        x = int(rng.integers(-round(augmentation.shift * width), round(augmentation.shift * width) + 1))
        rows = np.clip(np.arange(height) + y, 0, height - 1)
        columns = np.clip(np.arange(width) + x, 0, width - 1)
        frames[:] = frames[:, rows][:, :, columns]  # the border repeats
    if augmentation.erase and rng.random() < augmentation.erase:
        area, ratio = rng.uniform(0.02, 0.2) * height * width, math.exp(rng.uniform(math.log(0.3), math.log(3.3)))
        tall = min(height, max(1, round(math.sqrt(area * ratio))))
        wide = min(width, max(1, round(math.sqrt(area / ratio))))
        top, left = int(rng.integers(0, height - tall + 1)), int(rng.integers(0, width - wide + 1))
        frames[:, top : top + tall, left : left + wide] = rng.integers(0, 256, channels)
    is_mirrored = bool(augmentation.mirror) and rng.random() < 0.5
    if is_mirrored:
        frames[:] = frames[:, :, ::-1].copy()
    return is_mirrored


def lend_older(
    older_from: npt.NDArray[np.int32], rng: np.random.Generator, augmentation: Augmentation, *, lenders: int
) -> None:
    """Draw, in place, whose earlier frames the windows of one run see (W,): of `lenders` windows, or none."""
    if not augmentation.lends:
        return
    drawn = rng.random(len(older_from))
    is_swapped = drawn < augmentation.swap_older
    older_from[is_swapped] = rng.integers(0, lenders, int(is_swapped.sum()))
    older_from[drawn > 1 - augmentation.drop_older] = DROPPED


def ahead(batches: Iterator[Batch], depth: int = 3) -> Iterator[Batch]:
    """The same batches, gathered by a thread of its own while the step computes."""
    ready: queue.Queue[Batch | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(item: Batch | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:  # look again whether anybody still waits
                continue
            return

    def gather() -> None:
        try:
            for batch in batches:
                put(batch)
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again where the batches are wanted
            put(error)

    thread = threading.Thread(target=gather, name="batches", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stopped.set()
        thread.join()

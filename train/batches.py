"""Batches made of runs of consecutive frames: each frame is read and encoded once for all windows that hold it.

A run of L frames holds W = L - N + 1 windows of N frames. Shapes are the same in every batch, so the step is
compiled once; what a run or a batch lacks to its full size has weight 0.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from train.dataset import Dataset
from train.windows import Stretch

DROPPED = -1  # in `older_from`


class Augmentation(NamedTuple):
    """What is drawn at random while training. Changes of the image are drawn once per run: drawn for each
    frame they would destroy the motion between the frames.

    `brightness` is the largest change of brightness and contrast as a share of their range, `shift` the
    largest move as a share of the side. `drop_older` and `swap_older` are the shares of windows whose earlier
    frames are blank (their features 0), or taken from another window: remedies against the copycat.
    """

    brightness: float = 0.0
    shift: float = 0.0
    drop_older: float = 0.0
    swap_older: float = 0.0


class Batch(NamedTuple):
    """R runs of L frames with W windows each; window j of a run ends at its frame j + N - 1.

    frames (R, L, H, W, C) uint8 0..255; labels (R, W) int32; weights (R, W) float32, what each window adds to
    the mean loss (they sum to about 1); older_from (R*W,) int32, the window that lends its earlier frames,
    itself as a rule, or `DROPPED`; ends (R, W) int64, the window's last frame in the dataset, -1 where the
    window does not count.
    """

    frames: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    older_from: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int64]


class Batches:
    """All windows of `stretches`, each exactly once per epoch. `weights` (T,) float32 by the window's last frame.

    `run_frames` (L) is raised to the window's size where it is smaller; `batch_windows` is met to within a run.
    """

    def __init__(
        self,
        dataset: Dataset,
        stretches: Sequence[Stretch],
        weights: npt.NDArray[np.float32],
        *,
        frames: int,
        run_frames: int,
        batch_windows: int,
    ) -> None:
        self._dataset = dataset
        self._stretches = [stretch for stretch in stretches if stretch.stop - stretch.start >= frames]
        self.weights = weights
        self._frames = frames
        self.run_frames = max(run_frames, frames)
        self.run_windows = self.run_frames - frames + 1
        self.runs = max(1, round(batch_windows / self.run_windows))

    def in_order(self) -> Iterator[Batch]:
        """Every window once, as recorded."""
        index, ends = self._runs_of_epoch(phase=None)
        for rows in self._rows(len(index)):
            yield self._batch(index[rows], ends[rows], None, Augmentation())

    def shuffled(self, seed: Sequence[int], augmentation: Augmentation) -> Iterator[Batch]:
        """Every window once, runs cut at other places and in another order for each `seed`."""
        rng = np.random.default_rng(seed)
        index, ends = self._runs_of_epoch(phase=rng)
        order = rng.permutation(len(index))
        for rows in self._rows(len(index)):
            chosen = order[rows]
            yield self._batch(index[chosen], ends[chosen], rng, augmentation)

    def steps(self) -> int:
        """Batches in an epoch that starts every stretch at its first window."""
        return -(-len(self._runs_of_epoch(phase=None)[0]) // self.runs)

    def _rows(self, runs: int) -> Iterator[slice]:
        return (slice(start, start + self.runs) for start in range(0, runs, self.runs))

    def _runs_of_epoch(self, phase: np.random.Generator | None) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The frames (M, L) int64 of each run and the last frames (M, W) int64 of its windows, -1 where none counts."""
        index, ends = [], []
        for start, stop in self._stretches:
            offset = 0 if phase is None else int(phase.integers(0, self.run_windows))
            first = np.arange(start - offset, stop - self._frames + 1, self.run_windows)
            frames = first[:, None] + np.arange(self.run_frames)
            last = first[:, None] + np.arange(self.run_windows) + self._frames - 1
            inside = (last >= start + self._frames - 1) & (last < stop)
            index.append(np.clip(frames, start, stop - 1))
            ends.append(np.where(inside & self._dataset.is_target[np.clip(last, start, stop - 1)], last, -1))
        all_index, all_ends = np.concatenate(index), np.concatenate(ends)
        useful = (all_ends >= 0).any(axis=1)
        return all_index[useful], all_ends[useful]

    def _batch(
        self,
        index: npt.NDArray[np.int64],
        ends: npt.NDArray[np.int64],
        rng: np.random.Generator | None,
        augmentation: Augmentation,
    ) -> Batch:
        frames = np.zeros((self.runs, self.run_frames, *self._dataset.frame.shape), np.uint8)
        padded_ends = np.full((self.runs, self.run_windows), -1, np.int64)
        padded_ends[: len(ends)] = ends
        counts = padded_ends >= 0
        for run, frame_index in enumerate(index):
            self._dataset.gather(frame_index, frames[run])
            if rng is not None:
                augment(frames[run], rng, augmentation)
        return Batch(
            frames=frames,
            labels=np.where(counts, self._dataset.labels[padded_ends], 0).astype(np.int32),
            weights=(self.weights[padded_ends] * counts / max(counts.sum(), 1)).astype(np.float32),
            older_from=_older_from(counts.size, rng, augmentation),
            ends=padded_ends,
        )


def augment(frames: npt.NDArray[np.uint8], rng: np.random.Generator, augmentation: Augmentation) -> None:
    """Change one run of frames (L, H, W, C) uint8 in place, all of its frames alike."""
    if augmentation.brightness:
        contrast, brightness = rng.uniform(-augmentation.brightness, augmentation.brightness, 2)
        levels = (np.arange(256) - 127.5) * (1 + contrast) + 127.5 + 255 * brightness
        table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
        cv2.LUT(frames.reshape(-1, 1), table, dst=frames.reshape(-1, 1))
    if augmentation.shift:
        height, width = frames.shape[1:3]
        y = int(rng.integers(-round(augmentation.shift * height), round(augmentation.shift * height) + 1))
        x = int(rng.integers(-round(augmentation.shift * width), round(augmentation.shift * width) + 1))
        rows = np.clip(np.arange(height) + y, 0, height - 1)
        columns = np.clip(np.arange(width) + x, 0, width - 1)
        frames[:] = frames[:, rows][:, :, columns]  # the border repeats


def _older_from(windows: int, rng: np.random.Generator | None, augmentation: Augmentation) -> npt.NDArray[np.int32]:
    own = np.arange(windows, dtype=np.int32)
    if rng is None:
        return own
    drawn = rng.random(windows)
    swapped = np.where(drawn < augmentation.swap_older, rng.integers(0, windows, windows), own)
    dropped = drawn > 1 - augmentation.drop_older
    return np.where(dropped, DROPPED, swapped).astype(np.int32)


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

"""The recordings of one training, side by side on one axis of frames: what was seen and what was done.

Frames stay on disk and are mapped; labels and times are small and live in memory.
"""

import errno
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.actions import ActionSet
from agent.arrays import Bools, Floats, Ints, Levels
from agent.errors import TwoframeError, raise_if_any
from agent.frames import FrameSpec, Image, prepare
from agent.policy.format import Spacing
from agent.recording.format import PERSON, Meta
from agent.recording.reader import Recording

FPS_TOLERANCE = 0.1  # rates further apart than this share make no common spacing of two frames
LATENCY_MS = 6.0  # from a frame to the key of `play`, 99 times of 100; what comes after, a person's has too
_CHUNK = 256  # frames prepared between two writes


@dataclass(frozen=True, slots=True)
class Dataset:
    """T frames of one or several recordings in a row; frame t is the same in every array.

    `sources` hold the frames (T_i, H, W, C) uint8, recording by recording, the i-th from `starts[i]` to
    `starts[i + 1]`. The policy sees every `stride`-th frame; the frames of a window lie `apart` frames from each
    other, a multiple of that, and windows may end at any frame. labels (T,) int64; previous (T,) int64 is the action
    held `stride` frames earlier, -1 after a gap; gap_before (T,) bool, also at the start of a recording; is_target
    (T,) bool where the keys are a person's and the label is known; is_correction (T,) bool in a rollout; captured_ns
    (T,) int64, from the start of each recording. A label is what was held `shift_ms` after its frame.
    """

    sources: tuple[Levels, ...]
    starts: Ints
    labels: Ints
    previous: Ints
    gap_before: Bools
    is_target: Bools
    is_correction: Bools
    captured_ns: Ints
    actions: ActionSet
    meta: Meta
    frame: FrameSpec
    stride: int = 1
    apart: int = 1
    shift_ms: float = 0.0

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def is_change(self) -> Bools:
        """(T,) bool: whether the action differs from that of the frame the policy saw before."""
        change: Bools = (self.previous >= 0) & (self.previous != self.labels)
        return change

    @property
    def fps(self) -> float:
        """Frames a second as the policy sees them."""
        return self.meta.fps / self.stride

    def gather(self, index: Ints, out: Levels) -> None:
        """Copy the frames `index` (L,), all of one recording, to `out` (L, H, W, C)."""
        i = int(np.searchsorted(self.starts, index[0], side="right")) - 1
        np.take(self.sources[i], index - self.starts[i], axis=0, out=out, mode="clip")

    def spacing(self, windows: Ints) -> Spacing:
        """From the frame seen before to the last of the `windows` that end at these: 1st, 50th, 99th percentile."""
        inside = windows[self.previous[windows] >= 0]
        spacings = self.captured_ns[inside] - self.captured_ns[inside - self.stride]
        if not len(spacings):
            period_ns = round(1e9 / self.fps)
            return Spacing(period_ns, period_ns, period_ns)
        low, median, high = np.percentile(spacings, [1, 50, 99])
        return Spacing(int(low), int(median), int(high))


def open_dataset(
    folders: Sequence[Path],
    *,
    actions: ActionSet | None,
    frame_of: Callable[[FrameSpec], FrameSpec],
    shift_ms: float | None,
    stride: int,
    room: Path,
    apart_ms: float = 0.0,
    skip_disturbed: bool = False,
) -> Dataset:
    """Open the recordings in `folders` and look whether they belong together.

    `actions` replace the recorded ones; `frame_of` tells from the recorded FrameSpec the one that the policy
    is to see; the frames of a window lie `apart_ms` from each other, to the nearest frame. The label of a frame
    is what was held `shift_ms` later, None: in the middle of the time for which `play` holds what it decides on that
    frame, since a policy that says what was held at the frame itself is late by that much. Frames that must be
    prepared anew go to a file without a name in the folder `room`.
    Frames under `collect --disturb` are learned too, by the keys that the person held against it (the labels of DART,
    Laskey et al. 2017), unless `skip_disturbed`: there what moves on the screen does not tell what is held.
    Raises `TwoframeError` naming the folders that do not fit.
    """
    recordings = [Recording.open(folder) for folder in folders]
    _check_together(recordings, with_own_actions=actions is None)
    meta = recordings[0].meta
    actions = actions or meta.actions
    if shift_ms is None:
        shift_ms = 1000 * stride / meta.fps / 2 + LATENCY_MS
    labels = [_labels(recording, actions, round(shift_ms * 1e6), skip_disturbed) for recording in recordings]
    joined = np.concatenate([label for label, _ in labels])
    is_target = np.concatenate([target for _, target in labels])
    _check_every_action(joined[is_target], actions, folders)

    gap_before = np.concatenate([recording.gap_before() for recording in recordings])
    is_rollout = [np.full(len(recording), recording.meta.source == "rollout") for recording in recordings]
    starts = np.concatenate([[0], np.cumsum([len(recording) for recording in recordings])])
    sources = tuple(recording.frames for recording in recordings)
    frame = frame_of(meta.frame)
    is_as_recorded = frame.shape == meta.frame.shape and frame.crop is None
    if not is_as_recorded:
        sources = tuple(_prepared(source, frame, room) for source in sources)
    return Dataset(
        sources=tuple(np.asarray(source) for source in sources),
        starts=starts.astype(np.int64),
        labels=joined,
        previous=previous_actions(joined, gap_before, stride),
        gap_before=gap_before,
        is_target=is_target,
        is_correction=np.concatenate(is_rollout) & is_target,
        captured_ns=np.concatenate([recording.captured_ns for recording in recordings]),
        actions=actions,
        meta=meta,
        frame=frame,
        stride=stride,
        shift_ms=shift_ms,
        apart=stride * max(1, round(apart_ms / 1000 * meta.fps / stride)),
    )


def previous_actions(labels: Ints, gap_before: Bools, stride: int) -> Ints:
    """(T,) int64: the action `stride` frames earlier, -1 where a gap lies between."""
    previous = np.full(len(labels), -1, np.int64)
    unbroken = np.cumsum(gap_before)
    is_near = unbroken[stride:] == unbroken[:-stride]
    previous[stride:][is_near] = labels[:-stride][is_near]
    return previous


def _check_together(recordings: Sequence[Recording], *, with_own_actions: bool) -> None:
    first = recordings[0]
    problems = [
        f"{recording.folder}: found no frames, expected a recording with some; leave it out or record again"
        for recording in recordings
        if not len(recording)
    ]
    for recording in recordings[1:]:
        for what, found, expected in [
            ("frames", str(recording.meta.frame), str(first.meta.frame)),
            ("crop of", recording.meta.frame.crop_of, first.meta.frame.crop_of),
            ("actions", str(recording.meta.actions), str(first.meta.actions)),
        ]:
            if found != expected and (with_own_actions or what != "actions"):
                remedy = "name the actions to learn with --keys" if what == "actions" else "record again"
                problems.append(
                    f"{recording.folder}: found {what} {found}, expected {expected} as in {first.folder}; "
                    f"train them apart or {remedy}"
                )
        if abs(recording.meta.fps / first.meta.fps - 1) > FPS_TOLERANCE:
            problems.append(
                f"{recording.folder}: found {recording.meta.fps:g} fps, expected {first.meta.fps:g} as in "
                f"{first.folder}; train them apart or record again"
            )
    raise_if_any(problems)


def _labels(recording: Recording, actions: ActionSet, shift_ns: int, skip_disturbed: bool) -> tuple[Ints, Bools]:
    """(T,) int64 the action at each frame's time plus the shift, and (T,) bool whether it is one to learn."""
    times_ns = recording.captured_ns + shift_ns
    labels = actions.actions_of(recording.held_at(times_ns), recording.meta.keys)
    # Behind a gap or the end nobody knows what was held: the shifted time must fall within the same stretch.
    stretch = np.cumsum(recording.gap_before())
    last = np.searchsorted(stretch, stretch, side="right") - 1
    is_target = times_ns <= recording.captured_ns[last]
    # A demonstration holds nobody's keys but the person's, a rollout the agent's as well.
    if recording.control is not None and (skip_disturbed or recording.meta.source == "rollout"):
        shown = np.searchsorted(recording.captured_ns, times_ns, side="right") - 1
        is_target &= (recording.control == PERSON) & (recording.control[shown] == PERSON)
    return labels, is_target


def _check_every_action(labels: Ints, actions: ActionSet, folders: Sequence[Path]) -> None:
    counts = np.bincount(labels, minlength=len(actions))
    never = [name for name, count in zip(actions.names, counts, strict=True) if not count]
    if never:
        raise TwoframeError(
            f"{', '.join(map(str, folders))}: found no frame with the action {', '.join(never)}, expected every "
            "action to be played; record more or leave the action out with --keys"
        )


def _prepared(source: Levels, frame: FrameSpec, room: Path) -> Levels:
    """`source` (T, H, W, C) prepared by `frame`, mapped from a file that vanishes with the process."""
    try:
        with tempfile.TemporaryFile(dir=room) as file:
            for start in range(0, len(source), _CHUNK):
                file.write(np.stack([prepare(image, frame) for image in source[start : start + _CHUNK]]).tobytes())
            file.flush()
            return np.memmap(file, np.uint8, "r", shape=(len(source), *frame.shape))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            size_mb = len(source) * frame.width * frame.height * frame.channels / 1e6
            raise TwoframeError(
                f"{room}: found the disk full, expected {size_mb:.0f} MB for the prepared frames; free some space"
            ) from None
        raise TwoframeError(f"{room}: found {error.strerror or error}, expected a folder to write to") from None


def channel_statistics(dataset: Dataset, frames: Ints, most: int = 2000) -> tuple[Floats, Floats]:
    """Mean and standard deviation of all pixels, (C,) float32 in 0..255, over at most `most` of `frames`."""
    chosen = frames[:: max(1, len(frames) // most)]
    total = np.zeros(dataset.frame.shape[-1])
    squares = np.zeros(dataset.frame.shape[-1])
    image: Image = np.empty((1, *dataset.frame.shape), np.uint8)
    for t in chosen:
        dataset.gather(np.array([t]), image)
        mean, deviation = (one.ravel() for one in cv2.meanStdDev(image[0]))
        total += mean
        squares += deviation**2 + mean**2
    mean = total / len(chosen)
    deviation = np.sqrt(np.maximum(squares / len(chosen) - mean**2, 0))
    return mean.astype(np.float32), deviation.astype(np.float32)

"""The recordings of one training, side by side on one axis of frames: what was seen and what was done.

Frames stay on disk and are mapped, packed ones unpacked for as long as they are needed; labels and times are small and
live in memory.
"""

import errno
import math
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from agent.actions import ActionSet
from agent.arrays import Bools, Floats, Ints, Levels
from agent.errors import TwoframeError
from agent.frames import FrameSpec, Image, prepare
from agent.policy.format import PolicyMeta, Spacing
from agent.recording.format import PERSON, Meta
from agent.recording.packed_frames import PackedFrames
from agent.recording.reader import Recording
from train.dataset.joining import join, key_notes
from train.dataset.rates import Steps, steps_between

LATENCY_MS = 6.0  # from a frame to the key of `play`, 99 times of 100; what comes after, a person's has too


@dataclass(frozen=True, slots=True)
class Dataset:
    """T frames of one or several recordings in a row; frame t is the same in every array.

    `sources` hold the frames (T_i, H, W, C) uint8, recording by recording, the i-th from `starts[i]` to
    `starts[i + 1]`. The policy sees every `stride`-th frame of `meta.fps`; the frames of a window lie `apart` of these
    frames from each other, a multiple of `stride`, and windows may end at any frame. In a recording of another rate it
    is as many of its own as take that long: `steps` tells, where there is one. labels (T,) int64; previous (T,) int64
    is the action held at the frame seen before, -1 after a gap; gap_before (T,) bool, also at the start of a recording;
    is_target (T,) bool where the keys are a person's and the label is known; is_correction (T,) bool in a rollout;
    captured_ns (T,) int64, from the start of each recording. A label is what was held `shift_ms` after its frame.
    `meta` is of all: `frame` is what all were brought to, `fps` was measured. `notes` are lines for a person.
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
    steps: Steps | None = None
    notes: tuple[str, ...] = ()

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

    @property
    def strides(self) -> Sequence[int]:
        """Frames from one that the policy sees to the next, in each recording."""
        return self.steps.strides if self.steps else [self.stride] * len(self.sources)

    @property
    def widest_apart(self) -> int:
        """Frames between neighbours of a window, in the recording where they are most."""
        return max(self.steps.aparts) if self.steps else self.apart

    def apart_at(self, t: int) -> int:
        """Frames between neighbours of a window, in the recording of frame `t`."""
        return self.steps.aparts[self._recording_of(t)] if self.steps else self.apart

    def stride_at(self, t: int) -> int:
        """Frames from the one that the policy sees before frame `t`."""
        return self.strides[self._recording_of(t)]

    def _recording_of(self, t: int) -> int:
        return int(np.searchsorted(self.starts, t, side="right")) - 1

    def part(self, first: int, stop: int) -> "Dataset":
        """The recordings from the `first` to before `stop` alone."""
        frames = slice(int(self.starts[first]), int(self.starts[stop]))
        steps = self.steps
        if steps:
            steps = replace(steps, strides=steps.strides[first:stop], aparts=steps.aparts[first:stop])
        return replace(
            self,
            sources=self.sources[first:stop],
            starts=self.starts[first : stop + 1] - self.starts[first],
            labels=self.labels[frames],
            previous=self.previous[frames],
            gap_before=self.gap_before[frames],
            is_target=self.is_target[frames],
            is_correction=self.is_correction[frames],
            captured_ns=self.captured_ns[frames],
            steps=steps,
        )

    def gather(self, index: Ints, out: Levels) -> None:
        """Copy the frames `index` (L,), all of one recording, to `out` (L, H, W, C)."""
        i = self._recording_of(int(index[0]))
        np.take(self.sources[i], index - self.starts[i], axis=0, out=out, mode="clip")

    def longest_holds_s(self) -> tuple[float, ...]:
        """(A,) seconds: for how long each action was held at most without a change, 0 for one that never was.

        Only what is a person's counts.
        """
        begins = self.gap_before.copy()
        begins[1:] |= (self.labels[1:] != self.labels[:-1]) | (self.is_target[1:] != self.is_target[:-1])
        first = np.flatnonzero(begins)
        last = np.append(first[1:], len(self)) - 1
        seconds = (self.captured_ns[last] - self.captured_ns[first]) / 1e9 + 1 / self.meta.fps
        longest = np.zeros(len(self.actions))
        np.maximum.at(longest, self.labels[first], seconds * self.is_target[first])
        return tuple(longest.tolist())

    def spacing(self, windows: Ints) -> Spacing:
        """From the frame seen before to the last of the `windows` that end at these: 1st, 50th, 99th percentile."""
        inside = windows[self.previous[windows] >= 0]
        strides = np.array(self.strides)[np.searchsorted(self.starts, inside, side="right") - 1]
        spacings = self.captured_ns[inside] - self.captured_ns[inside - strides]
        if not len(spacings):
            period_ns = round(1e9 / self.fps)
            return Spacing(period_ns, period_ns, period_ns)
        low, median, high = np.percentile(spacings, [1, 50, 99])
        return Spacing(int(low), int(median), int(high))


def open_dataset(
    recordings: Sequence[Recording],
    *,
    actions: ActionSet | None,
    frame_of: Callable[[FrameSpec], FrameSpec],
    shift_ms: float | None,
    stride: int,
    room: Path,
    apart_ms: float = 0.0,
    frames: int = 2,
    told: Collection[str] = (),
    skip_disturbed: bool = False,
    policy: PolicyMeta | None = None,
) -> Dataset:
    """Bring `recordings` together (`train/dataset/joining.py`).

    `actions` replace the recorded ones, of which each recording keeps its own default; `frame_of` tells from the
    FrameSpec that all are brought to the one that the policy is to see, `told` what of `size`, `crop` and `color` was
    asked for; the `frames` of a window lie `apart_ms` from each other, to the nearest frame. The label of a frame is
    what was held `shift_ms` later, None: in the middle of the time for which `play` holds what it decides on that
    frame, since a policy that says what was held at the frame itself is late by that much. Frames that must be
    prepared anew, or are packed, go to a file without a name in the folder `room`.
    Frames under `collect --disturb` are learned too, by the keys that the person held against it (the labels of DART,
    Laskey et al. 2017), unless `skip_disturbed`: there what moves on the screen does not tell what is held.
    A `policy` that goes on learning says what all is brought to, in place of the recordings and of `shift_ms` and
    `apart_ms`, and knows actions that nobody plays in them.
    Raises `TwoframeError` naming the folders that do not fit.
    """
    joined_to = join(recordings, with_own_actions=actions is None, told=told, policy=policy, stride=stride)
    meta = joined_to.meta
    steps = steps_between(
        recordings,
        meta.fps,
        stride=stride,
        apart_ms=apart_ms,
        frames=frames,
        ticks_apart=policy.apart if policy else None,
    )
    if policy:
        shift_ms = policy.label_shift_ms
    elif shift_ms is None:
        shift_ms = 1000 * stride / meta.fps / 2 + LATENCY_MS
    labelled = labels_of(recordings, actions, shift_ms, steps.strides, skip_disturbed=skip_disturbed)
    key_lines = () if policy else tuple(key_notes(recordings, actions))
    actions = policy.actions if policy else actions or meta.actions
    if not policy:
        played = labelled.labels[labelled.is_target]
        _check_every_action(played, actions, [recording.folder for recording in recordings])

    starts = np.concatenate([[0], np.cumsum([len(recording) for recording in recordings])])
    frame = frame_of(meta.frame)
    own = None if frame.shape == meta.frame.shape and frame.crop is None else frame
    sources = [
        _prepared(recording.frames, [spec for spec in (way, own) if spec], room)
        for recording, way in zip(recordings, joined_to.ways, strict=True)
    ]
    return Dataset(
        sources=tuple(np.asarray(source) for source in sources),
        starts=starts.astype(np.int64),
        **labelled._asdict(),
        gap_before=np.concatenate([recording.gap_before() for recording in recordings]),
        captured_ns=np.concatenate([recording.captured_ns for recording in recordings]),
        actions=actions,
        meta=meta,
        frame=frame,
        stride=stride,
        apart=steps.apart,
        steps=steps,
        notes=joined_to.notes + key_lines,
    )


def previous_actions(labels: Ints, gap_before: Bools, stride: int) -> Ints:
    """(T,) int64: the action `stride` frames earlier, -1 where a gap lies between."""
    previous = np.full(len(labels), -1, np.int64)
    unbroken = np.cumsum(gap_before)
    is_near = unbroken[stride:] == unbroken[:-stride]
    previous[stride:][is_near] = labels[:-stride][is_near]
    return previous


class ShiftedLabels(NamedTuple):
    """What was held `shift_ms` after each frame, see `Dataset`."""

    labels: Ints
    previous: Ints
    is_target: Bools
    is_correction: Bools
    shift_ms: float


def labels_of(
    recordings: Sequence[Recording],
    actions: ActionSet | None,
    shift_ms: float,
    strides: Sequence[int],
    *,
    skip_disturbed: bool,
) -> ShiftedLabels:
    """Of the frames of all `recordings` in a row, by `actions`, or by those of each."""
    parts = []
    for recording, stride in zip(recordings, strides, strict=True):
        labels, is_target = _labels(recording, actions or recording.meta.actions, round(shift_ms * 1e6), skip_disturbed)
        previous = previous_actions(labels, recording.gap_before(), stride)
        parts.append((labels, previous, is_target, is_target & (recording.meta.source == "rollout")))
    labels, previous, is_target, is_correction = map(np.concatenate, zip(*parts, strict=True))
    return ShiftedLabels(labels, previous, is_target, is_correction, shift_ms)


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


def _prepared(source: Levels | PackedFrames, specs: Sequence[FrameSpec], room: Path) -> Levels:
    """`source` (T, H, W, C) prepared by `specs` in turn, mapped from a file that vanishes with the process.

    Packed frames are unpacked into it even where there is nothing to prepare: an epoch reads a few here and a few
    there, and would decode a whole chunk for them each time.
    """
    if not specs and not isinstance(source, PackedFrames):
        return source
    shape = specs[-1].shape if specs else source.shape[1:]
    try:
        with tempfile.TemporaryFile(dir=room) as file:
            for image in source:
                for spec in specs:
                    image = prepare(image, spec)
                file.write(image.tobytes())
            file.flush()
            return np.memmap(file, np.uint8, "r", shape=(len(source), *shape))
    except OSError as error:
        if error.errno == errno.ENOSPC:
            size_mb = len(source) * math.prod(shape) / 1e6
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

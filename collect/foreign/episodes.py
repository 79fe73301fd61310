"""Recordings as episodes: unbroken stretches of pictures, as other formats want them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.arrays import Levels
from agent.errors import TwoframeError
from agent.frames import Image
from agent.recording.format import PERSON
from agent.recording.reader import Recording


@dataclass(frozen=True, slots=True)
class Episode:
    """The frames from `start` to before `stop` of a recording, without a gap between them."""

    recording: Recording
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def rows(self) -> slice:
        return slice(self.start, self.stop)

    def images(self) -> Iterator[Image]:
        return (self.recording.frames[t] for t in range(self.start, self.stop))

    def control(self) -> Levels:
        """(T,) uint8: who had the keys; a person where the recording does not say."""
        control = self.recording.control
        return np.full(len(self), PERSON, np.uint8) if control is None else control[self.rows]


def episodes_of(recordings: Sequence[Recording], least: int = 1) -> list[Episode]:
    """The stretches of all `recordings` that have `least` frames, in their order.

    Raises `TwoframeError` where there are none, and for recordings that cannot be one dataset.
    """
    first = recordings[0].meta
    for recording in recordings[1:]:
        meta = recording.meta
        for what, found, expected in (
            ("pictures", meta.frame.shape, first.frame.shape),
            ("keys", meta.keys, first.keys),
            ("actions", str(meta.actions), str(first.actions)),
            ("a rate", recording.rate_hz, recordings[0].rate_hz),
        ):
            if found != expected:
                raise TwoframeError(
                    f"{recording.folder}: found {what} {found}, expected {expected} as in {recordings[0].folder}; "
                    "export them one by one"
                )
    found_episodes = []
    for recording in recordings:
        starts = np.flatnonzero(recording.gap_before()).tolist()
        for start, stop in zip(starts, [*starts[1:], len(recording)], strict=True):
            if stop - start >= least:
                found_episodes.append(Episode(recording, start, stop))
    if not found_episodes:
        raise TwoframeError(f"{recordings[0].folder}: found no {least} frames in a row, expected some to export")
    return found_episodes

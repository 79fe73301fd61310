"""How quickly the frames of recordings came, and how many of them lie between two frames of a window."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from agent.errors import TwoframeError
from agent.policy.format import MAX_APART
from agent.recording.reader import Recording

APART_TOLERANCE = 0.1  # frames of a window further off their time than this share are those of another motion
MAX_APART_MS = 1000.0
MOST = "most recordings have"
_MOST_NOTES = 3  # of one kind


@dataclass(frozen=True, slots=True)
class Steps:
    """How far to step back in a row of frames: `apart` to the earlier frame of a window, `stride` to the frame that
    the policy saw before. `aparts` and `strides` are those of each recording, whose rates may differ."""

    stride: int
    apart: int
    strides: tuple[int, ...]
    aparts: tuple[int, ...]


def common_rate(recordings: Sequence[Recording]) -> float:
    """The rate of the recording in the middle, by rate and counted in frames: one that lies far off changes nothing."""
    ordered = sorted(recordings, key=lambda recording: recording.rate_hz)
    frames = np.cumsum([len(recording) for recording in ordered])
    return ordered[int(np.searchsorted(frames, frames[-1] / 2))].rate_hz


def steps_between(
    recordings: Sequence[Recording],
    rate_hz: float,
    *,
    stride: int,
    apart_ms: float,
    frames: int,
    ticks_apart: int | None = None,
) -> Steps:
    """The steps of a policy that sees every `stride`-th frame of `rate_hz`, in windows `apart_ms` apart.

    Decided is every `stride`-th frame, so the time from one frame of a window to the next is a number of these: the
    one nearest to `apart_ms`, or a neighbour of it where only that is met by all recordings; `ticks_apart` where a
    policy has it already. Raises `TwoframeError` naming those whose frames do not come at such times, and what would
    do.
    """
    rates_hz = [recording.rate_hz for recording in recordings]
    own_strides = tuple(max(1, round(stride * rate / rate_hz)) for rate in rates_hz)
    nearest = ticks_apart or max(1, round(apart_ms / 1000 * rate_hz / stride))

    def own(ticks: int) -> tuple[int, ...]:
        return tuple(max(1, round(ticks * stride * rate / rate_hz)) for rate in rates_hz)

    def misfits(ticks: int) -> list[Recording]:
        time_s = ticks * stride / rate_hz
        return [
            recording
            for recording, rate, apart in zip(recordings, rates_hz, own(ticks), strict=True)
            if abs(apart / rate / time_s - 1) > APART_TOLERANCE
        ]

    for ticks in (nearest,) if ticks_apart else (nearest, nearest - 1, nearest + 1):
        if ticks >= 1 and (frames == 1 or not misfits(ticks)):
            return Steps(stride, ticks * stride, own_strides, own(ticks))
    most = min(MAX_APART, int(MAX_APART_MS / 1000 * rate_hz / stride))
    fitting = [ticks for ticks in range(1, most + 1) if not misfits(ticks)]
    remedy = ""
    if ticks_apart:
        remedy = f"record with --fps {rate_hz:g} or "
    elif fitting:
        ticks = min(fitting, key=lambda ticks: abs(ticks - nearest))
        remedy = f"--apart-ms {1000 * ticks * stride / rate_hz:.0f} fits all, or "
    time_ms = 1000 * nearest * stride / rate_hz
    whose = "the policy has" if ticks_apart else "most have"
    raise TwoframeError(
        "; ".join(
            f"{recording.folder}: found {recording.rate_hz:g} frames a second, {whose} {rate_hz:g}, "
            f"expected two of them about {time_ms:.0f} ms apart"
            for recording in misfits(nearest)
        )
        + f"; {remedy}train them apart"
    )


def rate_notes(recordings: Sequence[Recording], rate_hz: float, whose: str = MOST) -> Iterator[str]:
    """In words: where frames did not come as they were asked for, and which recordings lie far off `rate_hz`."""
    missed = [recording for recording in recordings if recording.rate_hz != recording.meta.fps]
    for recording in missed[:_MOST_NOTES]:
        yield (
            f"{recording.folder}: found {recording.rate_hz:g} frames a second, {recording.meta.fps:g} were asked for; "
            "it is learned and played as they came"
        )
    if len(missed) > _MOST_NOTES:
        yield f"so it is with {len(missed) - _MOST_NOTES} more"
    for recording in recordings:
        if abs(recording.rate_hz / rate_hz - 1) > APART_TOLERANCE:
            yield (
                f"warning: {recording.folder}: found {recording.rate_hz:g} frames a second, {whose} "
                f"{rate_hz:g}, and so will play; its frames are taken as far apart in time as those of the others"
            )

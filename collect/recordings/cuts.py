"""Which frames of a recording stay when pieces are cut out of it, and which key events."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from agent.arrays import Array, Ints
from agent.errors import TwoframeError, raise_if_any, usage
from agent.recording.format import KEY_EVENT
from agent.recording.reader import Recording

_MORE = 3  # frames that a cut may take beyond its end, so that it is a gap


@dataclass(frozen=True, slots=True, order=True)
class Cut:
    """A piece to take out: from `start_ns` to before `end_ns` since the recording began."""

    start_ns: int
    end_ns: int

    @classmethod
    def parse(cls, text: str) -> "Cut":
        """From `12.5:14`, in seconds. Raises `TwoframeError`."""
        number = r"(\d+\.?\d*|\.\d+)"
        match = re.fullmatch(rf"{number}:{number}", text.strip(), re.ASCII)
        if not match:
            raise TwoframeError(f"found {text!r}, expected START:END in seconds, such as 12.5:14")
        start_s, end_s = map(float, match.groups())
        if not end_s < 1e9:  # nobody records for thirty years; nanoseconds have room for it
            raise TwoframeError(f"found {text!r}, expected seconds within the recording")
        cut = cls(round(start_s * 1e9), round(end_s * 1e9))
        if cut.start_ns >= cut.end_ns:
            raise TwoframeError(f"found {text!r}, expected an end after the start, such as 12.5:14")
        return cut

    def __str__(self) -> str:
        return f"{self.start_ns / 1e9:.12g}:{self.end_ns / 1e9:.12g}"


def parse_cuts(texts: Sequence[str]) -> tuple[Cut, ...]:
    """In order of time. Raises `UsageError` that tells all that is wrong with them."""
    cuts, problems = [], []
    for text in texts:
        try:
            cuts.append(Cut.parse(text))
        except TwoframeError as error:
            problems.append(f"--cut: {error}")
    cuts.sort()
    problems += [
        f"--cut: found {one} and {other}, which overlap, expected pieces beside each other; make one of them"
        for one, other in pairwise(cuts)
        if other.start_ns < one.end_ns
    ]
    with usage():
        raise_if_any(problems)
    return tuple(cuts)


def without(recording: Recording, steps: range, cuts: Sequence[Cut]) -> Ints:
    """The frames of `steps` that stay.

    A cut that takes so few frames that its spacing would be no gap takes the next ones too: a window of frames never
    crosses it. Raises `TwoframeError` for a cut that takes no frame or reaches beyond the recording, and where nothing
    stays, or too little between two cuts to tell them from the spacing of the frames.
    """
    times_ns = recording.captured_ns
    first_ns, last_ns = (int(times_ns[t]) for t in (steps.start, steps.stop - 1))
    whole_s = math.ceil(last_ns / 1e9)  # whoever reads 89.9 in a video may well say that it ends at 90
    stays = np.zeros(len(recording), np.bool_)
    stays[steps.start : steps.stop] = True
    problems = []
    for cut in cuts:
        first, last = np.searchsorted(times_ns, [cut.start_ns, cut.end_ns])
        if cut.end_ns > whole_s * 10**9 or not stays[first:last].any():
            problems.append(
                f"--cut: found {cut}, expected a piece with frames in it, from {first_ns / 1e9:.3f} to "
                f"{last_ns / 1e9:.3f} s of {recording.folder}"
            )
        stays[first:last] = False
    raise_if_any(problems)
    if not stays.any():
        raise TwoframeError(f"--cut: found nothing left of {recording.folder}, expected pieces of it; cut less")
    for _ in range(_MORE + 1):
        kept = np.flatnonzero(stays)
        spacings, is_cut = np.diff(times_ns[kept]), np.diff(kept) > 1
        if not is_cut.any():
            return kept
        if 2 * is_cut.sum() >= len(is_cut):
            break
        too_near = kept[1:][is_cut & (spacings <= 2 * np.median(spacings))]
        if not len(too_near):
            return kept
        stays[too_near] = False
    raise TwoframeError(
        f"--cut: found too few frames left between the pieces of {recording.folder} to tell a gap from their spacing, "
        "expected longer ones; cut more at once, or less"
    )


def events_without(recording: Recording, cuts: Sequence[Cut]) -> Array:
    """(E,) of `KEY_EVENT`: what was pressed and released outside of `cuts`.

    A key that went up or down within one does so at its end: what is held at any time that stays is what was held.
    """
    events = recording.key_events
    parts = []
    from_ns = np.iinfo(np.int64).min
    for cut in cuts:
        parts.append(events[(events["time_ns"] >= from_ns) & (events["time_ns"] < cut.start_ns)])
        before, after = recording.held_at(np.array([cut.start_ns - 1, cut.end_ns - 1]))
        changed = [(cut.end_ns, key, after[key]) for key in np.flatnonzero(before != after)]
        parts.append(np.array(changed, KEY_EVENT))
        from_ns = cut.end_ns
    return np.concatenate([*parts, events[events["time_ns"] >= from_ns]])

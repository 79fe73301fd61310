"""What is shown beside each other: recordings, each with a name, when it began, and the policy asked about it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import rerun as rr

from agent.arrays import Array
from agent.errors import TwoframeError
from agent.recording.reader import Recording
from collect.view.opinion import Adviser

SECONDS = "seconds"  # since the recording began, as `trim` takes them
TIME_OF_DAY = "time_of_day"
NEVER_NS = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Run:
    """A recording in the view: everything of it lies below `root`, which is made of its `name`; `begun_ns` is when it
    began, in nanoseconds since 1970, None where that is not known; `adviser` the policy that is asked about it. What
    `goes_away` shows no picture after its end, so that it is not taken for the one that comes then."""

    recording: Recording
    name: str
    begun_ns: int | None
    adviser: Adviser | None
    goes_away: bool = False

    @property
    def root(self) -> str:
        return str(rr.new_entity_path([self.name]))

    @property
    def end_ns(self) -> int:
        """When its last frame has been shown for as long as the others."""
        return min(NEVER_NS, int(self.recording.captured_ns[-1]) + max(1, self.recording.median_spacing_ns))

    def ends_before(self, other: "Run") -> bool:
        """Whether it is over when `other` begins; both are on the time of day."""
        assert self.begun_ns is not None and other.begun_ns is not None
        return self.begun_ns + self.end_ns <= other.begun_ns + int(other.recording.captured_ns[0])

    def times(self, times_ns: Array) -> list[Any]:
        """`times_ns` (n,) int64 since the recording began, on every time line that it is on."""
        lines = [rr.TimeColumn(SECONDS, duration=times_ns.astype("timedelta64[ns]"))]
        if self.begun_ns is not None:
            lines.append(rr.TimeColumn(TIME_OF_DAY, timestamp=(times_ns + self.begun_ns).astype("datetime64[ns]")))
        return lines


def runs_of(recordings: Sequence[Recording], adviser: Adviser | None) -> tuple[list[Run], list[str]]:
    """What is shown of each of the `recordings`, in the order in which they began, and what is to be known of it.

    Raises `TwoframeError` if the policy can say something of none of them.
    """
    runs, notes, refusals = [], [], []
    for recording, name in zip(recordings, names_of([each.folder for each in recordings]), strict=True):
        begun_ns = begun(recording)
        if begun_ns is None and len(recordings) > 1:
            notes.append(f"{recording.folder}: does not say when it began; it is on the time line seconds only")
        notes += [f"{recording.folder}: {problem}" for problem in recording.problems]
        said = recording.probabilities
        if said is not None and (lost := int((~np.isfinite(said)).any(axis=1).sum())):
            notes.append(f"{recording.folder}: found {lost} frames with probabilities that are no numbers; left open")
        refusal = adviser.refusal(recording) if adviser else None
        if refusal:
            refusals.append(refusal)
        elif adviser:
            notes += adviser.notes(recording)
        runs.append(Run(recording, name, begun_ns, None if refusal else adviser))
    if len(refusals) == len(runs):
        raise TwoframeError("; ".join(refusals))
    notes += [f"{refusal}; shown without the policy" for refusal in refusals]
    runs.sort(key=lambda run: run.begun_ns or 0)
    return [*(replace(run, goes_away=True) for run in runs[:-1]), runs[-1]], notes


def begun(recording: Recording) -> int | None:
    """When `recording` began, in nanoseconds since 1970; None where it does not say so, or nonsense."""
    try:
        since_ns = round(datetime.fromisoformat(recording.meta.started_utc).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError, OSError):
        return None
    last_ns = int(recording.captured_ns[-1]) + max(1, recording.median_spacing_ns)
    return since_ns if since_ns >= 0 and since_ns + last_ns < NEVER_NS else None


def names_of(folders: Sequence[Path]) -> list[str]:
    """The last part of each of the different `folders`, with as many before it as tell it from the others."""
    whole = [folder.resolve().parts for folder in folders]

    def name(parts: tuple[str, ...]) -> str:
        lengths = range(1, len(parts) + 1)
        length = next(n for n in lengths if [other[-n:] for other in whole].count(parts[-n:]) == 1)
        return "/".join(parts[-length:])

    return [name(parts) for parts in whole]

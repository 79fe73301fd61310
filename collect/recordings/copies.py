"""`recordings trim`: a part of a recording as a new one."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console

from agent.errors import TwoframeError
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from collect.recordings.arguments import Recordings, Seconds, make_of_each

CHUNK = 256


@dataclass(frozen=True, slots=True)
class Trim:
    """Copy a part of one recording, by time, into a new one."""

    recordings: Recordings
    """The recording to take from; it stays as it is."""
    out: Annotated[Path, tyro.conf.arg(metavar="OUT")]
    """New folder for the part."""
    start_s: Seconds = 0.0
    """Begin this many seconds after the recording began."""
    end_s: Annotated[float | None, tyro.conf.arg(metavar="S")] = None
    """End this many seconds after the recording began."""

    def run(self, console: Console) -> int:
        def make(recording: Recording) -> Path:
            trim(recording, self.out, steps_between(recording, self.start_s, self.end_s))
            return self.out

        return make_of_each(self.recordings, self.out, console, make)


def steps_between(recording: Recording, start_s: float, end_s: float | None) -> range:
    """The frames from `start_s` to before `end_s` (the end where None), in seconds since the recording began.

    Raises `TwoframeError` if there are none.
    """
    end_ns = np.iinfo(np.int64).max if end_s is None else round(end_s * 1e9)
    first, last = np.searchsorted(recording.captured_ns, [round(start_s * 1e9), end_ns])
    if first >= last:
        length = recording.captured_ns[-1] / 1e9 if len(recording) else 0.0
        end = "the end" if end_s is None else f"{end_s:g} s"
        raise TwoframeError(
            f"{recording.folder}: found no frame from {start_s:g} s to {end}, expected times within its {length:.1f} s"
        )
    return range(int(first), int(last))


def trim(recording: Recording, out: Path, steps: range) -> None:
    """A new recording `out` of the frames `steps`, its times from 0 on. Raises `TwoframeError`."""
    meta = recording.meta
    zero_ns = int(recording.captured_ns[steps.start])
    end_ns = int(recording.captured_ns[steps.stop - 1])
    try:
        begun = datetime.fromisoformat(meta.started_utc) + timedelta(microseconds=zero_ns // 1000)
        meta = replace(meta, started_utc=begun.isoformat(timespec="milliseconds"))
    except (ValueError, OverflowError):
        pass  # not a time that we wrote: it is kept as it stands
    extras = {
        name: array
        for name, array in (("control", recording.control), ("probabilities", recording.probabilities))
        if array is not None
    }
    events = recording.key_events
    events = events[(events["time_ns"] > zero_ns) & (events["time_ns"] <= end_ns)]
    with RecordingWriter(out, replace(meta, complete=False), extras) as writer:
        held = recording.held_at(np.array([zero_ns]))[0]
        for key, down in zip(meta.keys, held, strict=True):
            if down:
                writer.key_event(0, key, down=True)
        for event in events:
            writer.key_event(int(event["time_ns"]) - zero_ns, meta.keys[event["key"]], down=bool(event["down"]))
        for t in steps:
            captured_ns = int(recording.captured_ns[t]) - zero_ns
            writer.append(recording.frames[t], captured_ns, **{name: array[t] for name, array in extras.items()})
            if t % CHUNK == 0:
                writer.flush(captured_ns)

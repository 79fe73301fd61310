"""`recordings trim`: parts of a recording as a new one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich.console import Console

from agent.errors import TwoframeError, UsageError
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from collect.recordings.arguments import Recordings, Seconds, make_of_each
from collect.recordings.cuts import Cut, events_without, parse_cuts, without

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
    cut: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="START:END")] = ()
    """Leave a piece out, in seconds as video shows them: --cut 12.5:14 --cut 80:95"""

    def run(self, console: Console) -> int:
        cuts = parse_cuts(self.cut)

        def make(recording: Recording) -> Path:
            trim(recording, self.out, steps_between(recording, self.start_s, self.end_s), cuts)
            return self.out

        return make_of_each(self.recordings, self.out, console, make)


def steps_between(recording: Recording, start_s: float, end_s: float | None) -> range:
    """The frames from `start_s` to before `end_s` (the end where None), in seconds since the recording began.

    Raises `TwoframeError` if there are none.
    """
    asked_s = [start_s, np.inf if end_s is None else end_s]
    if np.isnan(asked_s).any():
        raise UsageError(f"--start-s, --end-s: found {start_s:g} and {asked_s[1]:g}, expected seconds")
    first, last = np.searchsorted(recording.captured_ns / 1e9, asked_s)
    if first >= last:
        length = recording.captured_ns[-1] / 1e9 if len(recording) else 0.0
        end = "the end" if end_s is None else f"{end_s:g} s"
        raise TwoframeError(
            f"{recording.folder}: found no frame from {start_s:g} s to {end}, expected times within its {length:.1f} s"
        )
    return range(int(first), int(last))


def trim(recording: Recording, out: Path, steps: range, cuts: Sequence[Cut] = ()) -> None:
    """A new recording `out` of the frames `steps` but for `cuts`, its times from 0 on; it is whole or not there.

    Raises `TwoframeError`.
    """
    frames = without(recording, steps, cuts)
    meta = recording.meta
    zero_ns, end_ns = (int(recording.captured_ns[t]) for t in (frames[0], frames[-1]))
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
    events = events_without(recording, cuts)
    events = events[(events["time_ns"] > zero_ns) & (events["time_ns"] <= end_ns)]
    writer = RecordingWriter(out, replace(meta, complete=False), extras)
    try:
        with writer:
            held = recording.held_at(np.array([zero_ns]))[0]
            for key, down in zip(meta.keys, held, strict=True):
                if down:
                    writer.key_event(0, key, down=True)
            for event in events:
                writer.key_event(int(event["time_ns"]) - zero_ns, meta.keys[event["key"]], down=bool(event["down"]))
            for count, t in enumerate(frames):
                captured_ns = int(recording.captured_ns[t]) - zero_ns
                writer.append(recording.frames[t], captured_ns, **{name: array[t] for name, array in extras.items()})
                if count % CHUNK == 0:
                    writer.flush(captured_ns)
    except BaseException:
        writer.abandon()
        raise

"""`recordings info`: what recordings hold, in lines."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.errors import TwoframeError
from agent.live_line import say
from agent.recording.packed_frames import PackedFrames
from agent.recording.packing import Sizes
from agent.recording.reader import Recording, find_recordings
from collect.pictures import write_sheet
from collect.recordings.arguments import Recordings, of_one
from collect.recordings.pack import told
from collect.summary import action_counts, describe, enough, shares, warnings


@dataclass(frozen=True, slots=True)
class Info:
    """All about each recording: frames, rate, gaps, keys, balance, what is missing."""

    recordings: Recordings
    """Recordings, or folders that hold some."""
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")] = None
    """Also draw some frames with their keys into this picture (of one recording)."""

    def run(self, console: Console) -> int:
        folders = find_recordings(self.recordings)

        def tell(recording: Recording) -> list[str]:
            if self.sheet:
                write_sheet(of_one(folders, self.sheet), recording)
            return _info(recording)

        return _tell_each(folders, console, tell)


def _tell_each(folders: Sequence[Path], console: Console, tell: Callable[[Recording], list[str]]) -> int:
    """Tell of every recording, broken ones too; 1 if there was one."""
    broken = 0
    for folder in folders:
        try:
            recording = Recording.open(folder)
        except TwoframeError as error:
            # The next recording may be sound: a broken one is told in its place.
            say(console, f"{folder}: broken: {error}")
            broken += 1
            continue
        for line in tell(recording):
            say(console, line)
    return 1 if broken else 0


def _info(recording: Recording) -> list[str]:
    meta = recording.meta
    counts = action_counts(recording)
    return [
        describe(recording),
        f"  recorded: {meta.started_utc}, {meta.source}, {meta.window or 'region'} at {meta.region}, "
        f"asked for {meta.fps:g} fps",
        f"  actions: {meta.actions} (otherwise {meta.actions.names[meta.actions.default]})",
        f"  balance: {shares(meta.actions.names, counts)}",
        *(f"  {line}" for line in enough(recording)),
        f"  keys: {', '.join(meta.keys)}; {len(recording.key_events)} events, "
        f"{_short_presses(recording)} presses shorter than a frame",
        *_packed(recording),
        f"  made with: {', '.join(f'{name} {version}' for name, version in meta.versions.items())}",
        *([f"  imported: {meta.imported}"] if meta.imported else []),
        *(f"  found: {problem}" for problem in recording.problems),
        *(f"  {warning}" for warning in warnings(recording)),
    ]


def _packed(recording: Recording) -> list[str]:
    frames = recording.frames
    if not isinstance(frames, PackedFrames):
        return []
    return [f"  packed: {told(Sizes(frames.nbytes, frames.packed_bytes))}; recordings unpack makes plain arrays of it"]


def _short_presses(recording: Recording) -> int:
    """Presses that no frame shows: down and up between two frames."""
    count = 0
    for k in range(len(recording.meta.keys)):
        events = recording.key_events[recording.key_events["key"] == k]
        pairs = events["down"][:-1] & ~events["down"][1:]
        begin, end = events["time_ns"][:-1][pairs], events["time_ns"][1:][pairs]
        frames = recording.captured_ns
        count += int((frames.searchsorted(begin) == frames.searchsorted(end)).sum())
    return count

"""`recordings list | info | video | trim | export RECORDING...`: look after recordings."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.command_line.flags import FLAGS
from agent.errors import TwoframeError, UsageError, run_command
from agent.live_line import say
from agent.recording.reader import Recording, find_recordings
from collect.copies import export, steps_between, trim
from collect.pictures import write_sheet, write_video
from collect.summary import action_counts, clock, describe, shares, warnings

DESCRIPTION = """Look after recordings: folders made by collect, or folders that hold several."""


Recordings = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECORDING")]
Seconds = Annotated[float, tyro.conf.arg(metavar="S")]


@dataclass(frozen=True, slots=True)
class List:
    """One line for each recording: duration, frames, rate, balance."""

    recordings: Recordings = (Path(),)
    """Recordings, or folders that hold some."""


@dataclass(frozen=True, slots=True)
class Info:
    """All about each recording: frames, rate, gaps, keys, balance, what is missing."""

    recordings: Recordings
    """Recordings, or folders that hold some."""
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")] = None
    """Also draw some frames with their keys into this picture (of one recording)."""


@dataclass(frozen=True, slots=True)
class Video:
    """A video of each recording with the keys (and a policy's probabilities) drawn in."""

    recordings: Recordings
    """Recordings, or folders that hold some."""
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE.mp4", help_behavior_hint="(default: video.mp4 in its folder)")
    ] = None
    """Where to write it (of one recording)."""
    start_s: Seconds = 0.0
    """Begin this many seconds after the recording began."""
    end_s: Annotated[float | None, tyro.conf.arg(metavar="S")] = None
    """End this many seconds after the recording began."""


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


@dataclass(frozen=True, slots=True)
class Export:
    """A CSV of times, keys and actions, a row per frame."""

    recordings: Recordings
    """Recordings, or folders that hold some."""
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE.csv", help_behavior_hint="(default: frames.csv in its folder)")
    ] = None
    """Where to write it (of one recording)."""


Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Info, tyro.conf.subcommand("info")]
    | Annotated[Video, tyro.conf.subcommand("video")]
    | Annotated[Trim, tyro.conf.subcommand("trim")]
    | Annotated[Export, tyro.conf.subcommand("export")]
)


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        chosen = tyro.cli(Command, prog="recordings", description=DESCRIPTION, args=argv, registry=FLAGS)
        if isinstance(chosen, List | Info):
            return _show(chosen, Console())
        return _make(chosen, Console())

    return run_command(command)


def _show(chosen: List | Info, console: Console) -> int:
    """Tell of every recording, broken ones too; 1 if there was one."""
    folders = find_recordings(chosen.recordings)
    broken = 0
    for folder in folders:
        try:
            recording = Recording.open(folder)
        except TwoframeError as error:
            # The next recording may be sound: a broken one is told in its place.
            say(console, f"{folder}: broken: {error}")
            broken += 1
            continue
        for line in _info(recording) if isinstance(chosen, Info) else _line(recording):
            say(console, line)
        if isinstance(chosen, Info) and chosen.sheet:
            write_sheet(_of_one(folders, chosen.sheet), recording)
    return 1 if broken else 0


def _make(chosen: Video | Trim | Export, console: Console) -> int:
    """Make what was asked for of each recording and tell where it is; 1 if one was left out, which is told too."""
    folders = find_recordings(chosen.recordings)
    wrong: list[TwoframeError] = []
    for folder in folders:
        out = _of_one(folders, chosen.out) if chosen.out else None
        try:
            recording = Recording.open(folder)
            steps = _steps(chosen, recording)
        except TwoframeError as error:
            if len(folders) == 1:
                raise
            say(console, f"left out: {error}")
            wrong.append(error)
            continue
        say(console, f"written: {_write(chosen, recording, steps, out)}")
    if len(wrong) == len(folders):
        raise TwoframeError(f"found no recording of {len(folders)} that can be used, expected one; see above")
    return 1 if wrong else 0


def _steps(chosen: Video | Trim | Export, recording: Recording) -> range:
    if isinstance(chosen, Export):
        return range(len(recording))
    return steps_between(recording, chosen.start_s, chosen.end_s)


def _write(chosen: Video | Trim | Export, recording: Recording, steps: range, out: Path | None) -> Path:
    match chosen:
        case Video():
            path = out or recording.folder / "video.mp4"
            write_video(path, recording, steps)
        case Trim():
            path = chosen.out
            trim(recording, path, steps)
        case Export():
            path = out or recording.folder / "frames.csv"
            export(recording, path)
    return path


def _of_one(folders: Sequence[Path], out: Path) -> Path:
    if len(folders) > 1:
        raise UsageError(f"found {len(folders)} recordings for the one {out}, expected one; name one recording")
    return out


def _line(recording: Recording) -> list[str]:
    cut = "" if recording.meta.complete else "  (cut off)"
    return [
        f"{recording.folder}  {clock(recording.duration_s)}  {len(recording)} frames  "
        f"{recording.rate_hz:g} fps  {shares(recording.meta.actions.names, action_counts(recording))}{cut}"
    ]


def _info(recording: Recording) -> list[str]:
    meta = recording.meta
    counts = action_counts(recording)
    return [
        describe(recording),
        f"  recorded: {meta.started_utc}, {meta.source}, {meta.window or 'region'} at {meta.region}, "
        f"asked for {meta.fps:g} fps",
        f"  actions: {meta.actions} (otherwise {meta.actions.names[meta.actions.default]})",
        f"  balance: {shares(meta.actions.names, counts)}",
        f"  keys: {', '.join(meta.keys)}; {len(recording.key_events)} events, "
        f"{_short_presses(recording)} presses shorter than a frame",
        f"  made with: {', '.join(f'{name} {version}' for name, version in meta.versions.items())}",
        *(f"  found: {problem}" for problem in recording.problems),
        *(f"  {warning}" for warning in warnings(recording, counts)),
    ]


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


if __name__ == "__main__":
    sys.exit(main())

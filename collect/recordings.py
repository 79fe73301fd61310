"""`recordings list | info RECORDING...`: look after recordings."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.errors import TwoframeError, run_command
from agent.live_line import say
from agent.recording import Recording, find_recordings
from collect.summary import action_counts, clock, describe, shares, warnings

DESCRIPTION = """Look after recordings made by collect. RECORDING is such a folder, or a folder that holds several."""


@dataclass(frozen=True, slots=True)
class List:
    """One line for each recording: duration, frames, rate, balance."""

    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECORDING")] = (Path(),)
    """Recordings, or folders that hold some."""


@dataclass(frozen=True, slots=True)
class Info:
    """Everything about each recording: frames, rate and its spread, gaps, keys, balance, what is missing."""

    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECORDING")]
    """Recordings, or folders that hold some."""


Command = Annotated[List, tyro.conf.subcommand("list")] | Annotated[Info, tyro.conf.subcommand("info")]


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        chosen = tyro.cli(Command, prog="recordings", description=DESCRIPTION, args=argv)
        console = Console()
        show = _info if isinstance(chosen, Info) else _line
        broken = 0
        for folder in find_recordings(chosen.recordings):
            try:
                lines = show(Recording.open(folder))
            except TwoframeError as error:
                # The next recording may be sound: a broken one is told in its place.
                lines = [f"{folder}: broken: {error}"]
                broken += 1
            for line in lines:
                say(console, line)
        return 1 if broken else 0

    return run_command(command)


def _line(recording: Recording) -> list[str]:
    cut = "" if recording.meta.complete else "  (cut off)"
    return [
        f"{recording.folder}  {clock(recording.duration_s)}  {len(recording)} frames  "
        f"{recording.meta.fps:g} fps  {shares(recording.meta.actions.names, action_counts(recording))}{cut}"
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

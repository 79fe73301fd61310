"""`recordings export`: a table of times, keys and actions."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.errors import TwoframeError
from agent.recording.reader import Recording
from collect.recordings.arguments import Recordings, make_of_each


@dataclass(frozen=True, slots=True)
class Export:
    """A CSV of times, keys and actions, a row per frame."""

    recordings: Recordings
    """Recordings, or folders that hold some."""
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="FILE.csv", help_behavior_hint="(default: frames.csv in its folder)")
    ] = None
    """Where to write it (of one recording)."""

    def run(self, console: Console) -> int:
        def make(recording: Recording) -> Path:
            path = self.out or recording.folder / "frames.csv"
            export(recording, path)
            return path

        return make_of_each(self.recordings, self.out, console, make)


def export(recording: Recording, path: Path) -> None:
    """A CSV with a row per frame: time in seconds, each key as 0 or 1, the action's name. Raises `TwoframeError`."""
    meta = recording.meta
    labels = meta.actions.actions_of(recording.keys, meta.keys)
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["time_s", *(f"key_{key}" for key in meta.keys), "action"])
            for time_ns, held, label in zip(recording.captured_ns, recording.keys, labels, strict=True):
                writer.writerow([f"{time_ns / 1e9:.6f}", *held.astype(int), meta.actions.names[label]])
    except OSError as error:
        raise TwoframeError(f"{path}: found {error.strerror or error}, expected a place for the table") from None

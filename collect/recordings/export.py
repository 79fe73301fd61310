"""`recordings export`: recordings in the formats of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from agent.errors import TwoframeError, UsageError
from agent.live_line import say
from agent.recording.reader import Recording, find_recordings
from collect.foreign.video_csv import export_table, export_video
from collect.recordings.arguments import Recordings, make_of_each


@dataclass(frozen=True, slots=True)
class Export:
    """A CSV of times, keys and actions, a row per frame; or what others load."""

    recordings: Recordings
    """Recordings, or folders that hold some."""
    out: Annotated[
        Path | None, tyro.conf.arg(metavar="OUT", help_behavior_hint="(default: frames.csv in its folder)")
    ] = None
    """Where to write it: a file (of one recording), or a new folder for lerobot and minari."""
    to: Annotated[Literal["csv", "video", "lerobot", "minari"], tyro.conf.arg(metavar="FORMAT")] = "csv"
    """csv, video (an mp4 without loss, and its csv), or a dataset for lerobot or minari."""

    def run(self, console: Console) -> int:
        if self.to == "csv":
            return make_of_each(self.recordings, self.out, console, self._table)
        if self.out is None:
            raise UsageError(f"--to {self.to}: found no --out, expected where to write it; add --out OUT")
        if self.to == "video":
            return make_of_each(self.recordings, self.out, console, self._video)
        recordings = [Recording.open(folder) for folder in find_recordings(self.recordings)]
        written = import_module(f"collect.foreign.{self.to}_out").export(_with_frames(recordings), self.out)
        say(console, f"written: {self.out}: {written}")
        return 0

    def _table(self, recording: Recording) -> Path:
        path = self.out or recording.folder / "frames.csv"
        export_table(recording, path)
        return path

    def _video(self, recording: Recording) -> Path:
        assert self.out
        export_video(recording, self.out)
        return self.out


def _with_frames(recordings: Sequence[Recording]) -> Sequence[Recording]:
    for recording in recordings:
        if not len(recording):
            raise TwoframeError(f"{recording.folder}: found no frames, expected a recording with some; leave it out")
    return recordings

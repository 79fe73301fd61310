"""`recordings video`: recordings as videos."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.recording.reader import Recording
from collect.pictures import write_video
from collect.recordings.arguments import Recordings, Seconds, make_of_each
from collect.recordings.copies import steps_between


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

    def run(self, console: Console) -> int:
        def make(recording: Recording) -> Path:
            path = self.out or recording.folder / "video.mp4"
            write_video(path, recording, steps_between(recording, self.start_s, self.end_s))
            return path

        return make_of_each(self.recordings, self.out, console, make)

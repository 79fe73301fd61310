"""`recordings import`: a recording out of what another program recorded."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Literal

import tyro
from rich.console import Console

from agent.actions import ActionSet
from agent.errors import UsageError, usage
from agent.frames import Color, parse_size
from agent.live_line import say
from agent.recording.format import MAX_FPS
from agent.recording.writer import require_new_folder
from collect.foreign.played import Wanted, write_played

MODULES = {
    "lerobot": "lerobot_in",
    "minari": "minari_in",
    "ocap": "ocap",
    "pygta5": "pygta5",
    "video+csv": "video_csv",
}


@dataclass(frozen=True, slots=True)
class Import:
    """Make a recording of what another program recorded."""

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="SOURCE")]
    """What to import: the folder of a dataset, or a file; it stays as it is."""
    origin: Annotated[
        Literal["lerobot", "minari", "ocap", "pygta5", "video+csv"], tyro.conf.arg(name="from", metavar="FORMAT")
    ]
    """What SOURCE is: lerobot, minari, ocap, pygta5 or video+csv."""
    out: Annotated[Path, tyro.conf.arg(metavar="OUT")]
    """New folder for the recording."""
    keys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY")] = ()
    """Actions and their keys, as for collect; numbered actions in their order."""
    default: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """The action when no key is held, as for collect."""
    fps: Annotated[float | None, tyro.conf.arg(metavar="N")] = None
    """Pictures a second, where SOURCE tells no times."""
    size: Annotated[str | None, tyro.conf.arg(metavar="WxH")] = None
    """Make pictures this large, such as 160x120. (default: as they are)"""
    color: Color | None = None
    """gray or rgb. (default: as they are)"""
    picture: Annotated[str | None, tyro.conf.arg(metavar="NAME")] = None
    """Which pictures to take, where SOURCE has several cameras or observations."""
    csv: Annotated[Path | None, tyro.conf.arg(metavar="FILE.csv")] = None
    """The table of video+csv. (default: beside the video, with its name)"""

    def run(self, console: Console) -> int:
        with usage():
            wanted = Wanted(
                actions=ActionSet.parse(self.keys, self.default) if self.keys else None,
                fps=self.fps,
                size=parse_size(self.size) if self.size else None,
                color=self.color,
                picture=self.picture,
                table=self.csv,
            )
        if self.default and not self.keys:
            raise UsageError("--default: found no --keys, expected the actions that it is one of; add --keys")
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            raise UsageError(f"--fps: found {self.fps:g}, expected more than 0 and at most {MAX_FPS:g}")
        require_new_folder(self.out)
        played = import_module(f"collect.foreign.{MODULES[self.origin]}").played_in(self.source, wanted)
        imported = write_played(self.out, played, wanted)
        say(console, f"written: {self.out}: {len(played.times_ns)} frames {imported}")
        return 0

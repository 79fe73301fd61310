"""What the subcommands of `recordings` take, and going through the recordings that one is told."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.errors import TwoframeError, UsageError
from agent.live_line import say
from agent.recording.reader import Recording, find_recordings

Recordings = Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECORDING")]
Seconds = Annotated[float, tyro.conf.arg(metavar="S")]


def make_of_each(
    recordings: Sequence[Path], out: Path | None, console: Console, make: Callable[[Recording], Path]
) -> int:
    """Make something of each recording and tell where it is; 1 if one was left out, which is told too.

    Raises `UsageError` if there are several for the one `out`, `TwoframeError` if none can be used.
    """
    folders = find_recordings(recordings)
    if out:
        of_one(folders, out)
    left_out = 0
    for folder in folders:
        try:
            say(console, f"written: {make(Recording.open(folder))}")
        except TwoframeError as error:
            if len(folders) == 1:
                raise
            say(console, f"left out: {error}")
            left_out += 1
    if left_out == len(folders):
        raise TwoframeError(f"found no recording of {len(folders)} that can be used, expected one; see above")
    return 1 if left_out else 0


def of_one(folders: Sequence[Path], out: Path) -> Path:
    """`out`, which can hold one recording only. Raises `UsageError` if there are several."""
    if len(folders) > 1:
        raise UsageError(f"found {len(folders)} recordings for the one {out}, expected one; name one recording")
    return out

"""`recordings pack` and `recordings unpack`: frames compressed without loss, and plain again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from agent.errors import TwoframeError, UsageError
from agent.live_line import say
from agent.recording.packing import Sizes, pack, unpack
from agent.recording.reader import find_recordings
from collect.recordings.arguments import Recordings
from collect.summary import megabytes


@dataclass(frozen=True, slots=True)
class Pack:
    """Make recordings several times smaller, without loss; all commands read them so."""

    recordings: Recordings
    """Recordings, or folders that hold some."""

    def run(self, console: Console) -> int:
        return change_each(self.recordings, console, _packed)


@dataclass(frozen=True, slots=True)
class Unpack:
    """Make packed recordings plain arrays again, as numpy opens them."""

    recordings: Recordings
    """Recordings, or folders that hold some."""

    def run(self, console: Console) -> int:
        return change_each(self.recordings, console, _unpacked)


def _packed(folder: Path) -> str:
    sizes = pack(folder)
    return f"packed: {folder}: {told(sizes)}" if sizes else f"{folder}: is packed already"


def _unpacked(folder: Path) -> str:
    sizes = unpack(folder)
    return f"unpacked: {folder}: {megabytes(sizes.plain)}" if sizes else f"{folder}: is not packed"


def told(sizes: Sizes) -> str:
    """What packing came to, in words."""
    return f"{megabytes(sizes.packed)} for {megabytes(sizes.plain)}, {sizes.plain / sizes.packed:.1f} times smaller"


def change_each(recordings: Sequence[Path], console: Console, change: Callable[[Path], str]) -> int:
    """Change each recording and tell what came of it; 1 if one was left as it is because of an error, which is told."""
    folders = find_recordings(recordings)
    if not folders:
        raise UsageError("RECORDING: found nothing, expected recordings, or folders that hold some; name one")
    left = 0
    for folder in folders:
        try:
            say(console, change(folder))
        except TwoframeError as error:
            if len(folders) == 1:
                raise
            say(console, f"left as it is: {error}")
            left += 1
    return 1 if left else 0

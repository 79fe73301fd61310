"""What every module of a native game says: which program it is, how a picture of it is read, who shows it."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from agent.errors import TwoframeError
from agent.frames import Image
from games.game import WindowGame
from games.players.player import Player

GAMES_PATHS = ("/usr/games", "/usr/local/games")  # Debian puts games there, which not every PATH has
Stage = Literal["menu", "paused", "playing", "over"]
Look = Callable[[], Image]


@dataclass(frozen=True, slots=True)
class Sight:
    """What a picture of the game tells.

    `menu`: no match is shown. `playing`: one is. `paused`: one that waits for a key which is none of the player's.
    `over`: its score is the last one. The score is None where none can be read.
    """

    stage: Stage
    score: int | None


class Reader(Protocol):
    """How pictures of one game are read; made once for each start of the program, of which it may keep what it saw."""

    def read(self, picture: Image) -> Sight:
        """`picture`: (H, W, 4) uint8 BGRA, all of the window."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NativeGame(WindowGame):
    """One game of the system. `title` is a part of its window's title."""

    program: str
    package: str
    """Of Debian and Ubuntu, that has the program."""
    arguments: tuple[str, ...] = ()
    window: tuple[int, int]
    """Width and height of its picture, which the reader knows."""
    files: Mapping[str, str]
    """What stands in its home at the start, by path: its settings."""
    reader: Callable[[], Reader]
    """Raises `TwoframeError` if a file of the program that it reads is missing."""
    demonstrator: Callable[[Look, float, float], Player]
    """`demonstrator(look, fps, reaction_s)` plays by the pictures that `look` gives."""
    opening: tuple[str, ...] = ()
    """What is pressed first of all, as soon as the window is there."""
    leads_on: Mapping[Stage, str]
    """The key that leads on from each stage but `playing`, to a match at last."""
    leaves: str
    """The key that leaves a match that is not over."""

    def path(self) -> str:
        """Of the program. Raises `TwoframeError` that tells how to install it."""
        for folders in (None, ":".join(GAMES_PATHS)):
            if found := shutil.which(self.program, path=folders):
                return found
        raise TwoframeError(
            f"{self.name}: found no program {self.program}, expected it installed; on Debian or Ubuntu: "
            f"sudo apt-get install {self.package}"
        )


def picture_file(game: str, path: Path) -> Path:
    """One of the pictures that the program of `game` draws with. Raises `TwoframeError`."""
    if not path.is_file():
        raise TwoframeError(f"{game}: found no {path}, expected it with the program; install its package anew")
    return path

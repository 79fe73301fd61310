"""Where the game is: a window of it, or a fixed region in its place; and what every system's desktop must tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from agent.errors import TwoframeError
from agent.frames import Box
from agent.recording.window_marks import NO_MARKS

State = Literal["focused", "grabbed", "unfocused", "minimized", "gone", "closed"]


@dataclass(frozen=True, slots=True)
class Cover:
    """What lies over the game: the title of the topmost window that does, and the share of the picture that all
    windows together hide. Those that may be seen through count for nothing in the share."""

    title: str
    share: float


class NoSuchWindow(TwoframeError):  # noqa: N818 (a game that is not started yet is no fault of anything)
    """No window is as the one that is looked for."""


class WindowClosed(TwoframeError):  # noqa: N818 (it is the event that matters)
    """A window that was listed a moment ago."""

    def __init__(self) -> None:
        super().__init__("window: found it closed, expected it open; start the game again")


class WindowMinimized(TwoframeError):  # noqa: N818 (it is no fault)
    """A window of which the system does not tell where it will be."""

    def __init__(self) -> None:
        super().__init__("window: found it minimized, expected it on the screen; bring it back and start again")


@dataclass(frozen=True, slots=True)
class View:
    """One look at the game: the state of its window and where its pixels are (the client area, on the screen).

    It is `grabbed` where it has the focus but another program has grabbed the keyboard. `cover` is what lies over it,
    where the system tells. A window that is `gone` may be followed by another one of its program, a `closed` one is
    not.
    """

    state: State
    box: Box
    cover: Cover | None = None


class Target(Protocol):
    """Where the game is. `title` and `window_id` are those of now, and None for a region."""

    @property
    def title(self) -> str | None: ...

    @property
    def window_id(self) -> int | None: ...

    def look(self) -> View:
        """The state and place now. Raises `TwoframeError` if the display has gone."""
        ...

    def close(self) -> None:
        """Give back what this holds of the system; idempotent."""
        ...


class FixedRegion:
    """A fixed part of the screen. There is no window to watch: it always counts as focused."""

    title: str | None = None
    window_id: int | None = None
    marks = NO_MARKS

    def __init__(self, box: Box) -> None:
        self._view = View("focused", box)

    def look(self) -> View:
        return self._view

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Listed:
    """A window as its desktop describes it; what the system does not tell is None. `number` is its id."""

    number: int
    title: str
    box: Box | None = None
    window_class: str | None = None
    program: str | None = None
    pid: int | None = None

    def __str__(self) -> str:
        box = self.box
        place = f"{box.width}x{box.height} at {box.left},{box.top}" if box else None
        return f"{self.title!r} ({', '.join(filter(None, (place, self.program, hex(self.number))))})"


class Desktop(Protocol):
    """One system's windows. All methods raise `TwoframeError` if it no longer answers."""

    def titles(self) -> list[tuple[int, str]]:
        """Number and title of all windows but the terminal of this command; without those that close meanwhile."""
        ...

    def described(self, number: int) -> Listed | None:
        """The window of that number, listed or not; None where there is none, and for the terminal of this command."""
        ...

    def window_of(self, number: int) -> int | None:
        """The listed window of that number, or that it lies in, or that is in it; None where there is none."""
        ...

    def focused(self) -> int | None:
        """The window that has the focus, listed or not; None for none."""
        ...

    def clicked(self, timeout_s: float) -> int | None:
        """Wait for a click on a listed window, and give that window; None where none came in time."""
        ...

    def has_ended(self, window: Listed) -> bool:
        """Whether the program that this was a window of has ended, as far as the system tells."""
        ...

    def target(self, number: int) -> Target:
        """The window of that number, which takes this desktop over: closing it closes both.

        Raises `WindowClosed`, or `WindowMinimized` where what is minimized has no place.
        """
        ...

    def close(self) -> None:
        """Give back what this holds of the system; idempotent."""
        ...


def overlap(one: Box, other: Box) -> Box | None:
    """The pixels that the two have in common."""
    left, top = max(one.left, other.left), max(one.top, other.top)
    width = min(one.left + one.width, other.left + other.width) - left
    height = min(one.top + one.height, other.top + other.height) - top
    return Box(left, top, width, height) if width > 0 and height > 0 else None


def share_of(box: Box, parts: Iterable[Box]) -> float:
    """The share of `box` that lies in any of `parts`."""
    hidden = np.zeros((box.height, box.width), bool)
    for part in parts:
        if common := overlap(box, part):
            left, top = common.left - box.left, common.top - box.top
            hidden[top : top + common.height, left : left + common.width] = True
    return float(hidden.mean())

"""The game's window: found by title, followed when moved, focused or not. Or a fixed region in its place."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from agent.errors import TwoframeError
from agent.frames import Box

State = Literal["focused", "unfocused", "minimized", "closed"]


@dataclass(frozen=True, slots=True)
class View:
    """One look at the game: the state of its window and where its pixels are (the client area, on the screen)."""

    state: State
    box: Box


class Target(Protocol):
    """Where the game is. `title` and `window_id` are None for a region."""

    title: str | None
    window_id: int | None

    def look(self) -> View:
        """The state and place now. Raises `TwoframeError` if the display has gone."""
        ...

    def covering(self) -> str | None:
        """The title of a window that lies over a part of the game now, where the system tells; costs milliseconds."""
        ...

    def close(self) -> None:
        """Give back what this holds of the system; idempotent."""
        ...


class FixedRegion:
    """A fixed part of the screen. There is no window to watch: it always counts as focused."""

    title: str | None = None
    window_id: int | None = None

    def __init__(self, box: Box) -> None:
        self._view = View("focused", box)

    def look(self) -> View:
        return self._view

    def covering(self) -> str | None:
        return None

    def close(self) -> None:
        pass


class Desktop(Protocol):
    """One system's windows. All methods raise `TwoframeError` if it no longer answers."""

    def titles(self) -> list[tuple[int, str]]:
        """Number and title of all windows but the terminal of this command; without those that close meanwhile."""
        ...

    def target(self, number: int) -> Target:
        """The window of that number, which takes this desktop over: closing it closes both."""
        ...

    def close(self) -> None:
        """Give back what this holds of the system; idempotent."""
        ...


def open_window(title: str) -> Target:
    """The window titled `title`, else the only one whose title contains it, never the terminal of this command.

    Raises `TwoframeError` that lists the windows there are, or the candidates.
    """
    desktop = _desktop()
    try:
        return desktop.target(chosen(title, desktop.titles()))
    except BaseException:
        desktop.close()
        raise


def chosen(title: str, windows: Sequence[tuple[int, str]]) -> int:
    """The number of the window meant by `title`; `windows` are numbers and titles. Raises `TwoframeError`."""
    fitting = [w for w in windows if w[1] == title] or [w for w in windows if title in w[1]]
    if not fitting:
        there = ", ".join(sorted(repr(name) for _, name in windows if name)) or "none"
        raise TwoframeError(f"window: found {there}; expected one titled {title!r}; start the game or correct --window")
    if len(fitting) > 1:
        names = ", ".join(sorted(repr(name) for _, name in fitting))
        raise TwoframeError(
            f"window: found {len(fitting)} that match {title!r}: {names}; "
            "expected one; close the others or give the whole title"
        )
    return fitting[0][0]


def window_titles() -> list[str]:
    """The titles of all windows but this command's terminal. Raises `TwoframeError`."""
    desktop = _desktop()
    try:
        return [title for _, title in desktop.titles()]
    finally:
        desktop.close()


def overlap(one: Box, other: Box) -> bool:
    """Whether the two have a pixel in common."""
    return (
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )


def _desktop() -> Desktop:
    # Here, not above: each imports what only its system has.
    if sys.platform == "linux":
        from agent.screen.x11_window import X11Desktop

        return X11Desktop()
    from agent.screen.pywinctl_window import PyWinCtlDesktop

    return PyWinCtlDesktop()

"""Where the game is: a window of it, or a fixed region in its place; and what every system's desktop must tell."""

from dataclasses import dataclass
from typing import Literal, Protocol

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


def overlap(one: Box, other: Box) -> bool:
    """Whether the two have a pixel in common."""
    return (
        one.left < other.left + other.width
        and other.left < one.left + one.width
        and one.top < other.top + other.height
        and other.top < one.top + one.height
    )

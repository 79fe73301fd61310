"""The game's window: found by title, followed when moved, focused or not. Or a fixed region in its place."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, TypeVar

from agent.errors import TwoframeError
from agent.frames import Box

State = Literal["focused", "unfocused", "minimized", "closed"]
T = TypeVar("T")


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


class GameWindow:
    """The window titled `title`, else the only one whose title contains it, never the terminal of this command.

    Raises `TwoframeError` that lists the windows there are, or the candidates.
    """

    def __init__(self, title: str) -> None:
        windows = _windows()
        chosen = [w for w, name in windows if name == title] or [w for w, name in windows if title in name]
        if not chosen:
            there = ", ".join(sorted(repr(name) for _, name in windows if name)) or "none"
            raise TwoframeError(
                f"window: found {there}; expected one titled {title!r}; start the game or correct --window"
            )
        if len(chosen) > 1:
            names = ", ".join(sorted(repr(name) for w, name in windows if w in chosen))
            raise TwoframeError(
                f"window: found {len(chosen)} that match {title!r}: {names}; "
                "expected one; close the others or give the whole title"
            )
        self._window: Any = chosen[0]
        self.title: str | None = _asked(lambda: str(self._window.title))
        self.window_id: int | None = int(self._window.getHandle())
        self._box = self._place()

    def look(self) -> View:
        window = self._window
        try:
            if not _asked(lambda: bool(window.isAlive)):
                return View("closed", self._box)
            if _asked(lambda: bool(window.isMinimized)):
                return View("minimized", self._box)
            self._box = self._place()
            return View("focused" if _asked(lambda: bool(window.isActive)) else "unfocused", self._box)
        except _WindowGoneError:
            return View("closed", self._box)

    def covering(self) -> str | None:
        try:
            return _asked(self._covering)
        except _WindowGoneError:
            return None  # one of them was closed just now: it covers nothing

    def _covering(self) -> str | None:
        order = _pywinctl().getAllWindows()
        if sys.platform == "linux":  # where the bottom comes first
            order = order[::-1]
        for window in order:
            if int(window.getHandle()) == self.window_id:
                break
            if _overlaps(window.box, self._box) and not window.isMinimized:
                return str(window.title)
        return None

    def _place(self) -> Box:
        # The box of PyWinCtl is the client area on X11; elsewhere it has the decorations in it.
        if sys.platform == "linux":
            box = _asked(lambda: self._window.box)
            return Box(box.left, box.top, box.width, box.height)
        frame = _asked(self._window.getClientFrame)
        return Box(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top)


def window_titles() -> list[str]:
    """The titles of all windows but this command's terminal. Raises `TwoframeError`."""
    return [title for _, title in _windows()]


def _windows() -> list[tuple[Any, str]]:
    """All windows but this command's terminal, with their titles; without those that close meanwhile."""
    pywinctl = _pywinctl()
    own_terminal = os.environ.get("WINDOWID", "")
    found = []
    for window in _asked(pywinctl.getAllWindows):
        try:
            if str(window.getHandle()) != own_terminal:
                found.append((window, str(_asked(partial(getattr, window, "title")))))
        except _WindowGoneError:
            continue
    return found


def _overlaps(other: Any, box: Box) -> bool:
    return bool(
        other.left < box.left + box.width
        and box.left < other.left + other.width
        and other.top < box.top + box.height
        and box.top < other.top + other.height
    )


class _WindowGoneError(TwoframeError):
    """The window was closed while it was being asked."""


def _pywinctl() -> Any:
    """PyWinCtl, which ends the whole process on import where it lacks what it needs: so that is looked at first."""
    if sys.platform == "linux":
        if not os.environ.get("DISPLAY"):
            wayland = " (a Wayland session without X)" if os.environ.get("WAYLAND_DISPLAY") else ""
            raise TwoframeError(
                f"display: found none{wayland}, expected an X11 session with DISPLAY set; log in with X11"
            )
        missing = [tool for tool in ("xset", "xrandr") if not shutil.which(tool)]
        if missing:
            raise TwoframeError(
                f"window: found no {' and '.join(missing)}, expected X11's tools; sudo apt install x11-xserver-utils"
            )

        # Only X is asked here, also inside a Wayland session; PyWinCtl would go by this variable and ask GNOME.
        os.environ["XDG_SESSION_TYPE"] = "x11"

    def load() -> Any:
        import pywinctl

        return pywinctl

    return _asked(load)


def _asked(question: Callable[[], T]) -> T:
    """The answer of the window system; its errors become ours."""
    if sys.platform != "linux":
        return question()
    from Xlib import error

    try:
        return question()
    except (error.DisplayError, error.ConnectionClosedError) as problem:
        raise TwoframeError(
            f"display: found no X server that answers ({' '.join(str(problem).split())[:100]}), "
            "expected the one that DISPLAY names; start it or correct DISPLAY"
        ) from None
    except error.XError:
        raise _WindowGoneError("window: found it closed, expected it open; start the game again") from None

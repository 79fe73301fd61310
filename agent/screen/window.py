"""The game's window, found by its title on this system."""

import sys
from collections.abc import Sequence

from agent.errors import TwoframeError
from agent.screen.target import Desktop, Target


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
    return [title for _, title in windows()]


def _desktop() -> Desktop:
    # Here, not above: each imports what only its system has.
    if sys.platform == "linux":
        from agent.screen.x11_window import X11Desktop

        return X11Desktop()
    from agent.screen.pywinctl_window import PyWinCtlDesktop

    return PyWinCtlDesktop()


def windows() -> list[tuple[int, str]]:
    """Number and title of all windows but this command's terminal. Raises `TwoframeError`."""
    desktop = _desktop()
    try:
        return desktop.titles()
    finally:
        desktop.close()

"""The connection to an X server, and who has the focus there: what the screen and the keyboard share on X11.

Only the server that DISPLAY names is ever spoken to.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadWindow, ConnectionClosedError, DisplayError, XError

from agent.errors import TwoframeError


def connect() -> Any:
    """A connection to the X server that DISPLAY names, for one thread. Raises `TwoframeError`."""
    name = os.environ.get("DISPLAY")
    if not name:
        wayland = " (a Wayland session without X)" if os.environ.get("WAYLAND_DISPLAY") else ""
        raise TwoframeError(
            f"display: found none (DISPLAY is not set){wayland}, expected an X11 session; "
            "log in with X11 (Xorg) or set DISPLAY"
        )
    problem = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # python-xlib forgets the sockets of failed attempts
        try:
            return Display(name)
        except (DisplayError, ConnectionClosedError, OSError) as error:
            problem = " ".join(str(error).split())[:100]
    raise TwoframeError(
        f"display: found no X server that answers at {name!r} ({problem}), "
        "expected a running one; start it or correct DISPLAY"
    )


def close_display(display: Any) -> None:
    """End the connection, which the server may have ended already."""
    try:
        display.close()
    except ConnectionClosedError:
        display.display.socket.close()  # python-xlib leaves it open then


@contextmanager
def x_errors(what: str) -> Iterator[None]:
    """Errors of the X server inside the block become a `TwoframeError` that begins with `what`."""
    try:
        yield
    except (XError, ConnectionClosedError) as error:
        raise TwoframeError(
            f"{what}: found the X server gone or refusing ({' '.join(str(error).split())[:100]}), "
            "expected it to answer; start it again, then this command"
        ) from error


class Focus:
    """Which window gets the keys, asked of the server each time over `display`. Lets the errors of Xlib through."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._root = display.screen().root
        self._active = display.intern_atom("_NET_ACTIVE_WINDOW")

    def is_on(self, window_id: int) -> bool:
        """Whether this window or one inside it gets the keys."""
        focus = None
        for window in self._path():
            if window == window_id:
                return True
            focus = focus or window
        # Some toolkits give the focus to a hidden window of theirs beside the visible one.
        mask = ~self._display.display.info.resource_id_mask
        return focus is not None and focus & mask == window_id & mask and self._active_window() == window_id

    def window(self) -> int | None:
        """The window that has the focus, as the window manager says or else below the root; None for none."""
        if active := self._active_window():
            return active
        path = list(self._path())
        return path[-2] if len(path) > 1 else None

    def _path(self) -> Iterator[int]:
        """The window that gets the keys, its parent and so on up to the root; nothing if there is none."""
        focus = self._display.get_input_focus().focus
        if focus == X.PointerRoot:
            yield from self._under_pointer()
            return
        try:
            while focus != X.NONE:
                yield focus.id
                focus = focus.query_tree().parent
        except (BadWindow, BadDrawable):
            pass  # closed while we asked: the focus is moving on

    def _under_pointer(self) -> list[int]:
        """The innermost window under the pointer, its parent and so on up to the root."""
        window = self._root
        path: list[int] = []
        while window != X.NONE:
            path.insert(0, window.id)
            window = window.query_pointer().child
        return path

    def _active_window(self) -> int:
        """What the window manager says; 0 for none, or where there is no window manager."""
        value = self._root.get_full_property(self._active, X.AnyPropertyType)
        return int(value.value[0]) if value is not None and len(value.value) else 0

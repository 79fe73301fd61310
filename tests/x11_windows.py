"""What a person does to windows with the mouse, asked of the window manager (EWMH)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from Xlib import X, Xutil
from Xlib.protocol.event import ClientMessage

from agent.screen.target import Target
from agent.screen.window import open_window
from games.window.display import VirtualDisplay

_BY_A_PERSON = 2  # a pager, says EWMH
_ADD = 1


class Handle:
    """A window that the window manager lists."""

    def __init__(self, connection: Any, window: Any) -> None:
        self._connection = connection
        self._window = window

    @property
    def corner(self) -> tuple[int, int]:
        place = self._connection.screen().root.translate_coords(self._window, 0, 0)
        return place.x, place.y

    def move(self, left: int, top: int) -> None:
        self._window.configure(x=left, y=top)
        self._connection.sync()

    def resize(self, width: int, height: int) -> None:
        self._window.configure(width=width, height=height)
        self._connection.sync()

    def minimize(self) -> None:
        self._ask("WM_CHANGE_STATE", Xutil.IconicState)

    def activate(self) -> None:
        """To the front, with the focus; back from an icon, too."""
        self._ask("_NET_ACTIVE_WINDOW", _BY_A_PERSON)

    def keep_above(self) -> None:
        self._ask("_NET_WM_STATE", _ADD, self._connection.intern_atom("_NET_WM_STATE_ABOVE"), 0, _BY_A_PERSON)

    def _ask(self, what: str, *values: int) -> None:
        told = ClientMessage(
            window=self._window,
            client_type=self._connection.intern_atom(what),
            data=(32, [*values, *[0] * (5 - len(values))]),
        )
        root = self._connection.screen().root
        root.send_event(told, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self._connection.sync()


@contextmanager
def handle_of(display: VirtualDisplay, title: str) -> Iterator[Handle]:
    """The window with this title."""
    with display.connection() as connection:
        listed = connection.intern_atom("_NET_CLIENT_LIST")
        name = connection.intern_atom("_NET_WM_NAME")
        for number in connection.screen().root.get_full_property(listed, X.AnyPropertyType).value:
            window = connection.create_resource_object("window", number)
            if title in (window.get_full_text_property(name), window.get_wm_name()):
                yield Handle(connection, window)
                return
        raise AssertionError(f"the window manager lists no window {title!r}")


@contextmanager
def looked_at(title: str = "Game") -> Iterator[Target]:
    """The window as `collect` and `play` look at it, on the display that DISPLAY names."""
    target = open_window(title)
    try:
        yield target
    finally:
        target.close()

"""The connection to an X server, and who has the focus there: what the screen and the keyboard share on X11.

Only the server that DISPLAY names is ever spoken to.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

from Xlib import X
from Xlib.display import Display
from Xlib.error import BadDrawable, BadMatch, BadWindow, CatchError, ConnectionClosedError, DisplayError, XError
from Xlib.protocol import request

from agent.errors import TwoframeError


def connect() -> Any:
    """A connection to the X server that DISPLAY names, for one thread. Raises `TwoframeError`."""
    name = os.environ.get("DISPLAY")
    if not name:
        wayland = " (a Wayland session without X)" if os.environ.get("WAYLAND_DISPLAY") else ""
        raise TwoframeError(
            f"display: found none (DISPLAY is not set){wayland}, expected an X11 session or Xwayland; "
            "log in to one, or set DISPLAY"
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


def is_xwayland(connection: Any = None) -> bool:
    """Whether the server that DISPLAY names, or the one of `connection`, shows its windows inside a Wayland session.

    Asked of the server itself: an Xvfb that is started inside such a session is a sound display. Raises
    `TwoframeError`.
    """
    display = connect() if connection is None else connection
    try:
        if display.query_extension("XWAYLAND"):
            return True
        if not display.query_extension("RANDR"):
            return False
        resources = display.screen().root.xrandr_get_screen_resources()  # before 23.1, by the names of its screens
        outputs = [display.xrandr_get_output_info(out, resources.config_timestamp) for out in resources.outputs]
        return any(output.name.startswith("XWAYLAND") for output in outputs)
    finally:
        if connection is None:
            close_display(display)


def is_rootful() -> bool:
    """Whether this Xwayland, for it must be one, has a screen of its own, in a window. Raises `TwoframeError`.

    One whose windows are among those of the desktop has nothing of a screen that could be read.
    """
    display = connect()
    try:
        display.screen().root.get_image(0, 0, 1, 1, X.ZPixmap, 0xFFFFFFFF)
        return True
    except BadMatch:
        return False
    finally:
        close_display(display)


def is_managed(display: Any) -> bool:
    """Whether a window manager that keeps to EWMH runs now. What one that has crashed said of windows stays behind."""
    sign = display.intern_atom("_NET_SUPPORTING_WM_CHECK")
    try:
        window = display.screen().root
        for _ in range(2):  # its own window bears the sign too, with its own number in it
            value = window.get_full_property(sign, X.AnyPropertyType)
            if value is None or value.format != 32 or not len(value.value):
                return False
            window = display.create_resource_object("window", value.value[0])
    except (BadWindow, BadDrawable):
        return False
    return True


ROOTFUL = (
    "found an Xwayland with a screen of its own in a window, which does not tell when another window has the focus, "
    "expected that of the desktop; start the game and this with the DISPLAY of the desktop (:0, as a rule)"
)

Keys = Literal["here", "grabbed", "elsewhere"]


def keyboard_is_grabbed(display: Any, window_id: int) -> bool | None:
    """Whether another program has grabbed the keyboard, found by trying to; None where that cannot be told now.

    For an instant the keyboard is ours, for this window, if it was nobody's. Lets the errors of Xlib through.
    """
    tried = request.GrabKeyboard(
        display=display.display,
        defer=True,
        owner_events=True,
        grab_window=window_id,
        time=X.CurrentTime,
        pointer_mode=X.GrabModeAsync,
        keyboard_mode=X.GrabModeAsync,
    )
    display.ungrab_keyboard(X.CurrentTime)  # both leave together: nobody else comes in between
    try:
        tried.reply()
    except BadWindow:
        return None
    return None if tried.status == X.GrabFrozen else bool(tried.status == X.AlreadyGrabbed)


class Focus:
    """Which window gets the keys, asked of the server each time over `display`. Lets the errors of Xlib through.

    A window has the focus and yet gets no key while another program grabs the keyboard: a menu, a locked screen, the
    window manager while a hot key of its own is down. Whoever has the focus is told so by events, for which this
    listens; the events on `display` that are not its own go to `other`. A grab from before it listened is found by
    trying to grab.
    """

    def __init__(self, display: Any, other: Callable[[Any], None] = lambda event: None) -> None:
        self._display = display
        self._other = other
        self._root = display.screen().root
        self._active = display.intern_atom("_NET_ACTIVE_WINDOW")
        self._listening_to: dict[str, int] = {}  # windows: the one asked about, the one with the focus
        self._grabbed: bool | None = None  # None: not known yet

    def is_on(self, window_id: int) -> bool:
        """Whether this window or one inside it gets the keys."""
        return self.keys_go(window_id) == "here"

    def keys_go(self, window_id: int) -> Keys:
        """Whether this window or one inside it gets the keys, or would if no other program had grabbed them."""
        self._listen("window", window_id)
        focus = None
        inside = False
        for window in self._path():
            focus = focus or window
            if inside := window == window_id:
                break
        # Some toolkits give the focus to a hidden window of theirs beside the visible one.
        mask = ~self._display.display.info.resource_id_mask
        if not inside and (focus is None or focus & mask != window_id & mask or self._active_window() != window_id):
            self.take_events()
            return "elsewhere"
        assert focus is not None
        self._listen("focus", focus)
        self.take_events()
        if self._grabbed is None:
            self._grabbed = keyboard_is_grabbed(self._display, focus)
        return "grabbed" if self._grabbed is not False else "here"

    def take_events(self) -> None:
        """Take what has come on the display."""
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type in (X.FocusIn, X.FocusOut):
                self._follow(event)
                continue
            if event.type == X.DestroyNotify:  # its number may soon be that of another window
                listening = self._listening_to.items()
                self._listening_to = {role: number for role, number in listening if number != event.window.id}
            self._other(event)

    def _listen(self, role: str, window_id: int) -> None:
        if self._listening_to.get(role) != window_id:
            if role == "window":
                self._grabbed = None
            self._listening_to[role] = window_id
            window = self._display.create_resource_object("window", window_id)
            mask = X.FocusChangeMask | X.StructureNotifyMask
            window.change_attributes(event_mask=mask, onerror=CatchError(BadWindow))

    def _follow(self, event: Any) -> None:
        """What an event says of a grab. A grab moves the focus, for those who are told, to the window it is for."""
        if event.mode == X.NotifyGrab:
            to_the_window = event.type == X.FocusIn and event.detail != X.NotifyPointer
            within_it = event.type == X.FocusOut and event.detail == X.NotifyInferior
            self._grabbed = not (to_the_window or within_it)
        else:
            self._grabbed = event.mode == X.NotifyWhileGrabbed

    def window(self) -> int | None:
        """The window that has the focus, as the window manager says or else below the root; None for none."""
        if active := self._active_window():
            return active
        path = list(self._path())
        return path[-2] if len(path) > 1 else None

    def _path(self) -> Iterator[int]:
        """The window that gets the keys, its parent and so on up to the root; nothing if there is none."""
        focus = self._display.get_input_focus().focus
        if focus in (X.PointerRoot, self._root):  # the root hands them on to what is under the pointer, too
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

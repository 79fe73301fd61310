"""Windows on X11: those that the window manager lists, or where it lists none, those in the tree of windows."""

import os
import time
from typing import Any

from Xlib import X, Xutil
from Xlib.error import BadDrawable, BadWindow
from Xlib.protocol import request

from agent.frames import Box
from agent.screen.target import Listed, State, View, WindowClosed
from agent.screen.x11_click import clicked_child
from agent.screen.x11_covers import X11Covers
from agent.screen.x11_owner import Owners, program_of
from agent.screen.x11_text import text_of
from agent.x11 import Focus, Keys, close_display, connect, is_managed, x_errors

_GONE = (BadWindow, BadDrawable)
_ALL_WORKSPACES = 0xFFFFFFFF


class X11Desktop:
    """The windows of the X server that DISPLAY names."""

    def __init__(self) -> None:
        self.display = connect()
        self._root = self.display.screen().root
        self._owners = Owners(self.display)
        self._closed = False

    def titles(self) -> list[tuple[int, str]]:
        found = []
        with x_errors("window"):
            for window in self.windows():
                try:
                    if not self._is_own_terminal(window.id):
                        found.append((window.id, self.title(window)))
                except _GONE:
                    continue
        return found

    def _is_own_terminal(self, number: int) -> bool:
        return str(number) == os.environ.get("WINDOWID")

    def described(self, number: int) -> Listed | None:
        if self._is_own_terminal(number):
            return None
        window = self.display.create_resource_object("window", number)
        with x_errors("window"):
            try:
                pid = self._owners.pid(window)
                program = None if pid is None else program_of(pid)
                kind = self._owners.window_class(window)
                return Listed(number, self.title(window), self.box(window), kind, program, pid)
            except _GONE:
                return None

    def window_of(self, number: int) -> int | None:
        listed = {number for number, _ in self.titles()}
        window = self.display.create_resource_object("window", number)
        with x_errors("window"):
            try:
                return self._around(window, listed) or self._inside(window, listed)
            except _GONE:
                return None

    def focused(self) -> int | None:
        with x_errors("window"):
            return Focus(self.display).window()

    def clicked(self, timeout_s: float) -> int | None:
        end_s = time.monotonic() + timeout_s
        with x_errors("window"):
            while (child := clicked_child(self.display, end_s)) is not None:
                if child and (number := self.window_of(child)):
                    return number
        return None

    def has_ended(self, window: Listed) -> bool:
        with x_errors("window"):
            return self._owners.has_ended(window.number, window.pid)

    def target(self, number: int) -> "X11Window":
        return X11Window(self, number)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            close_display(self.display)

    def windows(self) -> list[Any]:
        """python-xlib's windows, the bottom first."""
        if is_managed(self.display):
            for name in ("_NET_CLIENT_LIST_STACKING", "_NET_CLIENT_LIST"):
                if numbers := self.numbers(self._root, name):
                    return [self.display.create_resource_object("window", number) for number in numbers]
        return [client for child in self._root.query_tree().children if (client := self._client(child))]

    def numbers(self, window: Any, name: str) -> list[int]:
        """The value of a property, empty where there is none."""
        value = window.get_full_property(self.display.intern_atom(name), X.AnyPropertyType)
        return [int(number) for number in value.value] if value is not None and value.format == 32 else []

    def title(self, window: Any) -> str:
        """By `_NET_WM_NAME`, else by `WM_NAME`; bytes that are no text are shown somehow."""
        for name in ("_NET_WM_NAME", "WM_NAME"):
            value = window.get_full_property(self.display.intern_atom(name), X.AnyPropertyType)
            if value is not None and value.format == 8 and len(value.value):
                kind = "UTF8_STRING" if name == "_NET_WM_NAME" else self.display.get_atom_name(value.property_type)
                return text_of(bytes(value.value), kind)
        return ""

    def box(self, window: Any) -> Box:
        """Where its pixels are on the screen, without decorations."""
        display = self.display.display
        size = request.GetGeometry(display=display, defer=True, drawable=window)
        place = request.TranslateCoords(
            display=display, defer=True, src_wid=window, dst_wid=self._root, src_x=0, src_y=0
        )
        size.reply()  # both were asked together: one wait
        place.reply()
        return Box(place.x, place.y, size.width, size.height)

    def _around(self, window: Any, listed: set[int]) -> int | None:
        while window != X.NONE:
            if window.id in listed:
                return int(window.id)
            window = window.query_tree().parent
        return None

    def _inside(self, window: Any, listed: set[int]) -> int | None:
        """In a frame that a window manager put around it, or a frame in a frame."""
        if window.id == self._root.id:
            return None
        found = [window]
        for _ in range(2):
            found = [child for each in found for child in each.query_tree().children]
            for each in found:
                if each.id in listed:
                    return int(each.id)
        return None

    def _client(self, window: Any) -> Any:
        """The program's own window in a child of the root: itself, or what a window manager put a frame around.

        None for what no program shows to a person, not even as an icon. Without a window manager no window has the
        property `WM_STATE`.
        """
        try:
            attributes = window.get_attributes()
            if attributes.win_class == X.InputOnly:
                return None
            is_shown = attributes.map_state == X.IsViewable
            managed = (Xutil.NormalState, Xutil.IconicState) if is_shown else (Xutil.IconicState,)
            for each in (window, *window.query_tree().children):
                if (state := self.numbers(each, "WM_STATE")) and state[0] in managed:
                    return each
            return window if is_shown and not attributes.override_redirect and self.title(window) else None
        except _GONE:
            return None


_STATES: dict[Keys, State] = {"here": "focused", "grabbed": "grabbed", "elsewhere": "unfocused"}


class X11Window:
    """One window of an `X11Desktop`, which it owns."""

    def __init__(self, desktop: X11Desktop, number: int) -> None:
        self._desktop = desktop
        self._window = desktop.display.create_resource_object("window", number)
        self._covers = X11Covers(desktop.display, number, desktop.title)
        self._focus = Focus(desktop.display, self._hear)
        self._destroyed = False
        self._hidden = desktop.display.intern_atom("_NET_WM_STATE_HIDDEN")
        self.window_id: int | None = number
        with x_errors("window"):
            try:
                self.title: str | None = desktop.title(self._window)
                self._box = desktop.box(self._window)
            except _GONE:
                raise WindowClosed from None

    def look(self) -> View:
        if self._destroyed:
            return View("closed", self._box)
        with x_errors("display"):
            try:
                keys = self._focus.keys_go(self._window.id)
                if self._destroyed:
                    return View("closed", self._box)
                if keys == "elsewhere" and self._is_put_away():
                    return View("minimized", self._box)
                self._box = self._desktop.box(self._window)
                return View(_STATES[keys], self._box, self._covers.over(self._box))
            except _GONE:
                return View("closed", self._box)

    def close(self) -> None:
        self._desktop.close()

    def _is_put_away(self) -> bool:
        """Whether it is an icon while it has not the focus, or what the window manager has in place of icons."""
        desktop, window = self._desktop, self._window
        if desktop.numbers(window, "WM_STATE")[:1] == [Xutil.NormalState]:
            return False  # even if hidden, as i3 says of one behind a tab
        if self._hidden in desktop.numbers(window, "_NET_WM_STATE"):
            return True
        if window.get_attributes().map_state == X.IsViewable:
            return False
        # Not to be seen though it belongs here: twm says no more of icons, i3 no more of its scratchpad.
        current = desktop.numbers(desktop.display.screen().root, "_NET_CURRENT_DESKTOP")
        return desktop.numbers(window, "_NET_WM_DESKTOP") in ([], [_ALL_WORKSPACES], current)

    def _hear(self, event: Any) -> None:
        # Not only when it is no longer there: another window may have its number by then.
        if event.type == X.DestroyNotify and event.window.id == self._window.id:
            self._destroyed = True
        self._covers.hear(event)

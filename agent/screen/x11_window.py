"""Windows on X11: those that the window manager lists, or where it lists none, those in the tree of windows."""

import os
from typing import Any

from Xlib import X
from Xlib.error import BadDrawable, BadWindow

from agent.errors import TwoframeError
from agent.frames import Box
from agent.screen.target import View
from agent.screen.x11_covers import X11Covers
from agent.x11 import Focus, close_display, connect, x_errors

_GONE = (BadWindow, BadDrawable)


class X11Desktop:
    """The windows of the X server that DISPLAY names."""

    def __init__(self) -> None:
        self.display = connect()
        self._root = self.display.screen().root
        self._closed = False

    def titles(self) -> list[tuple[int, str]]:
        own_terminal = os.environ.get("WINDOWID", "")
        found = []
        with x_errors("window"):
            for window in self.windows():
                try:
                    if str(window.id) != own_terminal:
                        found.append((window.id, self.title(window)))
                except _GONE:
                    continue
        return found

    def target(self, number: int) -> "X11Window":
        return X11Window(self, number)

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            close_display(self.display)

    def windows(self) -> list[Any]:
        """python-xlib's windows, the bottom first."""
        for name in ("_NET_CLIENT_LIST_STACKING", "_NET_CLIENT_LIST"):
            if numbers := self.numbers(self._root, name):
                return [self.display.create_resource_object("window", number) for number in numbers]
        state = self.display.intern_atom("WM_STATE")
        return [client for child in self._root.query_tree().children if (client := self._client(child, state))]

    def numbers(self, window: Any, name: str) -> list[int]:
        """The value of a property, empty where there is none."""
        value = window.get_full_property(self.display.intern_atom(name), X.AnyPropertyType)
        return [int(number) for number in value.value] if value is not None and value.format == 32 else []

    def title(self, window: Any) -> str:
        """By `_NET_WM_NAME`, else by `WM_NAME`; bytes that are no text are shown somehow."""
        for name, encoding in (("_NET_WM_NAME", "utf-8"), ("WM_NAME", "latin-1")):
            value = window.get_full_property(self.display.intern_atom(name), X.AnyPropertyType)
            if value is not None and value.format == 8 and len(value.value):
                if value.property_type == self.display.intern_atom("UTF8_STRING"):
                    encoding = "utf-8"
                return bytes(value.value).decode(encoding, "replace")
        return ""

    def box(self, window: Any) -> Box:
        """Where its pixels are on the screen, without decorations."""
        size = window.get_geometry()
        place = self._root.translate_coords(window, 0, 0)
        return Box(place.x, place.y, size.width, size.height)

    def _client(self, window: Any, state: int) -> Any:
        """The program's own window in a child of the root: itself, or what a window manager put a frame around.

        None for what no program shows to a person. Without a window manager no window has the property `WM_STATE`.
        """
        try:
            attributes = window.get_attributes()
            if attributes.win_class == X.InputOnly or attributes.map_state != X.IsViewable:
                return None
            inside = [window, *window.query_tree().children]
            managed = [each for each in inside if each.get_full_property(state, X.AnyPropertyType) is not None]
            if managed:
                return managed[0]
            return None if attributes.override_redirect or not self.title(window) else window
        except _GONE:
            return None


class X11Window:
    """One window of an `X11Desktop`, which it owns."""

    def __init__(self, desktop: X11Desktop, number: int) -> None:
        self._desktop = desktop
        self._window = desktop.display.create_resource_object("window", number)
        self._covers = X11Covers(desktop.display, number, desktop.title)
        self._focus = Focus(desktop.display, self._covers.hear)
        self._hidden = desktop.display.intern_atom("_NET_WM_STATE_HIDDEN")
        self.window_id: int | None = number
        with x_errors("window"):
            try:
                self.title: str | None = desktop.title(self._window)
                self._box = desktop.box(self._window)
            except _GONE:
                raise TwoframeError("window: found it closed, expected it open; start the game again") from None

    def look(self) -> View:
        with x_errors("display"):
            try:
                keys = self._focus.keys_go(self._window.id)
                if keys == "elsewhere" and self._hidden in self._desktop.numbers(self._window, "_NET_WM_STATE"):
                    return View("minimized", self._box)
                self._box = self._desktop.box(self._window)
                if keys == "elsewhere":
                    return View("unfocused", self._box)
                return View("focused" if keys == "here" else "grabbed", self._box, self._covers.over(self._box))
            except _GONE:
                return View("closed", self._box)

    def close(self) -> None:
        self._desktop.close()

"""The two ends of a key on a virtual X server: a person at its keyboard, and a window that gets what is pressed."""

import ctypes
import ctypes.util
import time
from types import TracebackType
from typing import Any, Self

from Xlib import X
from Xlib.display import Display
from Xlib.ext import xinput

from agent.keys import KEYS, key

_DEVICE = "Xvfb keyboard"


class Person:
    """Presses keys on the server's keyboard, not on XTEST's device as programs do.

    Raises `RuntimeError` where there is no such keyboard, as on a real display.
    """

    def __init__(self, display_name: str) -> None:
        self._x11 = _library("X11", XOpenDisplay=ctypes.c_void_p)
        self._xi = _library("Xi", XOpenDevice=ctypes.c_void_p)
        self._xtst = _library("Xtst")
        device = _device_id(display_name)
        self._display = ctypes.c_void_p(self._x11.XOpenDisplay(display_name.encode()))
        self._device = ctypes.c_void_p(self._xi.XOpenDevice(self._display, ctypes.c_ulong(device)))
        self._open = True

    def press(self, name: str) -> None:
        self._fake(name, down=True)

    def release(self, name: str) -> None:
        self._fake(name, down=False)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._xi.XCloseDevice(self._display, self._device)
            self._x11.XCloseDisplay(self._display)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _fake(self, name: str, *, down: bool) -> None:
        code = ctypes.c_uint(key(name).x_keycode)
        now = ctypes.c_ulong(0)
        self._xtst.XTestFakeDeviceKeyEvent(self._display, self._device, code, int(down), None, 0, now)
        self._x11.XSync(self._display, 0)


class KeyWindow:
    """A window that remembers the keys it gets, autorepeat included."""

    def __init__(self, display_name: str, title: str = "keys") -> None:
        self._display = Display(display_name)
        screen = self._display.screen()
        wanted = X.KeyPressMask | X.KeyReleaseMask | X.StructureNotifyMask | X.FocusChangeMask
        self._window = screen.root.create_window(0, 0, 200, 100, 0, screen.root_depth, event_mask=wanted)
        self._window.set_wm_name(title)
        self._window.map()
        self._display.sync()
        while self._display.next_event().type != X.MapNotify:
            pass
        self.window_id: int = self._window.id
        self._keys: list[tuple[str, bool]] = []
        self._open = True

    def focus(self) -> None:
        """Take the focus; returns when this window has it for good (the window manager has its say too)."""
        end_s = time.monotonic() + 5
        since_s = None
        while since_s is None or time.monotonic() - since_s < 0.05:
            if time.monotonic() > end_s:
                raise RuntimeError("the window manager does not let this window have the focus")
            if self._display.get_input_focus().focus != self._window:
                self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
                since_s = None
            elif since_s is None:
                since_s = time.monotonic()
            time.sleep(0.005)
        self.forget()

    def steal_focus(self) -> None:
        """Take the focus at once, as a window that pops up does."""
        self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    def forget(self) -> None:
        """Begin anew with what it got."""
        self.got()
        self._keys.clear()

    def got(self) -> list[tuple[str, bool]]:
        """The keys it got since `focus` or `forget`: names, and whether they went down."""
        self._display.sync()
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type in (X.KeyPress, X.KeyRelease):
                self._keys.append((_NAME_OF[event.detail], event.type == X.KeyPress))
        return list(self._keys)

    def is_down(self, name: str) -> bool:
        """Whether the X server has the key down, whoever holds it."""
        code = key(name).x_keycode
        return bool(self._display.query_keymap()[code // 8] >> code % 8 & 1)

    def grab_keyboard(self) -> None:
        self._window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
        self._display.sync()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._display.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


_NAME_OF = {each.x_keycode: name for name, each in KEYS.items()}


def _library(name: str, **results: type) -> ctypes.CDLL:
    path = ctypes.util.find_library(name)
    if path is None:
        raise RuntimeError(f"found no lib{name}, expected it beside the X server; apt install lib{name.lower()}6")
    library = ctypes.CDLL(path)
    for function, result in results.items():
        getattr(library, function).restype = result
    return library


def _device_id(display_name: str) -> int:
    display = Display(display_name)
    try:
        for device in display.xinput_query_device(xinput.AllDevices).devices:
            if device.name == _DEVICE:
                return int(device.deviceid)
    finally:
        display.close()
    raise RuntimeError(f"found no {_DEVICE!r} at {display_name}: only a virtual display may be typed on")

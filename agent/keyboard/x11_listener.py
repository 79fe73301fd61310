"""The keyboard on X11: raw XInput 2 key events, which come whoever has the focus or a grab, and name their device."""

import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from Xlib.error import XError
from Xlib.ext import ge, xinput

from agent.errors import TwoframeError
from agent.keyboard.x11 import bits, is_emitted, keycodes, open_keyboard
from agent.keys import KeyEvent
from agent.pacing import clock_ns
from agent.x11 import close_display, x_errors

# XIRawEvent after its first ten bytes: device, server time, key code, device that it came from.
_RAW_EVENT = struct.Struct("=HIIH")


class X11Keyboard:
    """Hears `keys` on every keyboard of the X server, those plugged in later too."""

    def __init__(
        self,
        keys: tuple[str, ...],
        changed: Callable[[KeyEvent, int], None],
        failed: Callable[[TwoframeError], None],
    ) -> None:
        self._keys = keys
        self._changed = changed
        self._failed = failed
        self._emitted: dict[int, bool] = {}
        self._name_of: dict[int, str] = {}
        self._display: Any = None
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="keyboard", daemon=True)

    def start(self) -> frozenset[str]:
        display = open_keyboard()
        try:
            with x_errors("keyboard"):
                self._name_of = {code: name for name, code in keycodes(display, self._keys).items()}
                # Masters only: asking all devices would bring each event twice.
                display.screen().root.xinput_select_events(
                    [
                        (xinput.AllMasterDevices, xinput.RawKeyPressMask | xinput.RawKeyReleaseMask),
                        (xinput.AllDevices, xinput.HierarchyChangedMask),
                    ]
                )
                display.sync()
                down = bits(display.query_keymap())
        except BaseException:
            close_display(display)
            raise
        self._display = display
        self._woken, self._waker = socket.socketpair()
        self._thread.start()
        return frozenset(name for code, name in self._name_of.items() if code in down)

    def close(self) -> None:
        if self._closing or self._thread.ident is None:
            return
        self._closing = True
        if threading.current_thread() is not self._thread:
            self._waker.send(b"x")
            self._thread.join()
        self._woken.close()
        self._waker.close()

    def _run(self) -> None:
        try:
            with x_errors("keyboard"):
                self._listen()
        except TwoframeError as error:
            self._failed(error)
        except BaseException as error:
            # A defect, of `on_event` for one: the thread ends with its traceback, and the loop must know.
            self._failed(TwoframeError(f"keyboard: the listener ended by {type(error).__name__}: {error}"))
            raise
        finally:
            close_display(self._display)

    def _listen(self) -> None:
        display = self._display
        while not self._closing:
            while not self._closing and display.pending_events():
                self._hear(display.next_event())
            if not self._closing:
                select.select([display, self._woken], [], [])

    def _hear(self, event: Any) -> None:
        if event.type != ge.GenericEventCode:
            return  # the server also tells every client of keymap changes
        if event.evtype == xinput.HierarchyChanged:
            self._emitted.clear()  # numbers of unplugged devices are given out again
            return
        _, _, code, source = _RAW_EVENT.unpack_from(event.data)
        name = self._name_of.get(code)
        if name is None:
            return  # not ours: what else is typed is nobody's business
        time_ns = clock_ns()
        down = event.evtype == xinput.RawKeyPress
        self._changed(KeyEvent(time_ns, name, down, self._is_emitted(source)), source)

    def _is_emitted(self, source: int) -> bool | None:
        if source not in self._emitted:
            try:
                self._emitted[source] = is_emitted(self._display, source)
            except XError:
                return None  # unplugged between the event and the question
        return self._emitted[source]

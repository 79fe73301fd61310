"""The keyboard on X11: raw XInput 2 key events, which come whoever has the focus or a grab, and name their device.

Xwayland tells nothing of what a person's keys do while a native window has the focus: it takes the held ones for
released without a word, and knows those held at the return as silently. So there the keyboards are looked at as well.
"""

import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

from Xlib.error import XError
from Xlib.ext import ge, xinput

from agent.errors import TwoframeError
from agent.keyboard.x11 import bits, is_emitted, keycodes, keys_down, open_keyboard, physical_keyboards
from agent.keys import KeyEvent
from agent.pacing import clock_ns
from agent.x11 import close_display, is_xwayland, x_errors

# XIRawEvent after its first ten bytes: device, server time, key code, device that it came from.
_RAW_EVENT = struct.Struct("=HIIH")
LOOK_NS = 50_000_000  # from one look at the keyboards to the next


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
        self._keyboards: list[int] | None = None
        # Device and code of what is held, by the newest event of each, with its `injected`; those told since a look.
        self._held: dict[tuple[int, int], bool | None] = {}
        self._told: set[tuple[int, int]] = set()
        self._look_at_ns: int | None = None
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
                if is_xwayland(display):
                    self._look_at_ns = clock_ns() + LOOK_NS
                    self._held = dict.fromkeys(self._seen_down(display), False)
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
            if self._closing:
                return
            left_ns = None if self._look_at_ns is None else self._look_at_ns - clock_ns()
            if left_ns is None or left_ns > 0:
                select.select([display, self._woken], [], [], None if left_ns is None else left_ns / 1e9)
            else:
                self._look()
                self._look_at_ns = clock_ns() + LOOK_NS

    def _hear(self, event: Any) -> None:
        if event.type != ge.GenericEventCode:
            return  # the server also tells every client of keymap changes
        if event.evtype == xinput.HierarchyChanged:
            self._emitted.clear()  # numbers of unplugged devices are given out again
            self._keyboards = None
            return
        _, _, code, source = _RAW_EVENT.unpack_from(event.data)
        name = self._name_of.get(code)
        if name is None:
            return  # not ours: what else is typed is nobody's business
        time_ns = clock_ns()
        down = event.evtype == xinput.RawKeyPress
        self._tell(source, code, KeyEvent(time_ns, name, down, self._is_emitted(source)))

    def _tell(self, source: int, code: int, event: KeyEvent) -> None:
        self._told.add((source, code))
        if event.down:
            self._held[source, code] = event.injected
        else:
            self._held.pop((source, code), None)
        self._changed(event, source)

    def _look(self) -> None:
        """Tell what the keyboards have of the watched keys and no event told."""
        display = self._display
        before = {key for key, injected in self._held.items() if injected is not True}
        seen = self._seen_down(display)
        self._told.clear()
        while display.pending_events():  # those that came before the answer: with them, it is the same as what is held
            self._hear(display.next_event())
        for source, code in (before ^ seen) - self._told:
            down = (source, code) in seen
            injected = False if down else self._held.get((source, code))
            self._tell(source, code, KeyEvent(clock_ns(), self._name_of[code], down, injected, found=True))

    def _seen_down(self, display: Any) -> set[tuple[int, int]]:
        if self._keyboards is None:
            self._keyboards = physical_keyboards(display)
        return {(source, code) for source, code in keys_down(display, self._keyboards) if code in self._name_of}

    def _is_emitted(self, source: int) -> bool | None:
        if source not in self._emitted:
            try:
                self._emitted[source] = is_emitted(self._display, source)
            except XError:
                return None  # unplugged between the event and the question
        return self._emitted[source]

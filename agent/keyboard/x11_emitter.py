"""Pressing keys on X11: XTEST by key code, as a keyboard would, and asking who has the focus."""

from collections.abc import Collection
from typing import Any

from Xlib import X
from Xlib.error import XError
from Xlib.ext import ge, xinput

from agent.keyboard.x11 import emitting_keyboards, keycodes, keycodes_down, open_keyboard, physical_keyboards
from agent.x11 import Focus, close_display, x_errors


class X11Emitter:
    """Presses `names` and no other keys. For one thread at a time."""

    def __init__(self, names: tuple[str, ...]) -> None:
        display = self._display = open_keyboard()
        try:
            with x_errors("keyboard"):
                self._code_of = keycodes(display, names)
                # A release must get through while another client (a window manager) has the server to itself.
                display.xtest_grab_control(True)
                self._errors: list[XError] = []
                display.set_error_handler(lambda error, _request: self._errors.append(error))
                display.screen().root.xinput_select_events([(xinput.AllDevices, xinput.HierarchyChangedMask)])
                self._focus = Focus(display, self._other_event)
                self._keyboards: list[int] | None = physical_keyboards(display)
                # Also what an emitter before this one left to a person who held it too.
                self._left_down = keycodes_down(display, emitting_keyboards(display))
                self._sync()
        except BaseException:
            close_display(display)
            raise

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        codes = [self._code_of[name] for name in keys]
        with x_errors("keyboard"):
            if window_id is None:
                self._press(codes)
                self._sync()
                return True
            # The server takes nobody else's requests in between: the focus cannot move before the keys are down.
            self._display.grab_server()
            try:
                focused = self._focus.is_on(window_id)
                if focused:
                    self._press(codes)
            finally:
                self._display.ungrab_server()
                self._sync()
            return focused

    def release(self, keys: Collection[str]) -> None:
        # X does not count who holds a key: our release would take it from a person who holds it too. Theirs
        # will release it for both.
        with x_errors("keyboard"):
            held = self._held_by_a_person()
            for name in keys:
                code = self._code_of[name]
                if code in held:
                    self._left_down.add(code)
                else:
                    self._display.xtest_fake_input(X.KeyRelease, code)
                    self._left_down.discard(code)
            self._sync()

    def person_holds(self, keys: Collection[str]) -> None:
        """The devices are asked: that is never late."""

    def is_focused(self, window_id: int) -> bool:
        with x_errors("keyboard"):
            return self._focus.is_on(window_id)

    def focused_window(self) -> int | None:
        with x_errors("keyboard"):
            return self._focus.window()

    def close(self) -> None:
        close_display(self._display)

    def _press(self, codes: list[int]) -> None:
        for code in codes:
            if code in self._left_down:
                # XTEST's own device still has it down, and would ignore the press of a modifier.
                self._display.xtest_fake_input(X.KeyRelease, code)
                self._left_down.discard(code)
            self._display.xtest_fake_input(X.KeyPress, code)

    def _held_by_a_person(self) -> set[int]:
        self._focus.take_events()
        if self._keyboards is None:
            self._keyboards = physical_keyboards(self._display)
        return keycodes_down(self._display, self._keyboards)

    def _other_event(self, event: Any) -> None:
        """Keyboards came or went, or (of no interest) keymaps and the game's window changed."""
        if event.type == ge.GenericEventCode:
            self._keyboards = None

    def _sync(self) -> None:
        """Wait until the server has done all that was asked; raise what it refused."""
        self._display.sync()
        if self._errors:
            error = self._errors[0]
            self._errors.clear()
            raise error

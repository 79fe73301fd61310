"""The two ends of a key on a virtual X server: a person at its keyboard, and a window that gets what is pressed."""

import time
from types import TracebackType
from typing import Any, Self

import pytest
from conftest import PATIENCE_S
from Xlib import X
from Xlib.display import Display

from agent.keys import KEYS, key
from agent.x11 import close_display
from games.window.xvfb_keyboard import XvfbKeyboard


class Person:
    """Presses keys on the keyboard of an Xvfb, not on XTEST's device as programs do."""

    def __init__(self, display_name: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", display_name)
            self._keyboard = XvfbKeyboard(tuple(KEYS))

    def press(self, name: str) -> None:
        self._keyboard.press([name])

    def release(self, name: str) -> None:
        self._keyboard.release([name])

    def close(self) -> None:
        self._keyboard.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class KeyWindow:
    """A window that remembers the keys it gets, autorepeat included."""

    def __init__(self, display_name: str, title: str = "keys") -> None:
        self._display = Display(display_name)
        screen = self._display.screen()
        wanted = X.KeyPressMask | X.KeyReleaseMask | X.StructureNotifyMask | X.FocusChangeMask
        self._window = screen.root.create_window(
            0,
            0,
            200,
            100,
            0,
            screen.root_depth,
            background_pixel=0,  # Xwayland shows no window in which nothing is drawn
            event_mask=wanted,
        )
        self._window.set_wm_name(title)
        self._show()
        self.window_id: int = self._window.id
        self.connection = self._display
        self._keys: list[tuple[str, bool]] = []
        self._open = True

    def _show(self) -> None:
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            self._window.map()  # again and again: a window manager that is just starting may miss one
            self._display.sync()
            asked_s = time.monotonic()
            while time.monotonic() < asked_s + 0.2:
                while self._display.pending_events():
                    if self._display.next_event().type == X.MapNotify:
                        return
                time.sleep(0.005)
        raise RuntimeError("the window manager does not show this window")

    def focus(self) -> None:
        """Take the focus; returns when this window has it for good (the window manager has its say too)."""
        end_s = time.monotonic() + PATIENCE_S
        since_s = None
        while since_s is None or time.monotonic() - since_s < 0.05:
            if time.monotonic() > end_s:
                raise RuntimeError("the window manager does not let this window have the focus")
            if not self.has_focus():
                self._window.set_input_focus(X.RevertToParent, X.CurrentTime)
                since_s = None
            elif since_s is None:
                since_s = time.monotonic()
            time.sleep(0.005)
        self.forget()

    def has_focus(self) -> bool:
        return bool(self._display.get_input_focus().focus == self._window)

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

    def forsake(self) -> None:
        """Close the connection to a server that is gone."""
        self._open = False
        close_display(self._display)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._display.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


_NAME_OF = {each.x_keycode: name for name, each in KEYS.items()}

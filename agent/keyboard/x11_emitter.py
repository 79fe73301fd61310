"""Pressing keys on X11: XTEST by key code, as a keyboard would, and asking who has the focus."""

from collections.abc import Collection, Iterator

from Xlib import X
from Xlib.error import BadDrawable, BadWindow, XError
from Xlib.ext import xinput

from agent.keyboard.x11 import (
    close_display,
    keycodes,
    keycodes_down,
    open_display,
    physical_keyboards,
    x_errors,
)


class X11Emitter:
    """Presses `names` and no other keys. For one thread at a time."""

    def __init__(self, names: tuple[str, ...]) -> None:
        display = self._display = open_display()
        try:
            with x_errors("keyboard"):
                self._code_of = keycodes(display, names)
                # A release must get through while another client (a window manager) has the server to itself.
                display.xtest_grab_control(True)
                self._errors: list[XError] = []
                display.set_error_handler(lambda error, _request: self._errors.append(error))
                display.screen().root.xinput_select_events([(xinput.AllDevices, xinput.HierarchyChangedMask)])
                self._active = display.intern_atom("_NET_ACTIVE_WINDOW")
                self._keyboards = physical_keyboards(display)
                self._left_down: set[int] = set()
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
                focused = self._has_focus(window_id)
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

    def is_focused(self, window_id: int) -> bool:
        with x_errors("keyboard"):
            return self._has_focus(window_id)

    def focused_window(self) -> int | None:
        with x_errors("keyboard"):
            active = self._active_window()
            if active:
                return active
            path = list(self._focused_and_above())
            return path[-2] if len(path) > 1 else None  # below the root

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
        if self._display.pending_events():
            # Keyboards came or went, or (of no interest, but they gather) keymaps changed.
            while self._display.pending_events():
                self._display.next_event()
            self._keyboards = physical_keyboards(self._display)
        return keycodes_down(self._display, self._keyboards)

    def _has_focus(self, window_id: int) -> bool:
        focus = None
        for window in self._focused_and_above():
            if window == window_id:
                return True
            focus = focus or window
        # Some toolkits give the focus to a hidden window of theirs beside the visible one.
        mask = ~self._display.display.info.resource_id_mask
        return focus is not None and focus & mask == window_id & mask and self._active_window() == window_id

    def _focused_and_above(self) -> Iterator[int]:
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
        window = self._display.screen().root
        path: list[int] = []
        while window != X.NONE:
            path.insert(0, window.id)
            window = window.query_pointer().child
        return path

    def _active_window(self) -> int:
        """What the window manager says; 0 for none, or where there is no window manager."""
        value = self._display.screen().root.get_full_property(self._active, X.AnyPropertyType)
        return int(value.value[0]) if value is not None and len(value.value) else 0

    def _sync(self) -> None:
        """Wait until the server has done all that was asked; raise what it refused."""
        self._display.sync()
        if self._errors:
            error = self._errors[0]
            self._errors.clear()
            raise error

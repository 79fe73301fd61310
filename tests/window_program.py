"""A program with windows, for tests: `python window_program.py NAME`, on the display that DISPLAY names.

On stdin it is told what to do, one line of JSON each: `["open", {"title": "Game", ...}]`, the methods of `Program`. On
stdout it answers each line with what that gave. It ends with the file, and its windows with it.
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from typing import Any

from Xlib import X, Xatom, Xutil
from Xlib.display import Display
from Xlib.protocol.event import UnmapNotify
from Xlib.protocol.request import DestroyWindow

from agent.keys import KEYS

PATIENCE_S = 120.0  # as in conftest.py, which takes long to import
ASK_AGAIN_S = 0.2
_SIDES = ("width", "height")
_NAME_OF = {each.x_keycode: name for name, each in KEYS.items()}


class Program:
    """Its windows are told apart by their X numbers."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._display = Display()
        self._root = self._display.screen().root
        self._windows: dict[int, Any] = {}
        self._shown: set[int] = set()
        self._keys: dict[int, list[tuple[str, bool]]] = {}
        self._clicks: dict[int, int] = {}

    def open(
        self, title: str, place: Sequence[int], grey: int, *, kind: str = "NORMAL", over: int = 0, fixed: bool = False
    ) -> int:
        """A window all of one grey, wanted at `place` (left, top, width, height); returns when it is shown.

        `kind` is one of EWMH's types, or MENU for one that no window manager touches. It is a dialog of the window
        `over`. One of a `fixed` size floats under a tiling window manager.
        """
        window = self._root.create_window(
            *place,
            0,
            self._display.screen().root_depth,
            background_pixel=grey * 0x010101,
            override_redirect=kind == "MENU",
            event_mask=X.KeyPressMask | X.KeyReleaseMask | X.ButtonPressMask | X.StructureNotifyMask,
        )
        self._windows[window.id], self._keys[window.id], self._clicks[window.id] = window, [], 0
        flags, sizes = Xutil.USPosition | Xutil.USSize, {}
        if fixed:
            flags |= Xutil.PMinSize | Xutil.PMaxSize
            sizes = {
                f"{end}_{side}": size for end in ("min", "max") for side, size in zip(_SIDES, place[2:], strict=True)
            }
        window.set_wm_normal_hints(flags=flags, **sizes)
        window.set_wm_hints(flags=Xutil.InputHint | Xutil.StateHint, input=1, initial_state=Xutil.NormalState)
        window.set_wm_class(self._name, self._name.title())
        window.change_property(self._atom("_NET_WM_PID"), Xatom.CARDINAL, 32, [os.getpid()])
        kind_of_it = self._atom(f"_NET_WM_WINDOW_TYPE_{kind}")
        window.change_property(self._atom("_NET_WM_WINDOW_TYPE"), Xatom.ATOM, 32, [kind_of_it])
        if over:
            window.set_wm_transient_for(self._windows[over])
        if title:
            window.set_wm_name(title)
            window.change_property(self._atom("_NET_WM_NAME"), self._atom("UTF8_STRING"), 8, title.encode())
        self.show(window.id)
        return int(window.id)

    def show(self, window: int) -> None:
        """Returns when it is shown."""
        end_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < end_s:
            self._windows[window].map()  # again and again: a window manager that is just starting may miss one
            again_s = time.monotonic() + ASK_AGAIN_S
            while time.monotonic() < again_s:
                self._take_events()
                if window in self._shown:
                    return
                time.sleep(0.005)
        raise TimeoutError("the window manager does not show the window")

    def withdraw(self, window: int) -> None:
        """As programs do that go on without a window (ICCCM 4.1.4)."""
        self._windows[window].unmap()
        told = UnmapNotify(event=self._root, window=self._windows[window], from_configure=0)
        self._root.send_event(told, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self._display.sync()

    def name(self, window: int, name: str, kind: str, value: str) -> None:
        """Set the property `name` to bytes, given as hexadecimal digits, of the type `kind`."""
        self._windows[window].change_property(self._atom(name), self._atom(kind), 8, bytes.fromhex(value))
        self._display.sync()

    def unname(self, window: int, name: str) -> None:
        """Remove the property `name`."""
        self._windows[window].delete_property(self._atom(name))
        self._display.sync()

    def configure(self, window: int, **wanted: int) -> None:
        """Ask for another place (`x`, `y`), size or stacking (`stack_mode`)."""
        self._windows[window].configure(**wanted)
        self._display.sync()

    def place(self, window: int) -> tuple[int, int, int, int]:
        size = self._windows[window].get_geometry()
        corner = self._root.translate_coords(self._windows[window], 0, 0)
        return corner.x, corner.y, size.width, size.height

    def take_focus(self, window: int) -> None:
        self._windows[window].set_input_focus(X.RevertToParent, X.CurrentTime)
        self._display.sync()

    def got(self, window: int) -> list[tuple[str, bool]]:
        """The keys that it got since it was last asked, autorepeat included: names, and whether they went down."""
        self._take_events()
        got, self._keys[window] = self._keys[window], []
        return got

    def clicks(self, window: int) -> int:
        """How many it got since it was opened."""
        self._take_events()
        return self._clicks[window]

    def close(self, window: int) -> None:
        """Its number is not given out again, as python-xlib's own `destroy` would."""
        DestroyWindow(display=self._display.display, window=self._windows.pop(window))
        self._display.sync()

    def close_all(self) -> None:
        for window in list(self._windows):
            self.close(window)

    def _atom(self, name: str) -> int:
        return int(self._display.intern_atom(name))

    def _take_events(self) -> None:
        self._display.sync()
        while self._display.pending_events():
            event = self._display.next_event()
            if event.type == X.MapNotify:
                self._shown.add(event.window.id)
            elif event.type == X.UnmapNotify:
                self._shown.discard(event.window.id)
            elif event.type in (X.KeyPress, X.KeyRelease):
                self._keys[event.window.id].append((_NAME_OF[event.detail], event.type == X.KeyPress))
            elif event.type == X.ButtonPress:
                self._clicks[event.window.id] += 1


def main(name: str) -> None:
    program = Program(name)
    for line in sys.stdin:
        what, given = json.loads(line)
        print(json.dumps(getattr(program, what)(**given)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])

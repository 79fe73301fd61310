"""A person's keyboard in a Wayland session: the compositor hands its keys to whatever window has the focus."""

import os
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, Self

from agent.keys import key
from games.window.wayland_client import WaylandClient

_CREATE = 0  # of the manager
_KEYMAP, _KEY = 0, 1  # of the keyboard
_XKB_V1 = 1
_US = b"""xkb_keymap {
    xkb_keycodes { include "evdev+aliases(qwerty)" };
    xkb_types { include "complete" };
    xkb_compat { include "complete" };
    xkb_symbols { include "pc+us+inet(evdev)" };
};\0"""


class WaylandKeyboard:
    """Of the compositor whose socket is at `path`, by zwp_virtual_keyboard_v1. A context manager.

    Programs take it for one of hardware: nothing tells that it is not. Raises `TwoframeError`.
    """

    def __init__(self, path: Path) -> None:
        self._client = WaylandClient(path)
        try:
            seat = self._client.bind("wl_seat", 1)
            manager = self._client.bind("zwp_virtual_keyboard_manager_v1", 1)
            self._keyboard = self._client.new()
            self._client.ask(manager, _CREATE, seat, self._keyboard)
            layout = os.memfd_create("keymap")
            try:
                os.write(layout, _US)
                self._client.ask(self._keyboard, _KEYMAP, _XKB_V1, len(_US), fd=layout)
            finally:
                os.close(layout)
            self._client.wait()
        except BaseException:
            self._client.close()
            raise

    def press(self, names: Collection[str]) -> None:
        """Returns when the compositor has handed them on."""
        self._send(names, down=True)

    def release(self, names: Collection[str]) -> None:
        self._send(names, down=False)

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _send(self, names: Collection[str], *, down: bool) -> None:
        for name in names:
            now_ms = round(time.monotonic() * 1000) & 0x7FFFFFFF
            self._client.ask(self._keyboard, _KEY, now_ms, key(name).evdev, int(down))
        self._client.wait()

"""Pressing keys as a keyboard does, so that every game takes them. To play, go through `agent.keyboard.key_holder`."""

import sys
from collections.abc import Collection, Iterable
from typing import Protocol

from agent.errors import TwoframeError
from agent.keys import key as key_named


class Emitter(Protocol):
    """One system's way to press keys. All methods raise `TwoframeError` when the system no longer takes them."""

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        """Press `keys`, all of them or none: none, and False, if `window_id` is given and has not the focus."""
        ...

    def release(self, keys: Collection[str]) -> None:
        """Release `keys`, whoever pressed them, except those that a person is seen, or said, to hold on a keyboard."""
        ...

    def person_holds(self, keys: Collection[str]) -> None:
        """A person holds `keys` and no others, as a `KeyListener` hears it; an emitter that can sees for itself."""
        ...

    def is_focused(self, window_id: int) -> bool:
        """Whether keys go to this window: an X window, a Windows HWND, a macOS CGWindowID."""
        ...

    def focused_window(self) -> int | None:
        """The window that has the focus, or None where there is none."""
        ...

    def close(self) -> None:
        """Give back what this holds of the system; idempotent. It releases no key."""
        ...


def open_emitter(keys: Iterable[str]) -> Emitter:
    """An emitter for `keys` and no others, on this system. Raises `TwoframeError`."""
    names = tuple(dict.fromkeys(key_named(name).name for name in keys))
    # Here, not above: each imports what only its system has, and the key holder must start quickly.
    if sys.platform == "linux":
        from agent.keyboard.x11_emitter import X11Emitter

        return X11Emitter(names)
    if sys.platform == "win32":
        from agent.keyboard.windows import WindowsEmitter

        return WindowsEmitter(names)
    if sys.platform == "darwin":
        from agent.keyboard.macos import MacEmitter

        return MacEmitter(names)
    raise TwoframeError(f"keyboard: found the system {sys.platform}, expected Linux with X11, Windows or macOS")

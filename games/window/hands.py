"""Hold keys for a player: real ones, in one window, and none when that window has not the focus."""

import sys
from collections.abc import Callable
from typing import Self

from agent.keyboard.emitter import Emitter, open_emitter


class Hands:
    """Takes over `emitter`. A context manager; an idempotent `close` releases everything.

    `window` tells which window may get the keys, or None where the system has no numbers for windows (macOS):
    then `focused` alone must tell.
    """

    def __init__(self, emitter: Emitter, window: Callable[[], int | None], focused: Callable[[], bool]) -> None:
        self._emitter = emitter
        self._window = window
        self._focused = focused
        self._held: frozenset[str] = frozenset()
        self._closed = False

    def hold(self, keys: frozenset[str]) -> None:
        """Hold these keys and no others. What goes is released first: the game may know no such pair of keys."""
        window = self._window()
        if not (self._focused() if window is None else self._emitter.is_focused(window)):
            keys = frozenset()
        if going := self._held - keys:
            self._emitter.release(going)
            self._held -= going
        if (coming := keys - self._held) and self._emitter.press(coming, window):
            self._held |= coming

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            if self._held:
                self._emitter.release(self._held)
        finally:
            self._emitter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_player_emitter(keys: tuple[str, ...]) -> Emitter:
    """Presses keys on another device than the agent's where there is one, which is under Xvfb and in a Wayland session
    without a screen; else as the agent does.

    Raises `TwoframeError`.
    """
    if sys.platform == "linux":
        from games.window.wayland_player import WaylandPlayer, is_headless_session

        if is_headless_session():
            return WaylandPlayer(keys)
        from games.window.xvfb_keyboard import XvfbKeyboard, has_xvfb_keyboard

        if has_xvfb_keyboard():
            return XvfbKeyboard(keys)
    return open_emitter(keys)

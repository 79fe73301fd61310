"""The keyboard of a Wayland session without a screen, for a player that must not be taken for the agent."""

import os
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from agent.keyboard.x11_emitter import X11Emitter
from games.window.wayland_keyboard import WaylandKeyboard


def is_headless_session() -> bool:
    """Whether this is a session as `WaylandSession` makes one; in a person's own, keys could go to anything."""
    return os.environ.get("WLR_BACKENDS") == "headless" and "WAYLAND_DISPLAY" in os.environ


class WaylandPlayer:
    """An `Emitter` for `names` on a person's keyboard of this session. Raises `TwoframeError`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        with ExitStack() as opened:
            self._windows = X11Emitter(names)  # asked only who has the focus
            opened.callback(self._windows.close)
            self._keyboard = opened.enter_context(WaylandKeyboard(Path(os.environ["WAYLAND_DISPLAY"])))
            self._opened = opened.pop_all()

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        if window_id is not None and not self.is_focused(window_id):
            return False
        self._keyboard.press(keys)
        return True

    def release(self, keys: Collection[str]) -> None:
        self._keyboard.release(keys)

    def person_holds(self, keys: Collection[str]) -> None:
        """This is the person."""

    def is_focused(self, window_id: int) -> bool:
        return self._windows.is_focused(window_id)

    def focused_window(self) -> int | None:
        return self._windows.focused_window()

    def close(self) -> None:
        self._opened.close()

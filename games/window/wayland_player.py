"""The keyboard of a Wayland session without a screen, for a player that must not be taken for the agent."""

import os
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path

from games.window.persons_keyboard import PersonsKeyboard
from games.window.wayland_keyboard import WaylandKeyboard


def is_headless_session() -> bool:
    """Whether this is a session as `WaylandSession` makes one; in a person's own, keys could go to anything."""
    return os.environ.get("WLR_BACKENDS") == "headless" and "WAYLAND_DISPLAY" in os.environ


class WaylandPlayer(PersonsKeyboard):
    """The person's keyboard of this session. Raises `TwoframeError`."""

    def _open(self, names: tuple[str, ...], opened: ExitStack) -> None:
        self._keyboard = opened.enter_context(WaylandKeyboard(Path(os.environ["WAYLAND_DISPLAY"])))

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        send = self._keyboard.press if down else self._keyboard.release
        send(keys)

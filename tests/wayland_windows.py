"""Windows in a Wayland session that take the focus from each other: natives of Wayland, and programs of X11."""

import json
from pathlib import Path

from conftest import Start, wait_for

from agent.errors import TwoframeError
from games.window.wayland_session import WaylandSession


def focus(session: WaylandSession, title: str) -> None:
    """Give a window the focus, as a click on it would; waits until it is shown."""

    def is_told() -> bool:
        try:
            session.tell(f'[title="{title}"] focus')
        except TwoframeError:  # no such window, yet
            return False
        return True

    wait_for(is_told, title)


class Native:
    """A native Wayland window, which takes the focus when it opens."""

    def __init__(self, session: WaylandSession, start: Start, log: Path) -> None:
        self._session = session
        self._log = log
        start("games.window.wayland_window", log, on=session)
        wait_for(lambda: self._told("focus"), "the native window")

    def focus(self) -> None:
        before = len(self._told("focus"))
        focus(self._session, "Native")
        wait_for(lambda: len(self._told("focus")) > before, "the focus")

    def got(self) -> list[tuple[object, object]]:
        """What it got."""
        return [(line["key"], line["down"]) for line in self._told("key")]

    def _told(self, kind: str) -> list[dict[str, object]]:
        lines = [json.loads(line) for line in self._log.read_text().splitlines()] if self._log.exists() else []
        return [line for line in lines if kind in line]

"""Windows that steal the focus from the game, and tell which keys they get."""

import json
import subprocess
import time
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, Self

from Xlib import X

from agent.check.probe_window import ProbeWindow, WindowKey
from agent.frames import Box
from agent.screen.window import open_window
from bench.live import running, wait_until

GAME = "Counter"
_ALL_CAME_S = 0.02


class Thief(Protocol):
    """A window that opens at once."""

    def steal(self) -> object:
        """Take the focus; returns when that has been asked for."""
        ...

    def give_back(self) -> None: ...

    def got(self) -> list[WindowKey]:
        """The keys that came since this was asked before."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...


class XThief:
    """A window of X11, on the server of this `connection`."""

    def __init__(self, connection: Any, keys: Collection[str]) -> None:
        self._connection = connection
        self._keys = keys
        self._opened = ExitStack()

    def __enter__(self) -> Self:
        game = open_window(GAME)
        self._opened.callback(game.close)
        self._game = self._connection.create_resource_object("window", game.window_id)
        window = ProbeWindow(Box(20, 20, 200, 100), self._keys, title="Other")
        self._window = self._opened.enter_context(window)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def steal(self) -> object:
        return self._window.focus()

    def give_back(self) -> None:
        self._game.set_input_focus(X.RevertToParent, X.CurrentTime)
        self._connection.sync()

    def got(self) -> list[WindowKey]:
        keys = []
        while key := self._window.next_key(_ALL_CAME_S):
            keys.append(key)
        return keys


class NativeThief:
    """A native window of the Wayland session that this process is in, with its log in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._log = folder / "thief"
        self._opened = ExitStack()
        self._read = 0

    def __enter__(self) -> Self:
        self._opened.enter_context(running("games.window.wayland_window", self._log, "--title", "Thief"))
        wait_until(lambda: self._log.exists() and '"focus": true' in self._log.read_text(), "the native window")
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def steal(self) -> object:
        return _focus("Thief")

    def give_back(self) -> None:
        _focus(GAME)

    def got(self) -> list[WindowKey]:
        time.sleep(_ALL_CAME_S)
        told = [json.loads(line) for line in self._log.read_text().splitlines()]
        keys = [WindowKey(line["key"], line["down"], line["time_ns"]) for line in told if "key" in line]
        new, self._read = keys[self._read :], len(keys)
        return new


def _focus(title: str) -> object:
    return subprocess.run(["swaymsg", f'[title="{title}"] focus'], stdout=subprocess.DEVNULL, check=True)

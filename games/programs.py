"""The programs of the bench on its display: the game, and the commands as a user types them, each with its log."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from Xlib import X
from Xlib.ext import xtest

from agent.errors import TwoframeError
from agent.keys import key
from games.game import Game
from games.players.player import START_KEY
from games.window.display import VirtualDisplay

ROOT = Path(__file__).resolve().parent.parent.parent
START_S = 60.0  # for a window to open, for `play` to begin
ENDING_S = 15.0
POLL_S = 0.1
QUIET = {"PYTHONUNBUFFERED": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_AUDIODRIVER": "dummy"}


class Program:
    """A running module of ours, its output in `log`."""

    def __init__(self, module: str, arguments: Sequence[object], display: VirtualDisplay, log: Path) -> None:
        self.module = module
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with log.open("w", encoding="utf-8") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *map(str, arguments)],
                env={**display.env, **QUIET, "PYTHONPATH": paths},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the bench, which then ends its programs in order
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for its end. Raises `TwoframeError` if it fails or does not end in time."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TwoframeError(f"{self.module}: found it still running, expected its end; see {self.log}") from None
        self.check()

    def wait_until(self, happened: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Raises `TwoframeError` if it fails before, ends, or `timeout_s` pass."""
        end_s = time.monotonic() + timeout_s
        while not happened():
            self.check()
            if self._process.poll() is not None or time.monotonic() > end_s:
                raise TwoframeError(f"{self.module}: found no {what}, expected it by now; see {self.log}")
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raises `TwoframeError` if it has failed."""
        if self._process.poll() not in (None, 0):
            last = " ".join(self.said().strip().splitlines()[-1:])
            raise TwoframeError(f"{self.module}: found that it ended ({last}), expected it to work; see {self.log}")

    def end(self) -> None:
        """In order, or by force if it does not."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(ENDING_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


@contextmanager
def program(module: str, *arguments: object, display: VirtualDisplay, log: Path) -> Iterator[Program]:
    running = Program(module, arguments, display, log)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def game_window(
    game: Game, flags: Sequence[object], *, display: VirtualDisplay, log: Path, episodes: Path
) -> Iterator[Program]:
    """The game with these flags, its window open; ended at the exit. An older log of episodes is replaced."""
    episodes.unlink(missing_ok=True)
    arguments = (game.name, "--log", episodes, *flags)
    with program("games", *arguments, display=display, log=log) as running:
        running.wait_until(lambda: game.title in titles(display), "window", START_S)
        yield running


def titles(display: VirtualDisplay) -> set[str]:
    """Of all windows that the window manager knows."""
    with display.connection() as connection:
        return {title for title, _ in windows(connection)}


def windows(connection: Any) -> Iterator[tuple[str, Any]]:
    """Title and python-xlib's window of each that the window manager knows."""
    clients, name = (connection.intern_atom(sign) for sign in ("_NET_CLIENT_LIST", "_NET_WM_NAME"))
    found = connection.screen().root.get_full_property(clients, X.AnyPropertyType)
    for number in found.value if found else ():
        window = connection.create_resource_object("window", number)
        yield str(window.get_full_text_property(name)), window


def press_return(display: VirtualDisplay) -> None:
    code: Any = key(START_KEY).x_keycode
    with display.connection() as connection:
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(connection, kind, code)
            connection.sync()
            time.sleep(0.2)

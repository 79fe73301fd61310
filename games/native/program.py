"""The program of a native game: started with a home of its own, its window found, looked at, and ended."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

from agent.errors import TwoframeError
from agent.frames import Image
from agent.screen.followed import FollowedWindow
from agent.screen.grab import OffScreen, Screen
from agent.screen.target import NoSuchWindow
from agent.screen.window import open_window, window_titles
from games.native.native_game import NativeGame
from games.programs import POLL_S, START_S, end
from games.window.display import end_with_parent

XDG = {
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_CACHE_HOME": ".cache",
    "XDG_STATE_HOME": ".local/state",
}


class NativeProgram:
    """Starts at once; a context manager with an idempotent `close` that ends the program and removes its home.

    Raises `TwoframeError` if it is not installed, does not start, or a window with its title is there already.
    """

    def __init__(self, game: NativeGame) -> None:
        if sys.platform != "linux":
            raise TwoframeError(f"{game.name}: found {sys.platform}, expected Linux: it is a program of Debian's")
        path = game.path()
        if any(game.title in title for title in window_titles()):
            raise TwoframeError(f"window: found one titled {game.title!r} already, expected none; close it")
        self._game = game
        self._home = tempfile.TemporaryDirectory(prefix=f"twoframe-{game.name}-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._window: FollowedWindow | None = None
        self._screen: Screen | None = None
        try:
            self._process = self._start(path)
            self._window = self._find_window()
            self._screen = Screen()
        except BaseException:
            self.close()
            raise

    def window_id(self) -> int | None:
        """Its window now; None once it has gone."""
        return self._window.window_id if self._window and self.is_running() else None

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def look(self) -> Image | None:
        """(H, W, 4) uint8 BGRA, good until the next look; None while it has not the focus, cannot be seen, or is gone.

        Raises `TwoframeError` if its window has another size than the game is known in.
        """
        if self._window is None or self._screen is None or not self.is_running():
            return None
        view = self._window.look()
        if view.state != "focused":
            return None
        self._screen.aim(self._window.window_id)
        try:
            if not self._screen.holds(view.box):
                return None
            picture = self._screen.grab(view.box)
        except OffScreen:
            return None
        width, height = self._game.window
        if picture.shape[:2] != (height, width):
            raise TwoframeError(
                f"{self._game.name}: found a window of {picture.shape[1]}x{picture.shape[0]}, expected "
                f"{width}x{height}; leave its size as it is"
            )
        return picture

    def close(self) -> None:
        if self._screen is not None:
            self._screen.close()
        if self._window is not None:
            self._window.close()
        if self._process is not None:
            end(self._process)
        self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self, path: str) -> subprocess.Popen[bytes]:
        home = Path(self._home.name)
        for name, text in self._game.files.items():
            file = home / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        env = {**os.environ, "HOME": str(home), **{name: str(home / part) for name, part in XDG.items()}}
        env |= {"SDL_VIDEODRIVER": "x11", "SDL_AUDIODRIVER": "dummy", "LC_ALL": "C"}
        # In a session of its own: Ctrl-C in the terminal is for us, who then end it.
        return subprocess.Popen(
            [path, *self._game.arguments],
            cwd=home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent,
        )

    def _find_window(self) -> FollowedWindow:
        end_s = time.monotonic() + START_S
        while time.monotonic() < end_s:
            if not self.is_running():
                raise TwoframeError(
                    f"{self._game.program}: found that it ended at once, expected a window; start it alone to see why"
                )
            try:
                return open_window(self._game.title)
            except NoSuchWindow:
                time.sleep(POLL_S)
        raise TwoframeError(
            f"{self._game.program}: found no window titled {self._game.title!r} in {START_S:g} s, expected one"
        )

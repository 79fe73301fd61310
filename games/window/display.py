"""A display of one's own: Xvfb with a small window manager, for the demo, the benches and the tests.

It never touches a display that is in use: Xvfb chooses a free number itself.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from Xlib import X
from Xlib.display import Display
from Xlib.ext import xtest

from agent.errors import TwoframeError
from agent.keys import key
from games.players.player import START_KEY
from games.programs import end

START_TIMEOUT_S = 10.0
PR_SET_PDEATHSIG = 1  # linux/prctl.h
FOREIGN = ("WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY", "XDG_SESSION_TYPE", "WINDOWID")

_LIBC = ctypes.CDLL(None)

# No menus, no key bindings, nothing that takes a key from the game. New windows get the focus.
OPENBOX_CONFIG = """<?xml version="1.0"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew><followMouse>no</followMouse></focus>
  <placement><policy>Smart</policy><center>yes</center></placement>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <keyboard/>
  <mouse>
    <context name="Client"><mousebind button="Left" action="Press"><action name="Focus"/></mousebind></context>
  </mouse>
</openbox_config>
"""


class VirtualDisplay:
    """Starts at once; a context manager with an idempotent `close` that ends what it started.

    `name` is what DISPLAY must be, `env` a whole environment for programs that are to run on it.
    Raises `TwoframeError` if Xvfb or openbox is not installed or does not start.
    """

    def __init__(self, size: tuple[int, int] = (1280, 800), *, depth: int = 24, window_manager: bool = True) -> None:
        missing = [name for name in ("Xvfb", "openbox")[: 1 + window_manager] if not shutil.which(name)]
        if missing:
            raise TwoframeError(f"found no {' and '.join(missing)}, expected a virtual display; run: make setup")
        self._processes: list[subprocess.Popen[bytes]] = []
        self._home = tempfile.TemporaryDirectory(prefix="twoframe-display-")
        try:
            self.name = f":{self._start_server(size, depth)}"
            self.env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
            self.env["DISPLAY"] = self.name
            self.inside: list[str] = []  # nothing goes before a command that is to run on it
            if window_manager:
                self._start_window_manager()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for process in reversed(self._processes):
            end(process)
        self._processes.clear()
        self._home.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def server_pid(self) -> int:
        """The process of Xvfb."""
        return self._processes[0].pid

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A python-xlib connection to it, closed in the end."""
        display = Display(self.name)
        try:
            yield display
        finally:
            display.close()

    def _start_server(self, size: tuple[int, int], depth: int) -> int:
        reading, writing = os.pipe()
        screen = f"{size[0]}x{size[1]}x{depth}"
        command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", screen, "-nolisten", "tcp", "-noreset"]
        command += ["-s", "0"]  # no screen saver: while `train` works, nobody presses a key
        with os.fdopen(reading) as told:
            try:
                self._run(command, pass_fds=(writing,))
            finally:
                os.close(writing)
            number = told.readline().strip()  # ends empty if Xvfb does
        if not number:
            raise TwoframeError(
                f"Xvfb: found that it ended at once, expected a display; try it: Xvfb :99 -screen 0 {screen}"
            )
        return int(number)

    def _start_window_manager(self) -> None:
        config = Path(self._home.name) / "openbox.xml"
        config.write_text(OPENBOX_CONFIG, encoding="utf-8")
        process = self._run(["openbox", "--config-file", str(config), "--sm-disable"], env=self.env)
        deadline_s = time.monotonic() + START_TIMEOUT_S
        with self.connection() as display:
            root = display.screen().root
            sign = display.intern_atom("_NET_CLIENT_LIST")  # the last it sets: a window mapped before may never show
            while root.get_full_property(sign, X.AnyPropertyType) is None:
                if process.poll() is not None or time.monotonic() > deadline_s:
                    raise TwoframeError("openbox: found that it did not start, expected a window manager; reinstall it")
                time.sleep(0.02)

    def _run(self, command: list[str], **options: Any) -> subprocess.Popen[bytes]:
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        # In a session of its own: Ctrl-C in the terminal must not end the display before its programs.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=end_with_parent, **quiet, **options
        )
        self._processes.append(process)
        return process


def end_with_parent() -> None:
    """In the child: even if this program is killed, the display ends (with the thread that started it)."""
    _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@contextmanager
def own_display(size: tuple[int, int] = (1280, 800)) -> Iterator[VirtualDisplay]:
    """A virtual display that this process and all that it starts use."""
    with VirtualDisplay(size) as display:
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(display.env)
        try:
            yield display
        finally:
            os.environ.clear()
            os.environ.update(before)


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

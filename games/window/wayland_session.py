"""A Wayland session of one's own: sway without a screen, with the Xwayland on which games for X11 run there.

It has mounts and a network of its own. So its X server is found by nobody outside, and whoever is inside finds no
other: programs that are to be on it are started with `inside` before their command.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar
from unittest.mock import patch

from Xlib.display import Display
from Xlib.display import _BaseDisplay as Connection
from Xlib.error import ConnectionClosedError, DisplayError
from Xlib.protocol.event import event_class
from Xlib.support import unix_connect

from agent.errors import TwoframeError
from agent.x11 import is_managed
from games.programs import end
from games.window.display import FOREIGN, START_TIMEOUT_S
from games.window.wayland_keyboard import WaylandKeyboard

T = TypeVar("T")

_SOCKETS = "/tmp/.X11-unix"
_NOBODY = 65534
_REFUSERS = ("unshare: ", "mount: ")  # who has the first word where namespaces are not allowed

# Windows float as on other desktops, without anything around them, and new ones get the focus.
SWAY_CONFIG = """
xwayland force
output HEADLESS-1 mode {width}x{height}@60Hz
default_border none
default_floating_border none
for_window [shell=".*"] floating enable
focus_follows_mouse no
"""

# What is run in namespaces of its own: it puts its own folder of X sockets over that of the machine, and becomes sway.
START = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
own, there, *command = sys.argv[1:]
os.makedirs(there, 0o1777, exist_ok=True)
if libc.mount(own.encode(), there.encode(), None, {bind}, None):
    sys.exit(f"mount: {{os.strerror(ctypes.get_errno())}}")
os.execvp(command[0], command)
"""
_MS_BIND = 0x1000  # sys/mount.h


class NoWayland(TwoframeError):  # noqa: N818 (what this machine lacks is no fault of anything)
    """Such a session cannot be had here: programs are missing, or the namespaces are not allowed."""


class WaylandSession:
    """Starts at once; a context manager with an idempotent `close` that ends what it started.

    `name` is what DISPLAY must be, `env` a whole environment for programs that are to run in it; `wayland` is the
    compositor's socket, for clients inside and outside. `keyboard` is the person's. Raises `NoWayland` where it cannot
    be had, `TwoframeError` if it does not start.
    """

    needs: tuple[str, ...] = ("sway", "Xwayland", "unshare", "nsenter", "setpriv")
    """Programs, the compositor first."""
    remedy = "run: make setup"

    def __init__(self, size: tuple[int, int] = (1280, 800)) -> None:
        missing = [name for name in self.needs if not shutil.which(name)]
        if missing:
            raise NoWayland(f"found no {' and '.join(missing)}, expected a Wayland session; {self.remedy}")
        self._home = tempfile.TemporaryDirectory(prefix="twoframe-wayland-")
        self._opened = ExitStack()
        self._opened.callback(self._home.cleanup)
        try:
            self._start(Path(self._home.name), size)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A python-xlib connection to its Xwayland, from outside, closed in the end."""
        with self.reached():
            display = Display(f"unix{self.name}")
        try:
            yield display
        finally:
            display.close()

    @contextmanager
    def reached(self) -> Iterator[None]:
        """Inside the block, python-xlib in this process reaches its Xwayland, and no other X server.

        Not what speaks to X by other means, as mss does, and not the programs that this process starts.
        """
        connect = unix_connect._get_unix_socket

        def connect_out_here(name: str) -> Any:
            return connect(str(self._sockets / Path(name).name))  # the same socket, by its name outside

        with patch.object(unix_connect, "_get_unix_socket", connect_out_here):
            yield

    def tell(self, command: str) -> None:
        """Tell sway, in the words of sway(5), such as `[title="Counter"] move position 100 50`."""
        told = subprocess.run(
            ["swaymsg", "-s", self.env["SWAYSOCK"], command], capture_output=True, text=True, check=False
        )
        if told.returncode:
            raise TwoframeError(f"sway: found {command!r} refused ({told.stdout.strip()}), expected it done")

    def _compositor(self, home: Path, size: tuple[int, int]) -> list[str]:
        """The command, for which `env` gets what it needs."""
        config = home / "sway.conf"
        config.write_text(SWAY_CONFIG.format(width=size[0], height=size[1]), encoding="utf-8")
        self.env |= {"XDG_CURRENT_DESKTOP": "sway", "SWAYSOCK": str(home / "sway.socket")}
        self.env |= {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
        return ["sway", "-c", str(config)]

    def _equip(self) -> None:
        """What else it needs before its X server is used."""
        self.keyboard = self._opened.enter_context(WaylandKeyboard(self.wayland))  # without any, Xwayland has none

    def _start(self, home: Path, size: tuple[int, int]) -> None:
        self._sockets, runtime, self._log = (home / name for name in ("x11", "run", "log"))
        self._sockets.mkdir()
        self._sockets.chmod(0o1777)
        runtime.mkdir(mode=0o700)
        self.env = {name: value for name, value in os.environ.items() if name not in (*FOREIGN, "DISPLAY")}
        self.env |= {"XDG_RUNTIME_DIR": str(runtime), "XDG_SESSION_TYPE": "wayland"}
        # By the same user, but with a number that is not root's, for whom sway would not run. That it may mount is for
        # what comes before sway only.
        user = os.getuid() or _NOBODY
        command = ["unshare", "--user", f"--map-user={user}", f"--map-group={user}", "--keep-caps", "--mount", "--net"]
        command += [sys.executable, "-c", START.format(bind=_MS_BIND), str(self._sockets), _SOCKETS]
        command += ["setpriv", "--pdeathsig", "TERM", "--ambient-caps", "-all", "--inh-caps", "-all"]
        command += self._compositor(home, size)
        with self._log.open("wb") as said:
            self._process = subprocess.Popen(
                command,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._opened.callback(end, self._process)
        self.server_pid = self._process.pid
        """The process of the compositor, which is what all before it became."""
        self.inside = ["nsenter", "--target", str(self.server_pid), "--preserve-credentials"]
        self.inside += ["--user", "--mount", "--net", "env", f"--chdir={Path.cwd()}"]  # else they begin in /
        """What a command begins with that is to run in this session."""
        self.wayland = self._wait(lambda: found(runtime, "wayland-?"))
        self.name = ":" + self._wait(lambda: found(self._sockets, "X*")).name[1:]
        self.env |= {"DISPLAY": self.name, "WAYLAND_DISPLAY": str(self.wayland)}
        self._equip()
        self._wait(self._is_ready)

    def _wait(self, come: Callable[[], T]) -> T:
        end_s = time.monotonic() + START_TIMEOUT_S
        while not (answer := come()):
            if self._process.poll() is not None or time.monotonic() > end_s:
                said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or [
                    "it said nothing"
                ]
                problem = f"{self.needs[0]}: found that it did not start ({said[-1]}), expected a Wayland session"
                raise (NoWayland if said[0].startswith(_REFUSERS) else TwoframeError)(problem)
            time.sleep(0.02)
        return answer

    def _is_ready(self) -> bool:
        try:
            with self.connection() as display:
                return is_managed(display)
        except (DisplayError, ConnectionClosedError):
            return False


def found(folder: Path, pattern: str) -> Path | None:
    return min(folder.glob(pattern), default=None)


def _keep_servers_apart() -> None:
    """python-xlib has one table of events for all connections, but two servers number those of extensions differently:
    from here on each connection has its own, so that a process may have one to an Xvfb and one to an Xwayland."""
    begin = Connection.__init__

    def begin_apart(self: Any, *told: Any, **named: Any) -> None:
        self.event_classes = event_class.copy()
        begin(self, *told, **named)

    Connection.__init__ = begin_apart


_keep_servers_apart()

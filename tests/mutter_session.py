"""A Wayland session as GNOME's: mutter without a screen. Its games are in frames, and it keeps an X socket that never
answers beside that of its Xwayland."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from games.programs import end
from games.window.wayland_session import WaylandSession, found


class MutterSession(WaylandSession):
    """Has no keyboard, and takes no commands as sway does."""

    needs = ("mutter", "dbus-daemon", "Xwayland", "unshare", "nsenter", "setpriv")
    remedy = "to have it (40 MB, 250 on disk): sudo apt-get install --no-install-recommends mutter dbus"

    @contextmanager
    def reached(self) -> Iterator[None]:
        with super().reached(), patch.dict(os.environ, XAUTHORITY=self.env["XAUTHORITY"]):
            yield

    def _compositor(self, home: Path, size: tuple[int, int]) -> list[str]:
        self._runtime = home / "run"
        address = f"unix:path={home / 'bus'}"
        bus = subprocess.Popen(
            ["dbus-daemon", "--session", "--nofork", f"--address={address}", "--print-address"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self.env,
        )
        self._opened.callback(end, bus)
        assert bus.stdout is not None
        with bus.stdout:
            bus.stdout.readline()  # when it listens: mutter gives up where nobody does yet
        self.env |= {"DBUS_SESSION_BUS_ADDRESS": address, "XDG_CURRENT_DESKTOP": "GNOME", "GSETTINGS_BACKEND": "memory"}
        return ["mutter", "--wayland", "--headless", "--virtual-monitor", f"{size[0]}x{size[1]}"]

    def _equip(self) -> None:
        self.env["XAUTHORITY"] = str(self._wait(lambda: found(self._runtime, ".mutter-Xwaylandauth.*")))

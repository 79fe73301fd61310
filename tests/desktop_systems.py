"""The systems on whose desktops we find windows, as the contract sees them: X11 for real, macOS as a fake.

On each a person opens windows of this program, which draws 200x100 pixels, and does with them what people do.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Protocol

import pytest
from fake_mac_desktop import FakeWindow
from fake_macos import FakeMac
from x11_person import KeyWindow
from x11_windows import handle_of

from agent.frames import Box
from games.window.display import VirtualDisplay

SIZE = 200, 100


class System(Protocol):
    """What a contract test does; windows are known by their titles."""

    def open(self, title: str) -> int:
        """Gives its number."""

    def click(self, title: str) -> None:
        """Into it: it comes to the front and has the focus, from the Dock or an icon too."""

    def move(self, title: str, left: int, top: int) -> None: ...

    def keep_above(self, title: str) -> None: ...

    def minimize(self, title: str) -> None: ...

    def close(self, title: str) -> None: ...


class X11System:
    """A display with openbox."""

    def __init__(self, display: VirtualDisplay) -> None:
        self._display = display
        self._windows: dict[str, KeyWindow] = {}

    def open(self, title: str) -> int:
        window = self._windows[title] = KeyWindow(self._display.name, title=title)
        return window.window_id

    def click(self, title: str) -> None:
        with handle_of(self._display, title) as handle:
            handle.activate()

    def move(self, title: str, left: int, top: int) -> None:
        with handle_of(self._display, title) as handle:
            handle.move(left, top)

    def keep_above(self, title: str) -> None:
        with handle_of(self._display, title) as handle:
            handle.keep_above()

    def minimize(self, title: str) -> None:
        with handle_of(self._display, title) as handle:
            handle.minimize()

    def close(self, title: str) -> None:
        self._windows.pop(title).close()

    def close_all(self) -> None:
        for title in list(self._windows):
            self.close(title)


class MacSystem(FakeMac):
    """A Mac with its menu bar."""

    def __init__(self) -> None:
        super().__init__()
        self.windows = [FakeWindow(1, "Menubar", pid=5_000_002, box=Box(0, 0, 1440, 24), layer=24)]

    def open(self, title: str) -> int:
        number = max(window.number for window in self.windows) + 1
        bar = 28
        box = Box(100, 100, SIZE[0], SIZE[1] + bar)
        self.windows.append(FakeWindow(number, title, os.getpid(), box, bar, program="python"))
        self.to_front(number)
        return number

    def click(self, title: str) -> None:
        self.to_front(self._titled(title).number)

    def move(self, title: str, left: int, top: int) -> None:
        window = self._titled(title)
        window.box = Box(left, top, window.box.width, window.box.height)

    def keep_above(self, title: str) -> None:
        window = self._titled(title)
        window.layer, window.pid = 3, 5_000_008  # another program's: the game keeps the focus
        self.windows.remove(window)
        self.windows.insert(1, window)

    def minimize(self, title: str) -> None:
        self._titled(title).where = "minimized"

    def close(self, title: str) -> None:
        self.windows.remove(self._titled(title))

    def _titled(self, title: str) -> FakeWindow:
        return next(window for window in self.windows if window.title == title)


@contextmanager
def x11_system(display: VirtualDisplay) -> Iterator[X11System]:
    with pytest.MonkeyPatch.context() as patch, ExitStack() as opened:
        patch.setenv("DISPLAY", display.name)
        patch.delenv("WINDOWID", raising=False)
        system = X11System(display)
        opened.callback(system.close_all)
        yield system


@contextmanager
def mac_system() -> Iterator[MacSystem]:
    system = MacSystem()
    with system.installed(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("agent.screen.window.sys", SimpleNamespace(platform="darwin"))
        yield system

"""Windows through PyWinCtl, on a desktop of ours in its place: chosen, described and followed as on X11."""

import sys
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
from conftest import wait_for

from agent.frames import Box
from agent.screen.pywinctl_window import PyWinCtlDesktop
from agent.screen.window import chosen, open_window


class Frame(NamedTuple):
    left: int
    top: int
    right: int
    bottom: int


FRAME = Frame(10, 20, 650, 380)


@dataclass(slots=True)
class FakeWindow:
    """What PyWinCtl 0.4.1 tells of a window, and we ask."""

    handle: int
    title: str
    frame: Frame = FRAME
    pid: int = 5_000_007  # higher than any real one
    app: str = "racer.exe"
    box: Any = field(default_factory=lambda: SimpleNamespace(left=0, top=0, width=700, height=400))
    isAlive: bool = True  # noqa: N815
    isActive: bool = False  # noqa: N815
    isMinimized: bool = False  # noqa: N815

    def getHandle(self) -> int:  # noqa: N802
        return self.handle

    def getPID(self) -> int:  # noqa: N802
        return self.pid

    def getAppName(self) -> str:  # noqa: N802
        return self.app

    def getClientFrame(self) -> Frame:  # noqa: N802
        return self.frame


class FakePyWinCtl:
    def __init__(self, *windows: FakeWindow) -> None:
        self.windows = list(windows)

    def getAllWindows(self) -> list[FakeWindow]:  # noqa: N802
        return [window for window in self.windows if window.isAlive]

    def getActiveWindow(self) -> FakeWindow | None:  # noqa: N802
        return next((window for window in self.getAllWindows() if window.isActive), None)


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> FakePyWinCtl:
    desktop = FakePyWinCtl(
        FakeWindow(1, "Racer"), FakeWindow(2, "Racer - launcher"), FakeWindow(3, "Notes", pid=5_000_008)
    )
    monkeypatch.setitem(sys.modules, "pywinctl", desktop)
    monkeypatch.setattr("agent.screen.window._desktop", PyWinCtlDesktop)
    return desktop


def test_windows_are_chosen_by_title_id_and_focus(desktop: FakePyWinCtl) -> None:
    assert open_window("Racer").window_id == 1
    assert open_window("0x2").window_id == 2
    desktop.windows[2].isActive = True
    found = open_window("focused")
    assert (found.window_id, found.marks.program) == (3, "racer.exe")


def test_candidates_are_told_with_size_place_program_and_id(desktop: FakePyWinCtl) -> None:
    windows = [window for n in (1, 2) if (window := PyWinCtlDesktop().described(n))]
    with pytest.raises(Exception, match=r"'Racer' \(640x360 at 10,20, racer.exe, 0x1\)"):
        chosen("Race", windows)


def test_a_window_made_anew_is_followed_and_neither_a_launcher_nor_another_program(desktop: FakePyWinCtl) -> None:
    target = open_window("Racer")
    desktop.windows[0].isAlive = False
    desktop.windows.append(FakeWindow(4, "Racer", pid=5_000_009))
    assert target.look().state == "gone"
    assert target.look().state == "gone"
    desktop.windows.append(FakeWindow(5, "Racer - 57 fps", Frame(0, 0, 1280, 720), isActive=True))
    assert wait_for(lambda: target.look().state == "focused", "the new window")
    assert (target.window_id, target.look().box) == (5, Box(0, 0, 1280, 720))

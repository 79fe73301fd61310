"""Windows on Windows by the rules alone, on a desktop of ours in its place; under Wine: `tests/windows`."""

import importlib
import os
import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from conftest import wait_for

import agent.screen.win32
from agent.errors import TwoframeError
from agent.frames import Box
from agent.screen.target import Cover
from agent.screen.window import open_picked_window, open_window, window_titles

GAME, OTHER, SHELL, TERMINAL, REUSED = 5_000_007, 5_000_008, 5_000_009, 5_000_010, 5_000_011  # higher than real ones
PLACE = Box(10, 20, 640, 360)


@dataclass(slots=True)
class Made:
    """A window; those further up come earlier in `Windows.windows`."""

    number: int
    title: str
    pid: int = OTHER
    box: Box | None = PLACE
    style: int = 0
    owner: int | None = None
    shown: bool = True
    see_through: bool = False


@dataclass(slots=True)
class Windows:
    """What `agent.screen.win32.api` tells, by its names."""

    windows: list[Made] = field(default_factory=list)
    foreground_window: int | None = None
    closing: set[int] = field(default_factory=set)
    """Numbers of windows that are gone when their title is asked for."""
    console_window: int | None = None
    ended: set[int] = field(default_factory=set)
    parent_of: dict[int, int] = field(default_factory=dict)
    begun_at: dict[int, int] = field(default_factory=dict)
    clicks: list[bool] = field(default_factory=list)
    pointed_at: int = 0

    def module(self) -> ModuleType:
        of_mine = {name: getattr(self, name) for name in dir(self) if not name.startswith("_")}
        styles = {"TOOL_WINDOW": 0x80, "TRANSPARENT": 0x20, "LAYERED": 0x80000, "APP_WINDOW": 0x40000}
        module: Any = SimpleNamespace(**of_mine, **styles, NO_ACTIVATE=0x8000000)
        return module

    def _of(self, number: int) -> Made | None:
        return next((each for each in self.windows if each.number == number), None)

    def top_windows(self) -> list[int]:
        return [each.number for each in self.windows]

    def title(self, number: int) -> str:
        if number in self.closing:
            self.windows = [each for each in self.windows if each.number != number]
        return each.title if (each := self._of(number)) else ""

    def class_name(self, number: int) -> str | None:
        return "Racer" if self._of(number) else None

    def made_by(self, number: int) -> tuple[int, int] | None:
        return (1, each.pid) if (each := self._of(number)) else None

    def extended_style(self, number: int) -> int:
        return each.style if (each := self._of(number)) else 0

    def is_minimized(self, number: int) -> bool:
        return (each := self._of(number)) is not None and each.box is None

    def is_shown(self, number: int) -> bool:
        return (each := self._of(number)) is not None and each.shown

    is_visible = is_shown

    def is_see_through(self, number: int) -> bool:
        return (each := self._of(number)) is not None and each.see_through

    def owner(self, number: int) -> int | None:
        return each.owner if (each := self._of(number)) else None

    def root(self, number: int) -> int | None:
        return number if self._of(number) else None

    def root_owner(self, number: int) -> int | None:
        return self.owner(number) or number

    def client_box(self, number: int) -> Box | None:
        return each.box if (each := self._of(number)) else None

    def parts(self, number: int) -> list[Box]:
        return [box] if (box := self.client_box(number)) else []

    def foreground(self) -> int | None:
        return self.foreground_window

    def console(self) -> int | None:
        return self.console_window

    def window_at_pointer(self) -> int:
        return self.pointed_at

    def is_clicking(self) -> bool:
        return self.clicks.pop(0)

    def program_of(self, pid: int) -> str:
        return f"{pid}.exe"

    def open_process(self, pid: int) -> int:
        return pid

    def close_process(self, handle: int) -> None:
        pass

    def has_ended(self, handle: int) -> bool:
        return handle in self.ended

    def parents(self) -> dict[int, int]:
        return self.parent_of

    def begun(self, pid: int) -> int | None:
        return self.begun_at.get(pid)


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    """This process is on it, in a shell in a terminal."""
    windows = Windows([Made(1, "Game", GAME)])
    windows.parent_of = {os.getpid(): SHELL, SHELL: TERMINAL, TERMINAL: REUSED}
    windows.begun_at = {os.getpid(): 30, SHELL: 20, TERMINAL: 10, REUSED: 40}
    module = windows.module()
    monkeypatch.setitem(sys.modules, "agent.screen.win32.api", module)
    monkeypatch.setattr(agent.screen.win32, "api", module, raising=False)
    monkeypatch.setitem(sys.modules, "agent.screen.win32.desktop", None)
    del sys.modules["agent.screen.win32.desktop"]  # made anew with this one, and forgotten after the test
    importlib.import_module("agent.screen.win32.desktop")
    monkeypatch.setattr("agent.screen.window.sys", SimpleNamespace(platform="win32"))
    return windows


def test_what_the_taskbar_has_counts_as_a_window_and_nothing_else(windows: Windows) -> None:
    windows.windows += [
        Made(2, "Game", GAME, owner=1),  # its message
        Made(3, "Game", style=0x80),
        Made(4, "Game", style=0x8000000),
        Made(5, "Game", shown=False),
        Made(6, "of one never seen", owner=5),
        Made(7, "tool in the taskbar", style=0x80 | 0x40000),
        Made(8, "owned in the taskbar", owner=1, style=0x40000),
    ]
    assert window_titles() == ["Game", "of one never seen", "tool in the taskbar", "owned in the taskbar"]
    windows.foreground_window = 2
    assert open_window("focused").window_id == 1


def test_the_terminal_of_the_command_is_no_game(windows: Windows) -> None:
    title = "collect --window Game"
    windows.windows[0].title = "Game 2"
    windows.windows += [
        Made(2, title, pid=SHELL),  # never shown: a terminal's own window owns it
        Made(3, title, pid=TERMINAL),
        Made(4, f"another tab: {title}", pid=TERMINAL),
        Made(5, "Settings", pid=REUSED),  # has the number of what started the terminal
    ]
    windows.windows[1].owner, windows.console_window = 3, 2
    assert window_titles() == ["Game 2", f"another tab: {title}", "Settings"]
    assert open_window("Game").window_id == 1
    assert open_window("Sett").window_id == 5
    with pytest.raises(TwoframeError, match="found 'Game 2'"):
        open_window("tab")


def test_a_window_that_closes_while_it_is_looked_at_is_passed_over(windows: Windows) -> None:
    windows.windows += [Made(2, "Game"), Made(3, "Notes")]
    windows.closing = {2}
    assert window_titles() == ["Game", "Notes"]
    target = open_window("Game")
    windows.windows.insert(0, Made(4, "Cover"))
    windows.closing = {4}
    assert target.look().state == "unfocused"


def test_what_covers_the_game_is_of_other_programs_above_it_and_takes_clicks(windows: Windows) -> None:
    left_half = Box(10, 20, 320, 360)
    windows.windows.append(Made(9, "below"))
    windows.windows[:0] = [
        Made(2, "own menu", GAME),
        Made(3, "elsewhere", box=Box(700, 20, 10, 10)),
        Made(4, "on another desktop", shown=False),
        Made(5, "icon", box=None),
        Made(6, "overlay", style=0x80000 | 0x20),
        Made(7, "glass", see_through=True),
        Made(8, "chat", box=left_half),
    ]
    windows.foreground_window = 1
    view = open_window("0x1").look()
    assert (view.state, view.cover) == ("focused", Cover("glass", 0.5))


def test_a_window_made_anew_is_followed_until_its_program_ends(windows: Windows) -> None:
    target = open_window("Game")
    windows.windows = [Made(1, "Game", OTHER)]  # its number, given to another program
    assert target.look().state == "gone"
    windows.windows.append(Made(2, "Game - 57 fps", GAME, box=None))  # minimized: it has no place yet
    assert target.look().state == "gone"
    windows.windows[1].box = PLACE
    wait_for(lambda: target.look().state == "unfocused", "the new window")
    assert target.window_id == 2
    windows.windows, windows.ended = [], {GAME}
    assert target.look().state == "closed"


def test_a_window_is_picked_by_a_click_that_begins_now(windows: Windows) -> None:
    windows.windows += [Made(2, "Before"), Made(3, "Game: options", owner=1)]
    windows.clicks, windows.pointed_at = [True, True, False, True], 3
    said: list[str] = []
    assert open_picked_window(None, said.append).window_id == 1
    assert not windows.clicks and "picked 'Game'" in said[1]

"""The systems whose keyboards we hear and press, as the contract sees them: X11 for real, Windows and macOS as fakes.

On each there are a person at the keyboard, a game, and another window; the game has the focus first.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from types import SimpleNamespace
from typing import Protocol, Self

import pytest
from conftest import wait_for
from fake_mac_desktop import FakeWindow
from fake_macos import FakeMac
from fake_windows import FakeWindows
from x11_person import KeyWindow, Person

from agent.keyboard.listener import KeyEvent
from agent.keys import KEYS
from games.window.display import VirtualDisplay

_GAME, _OTHER = 4711, 4712  # windows of the fakes


class Heard:
    """Collects what a listener delivers."""

    def __init__(self) -> None:
        self.events: list[KeyEvent] = []

    def __call__(self, event: KeyEvent) -> None:
        self.events.append(event)

    @property
    def changes(self) -> list[tuple[str, bool, bool | None]]:
        return [(event.key, event.down, event.injected) for event in self.events]

    def wait_for(self, count: int) -> list[tuple[str, bool, bool | None]]:
        wait_for(lambda: len(self.events) >= count, f"event {count}")
        return self.changes


class System(Protocol):
    """What a contract test does, and what it asks; errors are said in a system's own words."""

    game: int
    other: int
    says_when_lost: str
    says_when_failed: str
    lamp_only: frozenset[str]  # keys of which it tells only that their light changed, not how long they are held
    lacks: frozenset[str]  # keys that it does not have, or takes for others
    twins: frozenset[str]  # keys whose state it does not tell from that of another

    def press(self, name: str) -> None:
        """The person does."""

    def release(self, name: str) -> None: ...

    def press_long(self, name: str) -> None:
        """So long that the keyboard repeats."""

    def is_down(self, name: str) -> bool:
        """As a game sees it, whoever pressed."""

    def focus_other(self) -> None: ...

    def deafen(self) -> None:
        """From now on nobody can begin to listen."""

    @contextmanager
    def losing_the_keyboard(self) -> Iterator[Callable[[], None]]:
        """What this gives, called within, ends whoever listens and refuses whoever presses."""


class X11System:
    """An Xvfb: the person is at its keyboard, the agent on XTEST's."""

    says_when_lost = "found the X server gone"
    says_when_failed = "ZeroDivisionError: on a"
    lamp_only: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    twins: frozenset[str] = frozenset()

    def __init__(self, display: VirtualDisplay, patch: pytest.MonkeyPatch) -> None:
        self._display = display
        self._patch = patch
        self._opened = ExitStack()
        self._lit: set[str] = set()
        patch.setenv("DISPLAY", display.name)
        patch.delenv("WAYLAND_DISPLAY", raising=False)

    @cached_property
    def _person(self) -> Person:
        return self._opened.enter_context(Person(self._display.name))

    @cached_property
    def _windows(self) -> tuple[KeyWindow, KeyWindow]:
        game, other = (self._opened.enter_context(KeyWindow(self._display.name, title)) for title in ("game", "other"))
        game.focus()
        return game, other

    @property
    def game(self) -> int:
        return self._windows[0].window_id

    @property
    def other(self) -> int:
        return self._windows[1].window_id

    def press(self, name: str) -> None:
        self._person.press(name)
        if name in ("caps_lock", "num_lock"):
            self._lit ^= {name}

    def release(self, name: str) -> None:
        self._person.release(name)

    def press_long(self, name: str) -> None:
        self.press(name)
        time.sleep(0.8)  # longer than the server waits before it repeats

    def is_down(self, name: str) -> bool:
        return self._windows[0].is_down(name)

    def focus_other(self) -> None:
        self._windows[1].focus()

    def deafen(self) -> None:
        self._patch.setenv("DISPLAY", ":4711")

    @contextmanager
    def losing_the_keyboard(self) -> Iterator[Callable[[], None]]:
        with VirtualDisplay(window_manager=False) as mortal, pytest.MonkeyPatch.context() as patch:
            patch.setenv("DISPLAY", mortal.name)
            yield mortal.close

    def close(self) -> None:
        for name in list(self._lit):  # the display is others' too
            self._person.press(name)
            self._person.release(name)
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WindowsSystem(FakeWindows):
    says_when_lost = says_when_failed = "the listener ended by itself"
    lamp_only: frozenset[str] = frozenset()
    lacks: frozenset[str] = frozenset()
    twins = frozenset({"numpad_enter"})
    game, other = _GAME, _OTHER

    def __init__(self) -> None:
        super().__init__()
        self.foreground = self.game

    def press_long(self, name: str) -> None:
        for _ in range(5):
            self.press(name)

    def focus_other(self) -> None:
        self.foreground = self.other

    def deafen(self) -> None:
        self.refuses_hooks = True

    @contextmanager
    def losing_the_keyboard(self) -> Iterator[Callable[[], None]]:
        yield self.lose_the_keyboard


class MacSystem(FakeMac):
    says_when_lost = "the listener ended by itself"
    says_when_failed = "ZeroDivisionError: on a"
    lamp_only = frozenset({"caps_lock"})
    twins: frozenset[str] = frozenset()
    lacks = frozenset({"f13", "f14", "f15", *(name for name, key in KEYS.items() if key.mac_vk is None)})
    game, other = _GAME, _OTHER

    def __init__(self) -> None:
        super().__init__()
        self.windows = [FakeWindow(1, pid=5_000_002, layer=24)]  # the menu bar is above all
        self.windows += [FakeWindow(self.game), FakeWindow(self.other, pid=5_000_008)]
        self.to_front(self.game)

    def press_long(self, name: str) -> None:
        for _ in range(5):
            self.press(name)

    def focus_other(self) -> None:
        self.to_front(self.other)

    def deafen(self) -> None:
        self.refuses_taps = True

    @contextmanager
    def losing_the_keyboard(self) -> Iterator[Callable[[], None]]:
        yield self.lose_the_keyboard


@contextmanager
def windows_system() -> Iterator[WindowsSystem]:
    system = WindowsSystem()
    with system.installed(), _on("win32"), pytest.MonkeyPatch.context() as patch:
        # The real one listens in another process, where this Windows is not.
        from agent.keyboard.windows import WindowsKeyboard

        patch.setattr("agent.keyboard.listener_process.ListenerProcess", lambda _, *rest: WindowsKeyboard(*rest))
        yield system


@contextmanager
def mac_system() -> Iterator[MacSystem]:
    system = MacSystem()
    with system.installed(), _on("darwin"):
        yield system


@contextmanager
def _on(platform: str) -> Iterator[None]:
    """Listener and emitter take this system for another; nobody else does."""
    with pytest.MonkeyPatch.context() as patch:
        for chooser in ("agent.keyboard.listener", "agent.keyboard.emitter"):
            patch.setattr(f"{chooser}.sys", SimpleNamespace(platform=platform))
        patch.setattr("agent.keyboard.windows._START_TIMEOUT_S", 2.0)
        yield

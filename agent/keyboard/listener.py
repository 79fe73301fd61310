"""Hearing the keyboard: presses and releases of the watched keys, whoever pressed them, and of no others."""

import sys
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Protocol, Self

from agent.errors import TwoframeError
from agent.keys import KeyEvent
from agent.keys import key as key_named

__all__ = ["KeyEvent", "KeyListener"]


class Backend(Protocol):
    """How one system is listened to. It drops all keys but those it was made for before it does anything else.

    On a thread of its own it calls `changed(event, source)` for every press and release, autorepeat included,
    where `source` tells the devices apart, and `failed(error)` when it cannot go on.
    """

    def start(self) -> frozenset[str]:
        """Listen from now on; return the keys that are down now. Raises `TwoframeError`."""
        ...

    def close(self) -> None:
        """Stop listening; idempotent."""
        ...


class KeyListener:
    """Calls `on_event` for every state change of `keys`, on a thread of its own: it must return quickly.

    Each device counts by itself: a key held by a person and by the agent gives a press and a release of each,
    with their own `injected`. Autorepeat gives nothing. Keys other than `keys` are never looked at.

    `start`, or entering the context, raises `TwoframeError` if the keyboard cannot be heard. If the listener
    cannot go on later (the X server is gone, or `on_event` raised), `error` says why, and `on_error` is called
    with it on the listener's thread.
    """

    def __init__(
        self,
        keys: Iterable[str],
        on_event: Callable[[KeyEvent], None],
        on_error: Callable[[TwoframeError], None] | None = None,
    ) -> None:
        self._keys = tuple(dict.fromkeys(key_named(name).name for name in keys))
        self._on_event = on_event
        self._on_error = on_error
        self._down: dict[tuple[int, str], bool] = {}
        self._started = threading.Event()
        self._backend: Backend | None = None
        self._error: TwoframeError | None = None
        self._by_person: frozenset[str] = frozenset()  # replaced, never changed: another thread reads it
        self.held_at_start: frozenset[str] = frozenset()

    @property
    def error(self) -> TwoframeError | None:
        """Why the listener stopped by itself; None while all is well."""
        return self._error

    @property
    def held_by_person(self) -> frozenset[str]:
        """The keys that are heard to be held on a keyboard. Of those held at the start it is not known who does."""
        return self._by_person

    def start(self) -> None:
        """Listen. When this returns, no later press is missed, and `held_at_start` is known."""
        if self._backend is not None:
            raise RuntimeError("a KeyListener starts once")
        self._backend = _backend(self._keys, self._changed, self._failed)
        try:
            self.held_at_start = self._backend.start()
        finally:
            self._started.set()

    def close(self) -> None:
        """Stop listening; idempotent. No event is delivered after this, unless called by `on_event` itself."""
        if self._backend is not None:
            self._backend.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _changed(self, event: KeyEvent, source: int) -> None:
        self._started.wait()  # held_at_start first
        if event.down and event.injected is False:
            self._by_person |= {event.key}
        elif not event.down and event.injected is not True:  # also of a keyboard that is unplugged
            self._by_person -= {event.key}
        was_down = self._down.get((source, event.key))
        if was_down is None:  # of a key held at the start, the first that a device tells may be the release
            was_down = not event.down and event.key in self.held_at_start
        if was_down != event.down:
            self._down[source, event.key] = event.down
            self._on_event(event)

    def _failed(self, error: TwoframeError) -> None:
        self._error = error
        if self._on_error is not None:
            self._on_error(error)


def _backend(
    keys: tuple[str, ...],
    changed: Callable[[KeyEvent, int], None],
    failed: Callable[[TwoframeError], None],
) -> Backend:
    # Here, not above: each backend imports what only its system has.
    if sys.platform == "linux":
        from agent.keyboard.x11_listener import X11Keyboard

        return X11Keyboard(keys, changed, failed)
    if sys.platform == "win32":
        from agent.keyboard.listener_process import ListenerProcess

        return ListenerProcess("agent.keyboard.windows:WindowsKeyboard", keys, changed, failed)
    if sys.platform == "darwin":
        from agent.keyboard.macos import MacKeyboard

        return MacKeyboard(keys, changed, failed)
    raise TwoframeError(f"keyboard: found the system {sys.platform}, expected Linux with X11, Windows or macOS")

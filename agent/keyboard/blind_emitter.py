"""What Windows and macOS share: the keyboard heard through pynput (written against its source, 1.8), and pressed."""

import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from agent.errors import TwoframeError
from agent.keys import KeyEvent
from agent.pacing import clock_ns

_START_TIMEOUT_S = 5.0


class PynputKeyboard:
    """A pynput listener on its own thread, and a watch on whether it still lives. One system's part fills it in."""

    def __init__(
        self,
        keys: tuple[str, ...],
        changed: Callable[[KeyEvent, int], None],
        failed: Callable[[TwoframeError], None],
    ) -> None:
        self._keys = keys
        self._changed = changed
        self._failed = failed
        self._closing = False
        self._listener: Any = None

    def start(self) -> frozenset[str]:
        self._listener = self._made()
        self._listener.start()
        self._listener.wait()
        deadline_s = time.perf_counter() + _START_TIMEOUT_S
        while not self._hears():
            if time.perf_counter() > deadline_s or not self._listener.is_alive():
                self.close()
                raise TwoframeError("keyboard: found that the system lets no program listen, expected a keyboard hook")
            time.sleep(0.005)
        threading.Thread(target=self._watch, name="keyboard watch", daemon=True).start()
        return frozenset(name for name in self._keys if self._is_down(name))

    def close(self) -> None:
        self._closing = True
        if self._listener is not None:
            self._listener.stop()
            if threading.current_thread() is not self._listener and self._listener.is_alive():
                threading.Thread.join(self._listener)  # its own join would raise what `_watch` tells

    def _tell(self, name: str, *, down: bool, injected: bool) -> None:
        """A key changed; programs count as one device, keyboards as another."""
        if not self._closing:  # a key may be on its way when we close
            self._changed(KeyEvent(clock_ns(), name, down, injected), int(injected))

    def _watch(self) -> None:
        threading.Thread.join(self._listener)
        if not self._closing:
            self._failed(TwoframeError("keyboard: the listener ended by itself, expected it to go on; start again"))

    def _made(self) -> Any:
        raise NotImplementedError

    def _hears(self) -> bool:
        raise NotImplementedError

    def _is_down(self, name: str) -> bool:
        raise NotImplementedError


class BlindEmitter:
    """Presses keys on a system that does not show who holds one: it must be told what a person holds.

    One system's part sends the events, and says whether a key is down and which window has the focus.
    """

    def __init__(self) -> None:
        self._persons: frozenset[str] = frozenset()
        self._stale: frozenset[str] = frozenset()

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        if window_id is not None and not self.is_focused(window_id):
            return False
        # What is up is held by nobody: no one heard the person's release (where a password is asked for). If it
        # still counted as theirs, ours would never go up.
        self._stale |= {name for name in self._persons.intersection(keys) if not self._is_down(name)}
        self._send(keys, down=True)
        return True

    def release(self, keys: Collection[str]) -> None:
        # No system counts who holds a key: our release would take it from a person who holds it too. Theirs will
        # release it for both.
        theirs = self._persons - self._stale
        self._send([name for name in keys if name not in theirs], down=False)

    def person_holds(self, keys: Collection[str]) -> None:
        self._persons = frozenset(keys)
        self._stale &= self._persons

    def is_focused(self, window_id: int) -> bool:
        return self.focused_window() == window_id

    def focused_window(self) -> int | None:
        raise NotImplementedError

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        raise NotImplementedError

    def _is_down(self, name: str) -> bool:
        raise NotImplementedError

    def close(self) -> None:
        pass

"""Pressing keys where the system does not show who holds one, as on Windows and macOS."""

from collections.abc import Collection


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

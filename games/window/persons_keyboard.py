"""A person's keyboard on X, for a player that must not be taken for the agent."""

from collections.abc import Collection
from contextlib import ExitStack

from agent.keyboard.x11_emitter import X11Emitter


class PersonsKeyboard:
    """An `Emitter` for `names` on another device than the agent's: one kind of session's part opens that and sends.

    Raises `TwoframeError`.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        with ExitStack() as opened:
            self._windows = X11Emitter(names)  # asked only who has the focus
            opened.callback(self._windows.close)
            self._open(names, opened)
            self._opened = opened.pop_all()

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        if window_id is not None and not self.is_focused(window_id):
            return False
        self._send(keys, down=True)
        return True

    def release(self, keys: Collection[str]) -> None:
        self._send(keys, down=False)

    def person_holds(self, keys: Collection[str]) -> None:
        """This is the person."""

    def is_focused(self, window_id: int) -> bool:
        return self._windows.is_focused(window_id)

    def focused_window(self) -> int | None:
        return self._windows.focused_window()

    def close(self) -> None:
        self._opened.close()

    def _open(self, names: tuple[str, ...], opened: ExitStack) -> None:
        raise NotImplementedError

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        raise NotImplementedError

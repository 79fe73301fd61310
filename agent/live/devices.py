"""What a live loop needs of the machine, opened once for `collect` and for `play`: the game, the screen, the keys."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Self

from agent.errors import TwoframeError
from agent.frames import Box
from agent.keyboard.key_sink import KeySink
from agent.keyboard.listener import KeyListener
from agent.keys import KeyEvent
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Switches
from agent.live.place import Place
from agent.screen.grab import Screen


class Devices:
    """The game's window, or a region in its place, and the screen that it is on; the keys when they are asked for.

    `box` is where the game was found. A context manager with an idempotent `close`, which lets go of the keys first.
    `say` is told what a person must do or know. Raises `TwoframeError` if the game is not found or not wholly on the
    screen.
    """

    def __init__(self, place: Place, say: Callable[[str], None]) -> None:
        self._listener: KeyListener | None = None
        with ExitStack() as opened:
            self.target = place.open(say)
            opened.callback(self.target.close)
            self.screen = opened.enter_context(Screen())
            self.switches = Switches()
            self.gate = FocusGate(self.target, self.screen, self.switches)
            self.begin()
            self.screen.aim(self.target.window_id)
            if not self.screen.holds(self.box):
                raise TwoframeError(
                    f"{'--region' if self.target.title is None else 'window'}: found {self.box}, expected a place "
                    f"wholly on the screen ({self.screen.bounds}); move or shrink it"
                )
            if not self.screen.is_hidden():
                self.screen.grab(self.box)  # the first grab sets everything up
            self._opened = opened.pop_all()

    def begin(self) -> Box:
        """Where the game is now: later sizes are compared with that of this box. Raises `TwoframeError`."""
        self.box = self.target.look().box
        self.gate.begin(self.box)
        return self.box

    def hold(self, keys: Iterable[str]) -> KeySink:
        """The key holder, for these keys, while the game has the focus. Raises `TwoframeError`."""
        from agent.keyboard.key_holder import KeyHolder  # a process that no recording waits for

        return self._opened.enter_context(
            KeyHolder(keys, window_id=lambda: self.target.window_id, persons=self._held_by_person)
        )

    def listen(self, keys: Iterable[str], hear: Callable[[KeyEvent], None]) -> KeyListener:
        """A listener that calls `hear` for these keys, listening already. Raises `TwoframeError`."""
        self._listener = self._opened.enter_context(KeyListener(keys, hear))
        return self._listener

    def _held_by_person(self) -> frozenset[str]:
        return self._listener.held_by_person if self._listener else frozenset()

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

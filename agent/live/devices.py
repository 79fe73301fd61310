"""What a live loop needs of the machine, opened once for `collect` and for `play`: the game, the screen, the keys."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Self

from agent.errors import TwoframeError, UsageError
from agent.frames import Box
from agent.keyboard.key_sink import KeySink
from agent.keyboard.listener import KeyListener
from agent.keys import KeyEvent
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Switches
from agent.screen.grab import Screen
from agent.screen.target import FixedRegion, Target
from agent.screen.window import open_window


class Devices:
    """The game's window, or a region in its place, and the screen that it is on; the keys when they are asked for.

    `box` is where the game was found. A context manager with an idempotent `close`, which lets go of the keys first.
    Raises `TwoframeError` if the game is not found or not wholly on the screen.
    """

    def __init__(self, window: str | None, region: Box | None) -> None:
        with ExitStack() as opened:
            self.target = _open_target(window, region)
            opened.callback(self.target.close)
            self.screen = opened.enter_context(Screen())
            self.box = self._on_screen()
            self.screen.grab(self.box)  # the first grab sets mss up
            self._opened = opened.pop_all()
        self.switches = Switches()
        self.gate = FocusGate(self.target, self.screen, self.switches)

    def hold(self, keys: Iterable[str]) -> KeySink:
        """The key holder, for these keys, while the game has the focus. Raises `TwoframeError`."""
        from agent.keyboard.key_holder import KeyHolder  # a process that no recording waits for

        return self._opened.enter_context(KeyHolder(keys, window_id=self.target.window_id))

    def listen(self, keys: Iterable[str], hear: Callable[[KeyEvent], None]) -> KeyListener:
        """A listener that calls `hear` for these keys, listening already. Raises `TwoframeError`."""
        return self._opened.enter_context(KeyListener(keys, hear))

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_screen(self) -> Box:
        box = self.target.look().box
        if not self.screen.holds(box):
            raise TwoframeError(
                f"{'--region' if self.target.title is None else 'window'}: found {box}, expected a place wholly on the "
                f"screen ({self.screen.bounds}); move or shrink it"
            )
        return box


def check_one_place(window: str | None, region: str | None) -> None:
    """Raise `UsageError` for a window and a region together."""
    if window is not None and region is not None:
        raise UsageError("found --window and --region, expected one of them; leave one out")


def _open_target(window: str | None, region: Box | None) -> Target:
    if window is not None:
        return open_window(window)
    if region is None:
        raise UsageError("found neither --window nor --region, expected where the game is; name its window's title")
    return FixedRegion(region)

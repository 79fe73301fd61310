"""What Ctrl-C and SIGTERM mean to a command that has something to finish."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ending_signals(end: Callable[[], None]) -> Iterator[None]:
    """Inside, Ctrl-C and SIGTERM call `end` instead of breaking in; a second one breaks in as ever."""
    taken = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in taken}

    def handle(number: int, _frame: FrameType | None) -> None:
        end()
        for taken_number, handler in before.items():
            signal.signal(taken_number, handler)

    for number in taken:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""What Ctrl-C, SIGTERM and the end of the terminal mean to a command that has something to finish."""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any


@contextmanager
def ending_signals(end: Callable[[], None]) -> Iterator[None]:
    """Inside, Ctrl-C, SIGTERM and the end of the terminal call `end` instead of breaking in.

    A second Ctrl-C or SIGTERM breaks in as ever. `end` only says so to others: any thread may call it.
    """
    taken = [signal.SIGINT, signal.SIGTERM]
    before = {number: signal.getsignal(number) for number in taken}

    def handle(number: int, _frame: FrameType | None) -> None:
        end()
        for taken_number, handler in before.items():
            signal.signal(taken_number, handler)

    for number in taken:
        signal.signal(number, handle)
    try:
        with _end_of_terminal(end):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if sys.platform == "win32":
    CTRL_BREAK = 1  # of what Windows tells the programs of a console; 0 is Ctrl-C
    CONSOLE_CLOSED = (2, 5, 6)  # closed; the person logs off; the machine goes down
    LONGER_THAN_WINDOWS_WAITS_S = 60.0  # it gives a console's programs 5 s
    _ends: list[Callable[[], None]] = []

    @contextmanager
    def _end_of_terminal(end: Callable[[], None]) -> Iterator[None]:
        _follow_console()
        _ends.append(end)
        try:
            yield
        finally:
            if end in _ends:
                _ends.remove(end)

    @cache
    def _follow_console() -> Any:
        """Have Windows tell of Ctrl-Break and of the end of our console, as long as this process lives.

        Nobody takes the handler away again: that would wait for the handler while it runs.
        """
        import ctypes
        from ctypes import wintypes

        def told(what: int) -> bool:
            """On a thread that Windows makes for it."""
            ends = _ends.copy()
            if not ends or what not in (CTRL_BREAK, *CONSOLE_CLOSED):
                return False  # somebody else's
            for end in ends:
                end()
            if what in CONSOLE_CLOSED:
                time.sleep(LONGER_THAN_WINDOWS_WAITS_S)  # Windows ends the process when this returns
            _ends.clear()  # a second Ctrl-Break breaks in as ever
            return True

        handler = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)(told)
        ctypes.WinDLL("kernel32").SetConsoleCtrlHandler(handler, True)
        return handler  # the cache keeps it alive

else:

    @contextmanager
    def _end_of_terminal(end: Callable[[], None]) -> Iterator[None]:
        before = signal.getsignal(signal.SIGHUP)
        if before == signal.SIG_IGN:  # by nohup: the command is to outlive its terminal
            yield
            return

        def handle(number: int, _frame: FrameType | None) -> None:
            signal.signal(number, signal.SIG_IGN)  # for good: the shell and the system may both tell of it
            end()

        signal.signal(signal.SIGHUP, handle)
        try:
            yield
        finally:
            if signal.getsignal(signal.SIGHUP) is handle:
                signal.signal(signal.SIGHUP, before)

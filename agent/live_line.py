"""The one live line that a person watches while a command works; it never delays the work."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, cast

from rich.console import Console
from rich.live import Live
from rich.text import Text

from agent.command_line.terminal import PATIENCE_S, Unhurried, takes_ansi
from agent.errors import printable

BROKEN_OFF_S = 0.2  # for the reader of a command that Ctrl-C breaks off


@contextmanager
def unhurried_console(*, quiet: bool = False) -> Iterator[Console]:
    """A console on stdout for a command that must not wait for whoever reads; at its end it does, but not for ever.

    What must not be lost is done before that end: keys are up, and what was recorded or learned is whole.
    """
    file = Unhurried(sys.stdout)
    patience_s = PATIENCE_S
    try:
        yield Console(
            file=cast(IO[str], file),
            quiet=quiet,
            legacy_windows=False,
            force_terminal=None if takes_ansi() else False,
        )
    except KeyboardInterrupt:
        patience_s = BROKEN_OFF_S
        raise
    finally:
        file.drain(patience_s)


def say(console: Console, text: str) -> None:
    """One line, as it is: never wrapped, never taken for markup; what a file or a title holds steers no terminal."""
    console.print(printable(text), markup=False, highlight=False, soft_wrap=True)


def clock(seconds: float) -> str:
    """Minutes and seconds, `4:05`."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class LiveLine:
    """Shows `render()` in place four times a second on a terminal, elsewhere as a plain line every `plain_s`.

    A thread of its own writes, so that a slow terminal holds up nothing. A context manager; the last state
    stays on the screen.
    """

    def __init__(self, render: Callable[[], str], console: Console, plain_s: float = 10.0) -> None:
        self._render = render
        self._console = console
        self._plain_s = plain_s
        self._done = threading.Event()
        self._live = Live(
            console=console, get_renderable=lambda: Text(printable(self._render()), no_wrap=True), refresh_per_second=4
        )
        self._plain = threading.Thread(target=self._print_plain, name="live line", daemon=True)

    def note(self, text: str) -> None:
        """Something worth a line that stays, above the live one."""
        say(self._console, text)

    def _print_plain(self) -> None:
        due_s = time.monotonic() + self._plain_s
        while not self._done.wait(max(0.0, due_s - time.monotonic())):
            self.note(self._render())
            due_s += self._plain_s

    def __enter__(self) -> "LiveLine":
        (self._live if self._console.is_terminal else self._plain).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        if self._console.is_terminal:
            self._live.stop()

"""The person at the terminal: told in lines, asked until the answer can be meant."""

import io
import sys
from collections.abc import Callable
from typing import Generic, TypeVar

from rich.console import Console
from rich.prompt import InvalidResponse, PromptBase
from rich.text import Text

from agent.errors import TwoframeError, printable
from agent.live_line import say

T = TypeVar("T")


def is_there() -> bool:
    """Whether somebody can read the questions and answer them: standard input and output are terminals."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


class Person:
    """Asks on `console`, by rich's prompts. The end of the input (Ctrl-D) is a `TwoframeError`; Ctrl-C breaks off."""

    def __init__(self, console: Console) -> None:
        self._console = console
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="replace")  # a letter of another encoding is a wrong answer, no defect

    def tell(self, text: str) -> None:
        say(self._console, text)

    def ring(self) -> None:
        """For somebody who looks at the game."""
        self._console.bell()

    def answer(self, question: str, read: Callable[[str], T], default: str | None = None) -> T:
        """What `read` makes of the answer; asked again, with what it says, while it raises `TwoframeError`.

        Enter alone is `default` where there is one.
        """
        shown = question if default is None else f"{question} [{default}]"
        try:
            return _Question(shown, read, default or "", self._console)()
        except EOFError:
            raise TwoframeError(
                "terminal: found its end (Ctrl-D), expected an answer; nothing was written: start again, or tell all "
                "by flags (collect --help)"
            ) from None

    def agrees(self, question: str, *, default: bool = True) -> bool:
        return self.answer(f"{question} (y/n)", _yes_or_no, "y" if default else "n")

    def forget_typed(self) -> None:
        """What was typed into the terminal by mistake, such as keys meant for the game, is no answer."""
        if sys.platform == "win32":
            import msvcrt

            while msvcrt.kbhit():
                msvcrt.getwch()
        else:
            import termios

            termios.tcflush(sys.stdin, termios.TCIFLUSH)


class _Question(PromptBase[T], Generic[T]):
    def __init__(self, question: str, read: Callable[[str], T], default: str, console: Console) -> None:
        super().__init__(Text(printable(question)), console=console)
        self._read = read
        self._default = default

    def process_response(self, value: str) -> T:
        try:
            return self._read(value.strip() or self._default)
        except TwoframeError as error:
            raise InvalidResponse(str(error)) from None

    def on_validate_error(self, value: str, error: InvalidResponse) -> None:
        say(self.console, f"  {error.message}")


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("y", "yes", "n", "no"):
        raise TwoframeError(f"found {text[:20]!r}, expected y or n")
    return text.lower().startswith("y")

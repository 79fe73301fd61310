"""The one exception family, and the boundary where it becomes one line and an exit status."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from agent.command_line.terminal import Unhurried, write_what_can_be_written


class TwoframeError(Exception):
    """Something outside the program is not as it must be.

    The text says what was found, what was expected and what to do, in one line.
    """


class UsageError(TwoframeError):
    """A command line that cannot be meant; the command exits with 2."""


@contextmanager
def usage() -> Iterator[None]:
    """What is wrong with a value read in here is wrong usage."""
    try:
        yield
    except TwoframeError as error:
        raise UsageError(str(error)) from None


def raise_if_any(problems: Iterable[str]) -> None:
    """Raise one `TwoframeError` that tells all `problems` of one thing, if there are any."""
    found = list(problems)
    if found:
        raise TwoframeError("; ".join(found))


def run_command(command: Callable[[], int]) -> int:
    """Run `command` and give the exit status of the process: its own, or 1 (2 for wrong usage) after
    one `error:` line.

    Ctrl-C that nothing in `command` handled ends with 130, as a shell would say it. An exception that
    is a defect of ours is told in one line too; with TWOFRAME_TRACEBACK set it is raised for a developer.
    """
    write_what_can_be_written()
    try:
        return command()
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of our output left (`| head`): not worth a word, and stdout must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except TwoframeError as error:
        _complain(f"error: {_one_line(error)}")
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:
        if os.environ.get("TWOFRAME_TRACEBACK"):
            raise
        where = f"{type(error).__name__}: {_one_line(error)}"
        _complain(
            f"error: found an unexpected {where}; this is a defect: set TWOFRAME_TRACEBACK=1, "
            "run the command again and report what it prints"
        )
        return 1


def _complain(line: str) -> None:
    """To stderr, whose reader may have stopped or gone: the command ends nevertheless."""
    stderr = Unhurried(sys.stderr)
    stderr.write(f"{line}\n")
    stderr.drain()


def printable(text: str) -> str:
    """`text` without what would steer a terminal: control characters become `?`."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))

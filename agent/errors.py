"""The one exception family, and the boundary where it becomes one line and an exit status."""

import errno
import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from agent.command_line.real_pixels import count_real_pixels
from agent.command_line.terminal import Unhurried, is_gone, write_every_letter


class TwoframeError(Exception):
    """Something outside the program is not as it must be.

    The text says what was found, what was expected and what to do, in one line.
    """


class UsageError(TwoframeError):
    """A command line that cannot be meant; the command exits with 2."""


class KeysRefused(TwoframeError):  # noqa: N818 (it is the event that matters)
    """The system did not take keys that were sent: none of them, or not all. It may take them again later."""


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

    Ctrl-C that nothing in `command` handled ends with 130, as a shell would say it. A full disk and too little memory
    are told in one line too, and so is what must be a defect of ours; with TWOFRAME_TRACEBACK set they are raised for
    a developer.
    """
    count_real_pixels()
    write_every_letter()
    try:
        try:
            return command()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # here, not at the interpreter's exit: nobody would catch that the reader has gone
    except KeyboardInterrupt:
        _complain("interrupted")
        return 130
    except TwoframeError as error:
        _complain(f"error: {_one_line(error)}")
        return 2 if isinstance(error, UsageError) else 1
    except Exception as error:
        if is_gone(error):
            # The reader of our output left (`| head`): not worth a word, and stdout must not fail again at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        if os.environ.get("TWOFRAME_TRACEBACK"):
            raise
        if lacking := shortage(error):
            _complain(f"error: found {lacking.found}, expected {lacking.expected}; {lacking.remedy} and start again")
            return 1
        where = f"{type(error).__name__}: {_one_line(error)}"
        _complain(
            f"error: found an unexpected {where}; this is a defect: set TWOFRAME_TRACEBACK=1, "
            "run the command again and report what it prints"
        )
        return 1


def start(module: str) -> int:
    """Run the command whose `main` is in `module`, which may already fail to load its libraries."""
    return run_command(lambda: int(importlib.import_module(module).main()))


@dataclass(frozen=True, slots=True)
class Shortage:
    """What the machine lacks, in the words of an error."""

    found: str
    expected: str
    remedy: str
    is_memory: bool = False


def shortage(error: BaseException) -> Shortage | None:
    """What the machine lacks, if that is what `error`, of Python, OpenCV or TensorFlow, says; None for any other."""
    text = str(error)
    origin = type(error).__module__.partition(".")[0]
    number = error.errno if isinstance(error, OSError) else None
    if number in _NO_ROOM or (origin == "tensorflow" and _says(text, _FULL)):
        where = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
        return Shortage(f"the disk full{where}", "room on it", "free some space")
    if (
        isinstance(error, MemoryError)
        or number == errno.ENOMEM
        or (isinstance(error, RuntimeError) and "can't start new thread" in text)
        or (origin == "cv2" and getattr(error, "code", None) == _CV_NO_MEMORY)
        or (origin == "tensorflow" and _says(text, _NO_MEMORY))
    ):
        return Shortage("no memory left", "more of it", "close other programs", is_memory=True)
    return _library(error) if isinstance(error, ImportError) else None


def _library(error: ImportError) -> Shortage | None:
    """A package or a library of the system that cannot be imported or loaded.

    Windows does not tell which library is missing: nearly always Microsoft's C++ run time, which Python itself lacks.
    """
    text = " ".join(str(error).split())
    package = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    if package and package not in {*_OURS, *sys.stdlib_module_names}:
        return Shortage(f"no package {package}", "all that twoframe needs", "install twoframe anew with pip")
    if missing := re.search(r"(\S+): cannot open shared object file", text):
        return Shortage(f"no {missing[1]}", "it installed", "install the package of your system that has it")
    if unloaded := re.search(r"DLL load failed while importing (\w+)(?:: ([^.]*))?", text):
        found = f"that Windows cannot load {unloaded[1]} ({unloaded[2] or 'it does not say why'})"
        return Shortage(found, "Microsoft's C++ run time", f"install {_CPP_RUN_TIME}")
    if unfound := re.search(r"Could not find the DLL\(s\) (.*?)\.? TensorFlow", text):
        return Shortage(f"no {unfound[1]}", "Microsoft's C++ run time", f"install {_CPP_RUN_TIME}")
    return None


_OURS = ("agent", "collect", "train", "games", "demo", "bench", "experiments")
_CPP_RUN_TIME = "https://aka.ms/vs/17/release/vc_redist.x64.exe (on Windows N also its Media Feature Pack)"
_NO_ROOM = {number for name in ("ENOSPC", "EDQUOT", "EFBIG") if (number := getattr(errno, name, None)) is not None}
_CV_NO_MEMORY = -4
# TensorFlow has one class of error for both, and on a GPU others as well.
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")
_NO_MEMORY = ("OOM when allocating", "out of memory", "OUT_OF_MEMORY", "Dst tensor is not initialized", "ALLOC_FAILED")


def _says(text: str, words: Iterable[str]) -> bool:
    return any(word in text for word in words)


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

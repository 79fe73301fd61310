"""Writing to a terminal or a pipe whose reader may stop or leave, or not know a letter: no command suffers by it."""

import errno
import io
import os
import re
import shlex
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

PATIENCE_S = 5.0  # at the end, for a reader that takes nothing any more
ROOM = 1_000_000  # characters kept for one that has stopped; beyond that the oldest are lost
_AT_ONCE = 1024  # characters; a slow reader is seen to go on reading, and a console gets no half of a letter


class Unhurried(io.TextIOBase):
    """A text file that takes everything at once; a thread of its own hands it to `stream`, which may be stdout.

    A reader that stopped (Ctrl-S, a selection in a Windows console, a full pipe) holds up nobody, one that has gone is
    no error, and a letter that `stream` does not know becomes one that it knows. `drain` waits for the reader.
    """

    def __init__(self, stream: TextIO | None) -> None:
        buffer = getattr(stream, "buffer", None)
        # Without Python's buffer: its lock, held by a thread that waits for ever, would crash the interpreter's end.
        self._raw: Any = getattr(buffer, "raw", buffer)
        self._stream = stream
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        errors = getattr(stream, "errors", None)
        self._errors = "replace" if errors in (None, "strict", "surrogateescape") else errors
        self._changed = threading.Condition()
        self._waiting: deque[str] = deque()
        self._size = 0
        self._taken = 0
        self._busy = False
        self._gone = False
        self._thread: threading.Thread | None = None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Never waits."""
        if self._raw is None:  # no file below: what a test or an editor has in its place
            return self._stream.write(text) if self._stream is not None else len(text)
        with self._changed:
            if not self._gone:
                self._waiting.append(text)
                self._size += len(text)
                while self._size > ROOM and len(self._waiting) > 1:
                    self._size -= len(self._waiting.popleft())
                if self._thread is None:
                    self._thread = threading.Thread(target=self._hand_over, name="terminal", daemon=True)
                    self._thread.start()
                self._changed.notify_all()
        return len(text)

    def drain(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until the reader has everything, for as long as it takes some of it every `patience_s` seconds."""
        with self._changed:
            taken, end_s = self._taken, time.monotonic() + patience_s
            while (self._waiting or self._busy) and not self._gone:
                if self._taken != taken:
                    taken, end_s = self._taken, time.monotonic() + patience_s
                if not self._changed.wait(end_s - time.monotonic()) and time.monotonic() >= end_s:
                    return

    def _hand_over(self) -> None:
        while True:
            with self._changed:
                while not self._waiting:
                    self._busy = False
                    self._changed.notify_all()
                    self._changed.wait()
                text = "".join(self._waiting)
                self._waiting.clear()
                self._busy = True
            try:
                for start in range(0, len(text), _AT_ONCE):
                    part = text[start : start + _AT_ONCE].replace("\n", os.linesep)
                    self._write_all(part.encode(self._encoding, self._errors))
            except (OSError, ValueError):  # the reader has gone, or the file was closed
                with self._changed:
                    self._gone = True
                    self._waiting.clear()
                    self._changed.notify_all()
                return
            with self._changed:
                self._size -= len(text)

    def _write_all(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = self._raw.write(view)
            if not written:  # a file that does not wait
                time.sleep(0.05)
                continue
            view = view[written:]
            with self._changed:
                self._taken += written
                self._changed.notify_all()


def typed(*words: object) -> str:
    """A command line as one types it: what a shell would take apart is in quotes."""
    texts = [str(word) for word in words]
    return " ".join(map(quoted_on_windows, texts)) if sys.platform == "win32" else shlex.join(texts)


def quoted_on_windows(text: str) -> str:
    """For cmd and for PowerShell: in double quotes if there is anything in it that either of them takes apart."""
    if re.fullmatch(r"[\w\\/:.=+-]+", text):
        return text
    return f'"{text}{chr(92) if text.endswith(chr(92)) else ""}"'  # a backslash before the last quote needs another


_MODULES = {"collect": "collect", "recordings": "collect.recordings", "train": "train", "play": "agent"}


def begun(command: str) -> str:
    """`command` as one begins it: on Windows its script may lie where no shell looks, and `py -m` has been used."""
    main = getattr(sys.modules.get("__main__"), "__spec__", None)
    if sys.platform != "win32" or main is None or main.name.partition(".")[0] not in ("agent", "collect", "train"):
        return command
    is_in_idle_venv = sys.prefix != sys.base_prefix and not os.environ.get("VIRTUAL_ENV")
    return f"{typed(sys.executable) if is_in_idle_venv else 'py'} -m {_MODULES[command]}"


def is_gone(error: BaseException) -> bool:
    """Whether writing failed because the reader of the pipe has gone; Windows calls that an invalid argument."""
    if isinstance(error, OSError) and sys.platform == "win32":
        return error.errno in (errno.EPIPE, errno.EINVAL) and error.filename is None
    return isinstance(error, BrokenPipeError)


def write_every_letter() -> None:
    """From now on no letter is an error, wherever stdout and stderr go.

    On Windows pipes and files get UTF-8, as from most programs, in place of a code page that knows some 200 letters;
    a console always gets all. Where PYTHONIOENCODING or the locale wants another encoding, what it does not know
    becomes a `?`.
    """
    is_ours = sys.platform == "win32" and not os.environ.get("PYTHONIOENCODING")
    for stream in (sys.stdout, sys.stderr):
        if is_ours and isinstance(stream, io.TextIOWrapper) and not stream.isatty():
            stream.reconfigure(encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def takes_ansi() -> bool:
    """Whether the console of Windows, if there is one, understands the usual escapes; asked to, since Windows 10."""
    if sys.platform != "win32":
        return True
    import ctypes
    from ctypes import wintypes

    kernel32 = ctypes.windll.kernel32
    kernel32.GetStdHandle.restype = wintypes.HANDLE
    output, mode = wintypes.HANDLE(kernel32.GetStdHandle(-11)), wintypes.DWORD()
    virtual_terminal = 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
    if not kernel32.GetConsoleMode(output, ctypes.byref(mode)):
        return True  # no console
    return bool(kernel32.SetConsoleMode(output, mode.value | virtual_terminal))

"""Writing to a terminal or a pipe whose reader may stop or leave, or not know a letter: no command suffers by it."""

import io
import os
import shlex
import subprocess
import sys
import threading
import time
from collections import deque
from typing import Any, TextIO

PATIENCE_S = 5.0  # at the end, for a reader that takes nothing any more
ROOM = 1_000_000  # characters kept for one that has stopped; beyond that the oldest are lost
_AT_ONCE = 4096  # bytes; a slow reader is seen to go on reading


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
            content = text.replace("\n", os.linesep).encode(self._encoding, self._errors)
            try:
                self._write_all(content)
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
            written = self._raw.write(view[:_AT_ONCE])
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
    return subprocess.list2cmdline(texts) if sys.platform == "win32" else shlex.join(texts)


def write_what_can_be_written() -> None:
    """From now on a letter that stdout does not know (cp1252, the C locale) becomes a `?` there, not an error."""
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

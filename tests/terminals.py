"""Terminals and pipes whose reader does what readers do: stops, leaves, or reads on."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from conftest import ROOT

STOP, GO_ON = b"\x13", b"\x11"  # what Ctrl-S and Ctrl-Q type


class Terminal:
    """A pseudo terminal with somebody in front of it, who reads all that it shows. `end` is for a program's output."""

    def __init__(self) -> None:
        self._ours, self.end = pty.openpty()
        self._shown = b""
        threading.Thread(target=self._read, name="reader", daemon=True).start()

    @property
    def shown(self) -> str:
        return self._shown.decode(errors="replace")

    def type(self, keys: bytes) -> None:
        os.write(self._ours, keys)

    def _read(self) -> None:
        while True:
            try:
                self._shown += os.read(self._ours, 4096)
            except OSError:  # all programs have ended
                return

    def close(self) -> None:
        os.close(self.end)
        os.close(self._ours)


@contextmanager
def at(terminal: Terminal, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m MODULE ARGS...` as the program of that terminal, whose Ctrl-C reaches it; killed in the end."""
    command = ["setsid", "--ctty", sys.executable, "-m", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200", **environment}
    ends = {"stdin": terminal.end, "stdout": terminal.end, "stderr": terminal.end}
    with subprocess.Popen(command, env=env, cwd=ROOT, **ends) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes nothing more: our end to read from, and the one for a program's output."""
    ours, end = os.pipe()
    os.set_blocking(end, False)
    try:
        while True:
            os.write(end, b"." * 4096)
    except BlockingIOError:
        os.set_blocking(end, True)
    try:
        yield ours, end
    finally:
        os.close(ours)
        os.close(end)


@contextmanager
def left_pipe() -> Iterator[int]:
    """The end for a program's output of a pipe whose reader has gone."""
    ours, end = os.pipe()
    os.close(ours)
    try:
        yield end
    finally:
        os.close(end)


@contextmanager
def writing_to(end: int, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m MODULE ARGS...` with stdout and stderr there, killed if it still runs at the end."""
    command = [sys.executable, "-m", *map(str, arguments)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=end, stderr=end) as process:
        try:
            yield process
        finally:
            process.kill()

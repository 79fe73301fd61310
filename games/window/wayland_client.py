"""What a Wayland compositor is told over its socket, by the few requests that a window and a keyboard take.

A request and an event is the number of an object, the number of what is asked of it or told by it, and values, see
https://wayland.freedesktop.org/docs/html/ch04.html.
"""

import array
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from agent.errors import TwoframeError

Told = Callable[[int, bytes], None]  # which event, and its values

_DISPLAY = 1
_SYNC, _GET_REGISTRY = 0, 1  # of the display
_ERROR = 0
_BIND = 0  # of the registry
_GLOBAL = 0
_HEADER = struct.Struct("=II")


class WaylandClient:
    """A connection to the compositor whose socket is at `path`. Raises `TwoframeError` when it refuses or has gone."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._came = b""
        self._newest = _DISPLAY
        self._told: dict[int, Told] = {}
        self._globals: dict[str, int] = {}
        try:
            self._socket.connect(str(path))
            self._registry = self.new(self._listed)
            self.ask(_DISPLAY, _GET_REGISTRY, self._registry)
            self.wait()
        except OSError as error:
            self.close()
            raise TwoframeError(f"{path}: found no compositor ({error}), expected one; start it") from None

    def new(self, told: Told = lambda event, values: None) -> int:
        """The number for an object that the next request makes: a compositor wants them in order. `told` gets its
        events."""
        self._newest += 1
        self._told[self._newest] = told
        return self._newest

    def bind(self, interface: str, version: int, told: Told = lambda event, values: None) -> int:
        """The object of this kind that the compositor offers. Raises `TwoframeError` where it offers none."""
        if interface not in self._globals:
            raise TwoframeError(f"{interface}: found no such thing in this compositor, expected it; use sway")
        number = self.new(told)
        self.ask(self._registry, _BIND, self._globals[interface], interface, version, number)
        return number

    def ask(self, number: int, request: int, *values: int | str, fd: int | None = None) -> None:
        body = b"".join(_text(value) if isinstance(value, str) else struct.pack("=i", value) for value in values)
        passed = [] if fd is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
        try:
            self._socket.sendmsg([_HEADER.pack(number, (_HEADER.size + len(body)) << 16 | request) + body], passed)
        except BrokenPipeError:
            while True:  # until its last words, or its end
                self.hear()

    def wait(self) -> None:
        """Until the compositor has done all that it was asked."""
        done: list[int] = []
        self.ask(_DISPLAY, _SYNC, self.new(lambda event, values: done.append(event)))
        while not done:
            self.hear()

    def hear(self) -> None:
        """Wait for events and hand them on."""
        data, passed, _, _ = socket.recv_fds(self._socket, 65536, 8)
        for fd in passed:  # keymaps, which nobody here reads
            os.close(fd)
        if not data:
            raise TwoframeError("compositor: found it gone, expected it to run; start it again")
        self._came += data
        while len(self._came) >= _HEADER.size:
            number, word = _HEADER.unpack_from(self._came)
            size, event = word >> 16, word & 0xFFFF
            if len(self._came) < size:
                return
            values, self._came = self._came[_HEADER.size : size], self._came[size:]
            if number == _DISPLAY and event == _ERROR:
                raise TwoframeError(
                    f"compositor: found that it refused ({values[12:-1]!r}), expected it to do as asked"
                )
            if number in self._told:
                self._told[number](event, values)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _listed(self, event: int, values: bytes) -> None:
        if event == _GLOBAL:
            number, length = struct.unpack_from("=II", values)
            self._globals[values[8 : 8 + length - 1].decode()] = number


def _text(value: str) -> bytes:
    data = value.encode() + b"\0"
    return struct.pack("=I", len(data)) + data + b"\0" * (-len(data) % 4)

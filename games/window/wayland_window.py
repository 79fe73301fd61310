"""A native Wayland window: `python -m games.window.wayland_window LOG` shows one colour and logs what it gets.

LOG gets one line of JSON for each event: `{"size": [w, h]}` when it has drawn itself, `{"focus": true}`, and
`{"key": name, "down": true}`, each with its `time_ns` of `agent.pacing.clock_ns`. The compositor is the one that
WAYLAND_DISPLAY names. It ends when the window is closed or on SIGTERM.
"""

import argparse
import json
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from agent.errors import run_command
from agent.keys import KEYS
from agent.pacing import clock_ns
from games.window.wayland_client import WaylandClient

# Requests and events, by the kind of object that they belong to.
_COMPOSITOR_CREATE_SURFACE = 0
_SHM_CREATE_POOL = _POOL_CREATE_BUFFER = 0
_SURFACE_ATTACH, _SURFACE_DAMAGE, _SURFACE_COMMIT = 1, 2, 6
_SEAT_GET_KEYBOARD = 1
_SEAT_CAPABILITIES, _HAS_KEYBOARD = 0, 2
_KEYBOARD_ENTER, _KEYBOARD_LEAVE, _KEYBOARD_KEY = 1, 2, 3
_BASE_GET_SURFACE, _BASE_PONG = 2, 3
_BASE_PING = 0
_XDG_GET_TOPLEVEL, _XDG_ACK = 1, 4
_TOPLEVEL_TITLE, _TOPLEVEL_APP_ID, _TOPLEVEL_FULL_SCREEN = 2, 3, 11
_TOPLEVEL_CONFIGURE, _TOPLEVEL_CLOSE = 0, 1
_XRGB8888 = 1
_SHELL_GET_SURFACE, _OVERLAY = 0, 3  # of the layer shell
_LAYER_SIZE, _LAYER_ACK = 0, 6
_LAYER_CONFIGURE, _LAYER_CLOSED = 0, 1

_NAME_OF = {each.evdev: name for name, each in KEYS.items()}


class NativeWindow:
    """`log` gets what it shows and hears."""

    def __init__(self, client: WaylandClient, title: str, size: tuple[int, int], color: int, log: IO[str]) -> None:
        self.is_closed = False
        self._client = client
        self._size = size
        self._color = color
        self._log = log
        self._shm = client.bind("wl_shm", 1)
        self._base = client.bind("xdg_wm_base", 1, self._pinged)
        self._keyboard: int | None = None
        self._seat = client.bind("wl_seat", 1, self._equipped)
        compositor = client.bind("wl_compositor", 4)
        self._surface = client.new()
        client.ask(compositor, _COMPOSITOR_CREATE_SURFACE, self._surface)
        self._title = title

    def open(self, *, full_screen: bool = False) -> None:
        """As a window that the person gets to see and to type into."""
        client = self._client
        self._xdg = client.new(self._configured)
        client.ask(self._base, _BASE_GET_SURFACE, self._xdg, self._surface)
        toplevel = client.new(self._sized)
        client.ask(self._xdg, _XDG_GET_TOPLEVEL, toplevel)
        client.ask(toplevel, _TOPLEVEL_TITLE, self._title)
        client.ask(toplevel, _TOPLEVEL_APP_ID, self._title)
        if full_screen:
            client.ask(toplevel, _TOPLEVEL_FULL_SCREEN, 0)
        client.ask(self._surface, _SURFACE_COMMIT)

    def lie_over_all(self) -> None:
        """As a notice, in the middle of the screen, that leaves the focus where it is."""
        client = self._client
        shell = client.bind("zwlr_layer_shell_v1", 1)
        self._layer = client.new(self._laid)
        client.ask(shell, _SHELL_GET_SURFACE, self._layer, self._surface, 0, _OVERLAY, self._title)
        client.ask(self._layer, _LAYER_SIZE, *self._size)
        client.ask(self._surface, _SURFACE_COMMIT)

    def _pinged(self, event: int, values: bytes) -> None:
        if event == _BASE_PING:
            self._client.ask(self._base, _BASE_PONG, *struct.unpack("=i", values))

    def _equipped(self, event: int, values: bytes) -> None:
        if event == _SEAT_CAPABILITIES and values[0] & _HAS_KEYBOARD and self._keyboard is None:
            self._keyboard = self._client.new(self._keyed)
            self._client.ask(self._seat, _SEAT_GET_KEYBOARD, self._keyboard)

    def _keyed(self, event: int, values: bytes) -> None:
        if event in (_KEYBOARD_ENTER, _KEYBOARD_LEAVE):
            self._note({"focus": event == _KEYBOARD_ENTER})
        elif event == _KEYBOARD_KEY:
            _, _, code, down = struct.unpack("=IIII", values)
            self._note({"key": _NAME_OF.get(code, str(code)), "down": down == 1})

    def _sized(self, event: int, values: bytes) -> None:
        if event == _TOPLEVEL_CONFIGURE:
            width, height = struct.unpack_from("=ii", values)
            if width and height:
                self._size = width, height
        elif event == _TOPLEVEL_CLOSE:
            self.is_closed = True

    def _configured(self, event: int, values: bytes) -> None:
        self._client.ask(self._xdg, _XDG_ACK, *struct.unpack("=i", values))
        self._draw()

    def _laid(self, event: int, values: bytes) -> None:
        if event == _LAYER_CONFIGURE:
            self._client.ask(self._layer, _LAYER_ACK, *struct.unpack_from("=i", values))
            self._draw()
        elif event == _LAYER_CLOSED:
            self.is_closed = True

    def _draw(self) -> None:
        client, (width, height) = self._client, self._size
        picture = os.memfd_create("picture")
        try:
            os.write(picture, struct.pack("=I", self._color) * (width * height))
            pool, buffer = client.new(), client.new()
            client.ask(self._shm, _SHM_CREATE_POOL, pool, width * height * 4, fd=picture)
        finally:
            os.close(picture)
        client.ask(pool, _POOL_CREATE_BUFFER, buffer, 0, width, height, width * 4, _XRGB8888)
        client.ask(self._surface, _SURFACE_ATTACH, buffer, 0, 0)
        client.ask(self._surface, _SURFACE_DAMAGE, 0, 0, width, height)
        client.ask(self._surface, _SURFACE_COMMIT)
        self._note({"size": [width, height]})

    def _note(self, what: dict[str, object]) -> None:
        self._log.write(json.dumps({**what, "time_ns": clock_ns()}) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m games.window.wayland_window",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log", type=Path, help="file for what it shows and hears")
    parser.add_argument("--title", default="Native")
    parser.add_argument("--size", default="400x300", help="of the window, in pixels")
    parser.add_argument("--color", default="c02060", help="red, green and blue, two hexadecimal digits each")
    parser.add_argument("--full-screen", action="store_true")
    parser.add_argument("--over-all", action="store_true", help="as a notice, which does not get the focus")
    options = parser.parse_args(argv)
    width, height = (int(side) for side in options.size.split("x"))
    path = Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / os.environ.get("WAYLAND_DISPLAY", "wayland-0")
    with options.log.open("w", buffering=1, encoding="utf-8") as log, WaylandClient(path) as client:
        window = NativeWindow(client, options.title, (width, height), int(options.color, 16), log)
        if options.over_all:
            window.lie_over_all()
        else:
            window.open(full_screen=options.full_screen)
        while not window.is_closed:
            client.hear()
    return 0


if __name__ == "__main__":
    sys.exit(run_command(main))

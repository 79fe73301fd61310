"""Looks at windows on Windows as `collect` and `play` do: `python windows_onlooker.py`, for tests under Wine.

Told on stdin and answering on stdout as `windows_program.py` does, with the methods of `Onlooker`; of what fails the
answer is the error.
"""

import ctypes
import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from ctypes import wintypes
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from windows_program import obey

from agent.check.probe_window import ProbeWindow
from agent.command_line.real_pixels import count_real_pixels
from agent.errors import TwoframeError
from agent.frames import Box
from agent.play.preview import Preview
from agent.screen.followed import FollowedWindow
from agent.screen.win32 import api
from agent.screen.win32.desktop import WindowsDesktop
from agent.screen.window import open_picked_window, open_window, window_titles

_IN_A_CONSOLE = """
import ctypes, json, pathlib, sys, time
from agent.screen.win32 import api
from agent.screen.window import window_titles
ctypes.windll.kernel32.SetConsoleTitleW(sys.argv[1])
shown = []
while sys.argv[1] not in shown:
    time.sleep(0.01)
    shown = [api.title(window) for window in api.top_windows() if api.is_shown(window)]
pathlib.Path(sys.argv[2]).write_text(json.dumps([shown, window_titles()]), encoding="utf-8")
"""


class Onlooker:
    """Looks at the windows of other programs as `collect` and `play` do."""

    def __init__(self) -> None:
        self._targets: dict[str, FollowedWindow] = {}

    def titles(self) -> list[str]:
        return window_titles()

    def described(self, number: int) -> dict[str, Any] | None:
        listed = WindowsDesktop().described(number)
        return dataclasses.asdict(listed) if listed else None

    def window_of(self, number: int) -> int | None:
        return WindowsDesktop().window_of(number)

    def find(self, text: str) -> int | str | None:
        """From now on looked at under this name; the error where that is not found."""
        try:
            self._targets[text] = open_window(text)
        except TwoframeError as error:
            return str(error)
        return self._targets[text].window_id

    def look(self, text: str) -> dict[str, Any]:
        return dataclasses.asdict(self._targets[text].look()) | {"window_id": self._targets[text].window_id}

    def pick(self, text: str | None) -> int | None:
        return open_picked_window(text, lambda line: print(json.dumps(line), flush=True)).window_id

    def list_often(self, count: int) -> int:
        """How many windows were seen of those that `Program.flicker` shows, each described and looked at."""
        desktop, seen = WindowsDesktop(), 0
        for _ in range(count):
            for number, title in desktop.titles():
                if title.startswith("Flicker"):
                    seen += 1
                    desktop.described(number)
                    desktop.window_of(number)
                    for ask in (api.parts, api.is_see_through, api.client_box):
                        ask(number)
        return seen

    def foreground(self) -> int | None:
        return WindowsDesktop().focused()

    def shown(self) -> dict[str, int]:
        """All that lies on the screen, by its title."""
        return {api.title(number): number for number in api.top_windows() if api.is_shown(number)}

    def is_settled(self, title: str) -> bool:
        """Whether that window of ours is shown and has told Windows that clicks give it no focus, which comes last."""
        number = self.shown().get(title)
        return number is not None and bool(api.extended_style(number) & api.NO_ACTIVATE)

    def above_a_child(self) -> tuple[int, list[int]]:
        """This process, and those above one that it starts."""
        code = "from agent.screen.win32.desktop import processes_above; print(*processes_above())"
        found = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE).stdout
        return os.getpid(), [int(pid) for pid in found.split()]

    def open_preview(self, avoid: Sequence[int]) -> None:
        shape = (90, 160, 1)
        meta = SimpleNamespace(
            frames_per_window=2, frame=SimpleNamespace(shape=shape), actions=SimpleNamespace(names=["a", "d"])
        )
        self._ours = Preview(meta, Box(*avoid), print)
        self._ours.show(np.zeros(shape, np.uint8), np.full(2, 0.5, np.float32), Box(*avoid), follows=True)

    def open_probe(self, place: Sequence[int]) -> int | None:
        self._ours = ProbeWindow(Box(*place), ["right_ctrl"])
        return self._ours.window_id

    def close_ours(self) -> None:
        self._ours.close()

    def counts_real_pixels(self, number: int | None = None) -> bool:
        """Whether the process of that window does on every screen; this one without a number."""
        user32 = ctypes.WinDLL("user32")
        for name in ("GetWindowDpiAwarenessContext", "GetThreadDpiAwarenessContext"):
            getattr(user32, name).restype = ctypes.c_void_p
        if number is None:
            context = user32.GetThreadDpiAwarenessContext()
        else:
            context = user32.GetWindowDpiAwarenessContext(wintypes.HWND(number))
        return bool(user32.GetAwarenessFromDpiAwarenessContext(ctypes.c_void_p(context)) == 2)

    def in_a_console(self, title: str) -> list[list[str]]:
        """The titles of the windows shown, and those that a command of ours finds, in a console of that title."""
        with tempfile.TemporaryDirectory() as folder:
            found = Path(folder) / "titles"
            command = [sys.executable, "-c", _IN_A_CONSOLE, title, found]
            subprocess.run(command, check=True, creationflags=subprocess.CREATE_NEW_CONSOLE)
            titles: list[list[str]] = json.loads(found.read_text(encoding="utf-8"))
        return titles


if __name__ == "__main__":
    count_real_pixels()
    obey(Onlooker())

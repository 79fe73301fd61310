"""A game that does with its windows what it is told: a program of its own, and the test's hand on it.

`python tests/told_game.py LOG TITLE` reads lines from stdin, does what they say, and answers each with the id of its
window. LOG gets a line of JSON for each key that its window hears.
"""

import json
import select
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from Xlib import X
from Xlib.display import Display

from games.window.display import VirtualDisplay

PATIENCE_S = 120.0
ROOT = Path(__file__).parent.parent
NAMES = {38: "a", 25: "w", 40: "d"}


class ToldGame:
    """The game on `display`. It can be asked for its window's id, and told to change it."""

    def __init__(self, display: VirtualDisplay, folder: Path, title: str, *more: str, name: str = "racer.py") -> None:
        self.log = folder / f"{title.replace(' ', '-')}.jsonl"
        script = folder / name  # by which its program is known, beside Python
        script.write_text("import told_game\n\ntold_game.main()\n")
        self.process = subprocess.Popen(
            [sys.executable, script, self.log, title, *more],
            env={**display.env, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.window_id = self._answer()

    def tell(self, *words: object) -> int:
        """`title TEXT`, `resize WxH`, `close`, or `anew`, `again`, `same` with `WxH TITLE`; gives the window's id."""
        assert self.process.stdin is not None
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        self.window_id = self._answer()
        return self.window_id

    def _answer(self) -> int:
        stdout = self.process.stdout
        assert stdout is not None
        assert select.select([stdout], [], [], PATIENCE_S)[0], "the game does not answer"
        return int(stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()


class _Windows:
    def __init__(self, title: str, size: str) -> None:
        self.display: Any = Display()
        self.takes_its_number: list[Any] = []
        self.make(size, title)

    def make(self, size: str, title: str) -> None:
        width, height = map(int, size.split("x"))
        screen = self.display.screen()
        wanted = X.KeyPressMask | X.KeyReleaseMask | X.StructureNotifyMask
        self.window = screen.root.create_window(
            0, 0, width, height, 0, screen.root_depth, event_mask=wanted, background_pixel=0x446688
        )
        self.window.set_wm_class("racer", "Racer")
        self.window.set_wm_name(title)
        self.is_open = True
        self.window.map()
        while self.display.next_event().type != X.MapNotify:
            pass

    def do(self, word: str, size: str, title: str) -> None:
        if word == "title":
            self.window.set_wm_name(f"{size} {title}".strip())
        elif word == "resize":
            width, height = map(int, size.split("x"))
            self.window.configure(width=width, height=height)
        else:
            if self.is_open:
                self.window.destroy()
            if word == "again":  # as a game that closes its library of graphics and opens it anew
                self.display.close()
                self.display = Display()
                self.takes_its_number.clear()
            if self.is_open and word in (
                "anew",
                "close",
            ):  # as with Xlib, which gives no number twice for long; python-xlib does
                root = self.display.screen().root
                self.takes_its_number.append(root.create_pixmap(1, 1, self.display.screen().root_depth))
            self.is_open = False
            if word != "close":
                self.make(size, title)
        self.display.sync()


def main() -> None:
    path, title, size = [*sys.argv[1:], "640x360"][:3]
    windows = _Windows(title, size)
    with Path(path).open("w", buffering=1) as log:
        print(windows.window.id, flush=True)
        while True:
            select.select([sys.stdin, windows.display.fileno()], [], [], 0.02)
            while windows.display.pending_events():
                event = windows.display.next_event()
                if event.type in (X.KeyPress, X.KeyRelease) and event.detail in NAMES:
                    log.write(json.dumps({"key": NAMES[event.detail], "down": event.type == X.KeyPress}) + "\n")
            if select.select([sys.stdin], [], [], 0)[0]:
                line = sys.stdin.readline()
                if not line:
                    return
                word, size, title = [*line.strip().split(" ", 2), "", ""][:3]
                windows.do(word, size, title)
                print(windows.window.id, flush=True)

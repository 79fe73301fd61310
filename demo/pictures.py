"""The pictures of README and docs, made of the real thing: `python -m demo.pictures WORK [--docs docs]`.

On a virtual display it records the scripted driver of CarRacing for four minutes, trains, and lets the agent drive;
each command runs in a terminal, whose text is drawn below what was on the screen. What is in WORK from an earlier run
is taken as it is. Linux only, eight minutes.
"""

import argparse
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import textwrap
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
from mss import MSS
from PIL import Image, ImageDraw, ImageFont

from agent.errors import TwoframeError, run_command
from agent.screen.window import window_titles
from collect.disturbance import ADVISED_PER_MINUTE
from games.car_racing import CROP, TITLE
from games.window.display import VirtualDisplay

ROOT = Path(__file__).resolve().parent.parent
SCREEN = (1312, 460)  # room for the preview beside a window that is in the middle
COLUMNS, LINES = 142, 60
INK, PAPER, TYPED = (222, 222, 222), (32, 32, 32), (150, 200, 150)
FONT_PX = 13
MOVING_S, MOVING_HZ, MOVING_WIDTH = 8, 6, 480
START_S = 60.0
RECORD = (
    f"--window {TITLE} --keys left=a forward=w right=d --fps 15 --crop {','.join(map(str, CROP))} "
    f"--disturb {ADVISED_PER_MINUTE}"
)
Picture = np.ndarray[Any, Any]  # (H, W, 3) uint8 RGB


class Terminal:
    """One of our commands in a terminal of `COLUMNS`; `text` is what stands in it, below what was typed."""

    def __init__(self, module: str, typed: str, more: str, work: Path, env: dict[str, str]) -> None:
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        _, *arguments = f"{typed} {more}".split()
        command = [sys.executable, "-m", module, *arguments]
        streams: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        own = {**env, "TERM": "xterm-256color"}
        self._process = subprocess.Popen(command, cwd=work, env=own, start_new_session=True, **streams)
        os.close(theirs)
        self._ours = ours
        self._typed = typed
        self._lines = [""]
        self._row = 0
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    @property
    def text(self) -> list[str]:
        written = [line.rstrip() for line in self._lines if line.strip()]
        typed = textwrap.wrap(f"$ {self._typed}", COLUMNS - 2, break_on_hyphens=False)
        shown = [f"{line} \\" for line in typed[:-1]] + typed[-1:]
        for line in written:
            shown += [line[i : i + COLUMNS] for i in range(0, len(line), COLUMNS)]
        return shown

    def wait(self) -> None:
        if self._process.wait():
            raise TwoframeError(f"{self._typed}: found that it failed, expected it to work; it said {self.text[-1]}")
        self._reader.join(5)

    def _read(self) -> None:
        rest = ""
        while True:
            try:
                rest += os.read(self._ours, 1 << 16).decode("utf-8", "replace")
            except OSError:  # the other end is closed
                return
            rest = self._written(rest)

    def _written(self, text: str) -> str:
        """Write `text` but for a sign cut off at its end; of what steers a terminal, what a line that changes needs."""
        parts = re.split(r"(\x1b\[[?0-9;]*[A-Za-z]|\r|\n)", text)
        rest = parts.pop() if "\x1b" in parts[-1] else ""
        for part in parts:
            if part == "\n":
                self._row += 1
                self._lines += [""] * (self._row + 1 - len(self._lines))
            elif re.fullmatch(r"\x1b\[\d*A", part):
                self._row = max(0, self._row - int(part[2:-1] or 1))
            elif re.fullmatch(r"\x1b\[\d*K", part):
                self._lines[self._row] = ""
            elif part != "\r" and not part.startswith("\x1b"):
                self._lines[self._row] += part
        return rest


def drawn(lines: Sequence[str]) -> Picture:
    """The lines as a terminal shows them."""
    font = ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSansMono.ttf", FONT_PX)
    wide, high = font.getlength("M"), FONT_PX + 4
    picture = Image.new("RGB", (round(max(map(len, lines)) * wide) + 20, len(lines) * high + 16), PAPER)
    pen = ImageDraw.Draw(picture)
    is_typed = True
    for row, line in enumerate(lines):
        pen.text((10, 8 + row * high), line, font=font, fill=TYPED if is_typed else INK)
        is_typed = is_typed and line.endswith("\\")
    return np.array(picture)


def below(*pictures: Picture) -> Picture:
    """One below the other, each in the middle."""
    width = max(picture.shape[1] for picture in pictures)
    rows = []
    for picture in pictures:
        row = np.full((picture.shape[0], width, 3), PAPER, np.uint8)
        left = (width - picture.shape[1]) // 2
        row[:, left : left + picture.shape[1]] = picture
        rows.append(row)
    return np.concatenate(rows)


def screenshot() -> Picture:
    """The part of the screen in which there is something."""
    with MSS() as grabber:
        seen = np.array(grabber.grab(grabber.monitors[0]))[:, :, 2::-1]
    rows, columns = (np.flatnonzero(seen.any(axis=(2, axis))) for axis in (1, 0))
    return np.ascontiguousarray(seen[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def write_still(path: Path, picture: Picture) -> None:
    Image.fromarray(picture).quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
    _tell(path)


def write_moving(path: Path, pictures: Sequence[Picture]) -> None:
    height, width = pictures[0].shape[:2]
    size = MOVING_WIDTH, round(MOVING_WIDTH * height / width)
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in pictures]
    palette = Image.fromarray(np.concatenate(small[::6])).quantize(24)
    frames = [Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in small]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000 // MOVING_HZ, loop=0, optimize=True)
    _tell(path)


def _tell(path: Path) -> None:
    print(f"written: {path}, {path.stat().st_size / 1000:.0f} kB")


@contextmanager
def game(laps_file: Path, env: dict[str, str], flags: str) -> Iterator[None]:
    laps_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "demo.game", "--laps-file", str(laps_file), *flags.split()]
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            end_s = time.monotonic() + START_S
            while TITLE not in window_titles():
                if time.monotonic() > end_s or process.poll() is not None:
                    raise TwoframeError("game: found no window, expected one; start it alone: python -m demo.game")
                time.sleep(0.1)
            yield
        finally:
            process.terminate()


def record(work: Path, docs: Path, env: dict[str, str]) -> None:
    with game(work / "record.json", env, "--first-seed 1000 --laps 100 --driver scripted"):
        terminal = Terminal("collect", f"collect runs/monday {RECORD}", "--countdown-s 0 --duration-s 240", work, env)
        time.sleep(100)
        write_still(docs / "collect.png", below(screenshot(), drawn(terminal.text)))
        terminal.wait()


def train(work: Path, docs: Path, env: dict[str, str]) -> None:
    terminal = Terminal("train", "train runs/monday --out policies/first --max-minutes 2.5", "", work, env)
    terminal.wait()
    epochs = [row for row, line in enumerate(terminal.text) if line.startswith("epoch")]
    text = [*terminal.text[: epochs[2]], "...", *terminal.text[epochs[-1] :]]
    write_still(docs / "train.png", drawn(text))
    with Image.open(work / "policies/first/report/timeline.png") as timeline:
        write_still(docs / "timeline.png", np.array(timeline.convert("RGB").resize((933, 400))))


def play(work: Path, docs: Path, env: dict[str, str]) -> None:
    with game(work / "agent.json", env, "--first-seed 4 --laps 10"):
        terminal = Terminal("agent", "play policies/first --preview", "--duration-s 30", work, env)
        time.sleep(10)
        write_still(docs / "play.png", below(screenshot(), drawn(terminal.text)))
        pictures = []
        for _ in range(MOVING_S * MOVING_HZ):
            pictures.append(screenshot())
            time.sleep(1 / MOVING_HZ)
        write_moving(docs / "lap.gif", pictures)
        terminal.wait()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m demo.pictures", description=__doc__)
    parser.add_argument("work", type=Path, metavar="WORK", help="folder for what it makes")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help="folder for the pictures (docs)")
    options = parser.parse_args(argv)

    def command() -> int:
        work = options.work.resolve()
        work.mkdir(parents=True, exist_ok=True)
        with VirtualDisplay(SCREEN) as display:
            os.environ.clear()
            os.environ.update(display.env)
            env = {**display.env, "PYTHONPATH": str(ROOT), "SDL_AUDIODRIVER": "dummy"}
            if not (work / "runs/monday/meta.json").exists():
                record(work, options.docs, env)
            if not (work / "policies/first/policy.json").exists():
                train(work, options.docs, env)
            play(work, options.docs, env)
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())

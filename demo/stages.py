"""The programs that the demo runs, as a user would: the game beside `collect`, `train` and `play`."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError
from games.window.laps import read_laps

ROOT = Path(__file__).resolve().parent.parent
ENDING_S = 10.0
POLL_S = 0.1


class Stages:
    """Runs programs in the environment of this one, times the stages, and ends every child in the end."""

    def __init__(self, logs: Path) -> None:
        quiet = {"PYTHONUNBUFFERED": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_AUDIODRIVER": "dummy"}
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self.env = {**os.environ, **quiet, "PYTHONPATH": paths}
        self.seconds: dict[str, float] = {}
        self._logs = logs

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage and keep its time."""
        print(f"\n== {name}", flush=True)
        begun_s = time.monotonic()
        yield
        self.seconds[name] = time.monotonic() - begun_s

    @contextmanager
    def game(self, laps_file: Path, *flags: object) -> Iterator["Game"]:
        """The game with these flags, its window open; ended at the exit."""
        log = self._logs / f"{laps_file.stem}-game.log"
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                _command("demo.game", "--laps-file", laps_file, *flags),
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **_own_group(),
            )
        try:
            yield Game(process, laps_file, log)
        finally:
            end(process)

    def run(self, module: str, *arguments: object, until: Callable[[], bool] | None = None) -> None:
        """Run one of our commands, its output passing through; with `until`, it must end once that is so.

        Raises `TwoframeError` if it fails.
        """
        process = subprocess.Popen(_command(module, *arguments), env=self.env, stdin=subprocess.DEVNULL, **_own_group())
        try:
            while process.poll() is None and not (until and until()):
                time.sleep(POLL_S)
            if process.poll() is None:
                _let_end(process)
        finally:
            end(process)
        if process.returncode:
            raise TwoframeError(f"{module}: found exit status {process.returncode}, expected 0; what it said is above")


class Game:
    """The game while it runs: its finished laps."""

    def __init__(self, process: subprocess.Popen[bytes], laps_file: Path, log: Path) -> None:
        self._process = process
        self._laps_file = laps_file
        self.log = log

    def laps(self) -> list[dict[str, Any]]:
        """The laps finished so far, as the game wrote them. Raises `TwoframeError` if the game has failed."""
        if self._process.poll() not in (None, 0):
            last = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise TwoframeError(f"game: found that it ended ({' '.join(last)}), expected it to run; see {self.log}")
        return read_laps(self._laps_file)

    def wait_for_laps(self, count: int, timeout_s: float, say: Callable[[str], None] = print) -> list[dict[str, Any]]:
        """Wait until `count` laps are done, telling each. Raises `TwoframeError` after `timeout_s`."""
        told = 0
        end_s = time.monotonic() + timeout_s
        while len(laps := self.laps()) < count:
            told = _tell(laps, told, say)
            if time.monotonic() > end_s:
                raise TwoframeError(
                    f"game: found {len(laps)} laps after {timeout_s:.0f} s, expected {count}; see {self.log}"
                )
            time.sleep(POLL_S)
        _tell(laps, told, say)
        return laps


def _tell(laps: Sequence[dict[str, Any]], told: int, say: Callable[[str], None]) -> int:
    for number, lap in enumerate(laps[told:], told + 1):
        say(f"lap {number} on track {lap['seed']}: {lap['return']:.0f}")
    return len(laps)


def end(process: subprocess.Popen[bytes], number: signal.Signals = signal.SIGTERM) -> None:
    """End a child in order, or by force if it does not."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        process.send_signal(number)
    try:
        process.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _let_end(process: subprocess.Popen[bytes]) -> None:
    """Wait for a program that has reason to end, such as a closed window; after a while, end it like Ctrl-C."""
    try:
        process.wait(ENDING_S)
    except subprocess.TimeoutExpired:
        end(process, signal.SIGINT)


def _command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _own_group() -> dict[str, Any]:
    """Ctrl-C in the terminal is for the demo, which then ends its children in order."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}

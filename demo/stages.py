"""The stages of the demo, and the game beside the commands that a user would run."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError
from agent.screen.window import window_titles
from games.car_racing import TITLE
from games.programs import POLL_S, START_S, Program, program
from games.window.laps import read_laps


class Stages:
    """Announces the stages and times them; runs the game in one."""

    def __init__(self, logs: Path) -> None:
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
    def game(self, laps_file: Path, *flags: object, env: Mapping[str, str] | None = None) -> Iterator["Game"]:
        """The game with these flags, in `env` or that of this process; ended at the exit."""
        with self.program(f"{laps_file.stem}-game", "demo.game", "--laps-file", laps_file, *flags, env=env) as running:
            yield Game(running, laps_file)

    def program(
        self, name: str, module: str, *arguments: object, env: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Program]:
        """A module of ours, in `env` or that of this process, its output in the log `name`; ended at the exit."""
        return program(module, *arguments, log=self._logs / f"{name}.log", env=env)


class Game:
    """The game while it runs: its window and its finished laps."""

    def __init__(self, running: Program, laps_file: Path) -> None:
        self._program = running
        self._laps_file = laps_file

    def wait_for_window(self, titles: Callable[[], Collection[str]] = window_titles) -> None:
        """Until it is one of the `titles`. Raises `TwoframeError` if the game fails or takes too long."""
        self._program.wait_until(lambda: TITLE in titles(), "window", START_S)

    def laps(self) -> list[dict[str, Any]]:
        """The laps finished so far, as the game wrote them. Raises `TwoframeError` if the game has failed."""
        self._program.check()
        return read_laps(self._laps_file)

    def wait_for_laps(self, count: int, timeout_s: float) -> list[dict[str, Any]]:
        """Wait until `count` laps are done, telling each. Raises `TwoframeError` after `timeout_s`."""
        told = 0
        end_s = time.monotonic() + timeout_s
        while len(laps := self.laps()) < count:
            told = _tell(laps, told)
            if time.monotonic() > end_s:
                raise TwoframeError(
                    f"game: found {len(laps)} laps after {timeout_s:.0f} s, expected {count}; see {self._program.log}"
                )
            time.sleep(POLL_S)
        _tell(laps, told)
        return laps


def _tell(laps: Sequence[dict[str, Any]], told: int) -> int:
    for number, lap in enumerate(laps[told:], told + 1):
        print(f"lap {number} on track {lap['seed']}: {lap['return']:.0f}")
    return len(laps)

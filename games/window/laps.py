"""What is written down of each lap, and the file that it is written to."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError
from agent.json_files import write_json


@dataclass(slots=True)
class Lap:
    """One lap. A frame is a step of the simulation; a tick is one cycle of the game, simulated or not."""

    seed: int
    score: float = 0.0
    """The sum of the game's rewards: what Gymnasium calls the return."""
    frames: int = 0
    ticks_with_key: int = 0
    """Frames with at least one action key held: all of them, unless Return started the lap."""
    key_changes: int = 0
    late_ticks: int = 0
    """Ticks that came more than half a period late."""
    seconds: float = 0.0
    finished: bool = False
    """Whether the way ended, rather than the time."""

    def to_json(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "return": round(self.score, 2),
            "frames": self.frames,
            "ticks_with_key": self.ticks_with_key,
            "key_changes": self.key_changes,
            "late_ticks": self.late_ticks,
            "seconds": round(self.seconds, 2),
            "finished": self.finished,
        }


class LapsFile:
    """A new JSON file with a list of laps. Whoever reads it finds every lap that has ended, at any time.

    Raises `TwoframeError` if there is such a file already, or none can be written there.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise TwoframeError(f"{path}: found a file, expected a new one for the laps; choose another --laps-file")
        self._path = path
        self._laps: list[dict[str, Any]] = []
        self._write()

    def append(self, lap: Lap) -> None:
        self._laps.append(lap.to_json())
        self._write()

    def _write(self) -> None:
        try:
            write_json(self._path, self._laps)
        except OSError as error:
            raise TwoframeError(
                f"{self._path}: found {error.strerror or error}, expected a place to write the laps to"
            ) from None


def read_laps(path: Path) -> list[dict[str, Any]]:
    """The laps in this file; none if it is not there yet."""
    try:
        laps: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    return laps


class EpisodeLog:
    """A new file of JSON lines. Raises `TwoframeError` if there is one already, or none can be written there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.open("x", encoding="utf-8").close()
        except OSError as error:
            raise TwoframeError(f"{path}: found {error.strerror or error}, expected a new file for the log") from None

    def append(self, lap: Lap) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(lap.to_json()) + "\n")


def read_episodes(path: Path) -> list[dict[str, Any]]:
    """The episodes in a log so far; none if it is not there yet."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]

"""Does `play` keep its rate and its memory? `python -m bench.steady [--quick] [--json FILE]`.

Ten minutes of `play` at 60 Hz in a 1280x720 window that redraws at 60 Hz; then the demo's game (CarRacing) beside it
on the same cores, at the 15 Hz of the demo and at 60. Memory is the resident set at the end less that after the
first minute (a sixth of the run with --quick). Drift is the elapsed time less the number of ticks times the period,
not counting by how much a tick came late that was late by more than a period: it sets the deadlines anew. The bars:
10 MB, 2 ms, and 1 % of late ticks beside the game.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Ints
from agent.screen.window import window_titles
from bench.live import (
    DISPLAY,
    counter_window,
    finished,
    make_policy,
    memory_mb,
    running,
    settled,
    ticks_of,
)
from bench.table import Bench, bench_options, show
from games.car_racing import TITLE
from games.programs import START_S, program
from games.window.display import own_display

GAME_FPS = 15  # of the demo's policy


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    seconds, game_s = (20, 20) if options.quick else (600, 120)
    rows = []
    with own_display(DISPLAY), tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        fast = make_policy(place / "60", "--fps", "60")
        slow = make_policy(place / "15", "--fps", str(GAME_FPS), "--always")
        with counter_window(place / "log"):
            rows.append({"beside": "a 1280x720 window", **measure(fast, "Counter", seconds, place / "window")})
        with game(place / "game"):
            for policy in (slow, fast):
                row = measure(policy, TITLE, game_s, place / f"game-{policy.name}")
                rows.append({"beside": "CarRacing, 30 fps", **row})
    show(Bench("steady", "play, compact encoder", rows), options.json)
    return 0


@contextmanager
def game(place: Path) -> Iterator[None]:
    """The demo's game: laps run on by themselves once begun."""
    laps = ("--laps-file", place.with_suffix(".json"), "--laps", 100, "--driver", "none")
    with program("demo.game", *laps, log=place.with_suffix(".log")) as shown:
        shown.wait_until(lambda: TITLE in window_titles(), "window", START_S)
        time.sleep(3)  # its first lap
        yield


def measure(policy: Path, window: str, seconds: int, place: Path) -> dict[str, Any]:
    trace, report = place.with_suffix(".npy"), place.with_suffix(".play.json")
    flags = ("--window", window, "--duration-s", seconds, "--report", report)
    with running("bench.live", trace, 60 * (seconds + 5), policy, *flags) as process:
        resident = watched(process)
        finished(process, "play")
    told = json.loads(report.read_text(encoding="utf-8"))
    times_ms = told["milliseconds"]
    later = settled(resident, seconds)
    return {
        "fps": told["fps"],
        "seconds": seconds,
        "ticks": told["ticks"],
        "late ticks": told["late_ticks"],
        "late %": 100 * told["late_ticks"] / told["ticks"],
        "drift ms": drift_ms(np.load(ticks_of(trace)), round(1e9 / told["fps"])),
        "latency ms": times_ms["latency"]["median"],
        "p99": times_ms["latency"]["p99"],
        "MB": later[-1],
        "growth MB": later[-1] - later[0],
        "most MB": max(later) - later[0],
    }


def watched(process: subprocess.Popen[str]) -> list[float]:
    """The resident set of `play` in MB, each second from its first until it ends."""
    resident: list[float] = []
    while process.poll() is None:
        time.sleep(1)
        if (now_mb := memory_mb(process.pid, "VmRSS")) is not None:
            resident.append(now_mb)
    return resident


def drift_ms(ticks: Ints, period_ns: int) -> float:
    """Rows of `TICK`: how much later than its number times the period a tick begins at the end than at the start.

    A tick that is late by more than a period sets the deadlines anew; what that adds is taken off.
    """
    begun_ns, late_ns = ticks.T
    anew_ns = np.cumsum(np.where(late_ns > period_ns, late_ns, 0))
    off_ns = begun_ns - begun_ns[0] - np.arange(len(ticks)) * period_ns - anew_ns
    part = max(1, min(60, len(ticks) // 3))
    return float(np.median(off_ns[-part:]) - np.median(off_ns[:part])) / 1e6


if __name__ == "__main__":
    sys.exit(main())

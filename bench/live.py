"""What the benches share: programs that are measured, on a display of their own, and `play` with its decisions traced.

`python -m bench.live TRACE.npy ROWS POLICY ...` is `play POLICY ...` with every decision written down.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array
from agent.pacing import clock_ns
from games.programs import run, start

DISPLAY = (1400, 800)  # a window of 1280x720 has room
DECISION = ("action", "begun", "grabbed", "prepared", "decided", "held")  # columns of a trace; all but the first in ns
TICK = ("begun", "late")  # in ns


def make_policy(folder: Path, *flags: str) -> Path:
    """A policy as `bench.policies` makes it; in a process of its own, so that this one stays free of TensorFlow."""
    run("bench.policies", folder, *flags)
    return folder


@contextmanager
def running(module: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A program of ours as a shell starts it, what it says in a pipe. Killed at the exit: it may be a stopped one."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with start(module, *arguments, as_job=True, **pipes) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finished(process: subprocess.Popen[str], what: str) -> str:
    """What it said; ends the bench if it failed."""
    said = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{what}: exit {process.returncode}: {said}")
    return str(said)


@contextmanager
def counter_window(log: Path, size: str = "1280x720", fps: float = 60) -> Iterator[subprocess.Popen[str]]:
    """`games.window.counter`, open."""
    log.unlink(missing_ok=True)
    with running("games.window.counter", log, "--size", size, "--fps", fps) as window:
        wait_until(lambda: log.exists() and log.stat().st_size > 200, "the window")
        yield window


def wait_until(happened: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > end_s:
            raise SystemExit(f"{what} did not come within {timeout_s:g} s")
        time.sleep(0.005)


def is_recorded(folder: Path) -> bool:
    """Whether the first frame of a recording is on disk."""
    frames = folder / "frames.npy"
    return frames.exists() and frames.stat().st_size > 200


def memory_mb(process: int | str, kind: str) -> float | None:
    """What the kernel says of a process by its number, or of `self`: VmRSS, RssAnon, ...; None once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except FileNotFoundError:
        return None
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith(f"{kind}:")), None)


def settled(memory: Sequence[float], seconds: float) -> Sequence[float]:
    """Of measurements taken in so many seconds those after the first minute, or in a short run the first sixth."""
    return memory[max(1, int(len(memory) * min(60 / seconds, 1 / 6))) :]


class Trace:
    """Rows of numbers in memory that is there from the start, so that writing them down costs nothing."""

    def __init__(self, rows: int, columns: tuple[str, ...] = DECISION) -> None:
        self._rows = np.full((rows, len(columns)), -1, np.int64)
        self._count = 0

    def add(self, *row: int) -> None:
        if self._count < len(self._rows):
            self._rows[self._count] = row
            self._count += 1

    def save(self, path: Path) -> None:
        np.save(path, self._rows[: self._count])


def traced_play(path: Path, rows: int, argv: list[str]) -> int:
    """`play` itself, but for two functions around those that take the times of ticks and decisions anyway.

    Writes the decisions into `path` and the ticks beside it, see `ticks_of`.
    """
    from agent.play.cli import main as play
    from agent.play.live_loop import Pacer, Rollout

    decisions, ticks = Trace(rows), Trace(rows, TICK)
    decided, wait = Rollout.decided, Pacer.wait

    def decided_and_traced(
        self: Rollout, action: int, probability: Any, times_ns: Any, *rest: Any, **told: Any
    ) -> None:
        decided(self, action, probability, times_ns, *rest, **told)
        decisions.add(action, *times_ns)

    def wait_and_trace(self: Pacer, *told: Any, **named: Any) -> int:
        late_ns = wait(self, *told, **named)
        ticks.add(clock_ns(), late_ns)
        return late_ns

    Rollout.decided = decided_and_traced  # type: ignore[method-assign]
    Pacer.wait = wait_and_trace  # type: ignore[method-assign]
    try:
        return play(argv)
    finally:
        decisions.save(path)
        ticks.save(ticks_of(path))


def ticks_of(path: Path) -> Path:
    return path.with_suffix(".ticks.npy")


def spread(values: Array, *percentiles: float) -> list[float]:
    return [float(value) for value in np.percentile(values, percentiles)]


if __name__ == "__main__":
    sys.exit(traced_play(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))

"""What the benches of `play` share: a display of their own, policies, windows, and `play` with its decisions traced.

`python -m bench.live TRACE.npy ROWS POLICY ...` is `play POLICY ...` with every decision written down.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array
from games.window.display import VirtualDisplay

ROOT = Path(__file__).resolve().parent.parent
DECISION = ("action", "begun", "grabbed", "prepared", "decided", "held")  # columns of a trace; all but the first in ns
TICK = ("begun", "late")  # in ns


@contextmanager
def own_display(size: tuple[int, int] = (1400, 800)) -> Iterator[VirtualDisplay]:
    """A virtual display that this process and all that it starts use."""
    with VirtualDisplay(size) as display:
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(display.env | {"PYTHONPATH": str(ROOT), "PYGAME_HIDE_SUPPORT_PROMPT": "1"})
        try:
            yield display
        finally:
            os.environ.clear()
            os.environ.update(before)


def make_policy(folder: Path, *flags: str) -> Path:
    """A policy as `bench.policies` makes it; in a process of its own, so that this one stays free of TensorFlow."""
    subprocess.run([sys.executable, "-m", "bench.policies", str(folder), *flags], cwd=ROOT, check=True)
    return folder


def start(module: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """`python -m MODULE ARGUMENTS`, in a process group of its own as a shell starts it."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=ROOT, text=True, process_group=0, **quiet | options)


def end(process: subprocess.Popen[str]) -> None:
    """By force, whatever state it is in."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL)
        process.communicate()


@contextmanager
def counter_window(log: Path, size: str = "1280x720", fps: float = 60) -> Iterator[subprocess.Popen[str]]:
    """`games.window.counter`, open."""
    log.unlink(missing_ok=True)
    window = start("games.window.counter", log, "--size", size, "--fps", fps, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: log.exists() and log.stat().st_size > 200, "the window")
        yield window
    finally:
        end(window)


def wait_until(happened: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
    end_s = time.monotonic() + timeout_s
    while not happened():
        if time.monotonic() > end_s:
            raise SystemExit(f"{what} did not come within {timeout_s:g} s")
        time.sleep(0.005)


def finished(process: subprocess.Popen[str], what: str) -> str:
    """What it said; ends the bench if it failed."""
    said = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{what}: exit {process.returncode}: {said}")
    return str(said)


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
        ticks.add(time.perf_counter_ns(), late_ns)
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

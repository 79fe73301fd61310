"""What the benches share: programs that are measured, on a desktop of their own, and `play` with its decisions traced.

`python -m bench.live TRACE.npy ROWS POLICY ...` is `play POLICY ...` with every decision written down.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array
from agent.pacing import clock_ns
from bench.table import parser_of
from games.programs import ROOT, run, start
from games.window.display import own_display
from games.window.wayland_session import NoWayland, WaylandSession

DISPLAY = (1400, 800)  # a window of 1280x720 has room
DECISION = ("action", "begun", "grabbed", "prepared", "decided", "held")  # columns of a trace; all but the first in ns
TICK = ("begun", "late")  # in ns
Rows = list[dict[str, Any]]
XVFB, XWAYLAND, BOTH = "xvfb", "xwayland", "both"


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


def add_session_flags(parser: argparse.ArgumentParser) -> None:
    """For a bench whose rows `in_sessions` asks for."""
    parser.add_argument("--session", choices=(XVFB, XWAYLAND, BOTH), default=XVFB, help="where it runs")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)  # started in the session already


def in_sessions(options: argparse.Namespace, measure: Callable[[], Rows], *again: object) -> Rows:
    """What `measure` finds in each session that `options` name; it and all that it starts are in it.

    `again` are the arguments, beside `--quick`, with which the bench is started there once more.
    """
    if options.inside:
        return measure()
    rows = []
    for session in (XVFB, XWAYLAND) if options.session == BOTH else (options.session,):
        if session == XVFB:
            with own_display(DISPLAY):
                found = measure()
        else:
            found = _inside_wayland(*again, *["--quick"] * options.quick)
        rows += [{"session": session, **row} for row in found]
    return rows


def _inside_wayland(*arguments: object) -> Rows:
    """This bench once more with these arguments, started where the session's X server can be reached."""
    module = parser_of(None).prog.split()[-1]
    try:
        opened = WaylandSession(DISPLAY)
    except NoWayland as error:
        raise SystemExit(f"error: {error}") from None
    with opened as session, tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.json"
        command = [*session.inside, sys.executable, "-m", module, "--inside", "--json", str(file)]
        command += map(str, arguments)
        done = subprocess.run(command, cwd=ROOT, env=session.env, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise SystemExit(f"{module} in a Wayland session: exit {done.returncode}")
        rows: Rows = json.loads(file.read_text(encoding="utf-8"))["rows"]
        return rows


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

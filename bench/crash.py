"""What does a crash cost? `python -m bench.crash [--quick] [--json FILE]`: `kill -9` of `collect` at 50 random moments.

After each, numpy must open every file, `recordings info` must tell of it, and the frames must begin with the first
and lack no more than what the last second showed: a window draws a counter and logs when it drew it, so that the
time of the last stored frame is known on the clock of the kill.
"""

import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.pacing import clock_ns
from agent.recording.reader import Recording
from bench.live import counter_window, is_recorded, running, wait_until
from bench.table import Bench, bench_options, show
from games.window.counter import read_counter
from games.window.display import own_display

FPS = 60


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    kills = 5 if options.quick else 50
    moments = random.Random(0)
    lost_s, opened, told = [], 0, 0
    with own_display(), tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        log = place / "log"
        with counter_window(log, "640x360", FPS):
            for i in range(kills):
                out = place / f"recording-{i}"
                killed_ns = record_and_kill(out, moments.uniform(0.05, 2.0))
                for path in out.glob("*.npy"):
                    np.load(path, allow_pickle=False, mmap_mode="r")
                    opened += 1
                with running("collect.recordings", "info", out) as info:
                    info.communicate()
                told += info.returncode == 0
                lost_s.append((killed_ns - last_shown_ns(out, log)) / 1e9)
    row: dict[str, Any] = {
        "kills": kills,
        "files opened by numpy": opened,
        "told by recordings info": told,
        "lost s, median": float(np.median(lost_s)),
        "lost s, worst": max(lost_s),
    }
    show(Bench("crash", f"kill -9 while recording 640x360 to 160x120 gray at {FPS} fps", [row]), options.json)
    return 0 if told == kills and max(lost_s) <= 1 else 1


def record_and_kill(out: Path, after_s: float) -> int:
    """Kill `collect` so long after its first frame is on disk; gives the time of the kill."""
    with running("collect", out, "--window", "Counter", "--countdown-s", 0, "--fps", FPS) as process:
        wait_until(lambda: process.poll() is not None or is_recorded(out), "the first frame")
        time.sleep(after_s)
        if process.poll() is not None:
            raise SystemExit(f"collect ended with {process.returncode}: {process.communicate()[0]}")
        killed_ns = clock_ns()
        process.kill()
    return killed_ns


def last_shown_ns(out: Path, log: Path) -> int:
    """When the window drew what the last clear frame of the recording shows."""
    counters = read_counter(np.asarray(Recording.open(out).frames))
    last = int(counters[counters >= 0][-1])
    lines = (json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("}"))
    return next(int(line["time_ns"]) for line in lines if line.get("shown") == last)


if __name__ == "__main__":
    sys.exit(main())

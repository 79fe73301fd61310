"""Is what is recorded true? `python -m bench.truth [--quick] [--json FILE]`.

A window draws a counter and logs when it drew each value and which key events it received. `collect` records it while
keys are pressed at random. The table says how long after the drawing a frame shows it, how far the recorded key
events lie from the window's own, and whether every frame and event is accounted for.
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
from Xlib import X
from Xlib.ext import xtest

from agent.keys import key
from agent.recording.reader import Recording
from bench.live import counter_window, finished, is_recorded, running, wait_until
from bench.table import Bench, bench_options, show
from games.window.counter import read_counter
from games.window.display import VirtualDisplay, own_display

KEYS = ("a", "w", "d")
FPS = 60


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    seconds = 5 if options.quick else 60
    with own_display() as display, tempfile.TemporaryDirectory() as folder:
        out, log = Path(folder) / "recording", Path(folder) / "log"
        timed = ("--countdown-s", 0, "--fps", FPS, "--duration-s", seconds)
        with counter_window(log, "640x360"), running("collect", out, "--window", "Counter", *timed) as collect:
            wait_until(lambda: collect.poll() is not None or is_recorded(out), "the first frame")
            press_at_random(display, seconds - 2)
            finished(collect, "collect")
        row = compare(Recording.open(out), log)
    show(Bench("truth", f"{seconds} s of a window redrawn at 60 Hz, recorded at {FPS} fps", [row]), options.json)
    return 0


def press_at_random(display: VirtualDisplay, seconds: float) -> None:
    choice = random.Random(0)
    end_s = time.monotonic() + seconds
    with display.connection() as connection:
        while time.monotonic() < end_s:
            code = key(choice.choice(KEYS)).x_keycode
            for kind in (X.KeyPress, X.KeyRelease):
                xtest.fake_input(connection, kind, code)
                connection.sync()
                time.sleep(choice.uniform(0.005, 0.2))


def compare(recording: Recording, log: Path) -> dict[str, Any]:
    """The recording beside the window's log. The clock is one; the recording's zero is told by the key events."""
    truth = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    heard = [(line["key"], line["down"], line["time_ns"]) for line in truth if line.get("key") in KEYS]
    ours = [(recording.meta.keys[e["key"]], bool(e["down"]), int(e["time_ns"])) for e in recording.key_events]
    same = [event[:2] for event in heard] == [event[:2] for event in ours]
    offsets_ns = np.array([h[2] for h in heard]) - np.array([o[2] for o in ours]) if same else np.array([np.nan])
    zero_ns = offsets_ns.min()  # the window hears a key later than we do, at best at once
    counters = read_counter(np.asarray(recording.frames))
    clear = counters >= 0
    shown_ns = {line["shown"]: line["time_ns"] for line in truth if "shown" in line}
    ages_ms = (recording.captured_ns[clear] + zero_ns - [shown_ns[n] for n in counters[clear]]) / 1e6
    return {
        "frames": len(recording),
        "clear %": 100 * float(clear.mean()),
        "counter goes back": int((np.diff(counters[clear]) < 0).sum()),
        "age of picture ms, p1/median/p99": _three(ages_ms),
        "key events": f"{len(ours)} of {len(heard)}, {'the same' if same else 'OTHERS'}",
        "window hears later by ms, median/p99": _three((offsets_ns - zero_ns) / 1e6, (50, 99)),
    }


def _three(values: Any, at: tuple[int, ...] = (1, 50, 99)) -> str:
    return " / ".join(f"{value:.1f}" for value in np.percentile(values, at))


if __name__ == "__main__":
    sys.exit(main())

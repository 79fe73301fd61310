"""How quickly does `play` press? `python -m bench.latency [--quick] [--session xvfb|xwayland|both] [--json FILE]`.

On a display of its own stands a 1280x720 window that changes its grey at random moments and writes down which keys it
gets, in a process of its own, on the same clock. A policy at 60 Hz decides by the grey. Latency is the time from the
beginning of the grab to the window's having the key that was decided on; `screen to key` begins when the window's new
grey was on the screen, and so includes the wait for the next grab. With the network of AlexNet the same is done, on
Xvfb, by a plain loop (mss, cv2, Keras' `predict` on both frames, pynput) and by one tuned with `tf.function`.
`start` is the time from the command to the first key in the window.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.check.probe_window import ProbeWindow, WindowKey
from agent.frames import Box
from agent.pacing import clock_ns
from bench.live import Rows, add_session_flags, finished, in_sessions, make_policy, running, spread
from bench.table import Bench, bench_options, show

TITLE = "Grey"
FPS = 60
KEYS = {"a": 0, "w": 1, "d": 2}  # by action
PLACE = Box(60, 40, 1280, 720)
STAGES = ("grab", "prepare", "model", "key")


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv, add_session_flags)
    # In a Wayland session a plain loop sees nothing: mss is told of no window.
    rows = in_sessions(options, lambda: measured(*((10, 3) if options.quick else (100, 9)), others=not options.inside))
    conditions = f"ms from grab to key in a {PLACE.width}x{PLACE.height} window, at {FPS} Hz; stages are medians"
    show(Bench("latency", conditions, rows), options.json)
    return 0


def measured(seconds: int, starts: int, *, others: bool) -> Rows:
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for encoder in ("compact", "alexnet"):
            policy = make_policy(place / encoder, "--encoder", encoder, "--window", TITLE)
            start_s = start_to_key_s(policy, starts)
            row = play(policy, place / f"{encoder}.npy", seconds)
            rows.append({"player": f"play, {encoder}", **row, "start s": start_s})
        for player in ("tuned", "plain") if others else ():
            row = other(player, policy, place / f"{player}.npy", seconds if player == "tuned" else seconds / 2)
            rows.append({"player": f"{player} loop, alexnet", **row, "start s": None})
    return rows


def start_to_key_s(policy: Path, times: int) -> float:
    """Median of the time from the command to the first press in the window."""
    taken_s = []
    with ProbeWindow(PLACE, KEYS, title=TITLE) as window:
        for _ in range(times):
            begun_ns = clock_ns()
            with running("agent", policy) as process:
                key = first_press(window, 20)
                process.terminate()
                finished(process, "play")
            if key is None:
                raise SystemExit("play pressed no key")
            taken_s.append((key.time_ns - begun_ns) / 1e9)
            while window.next_key(0.1):
                pass  # the release
    return float(np.median(taken_s))


def first_press(window: ProbeWindow, timeout_s: float) -> WindowKey | None:
    end_s = time.monotonic() + timeout_s
    while (key := window.next_key(max(0.0, end_s - time.monotonic()))) is not None and not key.down:
        pass
    return key


def play(policy: Path, trace: Path, seconds: float) -> dict[str, Any]:
    report = trace.with_suffix(".json")
    with ProbeWindow(PLACE, KEYS, title=TITLE) as window:
        flags = ("--duration-s", seconds, "--report", report)
        with running("bench.live", trace, FPS * (seconds + 5), policy, *flags) as process:
            pressed, shown = answer(window, process, 1 / FPS)
    late = json.loads(report.read_text(encoding="utf-8"))["late_ticks"]
    return analysed(np.load(trace), pressed, shown) | {"late": late}


def other(player: str, policy: Path, trace: Path, seconds: float) -> dict[str, Any]:
    with ProbeWindow(PLACE, KEYS, title=TITLE) as window:
        with running("bench.other_players", player, trace, policy, window.box, seconds) as process:
            pressed, shown = answer(window, process, 0.1 if player == "plain" else 1 / FPS)
    return analysed(np.load(trace), pressed, shown) | {"late": None}


def answer(
    window: ProbeWindow, process: subprocess.Popen[str], within_s: float
) -> tuple[list[WindowKey], list[tuple[int, str]]]:
    """Change the grey at a random moment after each key, until `process` ends.

    Gives the presses that the window got, and when it showed the grey for which key.
    """
    moments = random.Random(0)
    pressed, shown = [], []
    while process.poll() is None:
        key = window.next_key(0.2)
        if key is None or not key.down or (pressed and key.name == pressed[-1].name):
            continue  # autorepeat is no new press
        pressed.append(key)
        time.sleep(moments.uniform(0, within_s))
        shown.append((window.show(bright=key.name == "a"), "d" if key.name == "a" else "a"))
    finished(process, "the player")
    return pressed, shown


def analysed(trace: Any, pressed: list[WindowKey], shown: list[tuple[int, str]]) -> dict[str, Any]:
    """Every change of action beside the press that it caused: there must be as many, in the same order."""
    changed = trace[np.flatnonzero(np.diff(trace[:, 0], prepend=-1))]
    names = [KEYS[key.name] for key in pressed]
    if list(changed[: len(names), 0]) != names or len(changed) - len(names) not in (0, 1):  # the last may be cut off
        raise SystemExit(f"found {len(changed)} changes of action but {len(names)} presses, or others")
    changed = changed[: len(names)]
    arrived_ns = np.array([key.time_ns for key in pressed])
    latency_ms = (arrived_ns - changed[:, 1]) / 1e6
    borders = np.column_stack([changed[:, 1:5], arrived_ns])
    stages_ms = np.diff(borders, axis=1) / 1e6
    from_screen_ms = []
    after = iter(pressed)
    for shown_ns, name in shown:
        key = next((key for key in after if key.name == name and key.time_ns > shown_ns), None)
        if key is None:
            break
        from_screen_ms.append((key.time_ns - shown_ns) / 1e6)
    return {
        "decisions": len(trace),
        "keys": len(pressed),
        "median": float(np.median(latency_ms)),
        "p99": spread(latency_ms, 99)[0],
        "worst": float(latency_ms.max()),
        **{name: float(ms) for name, ms in zip(STAGES, np.median(stages_ms, axis=0), strict=True)},
        "screen to key": float(np.median(from_screen_ms)),
        "its p99": spread(np.array(from_screen_ms), 99)[0],
    }


if __name__ == "__main__":
    sys.exit(main())

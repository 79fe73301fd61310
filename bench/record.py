"""Does `collect` keep up? `python -m bench.record [--quick] [--session xvfb|xwayland|both] [--json FILE]`.

On a display of its own, a window redraws at 60 Hz while it is recorded: 60 fps of 1280x720 to 160x120 gray, 30 fps
to 320x180 rgb, and, in the same run on Xvfb, a plain loop in the manner of hobby recorders (mss, list append,
`np.save` of the whole every 500 frames). Late is a frame taken more than one period after its deadline; memory is the
growth of anonymous memory after the first minute (a sixth of the run with --quick).
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.pacing import clock_ns
from agent.recording.reader import Recording
from bench.live import (
    Rows,
    add_session_flags,
    counter_window,
    finished,
    in_sessions,
    is_recorded,
    memory_mb,
    running,
    settled,
)
from bench.table import Bench, bench_options, show

WINDOW = "1280x720"


def plain_loop(out: Path, fps: float, seconds: float) -> None:
    """What it is compared with: everything in one loop, everything in memory, the whole saved again and again."""
    import cv2
    import mss

    frames, times = [], []
    with mss.MSS() as grabber:
        region = grabber.monitors[0] | {"left": 60, "top": 40, "width": 1280, "height": 720}
        end_s = time.perf_counter() + seconds
        while time.perf_counter() < end_s:
            begun_s = time.perf_counter()
            times.append(clock_ns())
            image = np.array(grabber.grab(region))
            frames.append(cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY), (160, 120)))
            if len(frames) % 500 == 0:
                np.save(out / "frames.npy", np.array(frames))
            time.sleep(max(0.0, 1 / fps - (time.perf_counter() - begun_s)))
    np.save(out / "frames.npy", np.array(frames))
    np.save(out / "captured_ns.npy", np.array(times))


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(name: str, out: Path, fps: float, seconds: float, module: str, *arguments: object) -> dict[str, Any]:
    """Run the command, watch its memory, read what it recorded."""
    started_s = time.perf_counter()
    first_s, memory, cpu, last_s = None, [], 0.0, 0.0
    with running(module, *arguments) as process:
        while process.poll() is None:
            now_s = time.perf_counter() - started_s
            if first_s is None and is_recorded(out):
                first_s = now_s
            if now_s - last_s >= 1 and (anonymous := memory_mb(process.pid, "RssAnon")) is not None:
                memory.append(anonymous)
                cpu, last_s = cpu_s(process.pid), now_s
            time.sleep(0.02)
        said = finished(process, name)
    times_ns = Recording.open(out).captured_ns if (out / "meta.json").exists() else np.load(out / "captured_ns.npy")
    later = settled(memory, seconds)
    return {
        "recorder": name,
        "seconds": seconds,
        "frames": len(times_ns),
        "fps": len(times_ns) / seconds,
        "late %": 100 * late(times_ns, 1e9 / fps) / len(times_ns),
        "dropped": dropped(said),
        "spacing p99 ms": float(np.percentile(np.diff(times_ns), 99)) / 1e6,
        "memory growth MB": max(later) - later[0],
        "CPU %": 100 * cpu / last_s,
        "first frame s": first_s,
    }


def late(times_ns: Any, period_ns: float) -> int:
    """Frames that began more than a period after their deadline, where a late one sets the deadlines anew."""
    count, deadline_ns = 0, float(times_ns[0])
    for time_ns in times_ns:
        if time_ns - deadline_ns > period_ns:
            count += 1
            deadline_ns = time_ns
        deadline_ns += period_ns
    return count


def dropped(said: str) -> int | None:
    """As `collect` says in its summary; the plain loop does not know."""
    words = said.split()
    return int(words[words.index("dropped;") - 1]) if "dropped;" in words else None


def measured(seconds: float, *, beside_plain: bool) -> Rows:
    results = []
    with tempfile.TemporaryDirectory() as folder, counter_window(Path(folder) / "log", WINDOW):
        for name, fps, flags in (
            ("collect 60 fps 160x120 gray", 60.0, ("--size", "160x120")),
            ("collect 30 fps 320x180 rgb", 30.0, ("--size", "320x180", "--color", "rgb")),
        ):
            out = Path(folder) / name.replace(" ", "_")
            timed = ("--countdown-s", 0, "--fps", f"{fps:g}", "--duration-s", f"{seconds:g}")
            results.append(measure(name, out, fps, seconds, "collect", out, "--window", "Counter", *timed, *flags))
        if beside_plain:
            out = Path(folder) / "plain_loop"
            out.mkdir()
            # It keeps everything in memory: what that comes to shows soon.
            plain = (60.0, seconds / 4)
            name = "plain loop 60 fps 160x120 gray"
            results.append(measure(name, out, *plain, "bench.record", "--plain", out, *plain))
    return results


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv, add_session_flags)
    seconds = 20.0 if options.quick else 600.0
    # In a Wayland session a plain loop sees nothing: mss is told of no window.
    rows = in_sessions(options, lambda: measured(seconds, beside_plain=not options.inside))
    show(Bench("record", f"a {WINDOW} window redrawn at 60 Hz", rows), options.json)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--plain"]:
        plain_loop(Path(sys.argv[2]), *map(float, sys.argv[3:]))
    else:
        sys.exit(main())

"""Does `collect` keep up? `python -m bench.record [--quick] [--json FILE]`.

On a display of its own, a window redraws at 60 Hz while it is recorded: 60 fps of 1280x720 to 160x120 gray, 30 fps
to 320x180 rgb, and, in the same run, a plain loop in the manner of hobby recorders (mss, list append, `np.save` of
the whole every 500 frames). Late is a frame taken more than one period after its deadline; memory is the growth of
anonymous memory after the first minute (a sixth of the run with --quick).
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.recording.reader import Recording
from bench.table import Bench, bench_options, show
from games.window.display import VirtualDisplay

WINDOW = "1280x720"


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    command: list[str]
    fps: float


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
            times.append(time.perf_counter_ns())
            image = np.array(grabber.grab(region))
            frames.append(cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY), (160, 120)))
            if len(frames) % 500 == 0:
                np.save(out / "frames.npy", np.array(frames))
            time.sleep(max(0.0, 1 / fps - (time.perf_counter() - begun_s)))
    np.save(out / "frames.npy", np.array(frames))
    np.save(out / "captured_ns.npy", np.array(times))


def anonymous_mb(pid: int) -> float:
    """Anonymous memory of a process, from the kernel."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1000
    return float("nan")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(case: Case, out: Path, display: VirtualDisplay, seconds: float) -> dict[str, Any]:
    """Run the command, watch its memory, read what it recorded."""
    started_s = time.perf_counter()
    process = subprocess.Popen(case.command, env=display.env, stdout=subprocess.PIPE, text=True)
    first_s, memory_mb, cpu, last_s = None, [], 0.0, 0.0
    while process.poll() is None:
        now_s = time.perf_counter() - started_s
        frames = out / "frames.npy"
        if first_s is None and frames.exists() and frames.stat().st_size > 200:
            first_s = now_s
        try:
            if now_s - last_s >= 1:
                memory_mb.append(anonymous_mb(process.pid))
                cpu, last_s = cpu_s(process.pid), now_s
        except FileNotFoundError:
            break
        time.sleep(0.02)
    said = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"{case.name}: exit {process.returncode}: {said}")
    times_ns = Recording.open(out).captured_ns if (out / "meta.json").exists() else np.load(out / "captured_ns.npy")
    period_ns = 1e9 / case.fps
    settled = memory_mb[max(1, int(len(memory_mb) * min(60 / seconds, 1 / 6))) :]
    return {
        "recorder": case.name,
        "seconds": seconds,
        "frames": len(times_ns),
        "fps": len(times_ns) / seconds,
        "late %": 100 * late(times_ns, period_ns) / len(times_ns),
        "dropped": dropped(said),
        "spacing p99 ms": float(np.percentile(np.diff(times_ns), 99)) / 1e6,
        "memory growth MB": max(settled) - settled[0],
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


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    whole_s = 20.0 if options.quick else 600.0
    results = []
    with VirtualDisplay((1400, 800)) as display, tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        window = subprocess.Popen(
            [sys.executable, "-m", "games.window.counter", str(place / "log"), "--size", WINDOW, "--fps", "60"],
            env=display.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            while not (place / "log").exists():
                time.sleep(0.1)
            for name, fps, flags in (
                ("collect 60 fps 160x120 gray", 60.0, ["--size", "160x120"]),
                ("collect 30 fps 320x180 rgb", 30.0, ["--size", "320x180", "--color", "rgb"]),
                ("plain loop 60 fps 160x120 gray", 60.0, []),
            ):
                out = place / name.replace(" ", "_")
                # The plain loop keeps everything in memory: what that comes to shows soon.
                seconds = whole_s if name.startswith("collect") else whole_s / 4
                if name.startswith("collect"):
                    command = [sys.executable, "-m", "collect", str(out), "--window", "Counter", "--countdown-s", "0"]
                    command += ["--fps", f"{fps:g}", "--duration-s", f"{seconds:g}", *flags]
                else:
                    out.mkdir()
                    program = f"from bench.record import *; plain_loop(Path({str(out)!r}), {fps}, {seconds})"
                    command = [sys.executable, "-c", program]
                results.append(measure(Case(name, command, fps), out, display, seconds))
        finally:
            window.terminate()
            window.wait()
    show(Bench("record", f"a {WINDOW} window redrawn at 60 Hz", results), options)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a crash costs a training: `python -m bench.resume`.

`train` on a recording of the scripted driver, uninterrupted and killed (`kill -9`) at random moments and resumed, for
the same seeds; with `--deterministic` the two must hold the same weights, bit for bit.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.live import finished, running
from bench.table import Bench, bench_options, show
from games.car3 import GAME
from games.lockstep_record import record
from train.fitting.checkpoint import CHECKPOINT_FILE


def uninterrupted(recording: Path, out: Path, flags: Sequence[str]) -> float:
    """The seconds it took."""
    begun_s = time.monotonic()
    train(recording, "--out", out, *flags)
    return time.monotonic() - begun_s


def train(*arguments: object) -> None:
    with running("train", *arguments) as process:
        finished(process, "train")


def killed(recording: Path, out: Path, flags: Sequence[str], whole_s: float, kills: int, rng: random.Random) -> int:
    """Kill it so often, each time at a random moment, and let it end; how often it was killed."""
    done = 0

    def arguments() -> tuple[object, ...]:
        resumed = (out / CHECKPOINT_FILE).exists()
        return ("--out", out, "--resume") if resumed else (recording, "--out", out, *flags)

    while done < kills:
        with running("train", *arguments()) as process:
            try:
                process.communicate(timeout=rng.uniform(0.3, 0.9) * whole_s)
            except subprocess.TimeoutExpired:
                done += 1
        if (out / "policy.json").exists():
            return done
    train(*arguments())
    return done


def policy(out: Path) -> tuple[float, bytes]:
    """The final validation loss, and the weights."""
    metrics = json.loads((out / "policy.json").read_text(encoding="utf-8"))["metrics"]
    with zipfile.ZipFile(out / "model.keras") as archive:
        return metrics["validation"]["loss"], archive.read("model.weights.h5")


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    frames, epochs, seeds, kills = (600, 3, 1, 1) if options.quick else (1500, 8, 3, 3)
    rng = random.Random(0)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as room:
        recording = record(GAME, Path(room) / "drive", frames / GAME.record_fps, disturbed=True, size="96x72")
        common = ["--epochs", str(epochs), "--patience", str(epochs)]
        for name, extra in (("as it comes", []), ("--deterministic", ["--deterministic"])):
            found: dict[str, list[tuple[float, bytes]]] = {"uninterrupted": [], "killed and resumed": []}
            count = 0
            # Which windows are judged depends on the seed too, so each seed is compared with itself as well.
            for seed in range(seeds):
                flags = [*common, *extra, "--seed", str(seed)]
                whole, broken = (Path(room) / f"{name}-{seed}-{kind}" for kind in ("whole", "broken"))
                whole_s = uninterrupted(recording, whole, flags)
                count += killed(recording, broken, flags, whole_s, kills, rng)
                found["uninterrupted"].append(policy(whole))
                found["killed and resumed"].append(policy(broken))
            pairs = list(zip(*found.values(), strict=True))
            for way, results in found.items():
                losses = [loss for loss, _ in results]
                rows.append(
                    {
                        "training": name,
                        "way": way,
                        "kills": 0 if way == "uninterrupted" else count,
                        "validation loss by seed": " ".join(f"{loss:.4f}" for loss in losses),
                        "mean": statistics.mean(losses),
                        "spread": max(losses) - min(losses),
                        "largest difference of a seed": max(abs(a[0] - b[0]) for a, b in pairs),
                        "same weights": f"{sum(a[1] == b[1] for a, b in pairs)} of {seeds}",
                    }
                )
                print(rows[-1], flush=True)
    show(Bench("resume", f"compact, {epochs} epochs of {frames} frames 96x72", rows), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

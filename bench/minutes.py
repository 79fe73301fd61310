"""In how many minutes `train` learns what another checkout's learns in ten: `python -m bench.minutes --against FOLDER`.

Each game's demonstrator is recorded once, in lockstep; then, for each seed, the `train` of the other checkout learns
from it for --minutes, and this one for half of that, in turn, alone on the machine. Both with their defaults.
Judged by the validation loss at the end, which both have to compute on the same windows: what is printed tells whether
the median over the seeds is reached, and by whom of them. `git worktree add FOLDER COMMIT` makes such a checkout.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError, run_command
from bench.table import Bench, bench_options, show_all
from games.catalogue import GAMES

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Training:
    """The validation loss of each epoch, and the minutes from the first one's beginning to its end."""

    losses: list[float]
    minutes: list[float]

    def minutes_until(self, loss: float) -> float | None:
        """Until the validation loss was `loss` or less for the first time."""
        return next((minute for minute, value in zip(self.minutes, self.losses, strict=True) if value <= loss), None)


def trained(checkout: Path, recording: Path, seed: int, minutes: float) -> Training:
    """Raises `TwoframeError` if `train` fails."""
    with tempfile.TemporaryDirectory() as room:
        command = [sys.executable, "-m", "train", str(recording), "--out", str(Path(room) / "policy")]
        command += ["--seed", str(seed), "--max-minutes", str(minutes)]
        environment = {**os.environ, "PYTHONPATH": str(checkout), "PYTHONUNBUFFERED": "1"}
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        losses, times, begun_s, said = [], [], time.monotonic(), []
        with subprocess.Popen(command, cwd=room, env=environment, **pipes) as process:
            assert process.stdout
            for line in process.stdout:
                said.append(line)
                if "parameters;" in line:
                    begun_s = time.monotonic()
                elif found := re.match(r"epoch +\d+ .*validation ([\d.]+)", line):
                    losses.append(float(found[1]))
                    times.append((time.monotonic() - begun_s) / 60)
        if process.returncode or not losses:
            raise TwoframeError(f"train of {checkout}: found {' '.join(said[-3:])!r}, expected a policy")
    return Training(losses, times)


def row(game: str, before: Sequence[Training], now: Sequence[Training], minutes: float) -> dict[str, Any]:
    goal = statistics.median(training.losses[-1] for training in before)
    reached = [training.minutes_until(goal) for training in now]
    return {
        "game": game,
        f"loss after {minutes:g} min, other": goal,
        "each": " ".join(f"{training.losses[-1]:.3f}" for training in before),
        "epochs": statistics.median(len(training.losses) for training in before),
        f"loss after {minutes / 2:g} min, this": statistics.median(training.losses[-1] for training in now),
        "each here": " ".join(f"{training.losses[-1]:.3f}" for training in now),
        "epochs here": statistics.median(len(training.losses) for training in now),
        "minutes until that loss": " ".join("never" if found is None else f"{found:.1f}" for found in reached),
    }


def flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--against", type=Path, required=True, metavar="FOLDER", help="the other checkout")
    parser.add_argument("--games", nargs="+", choices=list(GAMES), default=list(GAMES), help="without it, all")
    parser.add_argument("--seeds", type=int, default=3, metavar="N")
    parser.add_argument("--first-seed", type=int, default=0, metavar="S", help="the first of them (0)")
    parser.add_argument(
        "--minutes", type=float, default=10.0, metavar="M", help="of the other checkout's training (10)"
    )
    parser.add_argument(
        "--recordings", type=Path, metavar="FOLDER", help="keep them there, and take those that are there"
    )


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(bench_options(__doc__, argv, flags)))


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`."""
    if not (options.against / "train" / "__main__.py").is_file():
        raise TwoframeError(f"--against: found no train in {options.against}, expected another checkout")
    minutes, seconds, count = (0.5, 60.0, 1) if options.quick else (options.minutes, 600.0, options.seeds)
    seeds = range(options.first_seed, options.first_seed + count)
    rows = []
    with tempfile.TemporaryDirectory() as room:
        for game in options.games:
            recording = (options.recordings or Path(room)) / game
            if not recording.exists():
                recorder = [sys.executable, "-m", "games.lockstep_record", game, str(recording)]
                recorder += ["--seconds", str(seconds), "--disturb", f"{GAMES[game].wrong_keys:g}"]
                subprocess.run(recorder, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            before, now = [], []
            for seed in seeds:
                before.append(trained(options.against.resolve(), recording.resolve(), seed, minutes))
                now.append(trained(ROOT, recording.resolve(), seed, minutes / 2))
                print(json.dumps(row(game, before, now, minutes)), flush=True)
            rows.append(row(game, before, now, minutes))
    conditions = f"{seconds / 60:g} minutes of play with wrong keys, seeds {', '.join(map(str, seeds))}, in turn"
    show_all([Bench("minutes to the same loss", conditions, rows)], options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

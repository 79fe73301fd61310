"""Which way to pack frames? `python -m bench.pack [--quick] [--json FILE]`: size and speed, beside plain arrays.

A minute of the demonstrator's play of six games, at the size in which each is recorded, goes through every way: how
many times smaller its file is, and megabytes of frames a second of one core (its time, not the clock's) while the
files are in the system's cache: to write, the quicker of two turns; to read in order; and to read runs of three frames
from all over the recording, 110 ms apart, as a training draws them. What was read is compared. Then the loop of `train`
learns from one recording, plain and packed, in turn in one process. Ways whose libraries are missing are left out
(`pip install -c constraints.txt -e '.[bench]'`).
"""

import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Levels
from agent.recording import packed_frames
from agent.recording.packing import pack
from agent.recording.reader import Recording
from bench.pack.ways import Way, missing, ways
from bench.table import Bench, bench_options, show_all
from bench.train_speed.ways import BATCH, RUN, Train
from games.catalogue import game_named
from games.lockstep_record import record
from train.options import TrainOptions
from train.prepared_dataset import prepare_dataset
from train.quiet import quieten_tensorflow

GAMES = ("car3", "car5", "lander", "pong", "catch", "gates")
APART_S = 0.11
IN_ORDER = 64  # frames that are read at once


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    seconds, runs, samples = (15.0, 60, 20 * BATCH) if options.quick else (60.0, 400, 60 * BATCH)
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    quieten_tensorflow()
    if absent := missing():
        print(f"left out, for they are not installed: {', '.join(absent)}", file=sys.stderr)
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folders = []
        for name in GAMES:
            print(f"recording {seconds:g} s of {name} ...", flush=True)
            folders.append(record(game_named(name), Path(place) / name, seconds))
        for folder in folders:
            recording = Recording.open(folder)
            frames, apart = np.array(recording.frames), max(1, round(APART_S * recording.rate_hz))
            for way in ways():
                rows.append({"game": folder.name, "way": way.name} | measured(way, frames, apart, runs, Path(place)))
        print("learning from one of them, plain and packed ...", flush=True)
        learned = learning(folders[0], Path(place), samples, turns=2 if options.quick else 5)
    conditions = f"{seconds:g} s of play each; MB a second of one core"
    tables = [Bench("pack", conditions, rows), Bench("train from it", f"compact, {GAMES[0]}", learned)]
    show_all(tables, options.json)
    smallest = min(row["times smaller"] for row in rows if "recordings pack" in row["way"])
    return 0 if smallest >= 5 else 1


def measured(way: Way, frames: Levels, apart: int, runs: int, place: Path) -> dict[str, Any]:
    """One way on one recording. Raises `SystemExit` if it gives other frames than it was given."""
    # Recordings are longer than these: what is decoded here would not be there any more.
    packed_frames._decoded = packed_frames._Cache(0)
    room = place / "way"
    path = room / "frames.b2nd"  # the ending that blosc2 wants
    write_s = math.inf
    for _ in range(2):
        shutil.rmtree(room, ignore_errors=True)
        room.mkdir()
        begun_s = time.process_time()
        way.write(frames, path)
        write_s = min(write_s, time.process_time() - begun_s)
    read = way.open(path, frames.shape)
    read(0, 1)  # what a library does once
    begun_s = time.process_time()
    parts = [read(first, min(first + IN_ORDER, len(frames))) for first in range(0, len(frames), IN_ORDER)]
    in_order_s = time.process_time() - begun_s
    length = (RUN - 1) * apart + 1
    firsts = np.random.default_rng(0).integers(0, len(frames) - length, runs).tolist()
    begun_s = time.process_time()
    drawn = [read(first, first + length)[::apart] for first in firsts]
    shuffled_s = time.process_time() - begun_s
    right = np.array_equal(np.concatenate(parts), frames) and all(
        np.array_equal(one, frames[first : first + length : apart]) for first, one in zip(firsts, drawn, strict=True)
    )
    if not right:
        raise SystemExit(f"{way.name}: found other frames than were written, expected the same")
    size = sum(file.stat().st_size for file in room.rglob("*") if file.is_file())
    return {
        "times smaller": frames.nbytes / size,
        "write MB/s": frames.nbytes / write_s / 1e6,
        "in order MB/s": frames.nbytes / in_order_s / 1e6,
        "shuffled MB/s": sum(one.nbytes for one in drawn) / shuffled_s / 1e6,
    }


def learning(folder: Path, place: Path, samples: int, turns: int) -> list[dict[str, Any]]:
    """The same training from the recording as it is and from a packed copy, in turn."""
    packed = shutil.copytree(folder, place / "packed")
    pack(packed)
    trainers, prepare_s = {}, {}
    for name, path in (("frames.npy", folder), ("frames.npy.zst", packed)):
        begun_s = time.perf_counter()
        prepared = prepare_dataset(TrainOptions((path,), place / "policy"), place)
        prepare_s[name] = time.perf_counter() - begun_s
        trainers[name] = Train("compact", prepared, seed=0)
    for trainer in trainers.values():
        trainer.samples(4 * BATCH)
    rates: dict[str, list[float]] = {name: [] for name in trainers}
    for _ in range(turns):
        for name, trainer in trainers.items():
            rates[name].append(samples / trainer.samples(samples))
    plain = statistics.median(rates["frames.npy"])
    return [
        {
            "frames": name,
            "opened in s": prepare_s[name],
            "samples a second": statistics.median(rates[name]),
            "least": min(rates[name]),
            "most": max(rates[name]),
            "times plain": statistics.median(rates[name]) / plain,
        }
        for name in trainers
    ]


if __name__ == "__main__":
    sys.exit(main())

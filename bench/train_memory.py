"""Training on a recording larger than memory: `python -m bench.train_memory`.

A recording of 10 GB (a sparse file: its frames are black, but they are read like others), 500 steps of `train`'s loop
on it, and the anonymous memory (RssAnon) beyond what TensorFlow and the network take; beside it a tenth of the
recording read into memory as a plain script does.
"""

import math
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.actions import ActionSet
from agent.frames import Box, FrameSpec
from agent.json_files import write_json
from agent.recording.format import KEY_EVENT, Meta, completed
from agent.recording.reader import Recording
from bench.live import memory_mb
from bench.table import Bench, bench_options, show
from train.dataset.batches import Batches, ahead
from train.options import TrainOptions
from train.prepared_dataset import prepare_dataset
from train.quiet import quieten_tensorflow

SIZE = (160, 120)
FPS = 20.0


def anonymous_mb() -> float:
    """The process's RssAnon, in MB."""
    return memory_mb("self", "RssAnon") or math.nan


def sparse_recording(folder: Path, frames: int) -> Path:
    """`frames` black frames that take no room on disk, with keys that change every half second."""
    actions = ActionSet.parse(["left=a", "forward=w", "right=d"])
    meta = Meta(FrameSpec(*SIZE), actions.keys, actions, FPS, None, Box(0, 0, *SIZE), "demonstration", "", {}, "")
    folder.mkdir()
    held = np.arange(frames) // 10 % 3
    captured_ns = np.arange(frames, dtype=np.int64) * round(1e9 / FPS)
    changes = np.flatnonzero(np.diff(held)) + 1
    events = np.empty(2 * len(changes) + 1, KEY_EVENT)
    events[0] = (0, held[0], True)
    events[1::2] = [(captured_ns[t], held[t - 1], False) for t in changes]
    events[2::2] = [(captured_ns[t], held[t], True) for t in changes]
    np.save(folder / "captured_ns.npy", captured_ns)
    np.save(folder / "keys.npy", held[:, None] == np.arange(3))
    np.save(folder / "key_events.npy", events)
    np.lib.format.open_memmap(folder / "frames.npy", "w+", np.uint8, (frames, *meta.frame.shape)).flush()
    write_json(folder / "meta.json", completed(meta).to_json())
    return folder


def trained(folder: Path, room: Path, steps: int) -> dict[str, Any]:
    """The loop of `train` on `folder`, for so many steps."""
    import keras

    from train.encoders import RECIPES
    from train.fitting.learner import Learner
    from train.model import build_network

    small = sparse_recording(room / "small", 2000)
    options = TrainOptions((folder,), room / "policy")
    prepared = prepare_dataset(replace(options, recordings=(small,)), room)
    recipe = RECIPES["compact"]
    keras.utils.set_random_seed(0)
    shape = prepared.dataset.frame.shape
    network = build_network("compact", shape, frames=2, actions=3, mean=prepared.mean, deviation=prepared.deviation)
    learner = Learner(network, recipe.optimizer(1e-3), 1e-3, recipe.clip_norm)

    def run(most: int) -> float:
        """Steps over the prepared's shuffled batches; the most memory meanwhile."""
        weights = np.ones(len(prepared.dataset), np.float32)
        batches = Batches(
            prepared.dataset,
            prepared.split.training,
            weights,
            frames=2,
            run_frames=options.run,
            batch_windows=options.batch,
        )
        peak = anonymous_mb()
        gathered = ahead(batches.shuffled([0], prepared.augmentation))
        for _ in range(most):
            learner.train(next(gathered), 1.0)
            peak = max(peak, anonymous_mb())
        gathered.close()
        return peak

    before = run(20)
    prepared = prepare_dataset(options, room)
    peak = run(steps)
    size_gb = (folder / "frames.npy").stat().st_size / 1e9
    return {
        "way": "train",
        "recording, GB": size_gb,
        "steps": steps,
        "RssAnon before, MB": before,
        "more, MB": peak - before,
    }


def read_whole(folder: Path) -> dict[str, Any]:
    """A tenth of the frames as an array in memory."""
    before = anonymous_mb()
    frames = Recording.open(folder).frames
    tenth = np.array(frames[: len(frames) // 10])
    more = anonymous_mb() - before
    return {
        "way": "a tenth read into memory",
        "recording, GB": tenth.nbytes / 1e9,
        "steps": 0,
        "RssAnon before, MB": before,
        "more, MB": more,
    }


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv)
    size_gb, steps = (1.0, 50) if options.quick else (10.0, 500)
    quieten_tensorflow()
    with tempfile.TemporaryDirectory() as room:
        folder = sparse_recording(Path(room) / "large", round(size_gb * 1e9 / (SIZE[0] * SIZE[1])))
        rows = [trained(folder, Path(room), steps), read_whole(folder)]
    show(Bench("memory of training", "compact, 160x120 gray", rows), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

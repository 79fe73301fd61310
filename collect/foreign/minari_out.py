"""`export --to minari`: a dataset that Minari loads, written by h5py. Its layout: Minari 0.5, `data_format` hdf5."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array
from agent.recording.reader import Recording
from collect.foreign.described import describe
from collect.foreign.episodes import Episode, episodes_of
from collect.foreign.library import library
from collect.foreign.whole import require_room, whole_folder

MINARI_VERSION = "0.5.4"
MARGIN_FRAMES = 100  # for the bounds of the space, which are written out, and all that is no picture


def export(recordings: Sequence[Recording], out: Path) -> str:
    """Write `out`, a folder with `data` in it, and say what it holds. Raises `TwoframeError`.

    An episode is a stretch of T frames: T observations (the pictures), and before each but the first the action held at
    the one before. Rewards are 0, for nobody told any.
    """
    h5py = library("h5py")
    episodes = episodes_of(recordings, least=2)
    with whole_folder(out) as folder:
        # As large as without compression: HDF5 does not survive a disk that gets full.
        frames = sum(map(len, episodes)) + MARGIN_FRAMES
        require_room(folder, frames * int(np.prod(recordings[0].meta.frame.shape)), "free some space")
        data = folder / "data"
        data.mkdir()
        with h5py.File(data / "main_data.hdf5", "w", track_order=True) as file:
            for n, episode in enumerate(episodes):
                _write(file.create_group(f"episode_{n}"), n, episode)
        size_mb = (data / "main_data.hdf5").stat().st_size / 1e6
        (data / "metadata.json").write_text(json.dumps(_metadata(episodes, out.name, size_mb)), encoding="utf-8")
        describe(data, episodes)
    return (
        f"{len(episodes)} episodes, {sum(map(len, episodes))} pictures, to the last level; rewards are 0, "
        "key presses between pictures are left out"
    )


def _write(group: Any, n: int, episode: Episode) -> None:
    recording, rows = episode.recording, episode.rows
    labels = recording.meta.actions.actions_of(recording.keys[rows], recording.meta.keys)
    steps = len(episode) - 1
    group.attrs["id"] = n
    group.attrs["total_steps"] = steps
    frame = recording.meta.frame.shape
    images = group.create_dataset(
        "observations", (len(episode), *frame), np.uint8, chunks=(1, *frame), compression="gzip", compression_opts=1
    )
    for i, image in enumerate(episode.images()):
        images[i] = image
    _add(group, "actions", labels[:-1])
    _add(group, "rewards", np.zeros(steps))
    _add(group, "terminations", np.zeros(steps, np.bool_))
    _add(group, "truncations", np.arange(1, steps + 1) == steps)  # an episode ends with the recording, not by the game
    infos = group.create_group("infos")
    _add(infos, "captured_ns", recording.captured_ns[rows])
    _add(infos, "keys", recording.keys[rows])
    _add(infos, "control", episode.control())


def _add(group: Any, name: str, values: Array) -> None:
    group.create_dataset(name, data=values, chunks=True, maxshape=(None, *values.shape[1:]))


def _metadata(episodes: Sequence[Episode], name: str, size_mb: float) -> dict[str, Any]:
    meta = episodes[0].recording.meta
    shape = meta.frame.shape
    picture = {
        "type": "Box",
        "dtype": "uint8",
        "shape": list(shape),
        "low": np.zeros(shape, int).tolist(),
        "high": np.full(shape, 255).tolist(),
    }
    action = {"type": "Discrete", "dtype": "int64", "start": 0, "n": len(meta.actions)}
    return {
        "total_episodes": len(episodes),
        "total_steps": sum(len(episode) - 1 for episode in episodes),
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": json.dumps(picture),
        "action_space": json.dumps(action),
        "dataset_id": _dataset_id(name),
        "minari_version": MINARI_VERSION,
        "dataset_size": round(size_mb, 1),
        "description": f"Recorded by twoframe. Actions: {', '.join(meta.actions.names)}.",
    }


def _dataset_id(name: str) -> str:
    """The folder's name, as Minari wants it: `NAME-vN`."""
    if re.fullmatch(r"[-_\w]+-v\d+", name):
        return name
    return f"{re.sub(r'[^-_a-zA-Z0-9]+', '-', name).strip('-') or 'recording'}-v0"

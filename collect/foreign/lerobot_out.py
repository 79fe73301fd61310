"""`export --to lerobot`: a dataset of LeRobot's format v3.0, written by PyAV and pyarrow."""

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array, Ints
from agent.json_files import write_json
from agent.recording.reader import Recording
from collect.foreign.described import describe
from collect.foreign.episodes import Episode, episodes_of
from collect.foreign.library import library
from collect.foreign.video import LosslessVideo, require_same
from collect.foreign.whole import whole_folder

PICTURES = "observation.images.screen"
# What LeRobot has no place for; names that begin with `action` or `observation` its policies would learn.
LABEL, CAPTURED, CONTROL = "twoframe.label", "twoframe.captured_ns", "twoframe.control"
FILE = "chunk-000/file-000"
CHUNK_SIZE = 1000
MOST_SAMPLES = 200  # of an episode's pictures, for their statistics
QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}


def export(recordings: Sequence[Recording], out: Path) -> str:
    """Write the folder `out` and say what it holds. Raises `TwoframeError`.

    An episode is a stretch of frames without a gap. `action` is a row of 0 and 1, the keys held, of type float32.
    LeRobot wants the times of an episode to be multiples of 1 / fps: those measured are in `twoframe.captured_ns`.
    """
    library("pyarrow.parquet")
    episodes = episodes_of(recordings)
    rate = Fraction(f"{recordings[0].rate_hz:.3f}")
    with whole_folder(out) as folder:
        for place in (folder / "data" / "chunk-000", folder / "meta" / "episodes" / "chunk-000"):
            place.mkdir(parents=True)
        _write_videos(folder / "videos" / PICTURES, episodes, rate)
        columns = _columns(episodes, rate)
        _write_data(folder / "data" / f"{FILE}.parquet", columns)
        _write_meta(folder / "meta", episodes, columns, rate)
        describe(folder / "meta", episodes)
    return (
        f"{len(episodes)} episodes, {sum(map(len, episodes))} pictures, to the last level; times are "
        f"{1 / float(rate):g} s apart as LeRobot wants them, key presses between pictures are left out"
    )


def _place(n: int) -> tuple[int, int]:
    """Chunk and file of the video of episode n: one for each, so that LeRobot's tools copy what they keep of it."""
    return divmod(n, CHUNK_SIZE)


def _write_videos(folder: Path, episodes: Sequence[Episode], rate: Fraction) -> None:
    for n, episode in enumerate(episodes):
        frame = episode.recording.meta.frame
        chunk, number = _place(n)
        path = folder / f"chunk-{chunk:03d}" / f"file-{number:03d}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with LosslessVideo(path, (frame.width, frame.height), frame.color, unit=1 / rate) as video:
            for t, image in enumerate(episode.images()):
                video.add(image, t)
        require_same(path, episode.images())


def _number(rate: Fraction) -> int | float:
    return int(rate) if rate.denominator == 1 else float(rate)


def _columns(episodes: Sequence[Episode], rate: Fraction) -> list[dict[str, Array]]:
    """The columns of each episode, by feature."""
    told: list[dict[str, Array]] = []
    first = 0
    for n, episode in enumerate(episodes):
        recording, rows, count = episode.recording, episode.rows, len(episode)
        steps = np.arange(count, dtype=np.int64)
        told.append(
            {
                "action": recording.keys[rows].astype(np.float32),
                LABEL: recording.meta.actions.actions_of(recording.keys[rows], recording.meta.keys),
                CAPTURED: recording.captured_ns[rows],
                CONTROL: episode.control().astype(np.int64),
                "timestamp": (steps / float(rate)).astype(np.float32),
                "frame_index": steps,
                "episode_index": np.full(count, n, np.int64),
                "index": first + steps,
                "task_index": np.zeros(count, np.int64),
            }
        )
        first += count
    return told


def _write_data(path: Path, columns: Sequence[dict[str, Array]]) -> None:
    pa, parquet = library("pyarrow"), library("pyarrow.parquet")
    table = {}
    for name in columns[0]:
        values = np.concatenate([each[name] for each in columns])
        if name == "action":  # a list of one length; of one key it is the number itself, as LeRobot has it
            kind = pa.list_(pa.float32(), values.shape[1])
            flat = pa.array(values.reshape(-1))
            table[name] = flat if values.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(flat, type=kind)
        else:
            table[name] = pa.array(values)
    parquet.write_table(pa.table(table), path)


def _write_meta(folder: Path, episodes: Sequence[Episode], columns: Sequence[dict[str, Array]], rate: Fraction) -> None:
    pa, parquet = library("pyarrow"), library("pyarrow.parquet")
    meta = episodes[0].recording.meta
    task = f"play {meta.window}" if meta.window else "play the game"
    numbers = {"dtype": "int64", "shape": [1], "names": None}
    info = {
        "codebase_version": "v3.0",
        "robot_type": None,
        "fps": _number(rate),
        "total_episodes": len(episodes),
        "total_frames": sum(map(len, episodes)),
        "total_tasks": 1,
        "chunks_size": CHUNK_SIZE,
        "data_files_size_in_mb": 100,
        "video_files_size_in_mb": 200,
        "splits": {"train": f"0:{len(episodes)}"},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
        "features": {
            PICTURES: {
                "dtype": "video",
                "shape": [meta.frame.height, meta.frame.width, 3],
                "names": ["height", "width", "channels"],
                "info": {
                    "video.height": meta.frame.height,
                    "video.width": meta.frame.width,
                    "video.codec": "h264",
                    "video.pix_fmt": "yuv444p",  # how LeRobot's tools are to code what they code anew
                    "video.fps": _number(rate),
                    "video.channels": 3,
                    "is_depth_map": False,
                    "has_audio": False,
                },
            },
            "action": {"dtype": "float32", "shape": [len(meta.keys)], "names": list(meta.keys)},
            "timestamp": {**numbers, "dtype": "float32"},
            **{name: numbers for name in columns[0] if name not in ("action", "timestamp")},
        },
    }
    write_json(folder / "info.json", info)
    levels = [_levels(episode) for episode in episodes]
    pixels = meta.frame.width * meta.frame.height
    of_each = [
        {**_of_numbers(own), PICTURES: _of_levels(seen, pixels)} for own, seen in zip(columns, levels, strict=True)
    ]
    every = {name: np.concatenate([each[name] for each in columns]) for name in columns[0]}
    write_json(folder / "stats.json", {**_of_numbers(every), PICTURES: _of_levels(sum(levels[1:], levels[0]), pixels)})
    rows = [_row(n, own, columns[n], task, rate) for n, own in enumerate(of_each)]
    parquet.write_table(pa.Table.from_pylist(rows), folder / "episodes" / f"{FILE}.parquet")
    _write_tasks(folder / "tasks.parquet", task)


def _row(n: int, statistics: dict[str, Any], columns: dict[str, Array], task: str, rate: Fraction) -> dict[str, Any]:
    first, count = int(columns["index"][0]), len(columns["index"])
    return {
        "episode_index": n,
        "tasks": [task],
        "length": count,
        "data/chunk_index": 0,
        "data/file_index": 0,
        "dataset_from_index": first,
        "dataset_to_index": first + count,
        f"videos/{PICTURES}/chunk_index": _place(n)[0],
        f"videos/{PICTURES}/file_index": _place(n)[1],
        f"videos/{PICTURES}/from_timestamp": 0.0,
        f"videos/{PICTURES}/to_timestamp": count / float(rate),
        **{f"stats/{name}/{kind}": value for name, kinds in statistics.items() for kind, value in kinds.items()},
        "meta/episodes/chunk_index": 0,
        "meta/episodes/file_index": 0,
    }


def _write_tasks(path: Path, task: str) -> None:
    """As pandas keeps a table whose index is the text of the task: LeRobot reads it so."""
    pa, parquet = library("pyarrow"), library("pyarrow.parquet")
    columns = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": own, "metadata": None}
        for name, kind, own in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]
    index = {"index_columns": ["task"], "column_indexes": [], "columns": columns, "pandas_version": "2.0.0"}
    table = pa.table({"task_index": pa.array([0], pa.int64()), "task": pa.array([task])})
    parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(index)}), path)


def _of_numbers(columns: dict[str, Array]) -> dict[str, Any]:
    return {name: _of(values.reshape(len(values), -1).astype(np.float64)) for name, values in columns.items()}


def _levels(episode: Episode) -> Ints:
    """(C, 256) int64: how often each level is in some of an episode's pictures, spread evenly."""
    chosen = np.linspace(episode.start, episode.stop - 1, min(len(episode), MOST_SAMPLES)).round().astype(int)
    counts = np.zeros((episode.recording.meta.frame.channels, 256), np.int64)
    for t in chosen.tolist():
        image = episode.recording.frames[t]
        counts += [np.bincount(image[:, :, c].ravel(), minlength=256) for c in range(len(counts))]
    return counts


def _of_levels(counts: Ints, pixels: int) -> dict[str, Any]:
    """Of each channel, as (3, 1, 1) and from 0 to 1; gray has three of the same. `pixels` are those of a picture."""
    values = np.arange(256) / 255
    shares = np.broadcast_to(counts, (3, 256)) / counts.sum(axis=1, keepdims=True)
    mean = shares @ values
    found = {
        "min": [values[np.flatnonzero(own)[0]] for own in shares],
        "max": [values[np.flatnonzero(own)[-1]] for own in shares],
        "mean": mean,
        "std": np.sqrt(np.maximum(shares @ values**2 - mean**2, 0)),
        **{name: values[(shares.cumsum(axis=1) >= q - 1e-9).argmax(axis=1)] for name, q in QUANTILES.items()},
    }
    return {name: [[[float(v)]] for v in value] for name, value in found.items()} | {
        "count": [int(counts[0].sum()) // pixels]
    }


def _of(values: Array) -> dict[str, list[Any]]:
    found = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        **{name: np.quantile(values, share, axis=0) for name, share in QUANTILES.items()},
    }
    return {**{name: value.tolist() for name, value in found.items()}, "count": [len(values)]}

"""Training data of the pygta5 tutorial: `training_data*.npy`, pairs of a picture and the one-hot row of its keys.

Its three forms: a file of all pairs, numbered files of some hundred pairs each, and numbered files of pictures whose
rows lie in `target_data*.npy`, beside them or in a folder `target`.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from agent.actions import ActionSet
from agent.arrays import Array, Ints, Levels
from agent.errors import TwoframeError
from agent.frames import MAX_SIDE, Image
from collect.foreign.pickled import read_saved
from collect.foreign.played import Played, Wanted, computed_times, held_by_label, require_fps

# As the tutorial's own `keys_to_output` has them, by how long a row is.
USUAL = {
    3: ("left=a", "forward=w", "right=d"),
    9: (
        "forward=w",
        "back=s",
        "left=a",
        "right=d",
        "forward_left=w+a",
        "forward_right=w+d",
        "back_left=s+a",
        "back_right=s+d",
        "none=",
    ),
}


def played_in(source: Path, wanted: Wanted) -> Played:
    """What the file or the folder `source` holds. Raises `TwoframeError`."""
    fps = require_fps(wanted, "pygta5 data")
    files = _files(source)
    first, _ = _pairs(files[0])
    size, color = (first.shape[2], first.shape[1]), "gray" if first.shape[3] == 1 else "rgb"
    labels, width, counts = [], 0, []
    for file in files:
        images, rows = _pairs(file)
        if images.shape[1:] != first.shape[1:] or (width and rows.shape[1] != width):
            raise TwoframeError(
                f"{file}: found pictures {images.shape[1:]} and rows of {rows.shape[1]}, expected {first.shape[1:]} "
                f"and {width} as in {files[0].name}; import them one by one"
            )
        width = rows.shape[1]
        labels.append(_labels(file, rows))
        counts.append(len(images))
    actions = wanted.actions or _usual(width, source)
    if len(actions) != width:
        raise TwoframeError(
            f"{source}: found rows of {width} numbers, expected {len(actions)}, one for each action that --keys names"
        )

    def pictures() -> Iterator[Image]:
        for file in files:  # one at a time: a file may hold hundreds of megabytes
            yield from _pairs(file)[0]

    return Played(
        source="pygta5",
        images=pictures(),
        size=size,
        color=color,  # type: ignore[arg-type]
        times_ns=computed_times(sum(counts), fps),
        held=held_by_label(np.concatenate(labels), actions, "pygta5 data"),
        actions=actions,
        fps=fps,
        losses=("times", "key_events"),
    )


def _usual(width: int, source: Path) -> ActionSet:
    if width not in USUAL:
        raise TwoframeError(
            f"{source}: found rows of {width} numbers, expected their meaning; name {width} with --keys"
        )
    return ActionSet.parse(USUAL[width])


def _files(source: Path) -> list[Path]:
    """The files of pictures, in the order of their numbers."""
    if source.is_file():
        return [source]
    found = [
        path for path in (*source.glob("training_data*.npy"), *source.glob("data/training_data*.npy")) if path.is_file()
    ]
    if not found:
        raise TwoframeError(f"{source}: found no training_data*.npy, expected files of the pygta5 tutorial")
    return sorted(found, key=lambda path: [int(n) for n in re.findall(r"\d+", path.stem)])


def _pairs(file: Path) -> tuple[Levels, Array]:
    """Pictures (n, H, W, 1 or 3) uint8 and as many rows of numbers (n, A). Raises `TwoframeError`."""
    saved = read_saved(file)
    if isinstance(saved, np.ndarray):
        images, rows = saved, _target(file)
    else:
        images, rows = _stacked(file, saved)
    if images.ndim == 3:
        images = images[..., None]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] not in (1, 3) or not len(images):
        raise TwoframeError(
            f"{file}: found {images.dtype} {images.shape}, expected pictures: uint8 (n, height, width) or (.., 3)"
        )
    if max(images.shape[1:3]) > MAX_SIDE:
        raise TwoframeError(f"{file}: found pictures {images.shape[1:3]}, expected at most {MAX_SIDE} a side")
    if rows.ndim != 2 or len(rows) != len(images):
        raise TwoframeError(f"{file}: found rows {rows.shape} of {len(images)} pictures, expected one for each")
    return images, rows


def _stacked(file: Path, saved: list[Any]) -> tuple[Array, Array]:
    wrong = TwoframeError(f"{file}: found something else than pairs of a picture and its row, expected such pairs")
    if not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], np.ndarray) for pair in saved):
        raise wrong
    if len({pair[0].shape for pair in saved}) > 1:
        raise TwoframeError(f"{file}: found pictures of several sizes, expected one size")
    try:
        return np.stack([pair[0] for pair in saved]), np.array([pair[1] for pair in saved], np.float64)
    except (ValueError, TypeError, OverflowError):
        raise wrong from None


def _target(file: Path) -> Array:
    name = file.name.replace("training_data", "target_data")
    places = [place / name for place in (file.parent, file.parent.parent / "target") if (place / name).is_file()]
    if not places or name == file.name:
        raise TwoframeError(f"{file}: found pictures and no {name} beside them, expected the keys there")
    rows = read_saved(places[0])
    if not isinstance(rows, np.ndarray):
        raise TwoframeError(f"{places[0]}: found objects, expected rows of numbers")
    return rows


def _labels(file: Path, rows: Array) -> Ints:
    """(n,) int64: where the one of each row is. Raises `TwoframeError` for rows that are not one-hot."""
    if not (((rows == 0) | (rows == 1)).all() and (rows.sum(axis=1) == 1).all()):
        raise TwoframeError(f"{file}: found rows that are not one-hot, expected a single 1 among zeros in each")
    return np.asarray(rows.argmax(axis=1), np.int64)

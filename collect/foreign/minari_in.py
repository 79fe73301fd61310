"""`import --from minari`: a dataset of pictures and actions that Minari wrote, read by h5py."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.arrays import Array, Bools, Ints
from agent.errors import TwoframeError
from agent.frames import MAX_SIDE, Image
from agent.recording.format import PERSON
from collect.foreign.described import described_in
from collect.foreign.library import library
from collect.foreign.played import (
    Played,
    Wanted,
    computed_times,
    held_by_label,
    one_after_the_other,
    require_actions,
    require_fps,
)

MAX_METADATA_BYTES = 256_000_000  # the bounds of a space are written out, number by number


@dataclass(frozen=True, slots=True)
class _Spaces:
    """Where the pictures are in an episode, of which shape, and whether each is a JPEG; how many actions there are."""

    pictures: str
    shape: tuple[int, int, int]
    jpeg: bool
    actions: int


def played_in(source: Path, wanted: Wanted) -> Played:
    """The dataset in the folder `source`, or in its `data`. Raises `TwoframeError`."""
    h5py = library("h5py")
    data = source if (source / "metadata.json").is_file() else source / "data"
    spaces = _spaces(data, wanted)
    described = described_in(data)
    try:
        with h5py.File(data / "main_data.hdf5", "r") as file:
            names = sorted((name for name in file if name.startswith("episode_")), key=_number)
            groups = [_inside(h5py, file, name) for name in names]
            lengths = [_length(h5py, group, spaces, ours=described is not None) for group in groups]
            labels = [_labels(h5py, group, length) for group, length in zip(groups, lengths, strict=True)]
            known = [_infos(h5py, group, n) for group, n in zip(groups, lengths, strict=True)] if described else []
    except _DAMAGED as error:
        raise _not_whole(data, error) from None
    if not lengths:
        raise TwoframeError(f"{data}: found no episodes, expected some")
    losses: tuple[str, ...]
    control = None
    if described:
        actions, fps, losses = wanted.actions or described.actions, described.fps, ("key_events",)
        held: Bools = np.concatenate([info["keys"] for info in known])
        times = one_after_the_other([info["captured_ns"] for info in known])
        control = np.concatenate([info["control"] for info in known])
        if held.shape[1] != len(described.keys):
            raise TwoframeError(f"{data}: found {held.shape[1]} columns of keys, expected {len(described.keys)}")
    else:
        actions = require_actions(wanted, f"{spaces.actions} numbered actions")
        held = held_by_label(np.concatenate(labels), actions, "dataset of Minari")
        fps, losses = require_fps(wanted, "dataset of Minari"), ("times", "key_events")
        times = one_after_the_other([computed_times(length, fps) for length in lengths])

    def pictures() -> Iterator[Image]:
        with h5py.File(data / "main_data.hdf5", "r") as file:
            for name, length in zip(names, lengths, strict=True):
                images = _inside(h5py, _inside(h5py, file, name), spaces.pictures)
                for i in range(length):
                    try:
                        image = _image(images[i], spaces)
                    except _DAMAGED as error:
                        raise _not_whole(data, error) from None
                    yield image

    return Played(
        source="minari",
        images=pictures(),
        size=(spaces.shape[1], spaces.shape[0]),
        color="gray" if spaces.shape[2] == 1 else "rgb",
        times_ns=times,
        held=held,
        actions=actions,
        fps=fps,
        losses=(*losses, *(["pixels"] if spaces.jpeg else [])),
        described=described,
        control=control if control is not None and (control != PERSON).any() else None,
    )


# All that h5py says of a damaged file, by where it is damaged.
_DAMAGED = (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError, MemoryError)


def _not_whole(data: Path, error: Exception) -> TwoframeError:
    what = " ".join(str(error).split())[:80]
    return TwoframeError(f"{data}: found no whole dataset of Minari ({what}), expected one; copy it again")


def _number(name: str) -> int:
    text = name.removeprefix("episode_")
    if not text.isdecimal():
        raise ValueError(f"an episode called {name[:40]}")
    return int(text)


def _inside(h5py: Any, group: Any, path: str) -> Any:
    """What is in the file itself at `path`: a link that leads out of it, as HDF5 knows some, is not followed."""
    for part in path.split("/"):
        if not isinstance(group.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"no {path} in {group.name}")
        group = group[part]
    if isinstance(group, h5py.Dataset) and (group.external or group.is_virtual):
        raise ValueError(f"numbers of {group.name} in other files")
    return group


def _length(h5py: Any, group: Any, spaces: _Spaces, *, ours: bool) -> int:
    """The pictures of an episode whose keys are known: not the last, which comes after all actions, but where we kept
    them beside."""
    images = _inside(h5py, group, spaces.pictures)
    if not spaces.jpeg and (images.dtype != np.uint8 or _as_picture(images.shape[1:]) != spaces.shape):
        raise ValueError(f"{images.dtype} {images.shape} as pictures of {group.name}")
    actions = len(_inside(h5py, group, "actions"))
    if len(images) not in (actions, actions + 1):
        raise ValueError(f"{len(images)} pictures for {actions} actions in {group.name}")
    return len(images) if ours else actions


def _labels(h5py: Any, group: Any, length: int) -> Ints:
    actions = _inside(h5py, group, "actions")
    if actions.ndim != 1 or actions.dtype.kind not in "iu":
        raise ValueError(f"{actions.dtype} {actions.shape} as actions; numbered ones (Discrete) are read")
    return np.asarray(actions[:length], np.int64)


def _infos(h5py: Any, group: Any, length: int) -> dict[str, Array]:
    """What our own export keeps beside. Raises `ValueError` where it is not all there."""
    found = {}
    for name, kind in (("captured_ns", np.int64), ("keys", np.bool_), ("control", np.uint8)):
        values = _inside(h5py, group, f"infos/{name}")
        if values.dtype != kind or values.ndim != (2 if name == "keys" else 1) or len(values) != length:
            raise ValueError(f"{values.dtype} {values.shape} as infos/{name} of {group.name}")
        found[name] = np.asarray(values[:])
    return found


def _image(stored: Any, spaces: _Spaces) -> Image:
    if not spaces.jpeg:
        return np.asarray(stored, np.uint8).reshape(spaces.shape)
    image = cv2.imdecode(np.asarray(stored, np.uint8), cv2.IMREAD_COLOR)
    if image is None or image.shape[:2] != spaces.shape[:2]:
        raise TwoframeError("found a picture that is no JPEG of its size in this dataset, expected one")
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)[:, :, : spaces.shape[2]]


def _spaces(data: Path, wanted: Wanted) -> _Spaces:
    path = data / "metadata.json"
    if not path.is_file() or path.stat().st_size > MAX_METADATA_BYTES:
        raise TwoframeError(f"{data}: found no metadata.json of Minari, expected the folder of a dataset")
    try:
        metadata = json.loads(path.read_bytes())
        if metadata["data_format"] != "hdf5":
            raise TwoframeError(
                f"{data}: found the storage {str(metadata['data_format'])[:20]!r}, expected hdf5; write it anew with "
                "data_format='hdf5'"
            )
        observed, acted = json.loads(metadata["observation_space"]), json.loads(metadata["action_space"])
        kind, actions = acted["type"], acted.get("n")
        found = {name: tuple(map(int, space["shape"])) for name, space in _boxes("observations", observed)}
        encoded = bool(metadata.get("jpeg_encoding", True))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise TwoframeError(f"{path}: found no description of Minari ({str(error)[:60]}), expected one") from None
    if kind != "Discrete" or type(actions) is not int:
        raise TwoframeError(f"{data}: found actions of the kind {str(kind)[:20]}, expected Discrete ones")
    pictures = {name: picture for name, shape in found.items() if (picture := _as_picture(shape))}
    if wanted.picture:
        pictures = {name: shape for name, shape in pictures.items() if name.endswith(f"/{wanted.picture}")}
    if len(pictures) != 1:
        names = ", ".join(name.removeprefix("observations/") for name in found) or "none"
        raise TwoframeError(
            f"{data}: found {len(pictures)} observations that are pictures (of {names}), expected one; name it with "
            "--picture"
        )
    name, shape = next(iter(pictures.items()))
    # As Minari decides it: smaller ones, such as those of a grid world, are not encoded.
    return _Spaces(name, shape, encoded and min(shape[:2]) >= 32, actions)


def _boxes(name: str, space: Any) -> Iterator[tuple[str, Any]]:
    """The boxes of uint8 in a space, by where an episode has them."""
    if space["type"] == "Dict":
        for key, inner in space["subspaces"].items():
            yield from _boxes(f"{name}/{key}", inner)
    elif space["type"] == "Box" and space["dtype"] == "uint8":
        yield name, space


def _as_picture(shape: tuple[int, ...]) -> tuple[int, int, int] | None:
    """(H, W, C) of what can be a picture."""
    if len(shape) not in (2, 3) or not all(1 <= side <= MAX_SIDE for side in shape):
        return None
    height, width, channels = (*shape, 1)[:3]
    return (height, width, channels) if channels in (1, 3) else None

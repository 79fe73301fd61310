"""`import --from lerobot`: a dataset of LeRobot's format v3.0, read by pyarrow and PyAV."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.actions import ActionSet
from agent.arrays import Array, Bools, Ints
from agent.errors import TwoframeError
from agent.frames import MAX_SIDE, Image
from agent.json_files import check_types, read_json
from agent.keys import KEYS
from agent.recording.format import PERSON, Meta
from collect.foreign.described import described_in
from collect.foreign.lerobot_out import CAPTURED, CONTROL
from collect.foreign.library import library
from collect.foreign.played import Played, Wanted, held_by_label, one_after_the_other, require_actions
from collect.foreign.video import VideoReader


@dataclass(frozen=True, slots=True)
class _Info:
    """What `info.json` says of what is read: `pictures` is the name of a feature, `as_video` whether it is a video."""

    folder: Path
    fps: float
    pictures: str
    size: tuple[int, int]
    as_video: bool
    names: tuple[str, ...]
    has_ours: bool


def played_in(source: Path, wanted: Wanted) -> Played:
    """The dataset in the folder `source`. Raises `TwoframeError`."""
    info = _info(source, wanted)
    table = _read(
        source / "data", ["action", "timestamp", "episode_index", *([CAPTURED, CONTROL] if info.has_ours else [])]
    )
    episode_of = _numbers(table, "episode_index").astype(np.int64)
    if (np.diff(episode_of) < 0).any():
        raise TwoframeError(f"{source}: found episodes that are not in order, expected them so")
    borders = np.flatnonzero(np.diff(episode_of, prepend=-1))
    rows = [slice(int(a), int(b)) for a, b in zip(borders, [*borders[1:], len(episode_of)], strict=True)]
    acted = _vectors(table, "action")
    # LeRobot's own tools (episodes taken out, datasets put together) keep our columns and lose what is described.
    described = described_in(source / "meta") if info.has_ours else None
    if described:
        actions, held = wanted.actions or described.actions, _held_as_before(acted, described, source)
    else:
        actions, held = _held(acted, info, wanted)
    if info.has_ours:
        times_ns = one_after_the_other([_numbers(table, CAPTURED)[own].astype(np.int64) for own in rows])
        control = _numbers(table, CONTROL).astype(np.uint8)
    else:
        seconds = _numbers(table, "timestamp").astype(np.float64)
        times_ns = one_after_the_other([np.round(seconds[own] * 1e9).astype(np.int64) for own in rows])
        control = None
    images, gray, lossy = _pictures(info, table, episode_of[borders], rows)
    return Played(
        source="lerobot",
        images=images,
        size=info.size,
        color="gray" if gray else "rgb",
        times_ns=times_ns,
        held=held,
        actions=actions,
        fps=described.fps if described else info.fps,
        losses=(*([] if info.has_ours else ["times"]), "key_events", *(["pixels"] if lossy else [])),
        described=described,
        control=control if control is not None and (control != PERSON).any() else None,
    )


def _info(source: Path, wanted: Wanted) -> _Info:
    path = source / "meta" / "info.json"
    if not path.is_file():
        raise TwoframeError(f"{source}: found no meta/info.json, expected the folder of a dataset of LeRobot")
    try:
        value = read_json(path)
        check_types(
            value if isinstance(value, dict) else {}, {"codebase_version": str, "fps": (int, float), "features": dict}
        )
        features = value["features"]
        if not value["codebase_version"].startswith("v3."):
            raise TwoframeError(
                f"found version {value['codebase_version'][:12]!r}, expected v3.0; convert it with LeRobot's own script"
            )
        if not 0 < value["fps"] <= 1000:
            raise TwoframeError(f"found {value['fps']} fps, expected more than 0 and at most 1000")
        cameras = {
            name: told
            for name, told in features.items()
            if told["dtype"] in ("video", "image") and wanted.picture in (None, name, name.rpartition(".")[2])
        }
        if len(cameras) != 1:
            all_of = ", ".join(name for name, told in features.items() if told["dtype"] in ("video", "image")) or "none"
            raise TwoframeError(f"found {len(cameras)} cameras (of {all_of}), expected one; name it with --picture")
        name, camera = next(iter(cameras.items()))
        if not isinstance(name, str) or set(name) & set("/\\") or ".." in name:
            raise TwoframeError(f"found a camera called {str(name)[:40]!r}, expected a plain name")
        shape = dict(zip(camera["names"] or ("height", "width", "channels"), camera["shape"], strict=True))
        width, height = int(shape["width"]), int(shape["height"])
        if not (min(width, height) >= 1 and max(width, height) <= MAX_SIDE):
            raise TwoframeError(f"found pictures of {width}x{height}, expected at most {MAX_SIDE} a side")
        names = features["action"].get("names") or ()
        if isinstance(names, dict):  # in some datasets the names are in groups
            names = next(iter(names.values()), ())
    except TwoframeError as error:
        raise TwoframeError(f"{path}: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TwoframeError(f"{path}: found no description of LeRobot ({str(error)[:60]}), expected one") from None
    return _Info(
        folder=source,
        fps=float(value["fps"]),
        pictures=name,
        size=(width, height),
        as_video=camera["dtype"] == "video",
        names=tuple(map(str, names)),
        has_ours=CAPTURED in features and CONTROL in features,
    )


def _read(folder: Path, columns: Sequence[str]) -> Any:
    """The `columns` of all tables in `folder`, one after the other."""
    pa, parquet = library("pyarrow"), library("pyarrow.parquet")
    files = sorted(folder.glob("chunk-*/file-*.parquet"))
    if not files:
        raise TwoframeError(f"{folder}: found no chunk-000/file-000.parquet, expected tables")
    try:
        return pa.concat_tables([parquet.read_table(file, columns=list(columns), partitioning=None) for file in files])
    except (pa.ArrowException, OSError, KeyError) as error:
        raise TwoframeError(f"{folder}: found no tables that can be read ({_first(error)}), expected Parquet") from None


def _first(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:80]


def _numbers(table: Any, name: str) -> Array:
    if name not in table.column_names:
        raise TwoframeError(f"found no column {name}, expected one in each table of the dataset")
    values = table[name].to_numpy()
    if values.dtype.kind not in "iufb" or values.ndim != 1 or not np.isfinite(values.astype(np.float64)).all():
        raise TwoframeError(f"found {values.dtype} {values.shape} in the column {name}, expected numbers")
    return values  # type: ignore[no-any-return]


def _vectors(table: Any, name: str) -> Array:
    """(T, K) float64."""
    if name not in table.column_names:
        raise TwoframeError(f"found no column {name}, expected one in each table of the dataset")
    try:
        values = np.array(table[name].to_pylist(), np.float64)
    except (ValueError, TypeError):
        raise TwoframeError(f"found rows of several lengths in the column {name}, expected numbers") from None
    return values[:, None] if values.ndim == 1 else values


def _held_as_before(acted: Array, described: Meta, source: Path) -> Bools:
    if acted.shape[1] != len(described.keys):
        raise TwoframeError(f"{source}: found actions of {acted.shape[1]}, expected the {len(described.keys)} keys")
    return acted > 0.5


def _held(acted: Array, info: _Info, wanted: Wanted) -> tuple[ActionSet, Bools]:
    """The actions, and the held keys (T, K) of them: columns named by keys, one-hot rows, or numbered actions."""
    width = acted.shape[1]
    shown = f"{info.folder}: found actions {', '.join(info.names)[:80] or f'of {width} numbers'}"
    of_keys = len(info.names) == width and set(info.names) <= set(KEYS)
    if width == 1 and not of_keys and (acted == np.round(acted)).all():
        actions = require_actions(wanted, f"numbered actions in {info.folder}")
        return actions, held_by_label(acted[:, 0].astype(np.int64), actions, "dataset of LeRobot")
    if not ((acted == 0) | (acted == 1)).all():
        raise TwoframeError(f"{shown} from {acted.min():g} to {acted.max():g}, expected keys: 0 or 1 for each")
    if of_keys:
        actions = require_actions(wanted, f"the keys {', '.join(info.names)}")
        if missing := [key for key in actions.keys if key not in info.names]:
            raise TwoframeError(f"{shown}, expected {missing[0]} among them as --keys names it")
        return actions, (acted > 0.5)[:, [info.names.index(key) for key in actions.keys]]
    if (acted.sum(axis=1) == 1).all():
        actions = require_actions(wanted, f"one of {width} actions in each row")
        if len(actions) != width:
            raise TwoframeError(f"{shown}, expected {len(actions)}, one for each action that --keys names")
        return actions, held_by_label(acted.argmax(axis=1), actions, "dataset of LeRobot")
    raise TwoframeError(f"{shown}, expected columns that are named by keys such as a, w, space, or one-hot rows")


def _pictures(info: _Info, table: Any, numbers: Ints, rows: Sequence[slice]) -> tuple[Iterator[Image], bool, bool]:
    """The pictures of all episodes in turn; whether they are gray, and coded with loss."""
    if not info.as_video:
        return _stored(info), False, False
    seconds = _numbers(table, "timestamp").astype(np.float64)
    places = _places(info, numbers)
    with VideoReader(places[0][0]) as video:
        gray, lossy = video.gray, video.lossy

    def pictures() -> Iterator[Image]:
        for (file, from_s), own in zip(places, rows, strict=True):
            with VideoReader(file) as video:
                if video.size != info.size:
                    raise TwoframeError(f"{file}: found {video.size}, expected pictures of {info.size}")
                yield from video.pictures_at(np.round((seconds[own] + from_s) * 1e9).astype(np.int64))

    return pictures(), gray, lossy


def _places(info: _Info, numbers: Ints) -> list[tuple[Path, float]]:
    """The file of each episode's pictures, and the second in it at which they begin."""
    keys = [f"videos/{info.pictures}/{name}" for name in ("chunk_index", "file_index", "from_timestamp")]
    table = _read(info.folder / "meta" / "episodes", ["episode_index", *keys])
    columns = [_numbers(table, name).tolist() for name in ("episode_index", *keys)]
    known = {int(row[0]): row[1:] for row in zip(*columns, strict=True)}
    if missing := [int(n) for n in numbers if int(n) not in known]:
        raise TwoframeError(f"{info.folder}: found no episode {missing[0]} in meta/episodes, expected all of them")
    videos = info.folder / "videos" / info.pictures
    return [
        (
            videos / f"chunk-{int(known[int(n)][0]):03d}" / f"file-{int(known[int(n)][1]):03d}.mp4",
            float(known[int(n)][2]),
        )
        for n in numbers
    ]


def _stored(info: _Info) -> Iterator[Image]:
    """Pictures that lie in the tables themselves, as PNG or JPEG; a file elsewhere that one names is not opened."""
    parquet = library("pyarrow.parquet")
    for file in sorted((info.folder / "data").glob("chunk-*/file-*.parquet")):
        for batch in parquet.ParquetFile(file).iter_batches(batch_size=64, columns=[info.pictures]):
            for row in batch.column(0).to_pylist():
                content = row.get("bytes") if isinstance(row, dict) else None
                image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
                if image is None or (image.shape[1], image.shape[0]) != info.size:
                    raise TwoframeError(
                        f"{file}: found a picture that is none of {info.size}, expected PNG or JPEG in it"
                    )
                yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[misc]

"""A video and a table: `export --to csv` and `--to video`, and `import --from video+csv`."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from agent.actions import ActionSet
from agent.arrays import Bools, Ints
from agent.errors import TwoframeError
from agent.frames import Image
from agent.keys import key as named_key
from agent.recording.reader import Recording
from collect.foreign.played import Played, Wanted, computed_times, held_by_label, require_actions, require_fps
from collect.foreign.video import MICROSECOND, LosslessVideo, VideoReader, require_same
from collect.foreign.whole import whole_file

MAX_ROWS = 20_000_000


def export_table(recording: Recording, path: Path) -> None:
    """A CSV with a row per frame: time in seconds, each key as 0 or 1, the action's name. Raises `TwoframeError`."""
    with whole_file(path) as aside:
        _write_table(recording, aside)


def _write_table(recording: Recording, path: Path) -> None:
    meta = recording.meta
    labels = meta.actions.actions_of(recording.keys, meta.keys)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time_s", *(f"key_{key}" for key in meta.keys), "action"])
        for time_ns, held, label in zip(recording.captured_ns, recording.keys, labels, strict=True):
            writer.writerow([f"{time_ns / 1e9:.6f}", *held.astype(int), meta.actions.names[label]])


def export_video(recording: Recording, path: Path) -> None:
    """The frames as they are, each at its time, as an mp4 without loss; its table beside it. Raises `TwoframeError`."""
    if path.suffix.lower() != ".mp4":
        raise TwoframeError(f"{path}: found the ending {path.suffix!r}, expected .mp4; name it OUT.mp4")
    if not len(recording):
        raise TwoframeError(f"{recording.folder}: found no frames, expected some")
    frame = recording.meta.frame
    times_us = np.round((recording.captured_ns - recording.captured_ns[0]) / 1000).astype(np.int64)
    with whole_file(path) as aside, whole_file(path.with_suffix(".csv")) as table:
        _write_table(recording, table)
        with LosslessVideo(aside, (frame.width, frame.height), frame.color, unit=MICROSECOND) as video:
            for t in range(len(recording)):
                video.add(recording.frames[t], int(times_us[t]))
        require_same(aside, (recording.frames[t] for t in range(len(recording))))


def played_in(source: Path, wanted: Wanted) -> Played:
    """A video, and the table beside it or `wanted.table`. Raises `TwoframeError`."""
    table = wanted.table or source.with_suffix(".csv")
    if table == source:
        raise TwoframeError(f"{source}: found a table, expected a video; name the video, and its table with --csv")
    columns = _columns(table)
    rows = len(columns["action" if "action" in columns else next(iter(columns))])
    with VideoReader(source) as video:
        size, gray, lossy = video.size, video.gray, video.lossy
        video_times = [time_ns for time_ns, _ in islice(video.pictures(), rows + 1)]
    if len(video_times) != rows:
        found = "more" if len(video_times) > rows else str(len(video_times))
        raise TwoframeError(
            f"{source}: found {found} pictures for the {rows} rows of {table.name}, expected a row each"
        )
    times_ns, losses = _times(columns, video_times, wanted, source)
    actions, held = _held(columns, wanted, table)

    def pictures() -> Iterator[Image]:
        with VideoReader(source) as video:
            yield from (image for _, image in video.pictures())

    return Played(
        source="video+csv",
        images=pictures(),
        size=size,
        color="gray" if gray else "rgb",
        times_ns=times_ns,
        held=held,
        actions=actions,
        fps=wanted.fps or _rate(times_ns),
        losses=(*losses, "key_events", *(["pixels"] if lossy else [])),
    )


def _columns(table: Path) -> dict[str, list[str]]:
    """The columns of a table that has the right ones. Raises `TwoframeError`."""
    if not table.is_file():
        raise TwoframeError(f"{table}: found no table, expected one beside the video; name it with --csv FILE")
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True)
            names = [name.strip() for name in next(reader, [])]
            rows = list(islice((row for row in reader if row), MAX_ROWS))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TwoframeError(f"{table}: found no table that can be read ({error}), expected CSV in UTF-8") from None
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise TwoframeError(f"{table}: found the column {twice[0]!r} twice, expected each once")
    if not ("action" in names or any(name.startswith("key_") for name in names)):
        raise TwoframeError(f"{table}: found no column action or key_NAME, expected one; see recordings export")
    for n, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise TwoframeError(f"{table}: found {len(row)} fields in row {n}, expected {len(names)}; is it cut off?")
    return {name: [row[c] for row in rows] for c, name in enumerate(names)}


def _times(
    columns: dict[str, list[str]], of_video: list[int | None], wanted: Wanted, source: Path
) -> tuple[Ints, tuple[str, ...]]:
    """By the table, else by `--fps`, else by the video; and whether they are computed."""
    if "time_s" in columns:
        try:
            times_s = np.array([float(text) for text in columns["time_s"]])
        except ValueError as error:
            raise TwoframeError(f"time_s: found {str(error)[-40:]}, expected seconds") from None
        if not (np.isfinite(times_s).all() and (np.abs(times_s) < 1e9).all()):
            raise TwoframeError("time_s: found times that are no seconds, expected some from 0 on")
        return np.round(times_s * 1e9).astype(np.int64), ()
    if wanted.fps is not None:
        return computed_times(len(of_video), wanted.fps), ("times",)
    if any(time_ns is None for time_ns in of_video):
        require_fps(wanted, f"video {source.name}, nor in its table")
    times_ns = np.array(of_video, np.int64)
    return times_ns - times_ns.min(initial=0), ()


def _held(columns: dict[str, list[str]], wanted: Wanted, table: Path) -> tuple[ActionSet, Bools]:
    """The actions, and the keys of each that are held (T, K) bool."""
    names = {name.removeprefix("key_"): name for name in columns if name.startswith("key_")}
    by_key = {named_key(name).name: column for name, column in names.items()}
    if len(by_key) < len(names):
        raise TwoframeError(f"{table}: found two columns for one key ({', '.join(names)}), expected one for each")
    said = sorted(set(columns.get("action", [])))
    found = f"columns for the keys {', '.join(by_key)}" if by_key else f"the actions {', '.join(said[:9])}"
    actions = require_actions(wanted, found)
    if not by_key:
        if unknown := [name for name in said if name not in actions.names]:
            raise TwoframeError(
                f"{table}: found the action {unknown[0][:40]!r}, expected {', '.join(actions.names)} as named by --keys"
            )
        labels = np.array([actions.names.index(name) for name in columns["action"]], np.int64)
        return actions, held_by_label(labels, actions, "table")
    if missing := [key for key in actions.keys if key not in by_key]:
        raise TwoframeError(f"{table}: found no column key_{missing[0]}, expected one for each key that --keys names")
    held = np.zeros((len(next(iter(columns.values()))), len(actions.keys)), np.bool_)
    for k, key in enumerate(actions.keys):
        values = columns[by_key[key]]
        if not set(values) <= {"0", "1"}:
            raise TwoframeError(
                f"{table}: found {sorted(set(values) - {'0', '1'})[0][:20]!r} in key_{key}, expected 0 or 1"
            )
        held[:, k] = np.array(values) == "1"
    return actions, held


def _rate(times_ns: Ints) -> float:
    """Of times of which none is told: their typical spacing."""
    spacing_ns = float(np.median(np.diff(times_ns))) if len(times_ns) > 1 else 1e8
    if spacing_ns <= 0:
        raise TwoframeError("found times that do not increase, expected increasing ones")
    return min(1000.0, float(f"{1e9 / spacing_ns:.4g}"))

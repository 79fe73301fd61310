"""What was played, as an import finds it, and how it becomes a recording."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import numpy as np

from agent.actions import ActionSet
from agent.arrays import Array, Bools, Ints, Levels
from agent.errors import TwoframeError
from agent.frames import LEAST_SIDE, MAX_SIDE, Box, Color, FrameSpec, Image, prepare
from agent.machine import versions
from agent.recording.format import KEY_EVENT, Meta, pixels_digest
from agent.recording.imported import Imported
from agent.recording.writer import RecordingWriter
from collect.foreign.whole import require_room, whole_folder

CHUNK = 256
EPISODE_GAP_NS = 1_000_000_000  # between two episodes of one recording: no window of frames crosses it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person says of an import: `actions` where `--keys` names some; `size` (width, height) and `color` of the
    frames, `fps` of pictures without times, the one `picture` of several, and the table beside a video."""

    actions: ActionSet | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None
    color: Color | None = None
    picture: str | None = None
    table: Path | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """T moments: `images`, an iterable of T arrays (H, W, 1) gray or (H, W, 3) RGB of `size` (width, height), uint8;
    `times_ns` (T,) int64, increasing from 0 or later; `held` (T, K) bool, the keys `actions.keys` held at each.

    `events` (E,) of `KEY_EVENT` where the presses themselves are known. `described` is the `meta.json` of the recording
    that this was once exported from; `control` (T,) who had the keys, where that is known.
    """

    source: str
    images: Iterable[Image]
    size: tuple[int, int]
    color: Color
    times_ns: Ints
    held: Bools
    actions: ActionSet
    fps: float
    losses: tuple[str, ...] = ()
    events: Array | None = None
    described: Meta | None = None
    control: Levels | None = None
    began_utc: datetime | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        return self.described.keys if self.described else self.actions.keys


def write_played(out: Path, played: Played, wanted: Wanted) -> Imported:
    """Write `out`, a new recording, whole or not at all. Raises `TwoframeError`."""
    meta = _meta(played, wanted)
    count = len(played.times_ns)
    if not count:
        raise TwoframeError(f"found no pictures in this {played.source}, expected some")
    if played.times_ns[0] < 0 or (np.diff(played.times_ns) <= 0).any():
        raise TwoframeError(f"found times that do not increase in this {played.source}, expected increasing ones")
    # Not that of `meta`, whose crop was made before this was exported.
    made = FrameSpec(meta.frame.width, meta.frame.height, meta.frame.color)
    extras = {} if played.control is None else {"control": played.control}
    events = events_of(played.times_ns, played.held) if played.events is None else played.events
    with whole_folder(out) as folder:
        require_room(folder, count * int(np.prod(meta.frame.shape)), "pass a smaller --size or --color gray")
        with RecordingWriter(folder, meta, extras) as writer:
            for event in events:
                writer.key_event(int(event["time_ns"]), meta.keys[event["key"]], down=bool(event["down"]))
            written = 0
            for t, image in zip(range(count), chain(played.images), strict=False):
                writer.append(
                    prepare(image, made), int(played.times_ns[t]), **{n: each[t] for n, each in extras.items()}
                )
                written += 1
                if t % CHUNK == 0:
                    writer.flush(int(played.times_ns[t]))
            if written < count:
                raise TwoframeError(f"found {written} pictures, expected {count}; is it cut off?")
    assert meta.imported
    return meta.imported


def _meta(played: Played, wanted: Wanted) -> Meta:
    imported = Imported(played.source, tuple(dict.fromkeys(played.losses)))
    described = played.described
    if described and not (wanted.size or wanted.color) and described.frame.shape == _shape(played):
        return replace(described, actions=played.actions, imported=imported, complete=False)
    color = wanted.color or played.color
    if color == "rgb" and played.color == "gray":
        raise TwoframeError(f"found gray pictures in this {played.source}, expected rgb ones; pass --color gray")
    width, height = wanted.size or played.size
    if not (min(width, height) >= LEAST_SIDE and max(width, height) <= MAX_SIDE):
        raise TwoframeError(
            f"found pictures of {width}x{height}, expected {LEAST_SIDE} to {MAX_SIDE} a side; pass --size"
        )
    frame = FrameSpec(width, height, color)
    return Meta(
        frame=frame,
        keys=played.keys,
        actions=played.actions,
        fps=played.fps,
        window=described.window if described else None,
        region=Box(0, 0, *played.size),
        source=described.source if described else "demonstration",
        started_utc=(played.began_utc or datetime.now(UTC)).isoformat(timespec="milliseconds"),
        versions=versions(["numpy", "opencv-python"]),
        pixels=pixels_digest([frame]),
        imported=imported,
    )


def _shape(played: Played) -> tuple[int, int, int]:
    return (played.size[1], played.size[0], 1 if played.color == "gray" else 3)


def events_of(times_ns: Ints, held: Bools) -> Array:
    """(E,) of `KEY_EVENT`: the changes from one row of `held` (T, K) to the next, at the time of the later picture."""
    before = np.vstack([np.zeros((1, held.shape[1]), np.bool_), held[:-1]])
    t, key = np.nonzero(before != held)
    events = np.empty(len(t), KEY_EVENT)
    events["time_ns"], events["key"], events["down"] = times_ns[t], key, held[t, key]
    return events


def held_by_label(labels: Ints, actions: ActionSet, source: str) -> Bools:
    """(T, K) bool: the keys of the action that each of `labels` (T,) is the index of. Raises `TwoframeError`."""
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(actions)):
        raise TwoframeError(
            f"found labels from {labels.min()} to {labels.max()} in this {source}, expected 0 to {len(actions) - 1} of "
            f"the {len(actions)} actions; name as many with --keys, in their order"
        )
    chords = np.array([[key in action.keys for key in actions.keys] for action in actions.actions], np.bool_)
    return chords[labels]


def require_actions(wanted: Wanted, found: str) -> ActionSet:
    """The actions that `--keys` names. Raises `TwoframeError` where it names none: `found` says what there is."""
    if wanted.actions is None:
        raise TwoframeError(
            f"found {found}, expected which actions they are; name them, such as --keys left=a forward=w right=d"
        )
    return wanted.actions


def require_fps(wanted: Wanted, source: str) -> float:
    """What `--fps` says. Raises `TwoframeError` where it says nothing."""
    if wanted.fps is None:
        raise TwoframeError(
            f"found no times in this {source}, expected how many pictures came in a second; add --fps N"
        )
    return wanted.fps


def computed_times(count: int, fps: float) -> Ints:
    """(count,) int64: the times of pictures that came at `fps`, in nanoseconds from 0 on."""
    return np.round(np.arange(count) * (1e9 / fps)).astype(np.int64)


def one_after_the_other(times_of_each: Sequence[Ints]) -> Ints:
    """The times of several episodes on one axis: as they are while they go on increasing, else a second later."""
    end_ns = 0
    moved = []
    for n, times_ns in enumerate(times_of_each):
        if n and len(times_ns) and times_ns[0] <= end_ns:
            times_ns = times_ns - times_ns[0] + end_ns + EPISODE_GAP_NS
        moved.append(times_ns)
        end_ns = int(times_ns[-1]) if len(times_ns) else end_ns
    return np.concatenate(moved) if moved else np.empty(0, np.int64)

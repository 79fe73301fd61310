"""A recording: one folder of numpy arrays and a `meta.json`; this is its reader (the writer is beside it).

The reader trusts nothing: what is in the folder may be cut off, damaged or made by somebody hostile. It
never loads pickles, follows no link out of the folder, maps the frames instead of loading them (packed ones are
decoded as they are asked for), and cuts all arrays to the same length without changing the files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array, Bools, Floats, Ints, Levels
from agent.errors import TwoframeError, raise_if_any
from agent.json_files import read_json
from agent.recording.format import KEY_EVENT, PERSON, Meta
from agent.recording.npy_files import mapped
from agent.recording.packed_frames import PackedFrames

# Of the rate asked for. Within it, two frames of a window come less far from their time than by being whole frames
# (110 ms are 100 at 20 fps), and what jitters on a machine that keeps up lies far within it.
RATE_TOLERANCE = 0.05

PLAIN, PACKED = "frames.npy", "frames.npy.zst"


@dataclass(frozen=True, slots=True)
class Recording:
    """One recording, opened. All arrays but `key_events` have the same length T.

    frames (T, H, W, C) uint8, read-only, mapped or packed; captured_ns (T,) int64, increasing, from the start of the
    recording; keys (T, K) bool; key_events (E,) of `KEY_EVENT`; control (T,) uint8 or None, `PERSON` but where in a
    rollout the agent held the keys, or in a demonstration wrong ones were pressed beside those held, which are the
    person's there too; probabilities (T, A) float32 or None. `problems` says in words what a cut-off recording lacks.
    """

    folder: Path
    meta: Meta
    frames: Levels | PackedFrames
    captured_ns: Ints
    keys: Bools
    key_events: Array
    control: Levels | None
    probabilities: Floats | None
    problems: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.captured_ns)

    @property
    def duration_s(self) -> float:
        """From the first frame to the last, gaps included."""
        return float(self.captured_ns[-1] - self.captured_ns[0]) / 1e9 if len(self) > 1 else 0.0

    @property
    def median_spacing_ns(self) -> int:
        """Of neighbouring frames; 0 where there are fewer than two."""
        return int(np.median(np.diff(self.captured_ns))) if len(self) > 1 else 0

    @property
    def measured_hz(self) -> float:
        """Frames a second where it recorded, gaps left out; as asked for where no two frames follow each other.

        A mean, since the typical spacing is not the rate where frames come now one and now two beats of the screen
        apart.
        """
        spacing_ns = np.diff(self.captured_ns)[~self.gap_before()[1:]]
        return 1e9 / float(spacing_ns.mean()) if len(spacing_ns) else self.meta.fps

    @property
    def rate_hz(self) -> float:
        """The rate to learn and play at: what was asked for where it was held, else what was measured."""
        measured_hz = self.measured_hz
        if abs(measured_hz / self.meta.fps - 1) <= RATE_TOLERANCE:
            return self.meta.fps
        return float(f"{measured_hz:.4g}")

    @property
    def pressed(self) -> frozenset[str]:
        """The watched keys that a person held at any time, those held at the start too."""
        if self.meta.source == "rollout" and self.control is not None:
            columns = np.flatnonzero(self.keys[self.control == PERSON].any(axis=0))
        else:
            columns = np.unique(self.key_events["key"][self.key_events["down"]])
        return frozenset(self.meta.keys[k] for k in columns)

    def gap_before(self) -> Bools:
        """(T,) bool: whether a gap lies before frame t, a spacing of more than twice the median; t=0 always."""
        result = np.ones(len(self), np.bool_)
        result[1:] = np.diff(self.captured_ns) > 2 * self.median_spacing_ns
        return result

    def held_at(self, times_ns: Ints) -> Bools:
        """(n, K) bool: the keys held at increasing `times_ns`, from the events."""
        return held_at(self.key_events, times_ns, len(self.meta.keys))

    @classmethod
    def open(cls, folder: Path) -> "Recording":
        """Raises `TwoframeError` if `folder` is no recording or is damaged beyond a cut."""
        try:
            return _open(folder)
        except OSError as error:
            raise TwoframeError(f"{folder}: found {error.strerror or error}, expected a recording") from None


def _open(folder: Path) -> Recording:
    if not (folder / "meta.json").is_file():
        raise TwoframeError(f"{folder}: found no meta.json, expected a recording made by collect")
    try:
        meta = Meta.from_json(read_json(folder / "meta.json"))
    except TwoframeError as error:
        raise TwoframeError(f"{folder / 'meta.json'}: {error}") from None
    k, a = len(meta.keys), len(meta.actions)
    required: dict[str, tuple[Any, tuple[int, ...]]] = {
        "captured_ns": ("<i8", ()),
        "keys": (np.bool_, (k,)),
    }
    optional: dict[str, tuple[Any, tuple[int, ...]]] = {
        "control": (np.uint8, ()),
        "probabilities": ("<f4", (a,)),
    }
    frames, lost = _frames(folder, meta.frame.shape)
    arrays, problems = {}, [lost] if lost else []
    for name, (dtype, row) in (required | optional).items():
        path = folder / f"{name}.npy"
        if name in optional and not path.exists() and not path.is_symlink():
            continue
        arrays[name], lost = mapped(path, np.dtype(dtype), row)
        problems += [lost] if lost else []
    events, lost = mapped(folder / "key_events.npy", KEY_EVENT, ())
    problems += [lost] if lost else []

    t = min(len(frames), *map(len, arrays.values()))
    if len(frames) > t:
        problems.append(f"frames.npy: found {len(frames)} rows, used {t}")
    if isinstance(frames, PackedFrames):
        frames.cut_to(t)
    else:
        frames = frames[:t]
    for name, array in arrays.items():
        if len(array) > t:
            problems.append(f"{name}.npy: found {len(array)} rows, used {t}")
        arrays[name] = array[:t]
    if not meta.complete:
        problems.append("the recorder did not end in order: at most the last second is lost")
    captured_ns = np.array(arrays["captured_ns"])
    if t and (captured_ns[0] < 0 or (np.diff(captured_ns) <= 0).any()):
        raise TwoframeError(f"{folder}/captured_ns.npy: found times that do not increase, expected increasing ones")
    events = np.array(events)
    if (events["key"] >= k).any() or (np.diff(events["time_ns"]) < 0).any():
        raise TwoframeError(f"{folder}/key_events.npy: found unknown keys or times that go back; delete the recording")
    control = arrays.get("control")
    if control is not None and (control > PERSON).any():
        raise TwoframeError(f"{folder}/control.npy: found values over 1, expected 0 (agent) or 1 (person)")
    return Recording(
        folder=folder,
        meta=meta,
        frames=frames,
        captured_ns=captured_ns,
        keys=np.array(arrays["keys"]),
        key_events=events,
        control=None if control is None else np.array(control),
        probabilities=None if "probabilities" not in arrays else np.array(arrays["probabilities"]),
        problems=tuple(problems),
    )


def _frames(folder: Path, row: tuple[int, ...]) -> tuple[Levels | PackedFrames, str | None]:
    """The frames and what they lack; the plain ones, where packing was broken off after the packed ones were whole."""
    plain, packed = folder / PLAIN, folder / PACKED
    if (packed.exists() or packed.is_symlink()) and not (plain.exists() or plain.is_symlink()):
        return PackedFrames(packed, row), None
    return mapped(plain, np.dtype(np.uint8), row)


def held_at(events: Array, times_ns: Ints, keys: int) -> Bools:
    """(n, keys) bool: which keys are down at each of the `times_ns`, by `events` (E,) of `KEY_EVENT` in time order."""
    held = np.zeros((len(times_ns), keys), np.bool_)
    for k in range(keys):
        own = events[events["key"] == k]
        last = np.searchsorted(own["time_ns"], times_ns, side="right") - 1
        held[:, k] = (last >= 0) & own["down"][last] if len(own) else False
    return held


def named(paths: Iterable[Path]) -> list[Path]:
    """What `paths` are and match. Raises `TwoframeError` for a pattern that matches nothing."""
    found: list[Path] = []
    for path in paths:
        there = matching(path)
        if not there:
            raise TwoframeError(f"{path}: found nothing that matches, expected recordings; see what is there")
        found += there
    return found


def matching(path: Path) -> list[Path]:
    """The path itself, or what its pattern (`runs/*`) matches, by name; Windows' shells leave that to the programs."""
    if path.exists() or not set(str(path)) & set("*?["):  # brackets may be part of a name
        return [path]
    return [found for folder in matching(path.parent) for found in _inside(folder, path.name)]


def _inside(folder: Path, pattern: str) -> list[Path]:
    if (folder / pattern).exists():
        return [folder / pattern]
    children = folder.iterdir() if folder.is_dir() else ()
    return sorted(child for child in children if fnmatch(child.name, pattern) and not child.name.startswith("."))


def find_recordings(paths: Iterable[Path]) -> list[Path]:
    """Each path itself if it is a recording, else the recordings directly in it, by name; patterns as in `named`.

    What is neither is among them too if there are recordings beside it: `Recording.open` says of it that it is none.
    Raises `TwoframeError` for a path where nothing is, and if there is no recording at all.
    """
    found: list[Path] = []
    none = []
    for path in named(paths):
        if (path / "meta.json").exists():
            inside = [path]
        elif path.is_dir():
            inside = sorted(child for child in path.iterdir() if (child / "meta.json").exists())
        else:
            inside = []
        if not inside:
            none.append(path)
            inside = [path]
        found += [folder for folder in inside if folder not in found]
    if missing := [path for path in none if not path.exists()] or (none if len(none) == len(found) else []):
        raise TwoframeError(
            f"{', '.join(map(str, missing))}: found no recording, expected a folder made by collect, or one that "
            "holds such"
        )
    return found


def open_recordings(folders: Iterable[Path]) -> tuple[list[Recording], list[str]]:
    """The recordings that can be opened and hold frames; and what is wrong with each of the others, in a line.

    Raises `TwoframeError` with all these lines if none is left.
    """
    recordings, wrong = [], []
    for folder in folders:
        try:
            recording = Recording.open(folder)
        except TwoframeError as error:
            wrong.append(str(error))
            continue
        if len(recording):
            recordings.append(recording)
        else:
            wrong.append(f"{folder}: found no frames, expected a recording with some; delete it or record again")
    if not recordings:
        raise_if_any(wrong)
    return recordings, wrong

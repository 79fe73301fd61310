"""The writer of a recording: arrays that grow on disk and open in numpy at any moment, even after `kill -9`.

Each flush writes data first, then the header that announces it. Rows of `keys.npy` are derived here from
the key events, once no event before the frame's time can still arrive. Before its first frame a recording is an
empty folder: whatever ends it then leaves nothing in the way of the next one of its name.
"""

import errno
import os
import tempfile
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Array
from agent.errors import TwoframeError
from agent.frames import Image
from agent.json_files import write_json
from agent.recording.format import KEY_EVENT, Meta, completed
from agent.recording.npy_files import header_of


class GrowingArray:
    """A `.npy` file (version 1, C order) whose first axis grows by `append` and `flush`."""

    def __init__(self, path: Path, dtype: np.dtype[Any], row: tuple[int, ...]) -> None:
        self._dtype = dtype
        self._row = row
        self._count = 0
        self._pending: list[bytes] = []
        self._file = path.open("xb", buffering=0)
        self._write_header()
        self.size_bytes = self._file.seek(0, os.SEEK_END)

    def append(self, row: Array) -> None:
        self._pending.append(row.tobytes())

    def flush(self) -> None:
        """Write what was appended: data first, then the header (which has room to grow)."""
        if not self._pending:
            return
        content = b"".join(self._pending)
        self._file.seek(self.size_bytes)
        _write_all(self._file.fileno(), content)
        self.size_bytes += len(content)
        self._count += len(self._pending)
        self._pending.clear()
        self._write_header()

    def _write_header(self) -> None:
        self._file.seek(0)
        _write_all(self._file.fileno(), header_of(self._dtype, (self._count, *self._row)))

    def close(self) -> None:
        self._file.close()


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


class RecordingWriter:
    """Writes one recording into a new folder; a context manager with an idempotent `close`.

    `append` frames and `key_event`s in time order, then `flush(settled_ns)` at least twice a second.
    Raises `TwoframeError` if the folder is in use, or the disk is full; what was flushed before stays whole. Without
    a frame there is no recording, and the folder goes again.
    """

    def __init__(self, folder: Path, meta: Meta, extras: Iterable[str] = ()) -> None:
        require_new_folder(folder)
        self.folder = folder
        self.meta = meta
        self._names = ("frames", "captured_ns", "keys", *extras)
        self._rows: dict[str, tuple[Any, tuple[int, ...]]] = {
            "frames": (np.dtype(np.uint8), meta.frame.shape),
            "captured_ns": (np.dtype("<i8"), ()),
            "keys": (np.dtype(np.bool_), (len(meta.keys),)),
            "control": (np.dtype(np.uint8), ()),
            "probabilities": (np.dtype("<f4"), (len(meta.actions),)),
        }
        self._columns = {key: k for k, key in enumerate(meta.keys)}
        self._held = np.zeros(len(meta.keys), np.bool_)
        self._unsettled_frames: deque[tuple[int, Image, dict[str, Array]]] = deque()
        self._unsettled_events: deque[tuple[int, int, bool]] = deque()
        self._arrays: dict[str, GrowingArray] = {}
        self._begun = False
        self._holds_frames = False
        self._closed = False
        self.frame_count = 0
        self.held_counts: Counter[bytes] = Counter()  # frames by their row of `keys.npy`
        try:
            self._made = not folder.exists()
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                pass  # told now rather than after the first frame: nothing can be written there
        except OSError as error:
            raise _disk_error(folder, error, 0) from None

    @property
    def size_bytes(self) -> int:
        return sum(array.size_bytes for array in self._arrays.values())

    def _begin(self) -> None:
        require_new_folder(self.folder)  # another recorder may have been quicker
        self._begun = True
        arrays = {}
        try:
            write_json(self.folder / "meta.json", self.meta.to_json())
            # First: whoever reads after a crash finds the events of every frame that is there.
            arrays["key_events"] = GrowingArray(self.folder / "key_events.npy", KEY_EVENT, ())
            for name in self._names:
                arrays[name] = GrowingArray(self.folder / f"{name}.npy", *self._rows[name])
        finally:
            self._arrays = arrays

    def key_event(self, time_ns: int, key: str, *, down: bool) -> None:
        """A press or release of a watched key at `time_ns` from the start of the recording."""
        self._unsettled_events.append((time_ns, self._columns[key], down))

    def append(self, frame: Image, captured_ns: int, **extras: Array) -> None:
        """A frame (H, W, C) uint8 grabbed at `captured_ns`, with `control` () and `probabilities` (A,) if asked for."""
        self._unsettled_frames.append((captured_ns, frame, extras))

    def flush(self, settled_ns: int) -> None:
        """Write all up to `settled_ns`: no event before that time may arrive any more."""
        if not self._begun:
            if not self._unsettled_frames or self._unsettled_frames[0][0] > settled_ns:
                return
            try:
                self._begin()
            except OSError as error:
                raise _disk_error(self.folder, error, 0) from None
        while self._unsettled_frames and self._unsettled_frames[0][0] <= settled_ns:
            captured_ns, frame, extras = self._unsettled_frames.popleft()
            self._settle_events(captured_ns)
            self._arrays["frames"].append(frame)
            self._arrays["captured_ns"].append(np.int64(captured_ns))  # type: ignore[arg-type]
            self._arrays["keys"].append(self._held)
            self.held_counts[self._held.tobytes()] += 1
            for name, value in extras.items():
                self._arrays[name].append(value)
            self.frame_count += 1
        self._settle_events(settled_ns)
        try:
            for array in self._arrays.values():
                array.flush()
        except OSError as error:
            raise _disk_error(self.folder, error, self.frame_count) from None
        self._holds_frames = self.frame_count > 0

    def _settle_events(self, until_ns: int) -> None:
        while self._unsettled_events and self._unsettled_events[0][0] <= until_ns:
            time_ns, key, down = self._unsettled_events.popleft()
            self._held[key] = down
            self._arrays["key_events"].append(np.array((time_ns, key, down), KEY_EVENT))

    def close(self, *, complete: bool = True) -> None:
        """Flush everything and say in `meta.json` that the recording ended in order; or, not `complete`, only close."""
        if self._closed:
            return
        self._closed = True
        try:
            if complete:
                self.flush(np.iinfo(np.int64).max)
                if self._holds_frames:
                    write_json(self.folder / "meta.json", completed(self.meta).to_json())
        except OSError as error:
            raise _disk_error(self.folder, error, self.frame_count) from None
        finally:
            for array in self._arrays.values():
                array.close()
            if not self._holds_frames:
                self._leave_nothing()

    def abandon(self) -> None:
        """Close, and take away what was written: for a copy that can be made again."""
        self.close(complete=False)
        self._leave_nothing()

    def _leave_nothing(self) -> None:
        with suppress(OSError):
            if self._begun:
                for name in ("meta.json", *(f"{name}.npy" for name in ("key_events", *self._names))):
                    (self.folder / name).unlink(missing_ok=True)
            if self._made:
                self.folder.rmdir()

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(complete=kind is None)


def require_new_folder(folder: Path) -> None:
    """Raise `TwoframeError` unless `folder` does not exist yet or is an empty folder: nothing is overwritten."""
    if folder.is_symlink() or folder.exists():
        if not folder.is_dir():
            raise TwoframeError(f"{folder}: found a file, expected a new folder; choose another name")
        if any(folder.iterdir()):
            raise TwoframeError(f"{folder}: found a folder that is not empty, expected a new one; choose another name")


def _disk_error(folder: Path, error: OSError, frames: int) -> TwoframeError:
    if error.errno == errno.ENOSPC:
        return TwoframeError(
            f"{folder}: found the disk full after {frames} frames, expected free space; "
            "what was recorded before is whole: free some space and record again"
        )
    return TwoframeError(f"{folder}: found {error.strerror or error}, expected a folder that can be written")

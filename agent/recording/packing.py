"""A recording's frames replaced by packed ones, and back: at no moment is there less than a whole copy of them.

The new file is written aside, read again and compared by digest, and gets its name only then; the old one goes last.
What a crash leaves opens as it is: while both files are there the plain one counts.
"""

import errno
import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from agent.errors import TwoframeError
from agent.json_files import read_json, write_json
from agent.recording.format import FORMAT_VERSION, PACKED_VERSION
from agent.recording.npy_files import header_of, mapped, read_header
from agent.recording.packed_frames import BYTE, PackedFrames, chunk_frames, write_packed
from agent.recording.reader import PACKED, PLAIN, Recording


class Sizes(NamedTuple):
    """Of a recording's frames, in bytes: as they are, and packed."""

    plain: int
    packed: int


def pack(folder: Path) -> Sizes | None:
    """Replace the frames of the recording `folder` by packed ones; None if they are packed already.

    Raises `TwoframeError` for what is no recording, or has not ended in order: it may still be written to.
    """
    with _told(folder):
        return _pack(folder)


def unpack(folder: Path) -> Sizes | None:
    """Make the frames of the recording `folder` a plain array again; None if they are one. Raises `TwoframeError`."""
    with _told(folder):
        return _unpack(folder)


def _pack(folder: Path) -> Sizes | None:
    plain, packed = folder / PLAIN, folder / PACKED
    row = _row_of(folder)
    if not plain.exists():
        return None
    count = len(mapped(plain, BYTE, row)[0])
    if not count:
        raise TwoframeError(f"{folder}: found no frames, expected some to pack; delete it or record again")
    row_bytes = math.prod(row)
    digest = hashlib.sha256(header_of(BYTE, (count, *row)))
    with _aside(packed) as aside:
        with plain.open("rb") as source, aside.open("wb") as file:
            read_header(source, plain, BYTE, row)
            chunks = _read(source, count * row_bytes, chunk_frames(row) * row_bytes, digest.update)
            write_packed(file, row, count, chunks)
            _settle(file)
        _compare(digest.digest(), PackedFrames(aside, row).pieces(), folder)  # unnamed: Windows moves no mapped file
        sizes = Sizes(count * row_bytes, aside.stat().st_size)
        _put(aside, packed)
    _say_version(folder, PACKED_VERSION)
    _remove(plain, packed)
    return sizes


def _unpack(folder: Path) -> Sizes | None:
    plain, packed = folder / PLAIN, folder / PACKED
    row = _row_of(folder)
    if plain.exists():
        _say_version(folder, FORMAT_VERSION)
        _remove(packed, plain)
        return None
    frames = PackedFrames(packed, row)
    sizes = Sizes(frames.nbytes, frames.packed_bytes)
    free = shutil.disk_usage(folder).free
    if free < sizes.plain:  # told before the disk is full of what a hostile file has in it
        raise TwoframeError(
            f"{folder}: found {free / 1e6:.0f} MB of the disk free, expected {sizes.plain / 1e6:.0f} MB for its "
            "frames; free some space"
        )
    digest = hashlib.sha256()
    with _aside(plain) as aside:
        with aside.open("wb") as file:
            for content in frames.pieces():
                digest.update(content)
                file.write(content)
            _settle(file)
        del frames  # Windows removes no file that is mapped
        with aside.open("rb") as file:
            _compare(digest.digest(), _read(file, aside.stat().st_size, 1 << 20), folder)
        _put(aside, plain)
    _say_version(folder, FORMAT_VERSION)
    _remove(packed, plain)
    return sizes


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """What the disk refuses is a `TwoframeError` that says that nothing was lost."""
    try:
        yield
    except OSError as error:
        is_full = error.errno == errno.ENOSPC
        found = "the disk full" if is_full else error.strerror or str(error)
        remedy = "free some space and do it again" if is_full else "make the folder one that can be written"
        raise TwoframeError(
            f"{folder}: found {found}, expected room for a second copy of its frames; the recording is whole: {remedy}"
        ) from None


def _row_of(folder: Path) -> tuple[int, ...]:
    """The shape of a frame of a recording that has ended."""
    recording = Recording.open(folder)
    if not recording.meta.complete:
        raise TwoframeError(
            f"{folder}: found a recording that has not ended in order, expected one that nothing writes to any more; "
            "wait for its end, or copy what there is with recordings trim and pack that"
        )
    return recording.meta.frame.shape


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to; what is still there in the end goes, as does what a crash has left."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        yield aside
    finally:
        for left in path.parent.glob("frames.npy*.new"):
            with suppress(PermissionError):  # Windows, for a file that an error has left mapped: it goes next time
                left.unlink(missing_ok=True)


def _read(file: BinaryIO, count: int, piece: int, see: Callable[[bytes], object] = len) -> Iterator[bytes]:
    """The next `count` bytes of `file` in pieces, each of which `see` is shown."""
    while count:
        content = file.read(min(piece, count))
        if not content:
            raise TwoframeError(f"{file.name}: found the file shorter than before, expected that nothing writes to it")
        see(content)
        count -= len(content)
        yield content


def _settle(file: BinaryIO) -> None:
    """On the disk itself, so that a power cut does not take it after the old file is gone."""
    file.flush()
    os.fsync(file.fileno())


def _compare(digest: bytes, pieces: Iterator[bytes], folder: Path) -> None:
    """Raise `TwoframeError` unless the SHA-256 of all `pieces` is `digest`."""
    found = hashlib.sha256()
    for content in pieces:
        found.update(content)
    if found.digest() != digest:
        raise TwoframeError(
            f"{folder}: found other frames in what was written than before, expected the same; all is as it was: "
            "look after the disk and the memory of this machine"
        )


def _put(aside: Path, path: Path) -> None:
    aside.replace(path)
    if os.name == "posix":  # the name too, before the old file goes
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _say_version(folder: Path, version: int) -> None:
    """In `meta.json`, where all else stays: an older twoframe, which knows no packed frames, asks for a newer one."""
    meta: dict[str, Any] = read_json(folder / "meta.json")
    if meta["format_version"] != version:
        write_json(folder / "meta.json", meta | {"format_version": version})


def _remove(old: Path, new: Path) -> None:
    if not new.is_file():  # packed here and unpacked there at once, both would go
        raise TwoframeError(
            f"{new}: found it gone again, expected that nothing else changes the recording; do it again"
        )
    try:
        old.unlink(missing_ok=True)
    except PermissionError:
        raise TwoframeError(
            f"{old}: found the file in use, expected to remove it, for {new.name} is there now; close what has the "
            "recording open and do it again"
        ) from None

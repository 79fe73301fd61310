"""Ways to keep the frames of a recording on disk without loss: ours, and what it was chosen from.

Each computes on one core, and reads a run of frames by decoding what lies between its first and its last.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from agent.arrays import Levels
from agent.recording.packed_frames import PackedFrames, chunk_frames, write_packed

Read = Callable[[int, int], Levels]  # the frames from one to before another


@dataclass(frozen=True, slots=True)
class Way:
    """How frames (T, H, W, C) are written to a path, and how that is opened to read from."""

    name: str
    write: Callable[[Levels, Path], None]
    open: Callable[[Path, tuple[int, ...]], Read]


def ways() -> Iterator[Way]:
    """All that can be tried here; the libraries of some need not be installed."""
    yield Way("frames.npy", _write_plain, lambda path, shape: _of_array(np.load(path, mmap_mode="r")))
    yield Way(
        "frames.npy.zst, as recordings pack",
        _write_packed,
        lambda path, shape: _of_array(PackedFrames(path, shape[1:])),
    )
    yield _zstd(3, 8)
    yield _zstd(9, 8)
    yield _zstd(9, 64)
    yield _zstd(9, 64, deltas=True)
    if find_spec("blosc2"):
        yield from (_blosc2(filters) for filters in ("NOFILTER", "BITSHUFFLE", "DELTA"))
    if find_spec("zarr"):
        yield _zarr()
    if find_spec("av"):
        yield from (_ffv1(group) for group in (8, 64))


def missing() -> list[str]:
    """Libraries without which some ways are left out."""
    return [name for name in ("blosc2", "zarr", "av") if not find_spec(name)]


def _of_array(array: Any) -> Read:
    return lambda first, stop: np.array(array[first:stop])


def _write_plain(frames: Levels, path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, frames)


def _write_packed(frames: Levels, path: Path) -> None:
    with path.open("wb") as file:
        write_packed(file, frames.shape[1:], len(frames), _chunks(frames, chunk_frames(frames.shape[1:])))


def _chunks(frames: Levels, chunk: int) -> Iterator[bytes]:
    return (frames[first : first + chunk].tobytes() for first in range(0, len(frames), chunk))


def _zstd(level: int, chunk: int, *, deltas: bool = False) -> Way:
    """Plain zstd; with `deltas`, of the differences to the frame before."""

    def write(frames: Levels, path: Path) -> None:
        compressor, ends = zstandard.ZstdCompressor(level=level), [0]
        with path.open("wb") as file:
            for first in range(0, len(frames), chunk):
                part = frames[first : first + chunk]
                if deltas:
                    part = np.concatenate([part[:1], np.diff(part, axis=0)])
                ends.append(ends[-1] + file.write(compressor.compress(part.tobytes())))
        np.save(path.with_suffix(".ends.npy"), ends)

    def open_(path: Path, shape: tuple[int, ...]) -> Read:
        content, ends = np.memmap(path, np.uint8, "r"), np.load(path.with_suffix(".ends.npy"))
        decompressor = zstandard.ZstdDecompressor()

        def decoded(k: int) -> Levels:
            packed = decompressor.decompress(content[ends[k] : ends[k + 1]])
            part = np.frombuffer(packed, np.uint8).reshape(-1, *shape[1:])
            return np.add.accumulate(part, axis=0, dtype=np.uint8) if deltas else part

        def read(first: int, stop: int) -> Levels:
            parts = [decoded(k) for k in range(first // chunk, (stop - 1) // chunk + 1)]
            before = first // chunk * chunk
            return np.concatenate(parts)[first - before : stop - before]

        return read

    return Way(f"zstd {level}{' of deltas' * deltas}, chunks of {chunk}", write, open_)


def _blosc2(filter_name: str, chunk: int = 32) -> Way:
    def write(frames: Levels, path: Path) -> None:
        import blosc2

        blosc2.set_nthreads(1)
        filters = [blosc2.Filter[filter_name]]
        parameters = {"codec": blosc2.Codec.ZSTD, "clevel": 5, "filters": filters, "filters_meta": [0], "nthreads": 1}
        shape = (min(chunk, len(frames)), *frames.shape[1:])
        blosc2.asarray(frames, urlpath=str(path), mode="w", chunks=shape, blocks=shape, cparams=parameters)

    def open_(path: Path, shape: tuple[int, ...]) -> Read:
        import blosc2

        return _of_array(blosc2.open(str(path), mode="r"))

    return Way(f"blosc2 zstd 5 {filter_name.lower()}, chunks of {chunk}", write, open_)


def _zarr(chunk: int = 32) -> Way:
    def write(frames: Levels, path: Path) -> None:
        import zarr

        codec = zarr.codecs.ZstdCodec(level=9)
        shape = (chunk, *frames.shape[1:])
        array = zarr.create_array(str(path), shape=frames.shape, chunks=shape, dtype="u1", compressors=codec)
        array[:] = frames

    def open_(path: Path, shape: tuple[int, ...]) -> Read:
        import zarr

        return _of_array(zarr.open_array(str(path), mode="r"))

    return Way(f"zarr v3 zstd 9, chunks of {chunk}", write, open_)


def _ffv1(group: int) -> Way:
    """FFV1 in Matroska by FFmpeg, with a frame to begin at after every `group`."""
    rate = 20

    def write(frames: Levels, path: Path) -> None:
        import av

        is_gray = frames.shape[3] == 1
        with av.open(str(path), "w", format="matroska") as container:
            stream: Any = container.add_stream(
                "ffv1", rate=rate, options={"g": str(group), "level": "3", "coder": "1", "context": "1"}
            )
            stream.height, stream.width = frames.shape[1:3]
            stream.pix_fmt, stream.thread_count = "gray" if is_gray else "bgr0", 1
            for frame in frames:
                picture = av.VideoFrame.from_ndarray(*((frame[:, :, 0], "gray") if is_gray else (frame, "rgb24")))
                container.mux(stream.encode(picture))
            container.mux(stream.encode())

    def open_(path: Path, shape: tuple[int, ...]) -> Read:
        import av

        container = av.open(str(path))
        stream: Any = container.streams.video[0]
        stream.thread_count = 1
        to_time = 1 / rate / float(stream.time_base)

        def read(first: int, stop: int) -> Levels:
            container.seek(round(first * to_time), stream=stream)
            pictures = (one for one in container.decode(stream) if round(one.pts / to_time) >= first)
            kind = "gray" if shape[3] == 1 else "rgb24"
            found = [one.to_ndarray(format=kind) for one in itertools.islice(pictures, stop - first)]
            return np.stack(found).reshape(-1, *shape[1:])

        return read

    return Way(f"FFV1, groups of {group}", write, open_)

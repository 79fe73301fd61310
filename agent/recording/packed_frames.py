"""`frames.npy.zst`: the file `frames.npy` compressed without loss, in chunks of frames that are decoded one by one.

It is in zstd's seekable format, so `zstd -d frames.npy.zst` makes `frames.npy` of it: independent zstd frames, the
first of which holds the `.npy` header, each other one a chunk of as many pictures as the others (the last of at most
so many), and a seek table that zstd itself skips. The reader trusts nothing of it: no chunk is decoded that says it is
larger than the table says, and none is larger than `MOST_CHUNK_BYTES`.
"""

import io
import itertools
import math
import operator
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from agent.arrays import Array, Ints, Levels
from agent.errors import TwoframeError
from agent.frames import MAX_SIDE
from agent.recording.npy_files import HEADER_BYTES, header_of, read_header, require_plain

LEVEL = 9  # of zstd: more takes twice the time and more for a few hundredths
CHUNK_FRAMES, CHUNK_BYTES = 64, 4 << 20  # as many frames as both allow, one at least
MOST_CHUNK_BYTES = MAX_SIDE * MAX_SIDE * 3  # one of the largest frames
CACHE_BYTES = 32 << 20

# The seekable format (contrib/seekable_format in zstd's repository): a skippable frame with the compressed and the
# decompressed size of each frame, and a footer. Checksums are not in it but in the frames themselves.
SKIPPABLE, SEEKABLE = 0x184D2A5E, 0x8F92EAB1
TABLE_HEAD, TABLE_FOOT = struct.Struct("<II"), struct.Struct("<IBI")
LEAST_FRAME_BYTES = 9  # magic number, a header of two bytes, the head of a block

BYTE = np.dtype(np.uint8)


def chunk_frames(row: tuple[int, ...]) -> int:
    """How many frames of the shape `row` are packed together."""
    return max(1, min(CHUNK_FRAMES, CHUNK_BYTES // math.prod(row)))


def write_packed(file: BinaryIO, row: tuple[int, ...], count: int, chunks: Iterable[bytes]) -> None:
    """Write `count` frames of the shape `row` (H, W, C); `chunks` are the bytes of `chunk_frames(row)` of them each."""
    from zstandard import ZstdCompressor

    compressor = ZstdCompressor(level=LEVEL, write_checksum=True)
    sizes = []
    for content in itertools.chain([header_of(BYTE, (count, *row))], chunks):
        compressed = compressor.compress(content)
        file.write(compressed)
        sizes.append((len(compressed), len(content)))
    table = np.array(sizes, "<u4").tobytes()
    file.write(TABLE_HEAD.pack(SKIPPABLE, len(table) + TABLE_FOOT.size))
    file.write(table + TABLE_FOOT.pack(len(sizes), 0, SEEKABLE))


class PackedFrames:
    """Frames (T, H, W, C) uint8 of a packed file, read as those of an array and decoded when they are asked for.

    A frame or a slice decodes the chunks that hold it; `numpy.asarray` of it, and whatever else of an array's indexing,
    decodes all. What comes may be read-only. Several threads may read at once. Raises `TwoframeError` here for a file
    that is none or was cut, and where frames are read for a chunk that is damaged.
    """

    dtype = BYTE
    ndim = 4

    def __init__(self, path: Path, row: tuple[int, ...]) -> None:
        require_plain(path)
        self.path = path
        self._row = row
        self._number = next(_numbers)
        self._content: Any = np.memmap(path, np.uint8, "r") if path.stat().st_size else np.empty(0, np.uint8)
        self._ends, self._sizes = self._read_table()
        if self._sizes[0] > HEADER_BYTES:
            raise self._wrong("a header that is too long")
        header = io.BytesIO(self._decoded(0))
        self._count = read_header(header, path, BYTE, row)
        if header.read(1):
            raise self._wrong("more than a header before its frames")
        row_bytes = math.prod(row)
        self._chunk = int(self._sizes[1]) // row_bytes if len(self._sizes) > 1 else 1
        held, most = divmod(int(self._sizes[1:].sum()), row_bytes), int(self._sizes[1:].max(initial=0))
        if held != (self._count, 0) or most > MOST_CHUNK_BYTES or not self._is_even(row_bytes):
            raise self._wrong(f"chunks that do not make up the {self._count} frames that its header announces")

    @property
    def shape(self) -> tuple[int, ...]:
        return self._count, *self._row

    @property
    def nbytes(self) -> int:
        """As they come out."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        return self.nbytes

    @property
    def packed_bytes(self) -> int:
        """Of the file."""
        return len(self._content)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Levels]:
        return (self[t] for t in range(self._count))

    def __getitem__(self, key: Any) -> Any:
        first, *rest = key if isinstance(key, tuple) and key else (key,)
        if isinstance(first, int | np.integer):
            frame = self._frame(operator.index(first))
            return frame[tuple(rest)] if rest else frame
        if isinstance(first, slice):
            frames = self._take(np.arange(self._count)[first])
            return frames[(slice(None), *rest)] if rest else frames
        return np.asarray(self)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if copy is False:
            raise ValueError("found packed frames, expected an array: they have to be decoded, which is a copy")
        frames = self._take(np.arange(self._count))
        return frames if dtype is None else frames.astype(dtype, copy=False)

    def cut_to(self, count: int) -> None:
        """Only the first `count` frames."""
        self._count = min(count, self._count)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of `frames.npy`: its header, then those of one chunk after the other."""
        return (self._decoded(k) for k in range(len(self._sizes)))

    def _frame(self, t: int) -> Levels:
        if not -self._count <= t < self._count:
            raise IndexError(f"found frame {t}, expected one of {self._count}")
        k, place = divmod(t % self._count, self._chunk)
        frame: Levels = self._frames_of(k)[place]
        return frame

    def _take(self, index: Ints) -> Levels:
        """The frames `index` (n,), (n, H, W, C) uint8."""
        out = np.empty((len(index), *self._row), np.uint8)
        chunk = index // self._chunk
        for part in np.split(np.arange(len(index)), np.flatnonzero(np.diff(chunk)) + 1):
            if len(part):
                k = int(chunk[part[0]])
                out[part[0] : part[-1] + 1] = self._frames_of(k)[index[part] - k * self._chunk]
        return out

    def _frames_of(self, k: int) -> Levels:
        """The frames of chunk `k`."""

        def decode() -> Levels:
            return np.frombuffer(self._decoded(k + 1), np.uint8).reshape(-1, *self._row)

        return _decoded.get((self._number, k), decode)

    def _decoded(self, k: int) -> bytes:
        """What the zstd frame `k` holds."""
        from zstandard import ZstdDecompressor, ZstdError, frame_content_size

        start, end = (int(self._ends[k - 1]) if k else 0), int(self._ends[k])
        size = int(self._sizes[k])
        content = self._content[start:end]
        try:
            # Asked first: so much memory is taken, whatever comes then.
            content_size = frame_content_size(content)
            if content_size == size:
                decoded: bytes = ZstdDecompressor().decompress(content)
                return decoded
        except ZstdError as error:
            raise self._wrong(f"a damaged chunk ({error})") from None
        raise self._wrong(f"a chunk of {content_size} bytes where its table tells of {size}")

    def _read_table(self) -> tuple[Ints, Ints]:
        """Where each zstd frame ends in the file, and how many bytes come out of it."""
        size = len(self._content)
        around = TABLE_HEAD.size + TABLE_FOOT.size
        if size < around + LEAST_FRAME_BYTES:
            raise self._wrong("the end missing")
        frames, descriptor, magic = TABLE_FOOT.unpack(self._content[size - TABLE_FOOT.size :])
        start = size - around - 8 * frames
        if magic != SEEKABLE or descriptor != 0:
            raise self._wrong("the end missing")
        if not 0 < LEAST_FRAME_BYTES * frames <= start:
            raise self._wrong(f"a table of {frames} chunks in {size} bytes")
        if TABLE_HEAD.unpack(self._content[start : start + TABLE_HEAD.size]) != (
            SKIPPABLE,
            8 * frames + TABLE_FOOT.size,
        ):
            raise self._wrong("no table of its chunks")
        table = np.frombuffer(self._content, "<u4", 2 * frames, start + TABLE_HEAD.size).astype(np.int64).reshape(-1, 2)
        ends = np.cumsum(table[:, 0])
        if ends[-1] != start or table.min() <= 0:
            raise self._wrong("a table that does not fit its chunks")
        return ends, table[:, 1]

    def _is_even(self, row_bytes: int) -> bool:
        """Whether each chunk holds whole frames, and as many as the others; the last may hold fewer."""
        sizes = self._sizes[1:]
        return (
            not (sizes % row_bytes).any() and not (sizes[:-1] != sizes[:1]).any() and bool((sizes <= sizes[:1]).all())
        )

    def _wrong(self, found: str) -> TwoframeError:
        return TwoframeError(
            f"{self.path}: found {found}, expected frames as recordings pack writes them; copy the recording again"
        )


class _Cache:
    """The chunks that were decoded last, of all recordings together: of a chunk, several frames are mostly wanted."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._chunks: OrderedDict[tuple[int, int], Levels] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int], decode: Callable[[], Levels]) -> Levels:
        with self._lock:
            if key in self._chunks:
                self._chunks.move_to_end(key)
                return self._chunks[key]
        chunk = decode()  # outside: threads decode side by side
        with self._lock:
            if key not in self._chunks:
                self._chunks[key] = chunk
                self._bytes += chunk.nbytes
            while self._bytes > self._most_bytes and len(self._chunks) > 1:
                self._bytes -= self._chunks.popitem(last=False)[1].nbytes
        return chunk


_numbers = itertools.count()
_decoded = _Cache(CACHE_BYTES)

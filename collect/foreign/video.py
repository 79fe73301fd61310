"""Videos by PyAV: written without loss and with times, and read picture by picture, however hostile they are."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from agent.arrays import Ints
from agent.errors import TwoframeError
from agent.frames import MAX_SIDE, Color, Image
from collect.foreign.library import library

MICROSECOND = Fraction(1, 1_000_000)
LOSSLESS = "twoframe: lossless"  # in the file's own words about itself
_LOSSLESS_CODECS = ("ffv1", "png", "huffyuv", "ffvhuff", "utvideo", "rawvideo")
# A list of other files, or a description of a stream, is no video that lies here.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,h264,hevc,mpegts,flv,ogg"


class LosslessVideo:
    """An mp4 of images (H, W, 1) gray or (H, W, 3) RGB, uint8, in H.264 that decodes to the same levels.

    Gray is coded as luma alone (full range), RGB as its three planes: no conversion rounds. A context manager.
    """

    def __init__(self, path: Path, size: tuple[int, int], color: Color, *, unit: Fraction) -> None:
        """`size` is width and height; times are told in whole `unit`s of a second."""
        self._av = library("av")
        self._color = color
        self._unit = unit
        self._bytes = path.open("wb")  # ours, so that it is closed whatever becomes of the rest
        self._file = self._av.open(self._bytes, "w", format="mp4")
        self._file.metadata["comment"] = LOSSLESS
        self._stream = self._file.add_stream("libx264" if color == "gray" else "libx264rgb", rate=round(1 / unit, 6))
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = "yuvj444p" if color == "gray" else "rgb24"
        self._stream.time_base = self._stream.codec_context.time_base = unit
        self._stream.options = {"qp": "0", "preset": "fast", "g": "30"}

    def add(self, image: Image, time: int) -> None:
        if self._color == "gray":
            planes = np.full((3, *image.shape[:2]), 128, np.uint8)  # no color
            planes[0] = image[:, :, 0]
            frame = self._av.VideoFrame.from_ndarray(planes, format="yuvj444p")
            frame.color_range = 2  # all of 0..255
        else:
            frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts, frame.time_base = time, self._unit
        self._file.mux(self._stream.encode(frame))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._file.mux(self._stream.encode(None))
                self._file.close()
        finally:
            self._bytes.close()


class VideoReader:
    """A video in a file: `size` (width, height), whether it is `gray`, and `lossy`; a context manager.

    Raises `TwoframeError`, then and while reading, for what is no video of at most 4096 pixels a side.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._av = library("av")
        if not path.is_file():
            raise TwoframeError(f"{path}: found no file, expected a video")
        try:
            options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
            self._file = self._av.open(str(path), container_options=options)
        except self._av.error.FFmpegError as error:
            raise _unreadable(path, error) from None
        try:
            if not self._file.streams.video:
                raise TwoframeError(f"{path}: found no pictures in it, expected a video")
            self._stream = self._file.streams.video[0]
            self._stream.thread_type = "AUTO"
            context = self._stream.codec_context
            if context is None:
                raise TwoframeError(f"{path}: found pictures coded in a way that FFmpeg does not know; convert it")
            self.size = (int(context.width), int(context.height))
            if not (min(self.size) >= 1 and max(self.size) <= MAX_SIDE):
                raise TwoframeError(
                    f"{path}: found pictures of {self.size[0]}x{self.size[1]}, expected at most {MAX_SIDE} a side"
                )
        except BaseException:
            self._file.close()
            raise
        marked = self._file.metadata.get("comment") == LOSSLESS
        self.gray = str(context.pix_fmt).startswith("gray") or (marked and context.pix_fmt != "gbrp")
        self.lossy = not marked and context.name not in _LOSSLESS_CODECS

    def pictures(self, from_s: float = 0.0) -> Iterator[tuple[int | None, Image]]:
        """Each picture, (H, W, 1) or (H, W, 3) uint8, from that at `from_s` or one before, and its time in
        nanoseconds, None where the video tells none."""
        try:
            if from_s > 0:
                self._file.seek(round(from_s / self._stream.time_base), stream=self._stream)
            for frame in self._file.decode(self._stream):
                if frame.is_corrupt:
                    raise TwoframeError(f"{self.path}: found a damaged picture, expected a whole video; copy it again")
                if (frame.width, frame.height) != self.size:
                    raise TwoframeError(
                        f"{self.path}: found a picture of {frame.width}x{frame.height} among those of "
                        f"{self.size[0]}x{self.size[1]}, expected one size"
                    )
                image = frame.to_ndarray(format="gray" if self.gray else "rgb24")
                time_ns = None if frame.pts is None else round(frame.pts * frame.time_base * 1_000_000_000)
                yield time_ns, image[:, :, None] if self.gray else image
        except (self._av.error.FFmpegError, ValueError) as error:
            raise _unreadable(self.path, error) from None

    def pictures_at(self, times_ns: Ints) -> Iterator[Image]:
        """The picture nearest to each of the increasing `times_ns`, none of them farther away than half their spacing.

        Raises `TwoframeError` where there is none.
        """
        spacing_ns = int(np.median(np.diff(times_ns))) if len(times_ns) > 1 else 100_000_000
        reading = self._timed(from_s=max(0.0, (int(times_ns[0]) - spacing_ns) / 1e9))
        before, after = None, next(reading, None)
        for wanted_ns in times_ns.tolist():
            while after is not None and after[0] <= wanted_ns:
                before, after = after, next(reading, None)
            near = [(abs(time_ns - wanted_ns), image) for time_ns, image in filter(None, (before, after))]
            distance_ns, image = min(near, key=lambda each: each[0], default=(spacing_ns, None))
            if image is None or distance_ns > max(spacing_ns // 2, 1_000_000):
                raise TwoframeError(
                    f"{self.path}: found no picture at {wanted_ns / 1e9:.3f} s, expected one; is the video cut off?"
                )
            yield image

    def _timed(self, from_s: float) -> Iterator[tuple[int, Image]]:
        for time_ns, image in self.pictures(from_s):
            if time_ns is None:
                raise TwoframeError(f"{self.path}: found pictures without times, expected a time for each")
            yield time_ns, image

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _unreadable(path: Path, error: Exception) -> TwoframeError:
    return TwoframeError(f"{path}: found no video that can be read ({str(error)[:80]}), expected one; copy it again")


def require_same(path: Path, images: Iterable[Image]) -> None:
    """Raise `TwoframeError` unless the video just written holds the `images`, (H, W, C) uint8, to the last level."""
    with VideoReader(path) as video:
        pairs = zip_longest((picture for _, picture in video.pictures()), images)
        if not all(found is not None and given is not None and np.array_equal(found, given) for found, given in pairs):
            raise TwoframeError(f"{path.name}: found a video that lacks pictures, expected all; is the disk full?")

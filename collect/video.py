"""A video written by OpenCV, whose own words (and those of FFmpeg) nobody sees: it is whole, or one error says why."""

from pathlib import Path
from types import TracebackType
from typing import Self

import cv2

from agent.errors import TwoframeError
from agent.frames import Image
from agent.quiet import kept_back

CONTAINERS = (".mp4", ".m4v", ".mov", ".mkv", ".avi")  # those that hold what every OpenCV can encode


class VideoFile:
    """Takes images (H, W, 3) uint8 BGR of one `size` (width, height); a context manager with an idempotent `close`.

    Raises `TwoframeError` at the start if there is no way to write `path`, and at the end if it does not hold all the
    images: OpenCV says nothing of a full disk. What is no whole video is deleted.
    """

    def __init__(self, path: Path, rate_hz: float, size: tuple[int, int]) -> None:
        if path.suffix.lower() not in CONTAINERS:
            raise TwoframeError(
                f"{path}: found the ending {path.suffix!r}, expected that of a video; use {' or '.join(CONTAINERS)}"
            )
        self._path = path
        self._count = 0
        self._closed = False
        with kept_back():
            self._writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate_hz, size)
        if not self._writer.isOpened():
            raise TwoframeError(f"{path}: found no way to write there, expected a place for a video")
        self._log_level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def add(self, image: Image) -> None:
        self._writer.write(image)
        self._count += 1

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with kept_back():
            self._writer.release()
            written = cv2.VideoCapture(str(self._path))
            found = int(written.get(cv2.CAP_PROP_FRAME_COUNT)) if written.isOpened() else 0
            written.release()
        cv2.utils.logging.setLogLevel(self._log_level)
        if found != self._count:
            self._path.unlink(missing_ok=True)
            raise TwoframeError(
                f"{self._path}: found no whole video after writing it (is the disk full?), expected {self._count} "
                "frames; free some space"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except TwoframeError:
            if kind is None:
                raise

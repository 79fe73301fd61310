"""The screen, grabbed by mss, and followed when its size changes."""

import sys
import time
from collections.abc import Callable
from typing import cast

import mss
import numpy as np
from mss.exception import ScreenShotError

from agent.errors import TwoframeError
from agent.frames import Box, Image

LOOK_AGAIN_S = 0.5
# On other systems what lies beyond the screen is black, and no error tells that the screen became smaller.
_FAILS_BEYOND = sys.platform == "linux"
_ATTEMPTS = 5  # at an answer while monitors come and go
_PAUSE_S = 0.01
_FAILURES = (ScreenShotError, AssertionError)  # mss asserts that a reply came: none does when the server has gone


class OffScreen(TwoframeError):  # noqa: N818 (it is the event that matters)
    """What was to be grabbed lies on the screen no more: it became smaller after the place was looked at."""


class Screen:
    """Grabs a part of the screen; a context manager with an idempotent `close`. For one thread.

    The system is asked for the screen's size only when a grab fails, and when `holds` is asked of a place beyond what
    is known, and then every half second. Raises `TwoframeError` where there is no screen, none whose pixels we know, or
    when it has gone.
    """

    def __init__(
        self, clock_s: Callable[[], float] = time.monotonic, sleep_s: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock_s = clock_s
        self._sleep_s = sleep_s
        self._look_at_s = 0.0
        self._mss: mss.MSS | None = None
        self._backend: str | None = None  # chosen once: each refusal would cost the server a connection
        self.bounds = self._open()
        """All screens together, in pixels; `left` and `top` are negative with a screen left of the first."""

    @property
    def way(self) -> str:
        """How pictures are grabbed, for a person; known wholly after the first."""
        if sys.platform != "linux":
            return "mss"
        shared = self._mss is not None and any("is working" in status for status in self._mss.performance_status)
        return {"xlib": "Xlib"}.get(self._backend or "", "XCB") + (", with shared memory" if shared else "")

    def holds(self, box: Box) -> bool:
        """Whether `box` lies wholly on the screens: nothing else can be grabbed."""
        inside = self._is_inside(box)
        if inside and _FAILS_BEYOND:
            return True
        now_s = self._clock_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_AGAIN_S
            self.bounds = self._open()
        return self._is_inside(box)

    def grab(self, box: Box) -> Image:
        """The pixels in `box` now: uint8 (height, width, 4) BGRA, a view of memory that mss made for this grab.

        Raises `OffScreen` where the screen does not hold `box` any more.
        """
        try:
            return self._grab(box)
        except _FAILURES:
            self.bounds = self._open()
        if not self._is_inside(box):
            raise OffScreen(f"screen: found {box} beyond it ({self.bounds}), expected a place on it; move or shrink it")
        try:
            return self._grab(box)
        except _FAILURES as error:
            raise TwoframeError(
                f"screen: found that no picture of {box} can be taken ({_first_line(error)}), expected one; "
                "start again when the game can be seen"
            ) from None

    def close(self) -> None:
        opened, self._mss = self._mss, None
        if opened is not None:
            try:
                opened.close()
            except ScreenShotError:
                pass  # the server closed the connection before

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _is_inside(self, box: Box) -> bool:
        bounds = self.bounds
        return (
            bounds.left <= box.left
            and bounds.top <= box.top
            and box.left + box.width <= bounds.left + bounds.width
            and box.top + box.height <= bounds.top + bounds.height
        )

    def _grab(self, box: Box) -> Image:
        if self._mss is None:
            raise RuntimeError("the screen is closed")
        shot = self._mss.grab({"left": box.left, "top": box.top, "width": box.width, "height": box.height})
        return cast(Image, np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4))

    def _open(self) -> Box:
        """The bounds now. mss is opened anew: it reads them once, and makes room for a picture of that size."""
        for attempts_left in reversed(range(_ATTEMPTS)):
            # Before another: of two that use Xlib, the first to close takes away the other's handling of errors.
            self.close()
            try:
                self._mss, self._backend = _open_mss(self._backend)
                whole = self._mss.monitors[0]
                return Box(whole["left"], whole["top"], whole["width"], whole["height"])
            except _FAILURES as error:
                if not attempts_left:
                    raise TwoframeError(
                        f"screen: found none that can be grabbed ({_first_line(error)}), expected a desktop session; "
                        "log in to one"
                    ) from None
            self._sleep_s(_PAUSE_S)
        raise AssertionError  # the last attempt returns or raises


def _open_mss(backend: str | None) -> tuple[mss.MSS, str]:
    if sys.platform == "linux":
        from agent.screen.x11_pixels import open_mss

        return open_mss(backend)
    return mss.MSS(), "default"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or "no answer"

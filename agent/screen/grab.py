"""What frames are made of: the game's window itself where the system gives its pixels, else its place on the screen."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import mss
import numpy as np
from mss.exception import ScreenShotError

from agent.errors import TwoframeError
from agent.frames import Box, Image

if TYPE_CHECKING:
    from agent.screen.x11_window_pixels import WindowPixels

LOOK_AGAIN_S = 0.5
# On other systems what lies beyond the screen is black, and no error tells that the screen became smaller.
_FAILS_BEYOND = sys.platform == "linux"
_ATTEMPTS = 5  # at an answer while monitors come and go
_PAUSE_S = 0.01
_FAILURES = (ScreenShotError, AssertionError)  # mss asserts that a reply came: none does when the server has gone


class OffScreen(TwoframeError):  # noqa: N818 (it is the event that matters)
    """What was to be grabbed cannot be seen any more since it was looked at: the screen became smaller, the window was
    put away."""


class Screen:
    """Grabs a part of the screen; a context manager with an idempotent `close`. For one thread.

    A window that it is aimed at is grabbed as its program drew it, wherever it is and whatever lies over it, where the
    system gives that: on X11 while a compositor runs, and in Xwayland, which gives nothing else. Else the screen is
    grabbed by mss, and followed when its size changes: the system is asked for that only when a grab fails, and when
    `holds` is asked of a place beyond what is known, and then every half second.

    Raises `TwoframeError` where there is no screen, none whose pixels we know, or when it has gone.
    """

    def __init__(
        self, clock_s: Callable[[], float] = time.monotonic, sleep_s: Callable[[float], None] = time.sleep
    ) -> None:
        self._clock_s = clock_s
        self._sleep_s = sleep_s
        self._look_at_s = 0.0
        self._mss: mss.MSS | None = None
        self._backend: str | None = None  # chosen once: each refusal would cost the server a connection
        self._window: WindowPixels | None = None
        self._aimed_at: int | None = None
        self._try_at_s = 0.0
        self.is_of_window = False
        """Whether the window itself is grabbed now: what lies over it is not in the picture."""
        self.bounds = self._open()
        """All screens together, in pixels; `left` and `top` are negative with a screen left of the first."""
        try:
            self._window = _window_pixels()
        except BaseException:
            self.close()
            raise

    @property
    def needs_window(self) -> bool:
        """Whether nothing can be grabbed here but the window that this is aimed at."""
        return self._window is not None and self._window.is_xwayland

    @property
    def way(self) -> str:
        """How pictures are grabbed, for a person; known wholly after the first."""
        if self._window is not None and self.is_of_window:
            return "the window's own pixels" + (", with shared memory" if self._window.is_shared else "")
        if sys.platform != "linux":
            return "mss"
        shared = self._mss is not None and any("is working" in status for status in self._mss.performance_status)
        return {"xlib": "Xlib"}.get(self._backend or "", "XCB") + (", with shared memory" if shared else "")

    def aim(self, window_id: int | None) -> None:
        """Grab this window itself from now on, as long as the system gives its pixels; None for the screen alone."""
        if self._window is None or window_id == self._aimed_at:
            return
        self._aimed_at = window_id
        self._window.aim(window_id or 0)
        self.is_of_window = False
        self._try_at_s = 0.0

    def is_hidden(self) -> bool:
        """Whether the window has no pixels now where nothing else can be grabbed."""
        return self.needs_window and self._aimed_at is not None and not self._has_window()

    def holds(self, box: Box) -> bool:
        """Whether `box` can be grabbed: it is wholly on the screens, or that of a window that is grabbed itself."""
        if self._has_window() or self.is_hidden():
            return True
        inside = self._is_inside(box)
        if inside and _FAILS_BEYOND:
            return True
        now_s = self._clock_s()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_AGAIN_S
            self.bounds = self._open()
        return self._is_inside(box)

    def grab(self, box: Box) -> Image:
        """The pixels in `box` now: uint8 (height, width, 4) BGRA, good until the next grab.

        Those of a window that is grabbed itself are all of it, in the size that it has by now. Raises `OffScreen` where
        they cannot be had any more since the place was looked at.
        """
        if self._has_window() or self.is_hidden():
            return self._grab_window()
        if self.needs_window:
            raise TwoframeError(
                "screen: found Xwayland, where only windows can be grabbed, expected to be told one; name the game's "
                "window (--window)"
            )
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
        if self._window is not None:
            self._window.close()
        self._close_mss()

    def _close_mss(self) -> None:
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

    def _has_window(self) -> bool:
        """Whether the window itself can be grabbed. One that cannot is tried again every half second."""
        if self._window is None or self._aimed_at is None or self.is_of_window:
            return self.is_of_window
        if (now_s := self._clock_s()) >= self._try_at_s:
            self._try_at_s = now_s + (0 if self._window.is_xwayland else LOOK_AGAIN_S)
            self.is_of_window = self._window.can_be_grabbed()
        return self.is_of_window

    def _is_inside(self, box: Box) -> bool:
        bounds = self.bounds
        return (
            bounds.left <= box.left
            and bounds.top <= box.top
            and box.left + box.width <= bounds.left + bounds.width
            and box.top + box.height <= bounds.top + bounds.height
        )

    def _grab_window(self) -> Image:
        image = None if self._window is None else self._window.grab()
        if image is None:
            self.is_of_window = False
            raise OffScreen("window: found no pixels of it, expected it to be shown; bring it to the screen")
        return image

    def _grab(self, box: Box) -> Image:
        if self._mss is None:
            raise RuntimeError("the screen is closed")
        shot = self._mss.grab({"left": box.left, "top": box.top, "width": box.width, "height": box.height})
        return cast(Image, np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4))

    def _open(self) -> Box:
        """The bounds now. mss is opened anew: it reads them once, and makes room for a picture of that size."""
        for attempts_left in reversed(range(_ATTEMPTS)):
            # Before another: of two that use Xlib, the first to close takes away the other's handling of errors.
            self._close_mss()
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


def _window_pixels() -> "WindowPixels | None":
    if sys.platform == "linux":
        from agent.screen.x11_window_pixels import WindowPixels

        return WindowPixels()
    return None


def _open_mss(backend: str | None) -> tuple[mss.MSS, str]:
    if sys.platform == "linux":
        from agent.screen.x11_pixels import open_mss

        return open_mss(backend)
    if sys.platform == "darwin":
        from agent.macos.permissions import check_permitted

        check_permitted("Screen Recording")  # without it the desktop's background comes in place of all windows
    return mss.MSS(), "default"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or "no answer"

"""The screen, grabbed by mss."""

from typing import cast

import mss
import numpy as np
from mss.exception import ScreenShotError

from agent.errors import TwoframeError
from agent.frames import Box, Image


class Screen:
    """Grabs a part of the screen; a context manager with an idempotent `close`.

    Raises `TwoframeError` where there is no screen, or when it has gone.
    """

    def __init__(self) -> None:
        try:
            self._mss = mss.MSS()
        except ScreenShotError as error:
            raise TwoframeError(
                f"screen: found none that can be grabbed ({error}), expected a desktop session; "
                "on Linux run this in an X11 session with DISPLAY set"
            ) from None

    @property
    def bounds(self) -> Box:
        """All screens together, in pixels; `left` and `top` are negative with a screen left of the first."""
        try:
            whole = self._mss.monitors[0]
        except ScreenShotError as error:
            raise _gone(error) from None
        return Box(whole["left"], whole["top"], whole["width"], whole["height"])

    def holds(self, box: Box) -> bool:
        """Whether `box` lies wholly on the screens: nothing else can be grabbed."""
        bounds = self.bounds
        return (
            bounds.left <= box.left
            and bounds.top <= box.top
            and box.left + box.width <= bounds.left + bounds.width
            and box.top + box.height <= bounds.top + bounds.height
        )

    def grab(self, box: Box) -> Image:
        """The pixels in `box` now: uint8 (height, width, 4) BGRA, a view of memory that mss made for this grab."""
        try:
            shot = self._mss.grab({"left": box.left, "top": box.top, "width": box.width, "height": box.height})
        except ScreenShotError as error:
            raise _gone(error) from None
        return cast(Image, np.frombuffer(shot.raw, np.uint8).reshape(shot.height, shot.width, 4))

    def close(self) -> None:
        self._mss.close()

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _gone(error: ScreenShotError) -> TwoframeError:
    return TwoframeError(
        f"screen: found no picture ({error}), expected one; the display has gone or the region left the screen: "
        "start again when the game can be seen"
    )

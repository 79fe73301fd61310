"""The pixels of an X server: whether they are what frames are made of, and which of mss' ways gets them."""

import ctypes
from ctypes.util import find_library
from dataclasses import dataclass
from typing import Any

import mss
from mss.exception import ScreenShotError
from Xlib import X

from agent.errors import TwoframeError
from agent.x11 import close_display, connect, x_errors

XCB, XLIB = "default", "xlib"  # as mss names them
_DEPTHS = (24, 32)
_MASKS = (0xFF0000, 0x00FF00, 0x0000FF)
_FULL_COLORS = (X.TrueColor, X.DirectColor)


@dataclass(frozen=True, slots=True)
class Pixels:
    """How a server keeps the pixels of its screen."""

    depth: int
    bits: int  # of memory, for each
    low_byte_first: bool
    masks: tuple[int, int, int] | None  # of red, green and blue; None for a palette

    @property
    def problem(self) -> str | None:
        """Why these are not bytes of blue, green, red and a fourth; None if they are."""
        if self.depth not in _DEPTHS:
            return f"has depth {self.depth}"
        if self.masks != _MASKS:
            has = "a palette" if self.masks is None else f"red at {self.masks[0]:#x} and blue at {self.masks[2]:#x}"
            return f"has depth {self.depth} with {has}"
        if self.bits != 32:
            return f"has depth {self.depth} in {self.bits} bits a pixel"
        return None if self.low_byte_first else f"has depth {self.depth} with the high byte first"


def pixels() -> Pixels:
    """Those of the server that DISPLAY names. Raises `TwoframeError` if it does not answer."""
    display = connect()
    try:
        with x_errors("screen"):
            screen = display.screen()
            return pixels_of(display, screen.root_visual, screen.root_depth)
    finally:
        close_display(display)


def pixels_of(display: Any, visual_id: int, depth: int) -> Pixels:
    """Those of a window of this visual and depth."""
    screen, info = display.screen(), display.display.info
    # TigerVNC lists one depth twice: the visual of the root is in either.
    visuals = [visual for each in screen.allowed_depths for visual in each.visuals]
    visual = next(visual for visual in visuals if visual.visual_id == visual_id)
    masks = visual.red_mask, visual.green_mask, visual.blue_mask
    return Pixels(
        depth=depth,
        bits=next(form.bits_per_pixel for form in info.pixmap_formats if form.depth == depth),
        low_byte_first=info.image_byte_order == X.LSBFirst,
        masks=masks if visual.visual_class in _FULL_COLORS else None,
    )


def open_mss(backend: str | None) -> tuple[mss.MSS, str]:
    """mss and the name of its backend: `backend`, else the first that this server allows, to be given the next time.

    XCB is the quicker one; where it cannot read what the server says of itself, Xlib can. Raises `TwoframeError` for a
    server that has gone, or whose pixels are others than we know: Xlib would take them for something else. Lets the
    errors of mss through for a server that is just changing.
    """
    try:
        return _opened(backend or XCB)
    except ScreenShotError:
        if problem := pixels().problem:
            raise TwoframeError(
                f"screen: found that this X server {problem}, expected 24 with a byte each of blue, green and red; "
                "start it with that (Xorg: DefaultDepth 24, Xvfb: -screen 0 1280x800x24, a VNC server: -depth 24 "
                "-pixelformat rgb888)"
            ) from None
        if backend:
            raise
    return _opened(XLIB)


def _opened(backend: str) -> tuple[mss.MSS, str]:
    opened = mss.MSS(backend=backend)
    if backend == XLIB:
        _outlive_server(opened)
    return opened, backend


_IO_ERROR = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(lambda display: 0)
_IO_ERROR_EXIT = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda display, data: None)


def _outlive_server(opened: mss.MSS) -> None:
    """Xlib ends the process when its server goes. Let calls fail instead: what was recorded is to be finished."""
    xlib = ctypes.CDLL(find_library("X11"))
    try:
        set_exit = xlib.XSetIOErrorExitHandler  # since libX11 1.7
        display = opened._impl._handles.display  # type: ignore[attr-defined]
    except AttributeError:
        return
    set_exit(display, _IO_ERROR_EXIT, None)
    xlib.XSetIOErrorHandler(_IO_ERROR)  # without its line on stderr

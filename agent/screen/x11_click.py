"""The window that a person clicks on, on X11."""

import select
import time
from typing import Any

from Xlib import X

from agent.errors import TwoframeError

_HELD_S = 2.0  # a button that is down, or a menu that is closing, holds the pointer for a moment
_CROSSHAIR = 34  # in X's font of cursors


def clicked_child(display: Any, end_s: float) -> int | None:
    """The child of the root that is clicked on before `time.monotonic()` is `end_s`, 0 for none; None without a click.

    The pointer is a crosshair meanwhile, and the click is handed on, so that it gives the focus too. Lets the errors of
    Xlib through; raises `TwoframeError` while another program has the pointer to itself.
    """
    root = display.screen().root
    font = display.open_font("cursor")
    cursor = font.create_glyph_cursor(font, _CROSSHAIR, _CROSSHAIR + 1, (0, 0, 0), (65535, 65535, 65535))
    _grab(root, cursor)
    try:
        while True:
            display.allow_events(X.SyncPointer, X.CurrentTime)
            event = _next_event(display, end_s)
            if event is None:
                return None
            if event.type == X.ButtonPress and event.detail == 1:
                display.allow_events(X.ReplayPointer, event.time)
                return event.child.id if event.child != X.NONE else 0
    finally:
        display.ungrab_pointer(X.CurrentTime)
        cursor.free()
        display.sync()


def _grab(root: Any, cursor: Any) -> None:
    what = (False, X.ButtonPressMask, X.GrabModeSync, X.GrabModeAsync, X.NONE, cursor, X.CurrentTime)
    end_s = time.monotonic() + _HELD_S
    while root.grab_pointer(*what) != X.GrabSuccess:
        if time.monotonic() > end_s:
            raise TwoframeError(
                "--pick: found the pointer held by another program, expected it free; leave its menu or game, "
                "or give the window's id to --window"
            )
        time.sleep(0.05)


def _next_event(display: Any, end_s: float) -> Any:
    """None where none came in time."""
    display.flush()
    while not display.pending_events():
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return None
        select.select([display.fileno()], [], [], left_s)
    return display.next_event()

"""What `xrandr` does to the screen of an Xvfb, which can take any size up to the one that it was started with; and what
a compositor does."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

from Xlib import X
from Xlib.ext import composite, randr

from games.window.display import VirtualDisplay

_NUMBER = itertools.count()


def resize(display: VirtualDisplay, width: int, height: int) -> None:
    """The screen has this size when this returns: its one monitor has, and nothing is beside it."""
    with display.connection() as connection:
        root = connection.screen().root
        resources = root.xrandr_get_screen_resources()._data
        (crtc,), (output,), now = resources["crtcs"], resources["outputs"], resources["config_timestamp"]
        name = f"{width}x{height}-{next(_NUMBER)}"
        timing = dict.fromkeys(("id", "h_sync_start", "h_sync_end", "h_skew", "v_sync_start", "v_sync_end", "flags"), 0)
        mode = timing | {
            "width": width,
            "height": height,
            "dot_clock": 60 * width * height,
            "h_total": width,
            "v_total": height,
            "name_length": len(name),
        }
        mode = root.xrandr_create_mode(mode, name)._data["mode"]
        connection.xrandr_add_output_mode(output, mode)
        connection.xrandr_set_crtc_config(crtc, now, 0, 0, 0, randr.Rotate_0, [])
        root.xrandr_set_screen_size(width, height, width, height)
        connection.xrandr_set_crtc_config(crtc, now, 0, 0, mode, randr.Rotate_0, [output])
        connection.sync()
        size = root.get_geometry()
        assert (size.width, size.height) == (width, height)


@contextmanager
def composited(display: VirtualDisplay) -> Iterator[None]:
    """Inside the block a compositor runs that lets the server do all the work: windows are drawn beside the screen."""
    with display.connection() as connection:
        root = connection.screen().root
        sign = root.create_window(-1, -1, 1, 1, 0, X.CopyFromParent, override_redirect=True)
        sign.set_selection_owner(connection.intern_atom("_NET_WM_CM_S0"), X.CurrentTime)
        root.composite_redirect_subwindows(composite.RedirectAutomatic)
        connection.sync()
        yield

"""What `xrandr` does to the screen of an Xvfb, which can take any size up to the one that it was started with."""

import itertools

from Xlib.ext import randr

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

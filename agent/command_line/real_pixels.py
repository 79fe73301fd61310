"""Counting the screen's own pixels, whatever the scale of the desktop (Windows calls it DPI awareness)."""

import sys
from typing import Any

# What a process may ask for, the best first: since versions 1703 and 1607 of Windows 10, and Windows 8.1.
_PER_MONITOR_V2, _PER_MONITOR = -4, -3  # DPI_AWARENESS_CONTEXT_PER_MONITOR_AWARE*
_PROCESS_PER_MONITOR = 2  # PROCESS_PER_MONITOR_DPI_AWARE
_LEVELS = (None, "of the first screen", "of every screen")  # PROCESS_DPI_AWARENESS


def count_real_pixels() -> str | None:
    """Have Windows tell this process real pixels, and say of which screens it does; None for none of them.

    First thing in a process: a library that asks for less would have its way for good. What was set before, by a
    setting of python.exe, stays. Other systems need not be told; they say "of every screen".
    """
    if sys.platform != "win32":
        return "of every screen"
    import ctypes

    return asked_of(ctypes.WinDLL("user32"), ctypes.WinDLL("shcore"))


def asked_of(user32: Any, shcore: Any) -> str | None:
    """The same, of these libraries."""
    import ctypes

    if (ask := getattr(user32, "SetProcessDpiAwarenessContext", None)) is not None:
        ask.argtypes = [ctypes.c_void_p]
        _ = ask(_PER_MONITOR_V2) or ask(_PER_MONITOR)
    else:
        shcore.SetProcessDpiAwareness(_PROCESS_PER_MONITOR)
    level = ctypes.c_int()
    shcore.GetProcessDpiAwareness(None, ctypes.byref(level))
    return _LEVELS[level.value]

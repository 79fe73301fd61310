"""Where the keys go on macOS. Written after Apple's documentation, not yet tried."""

import ctypes
import ctypes.util
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from agent.frames import Box
from agent.macos.windows import MacWindow, displays, is_above_menu_bar, is_for_people


def focused_window(on_screen: Sequence[MacWindow]) -> MacWindow | None:
    """The window that the keys go to: the front one of the program in front. None where that has none."""
    pid = _program_in_front()
    screens: list[Box] | None = None
    for window in on_screen:
        if window.pid != pid or not window.is_visible:
            continue
        if is_for_people(window):
            return window
        if is_above_menu_bar(window):  # where a game may go to fill the screen
            screens = displays() if screens is None else screens
            if window.box in screens:
                return window
    return None


def keyboard_is_taken() -> bool:
    """Whether some program reads a password: no other hears keys meanwhile (Apple's Technical Note 2150)."""
    return bool(_carbon().IsSecureEventInputEnabled())


@contextmanager
def leaving_the_focus() -> Iterator[None]:
    """What is opened within, by a program that macOS would bring to the front, leaves the focus where it was.

    For Tk, which makes its program an ordinary one, with an icon in the Dock, and the active one.
    """
    import AppKit

    before = AppKit.NSWorkspace.sharedWorkspace().frontmostApplication()
    yield
    us = AppKit.NSApplication.sharedApplication()
    us.setActivationPolicy_(AppKit.NSApplicationActivationPolicyAccessory)
    if before is None:
        return
    if hasattr(us, "yieldActivationToApplication_"):  # since macOS 14 the active program must agree
        us.yieldActivationToApplication_(before)
        ours = AppKit.NSRunningApplication.currentApplication()
        before.activateFromApplication_options_(ours, 0)
    else:
        before.activateWithOptions_(AppKit.NSApplicationActivateIgnoringOtherApps)


def _program_in_front() -> int | None:
    import AppKit
    import Quartz

    # What AppKit knows of other programs changes only in a turn of the main thread's run loop, and nobody else here
    # runs one.
    Quartz.CFRunLoopRunInMode(Quartz.kCFRunLoopDefaultMode, 0, False)
    program = AppKit.NSWorkspace.sharedWorkspace().frontmostApplication()
    return None if program is None else int(program.processIdentifier())


@functools.cache
def _carbon() -> Any:
    carbon = ctypes.cdll.LoadLibrary(ctypes.util.find_library("Carbon") or "")
    carbon.IsSecureEventInputEnabled.restype = ctypes.c_ubyte  # a Boolean
    return carbon

"""Windows as macOS' window server tells of them. Written after Apple's documentation, not yet tried.

All places are in points: of a screen with two pixels a point, mss gives one pixel a point too.
"""

from dataclasses import dataclass
from typing import Any

from agent.errors import TwoframeError
from agent.frames import Box

# CGWindowLevel.h: kCGNormalWindowLevel to kCGModalPanelWindowLevel. Above are Dock, menus, the menu bar, notices; below
# the desktop.
_WINDOW_LAYERS = range(9)
_MOST_DISPLAYS = 32


@dataclass(frozen=True, slots=True)
class MacWindow:
    """A window as the window server describes it; `box` has the title bar in it."""

    number: int
    title: str
    program: str | None
    pid: int
    box: Box
    layer: int
    is_opaque: bool
    is_visible: bool

    def __str__(self) -> str:
        return self.title or self.program or "a window without a name"


def windows_on_screen() -> list[MacWindow]:
    """All that is drawn on any screen now, the front first; menu bar, Dock and notices too. Raises `TwoframeError`."""
    import Quartz

    return _described(Quartz.kCGWindowListOptionOnScreenOnly | Quartz.kCGWindowListExcludeDesktopElements)


def all_windows() -> list[MacWindow]:
    """Also those that are minimized, hidden or in another space, and many that nobody ever sees."""
    import Quartz

    return _described(Quartz.kCGWindowListOptionAll | Quartz.kCGWindowListExcludeDesktopElements)


def is_for_people(window: MacWindow) -> bool:
    """Whether it is a window as a person understands it."""
    return window.is_visible and window.layer in _WINDOW_LAYERS


def is_above_menu_bar(window: MacWindow) -> bool:
    """Or above the Dock: no place for windows."""
    return window.layer > _WINDOW_LAYERS[-1]


def displays() -> list[Box]:
    import Quartz

    _, numbers, count = Quartz.CGGetActiveDisplayList(_MOST_DISPLAYS, None, None)
    return [_box(Quartz.CGDisplayBounds(number)) for number in numbers[:count]]


def _described(options: int) -> list[MacWindow]:
    import Quartz

    found = Quartz.CGWindowListCopyWindowInfo(options, Quartz.kCGNullWindowID)
    if found is None:
        raise TwoframeError("windows: found no desktop session, expected one; log in at the Mac's own screen")
    windows = []
    for about in found:
        is_whole, bounds = Quartz.CGRectMakeWithDictionaryRepresentation(about[Quartz.kCGWindowBounds], None)
        if not is_whole:
            continue
        box = _box(bounds)
        alpha = float(about[Quartz.kCGWindowAlpha])
        windows.append(
            MacWindow(
                number=int(about[Quartz.kCGWindowNumber]),
                title=str(about.get(Quartz.kCGWindowName) or ""),
                program=str(about.get(Quartz.kCGWindowOwnerName) or "") or None,
                pid=int(about[Quartz.kCGWindowOwnerPID]),
                box=box,
                layer=int(about[Quartz.kCGWindowLayer]),
                is_opaque=alpha >= 1,
                is_visible=alpha > 0 and box.width > 1 and box.height > 1,
            )
        )
    return windows


def _box(rect: Any) -> Box:
    left, top = round(rect.origin.x), round(rect.origin.y)
    return Box(left, top, round(rect.size.width), round(rect.size.height))

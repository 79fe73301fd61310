"""The desktop of a macOS: displays, windows, programs, permissions, as far as `agent/macos/` asks after them.

It does what Apple's pages say of Quartz Window Services, of accessibility, and of AppKit's programs. All places are in
points, whatever the scale of a display.
"""

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal

from agent.frames import Box

_ON_SCREEN_ONLY, _EXCLUDE_DESKTOP = 1, 16
_REGULAR, _ACCESSORY = 0, 1
_AX_NO_VALUE, _AX_CANNOT_COMPLETE = -25212, -25204
_POINT, _SIZE = 1, 2
DESKTOP_CONSTANTS = {
    "kCGWindowListOptionAll": 0,
    "kCGWindowListOptionOnScreenOnly": _ON_SCREEN_ONLY,
    "kCGWindowListExcludeDesktopElements": _EXCLUDE_DESKTOP,
    "kCGNullWindowID": 0,
    "kCGEventLeftMouseDown": 1,
    **{
        name: name
        for name in (
            "kCGWindowNumber",
            "kCGWindowName",
            "kCGWindowOwnerName",
            "kCGWindowOwnerPID",
            "kCGWindowLayer",
            "kCGWindowAlpha",
            "kCGWindowBounds",
        )
    },
}
ACCESSIBILITY_CONSTANTS = {
    "kAXWindowsAttribute": "AXWindows",
    "kAXPositionAttribute": "AXPosition",
    "kAXSizeAttribute": "AXSize",
    "kAXTitleAttribute": "AXTitle",
    "kAXMinimizedAttribute": "AXMinimized",
    "kAXHiddenAttribute": "AXHidden",
    "kAXCloseButtonAttribute": "AXCloseButton",
    "kAXValueCGPointType": _POINT,
    "kAXValueCGSizeType": _SIZE,
}


_BOX = Box(100, 50, 640, 388)


@dataclass(eq=False)
class FakeWindow:
    """`box` has the title bar in it, which is `bar` high."""

    number: int
    title: str = ""
    pid: int = 5_000_007  # higher than any real one
    box: Box = _BOX
    bar: int = 28
    layer: int = 0
    alpha: float = 1.0
    program: str = "Racer"
    where: Literal["shown", "minimized", "hidden", "other space"] = "shown"
    is_full_screen: bool = False


@dataclass(eq=False)
class _Element:
    """An AXUIElement: what it answers to each attribute."""

    answers: dict[str, Any] = field(default_factory=dict)
    pid: int | None = None


class _Program:
    """An NSRunningApplication."""

    def __init__(self, desktop: "FakeMacDesktop", pid: int) -> None:
        self._desktop = desktop
        self._pid = pid

    def processIdentifier(self) -> int:  # noqa: N802
        return self._pid

    def activateFromApplication_options_(self, other: "_Program", options: int) -> bool:  # noqa: N802
        """It succeeds if the active program has agreed (since macOS 14)."""
        desktop = self._desktop
        if other._pid == desktop.front and desktop.yielded_to == self._pid:
            desktop.front = self._pid
        return desktop.front == self._pid


class FakeMacDesktop:
    """What tests do to it: windows open, move, are put away; programs come to the front; permissions are missing."""

    def __init__(self) -> None:
        self.windows: list[FakeWindow] = []  # front to back
        self.front: int | None = None  # the program that gets the keys
        self.displays = [Box(0, 0, 1440, 900)]
        self.trusted = True
        self.may_see = True
        self.may_listen = True
        self.asked: list[str] = []  # the permissions that were asked for
        self.password = False
        self.has_session = True
        self.answers = True  # whether programs answer accessibility's questions in time
        self.next_click: tuple[int, int] | None = None  # comes after clicks have been counted once
        self._clicks = 0
        self._pointer = (0, 0)
        self.policy = _REGULAR  # of our own program
        self.yielded_to: int | None = None
        self._known_front: int | None = None

    def window(self, number: int) -> FakeWindow:
        return next(window for window in self.windows if window.number == number)

    def to_front(self, number: int) -> None:
        """As a click on it does."""
        window = self.window(number)
        window.where = "shown"
        self.windows.remove(window)
        self.windows.insert(sum(each.layer > window.layer for each in self.windows), window)
        self.front = window.pid

    def click(self, x: int, y: int) -> None:
        self.next_click = x, y

    def appkit(self) -> dict[str, Any]:
        """What stands in AppKit's module."""
        return {
            "NSWorkspace": SimpleNamespace(
                sharedWorkspace=lambda: SimpleNamespace(frontmostApplication=self._frontmost),
            ),
            "NSApplication": SimpleNamespace(
                sharedApplication=lambda: SimpleNamespace(
                    setActivationPolicy_=lambda policy: setattr(self, "policy", policy),
                    yieldActivationToApplication_=lambda other: setattr(self, "yielded_to", other.processIdentifier()),
                )
            ),
            "NSRunningApplication": SimpleNamespace(currentApplication=lambda: _Program(self, self.OURS)),
            "NSApplicationActivationPolicyAccessory": _ACCESSORY,
        }

    OURS = 5_000_001

    def _frontmost(self) -> _Program | None:
        # "Properties persist until the next turn of the main run loop in a common mode." (NSRunningApplication)
        pid = self._known_front
        return None if pid is None else _Program(self, pid)

    def turned_run_loop(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._known_front = self.front

    # What follows bears the names of Quartz and HIServices and takes their arguments.

    def _CGWindowListCopyWindowInfo(self, options: int, relative_to: int) -> list[dict[str, Any]] | None:  # noqa: N802
        if not self.has_session:
            return None
        shown = [window for window in self.windows if window.where == "shown" or not options & _ON_SCREEN_ONLY]
        return [self._about(window) for window in shown]

    def _about(self, window: FakeWindow) -> dict[str, Any]:
        """The required keys, and of the optional ones those that are asked for."""
        about = {
            "kCGWindowNumber": window.number,
            "kCGWindowOwnerPID": window.pid,
            "kCGWindowLayer": window.layer,
            "kCGWindowAlpha": window.alpha,
            "kCGWindowBounds": {"Box": window.box},
            "kCGWindowOwnerName": window.program,
        }
        return about | ({"kCGWindowName": window.title} if self.may_see and window.title else {})

    def _CGRectMakeWithDictionaryRepresentation(self, bounds: dict[str, Box], rect: None) -> tuple[bool, Any]:  # noqa: N802
        return True, _rect(bounds["Box"])

    def _CGGetActiveDisplayList(self, most: int, displays: None, count: None) -> tuple[int, tuple[int, ...], int]:  # noqa: N802
        return 0, tuple(range(len(self.displays))), len(self.displays)

    def _CGDisplayBounds(self, display: int) -> Any:  # noqa: N802
        return _rect(self.displays[display])

    def _CGEventSourceCounterForEventType(self, state: int, kind: int) -> int:  # noqa: N802
        count = self._clicks
        if self.next_click:
            self._clicks, self._pointer, self.next_click = count + 1, self.next_click, None
        return count

    def _CGEventCreate(self, source: None) -> None:  # noqa: N802
        return None

    def _CGEventGetLocation(self, event: None) -> Any:  # noqa: N802
        return SimpleNamespace(x=float(self._pointer[0]), y=float(self._pointer[1]))

    def _CGPreflightScreenCaptureAccess(self) -> bool:  # noqa: N802
        return self.may_see

    def _CGPreflightListenEventAccess(self) -> bool:  # noqa: N802
        return self.may_listen

    def _CGRequestScreenCaptureAccess(self) -> bool:  # noqa: N802
        self.asked.append("Screen Recording")
        return False

    def _CGRequestListenEventAccess(self) -> bool:  # noqa: N802
        self.asked.append("Input Monitoring")
        return False

    def _CGRequestPostEventAccess(self) -> bool:  # noqa: N802
        self.asked.append("Accessibility")
        return False

    def _AXIsProcessTrusted(self) -> bool:  # noqa: N802
        return self.trusted

    def _AXUIElementCreateApplication(self, pid: int) -> _Element:  # noqa: N802
        windows = [window for window in self.windows if window.pid == pid and window.where != "other space"]
        hidden = any(window.where == "hidden" for window in windows)
        return _Element({"AXWindows": [_element(window) for window in windows], "AXHidden": hidden}, pid)

    def _AXUIElementSetMessagingTimeout(self, element: _Element, seconds: float) -> int:  # noqa: N802
        return 0

    def _AXUIElementCopyAttributeValue(self, element: _Element, attribute: str, value: None) -> tuple[int, Any]:  # noqa: N802
        if not self.answers or not self.trusted:
            return _AX_CANNOT_COMPLETE, None
        answer = element.answers.get(attribute)
        return (_AX_NO_VALUE, None) if answer is None else (0, answer)

    def _AXValueGetValue(self, value: Any, kind: int, into: None) -> tuple[bool, Any]:  # noqa: N802
        found, answer = value
        assert found == kind
        return True, answer


def _rect(box: Box) -> Any:
    origin = SimpleNamespace(x=float(box.left), y=float(box.top))
    return SimpleNamespace(origin=origin, size=SimpleNamespace(width=float(box.width), height=float(box.height)))


def _placed(box: Box) -> dict[str, Any]:
    rect = _rect(box)
    return {"AXPosition": (_POINT, rect.origin), "AXSize": (_SIZE, rect.size)}


def _element(window: FakeWindow) -> _Element:
    answers = _placed(window.box) | {
        "AXTitle": window.title,
        "AXMinimized": window.where == "minimized",
        "AXFullScreen": window.is_full_screen,
    }
    if window.bar:
        size = 16
        corner = window.box.left + 7, window.box.top + (window.bar - size) // 2
        answers["AXCloseButton"] = _Element(_placed(Box(*corner, 14, size)))
    return _Element(answers)

"""Windows on macOS: place, order and focus from the window server, title bars and the Dock from accessibility.

Written after Apple's documentation, not yet tried.
"""

import os
import subprocess
import time
from typing import Any

from agent.frames import Box
from agent.macos.focus import focused_window, keyboard_is_taken
from agent.macos.permissions import check_permitted
from agent.macos.windows import MacWindow, all_windows, displays, is_for_people, windows_on_screen
from agent.screen.target import Cover, Listed, State, View, WindowClosed, overlap, share_of

_CLICK_LOOK_S = 0.01
_AWAY_LOOK_S = 0.5  # between two questions after a window that is not on the screen, which all programs have to answer
_ANSWER_S = 0.5  # a game may be busy; what it draws is not waited for longer
_FULL_SCREEN = "AXFullScreen"  # what AppKit's windows answer to; Apple's headers have no name for it


class MacDesktop:
    """The windows of this session. Raises `TwoframeError` without the permissions that it takes to see them."""

    def __init__(self) -> None:
        check_permitted("Screen Recording", "Accessibility")

    def titles(self) -> list[tuple[int, str]]:
        return [(window.number, window.title) for window in self._listed()]

    def described(self, number: int) -> Listed | None:
        for window in all_windows():
            if window.number == number:
                return Listed(number, window.title, content_box(window), None, window.program, window.pid)
        return None

    def window_of(self, number: int) -> int | None:
        return number if any(window.number == number for window in self._listed()) else None

    def focused(self) -> int | None:
        window = focused_window(windows_on_screen())
        return None if window is None else window.number

    def clicked(self, timeout_s: float) -> int | None:
        import Quartz

        def clicks() -> int:
            count = Quartz.CGEventSourceCounterForEventType
            return int(count(Quartz.kCGEventSourceStateCombinedSessionState, Quartz.kCGEventLeftMouseDown))

        end_s, before = time.monotonic() + timeout_s, clicks()
        while time.monotonic() < end_s:
            if (now := clicks()) != before:
                before = now
                place = Quartz.CGEventGetLocation(Quartz.CGEventCreate(None))
                under = Box(int(place.x), int(place.y), 1, 1)
                for window in windows_on_screen():
                    if is_for_people(window) and overlap(window.box, under):
                        return window.number
            time.sleep(_CLICK_LOOK_S)
        return None

    def has_ended(self, window: Listed) -> bool:
        if window.pid is None:
            return False
        try:
            os.kill(window.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass  # another user's: it runs
        return False

    def target(self, number: int) -> "MacTarget":
        return MacTarget(number)

    def close(self) -> None:
        pass

    def _listed(self) -> list[MacWindow]:
        """On the screen, the front first, then the others that have a name: in the Dock, hidden, in other spaces."""
        shown = windows_on_screen()
        front = focused_window(shown)
        found = [window for window in shown if is_for_people(window) or window == front]
        numbers = {window.number for window in shown}
        return found + [w for w in all_windows() if w.number not in numbers and is_for_people(w) and w.title]


class MacTarget:
    """One window."""

    def __init__(self, number: int) -> None:
        window = next((window for window in all_windows() if window.number == number), None)
        if window is None:
            raise WindowClosed
        self.title: str | None = window.title
        self.window_id: int | None = number
        self._last = window
        self._bar = _title_bar(window)
        self._away: State = "unfocused"
        self._next_away_s = 0.0

    def look(self) -> View:
        shown = windows_on_screen()
        place = next((n for n, window in enumerate(shown) if window.number == self.window_id), None)
        if place is None:
            return View(self._not_shown(), self._box())
        self._next_away_s = 0.0
        window = shown[place]
        if _size(window) != _size(self._last):
            self._bar = _title_bar(window)  # full screen has none
        self._last = window
        front = focused_window(shown)
        if front is None or front.number != self.window_id:
            return View("unfocused", self._box())
        cover = _cover(self._box(), shown[:place])
        return View("grabbed" if keyboard_is_taken() else "focused", self._box(), cover)

    def close(self) -> None:
        pass

    def _box(self) -> Box:
        return _below(self._last.box, self._bar)

    def _not_shown(self) -> State:
        """Whether it is closed, put away, or in another space."""
        if (now_s := time.monotonic()) >= self._next_away_s:
            self._next_away_s = now_s + _AWAY_LOOK_S
            window = next((window for window in all_windows() if window.number == self.window_id), None)
            if window is None:
                self._away = "closed"
            else:
                self._away = "minimized" if _is_put_away(window) else "unfocused"
        return self._away


def content_box(window: MacWindow) -> Box:
    """Where the program draws: without the title bar."""
    return _below(window.box, _title_bar(window))


def processes_above() -> frozenset[int]:
    """Those that started this one, the terminal among them."""
    listing = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parent_of = {int(pid): int(parent) for pid, parent in (line.split() for line in listing.splitlines())}
    found: set[int] = set()
    pid = os.getppid()
    while pid > 1 and pid not in found:
        found.add(pid)
        pid = parent_of.get(pid, 0)
    return frozenset(found)


def _cover(box: Box, above: list[MacWindow]) -> Cover | None:
    """Dock, menu bar and notices are no windows here: some of theirs lie, unseen, over the whole screen."""
    over = [window for window in above if is_for_people(window) and overlap(window.box, box)]
    if not over:
        return None
    return Cover(str(over[0]), share_of(box, [window.box for window in over if window.is_opaque]))


def _below(box: Box, bar: int) -> Box:
    return Box(box.left, box.top + bar, box.width, box.height - bar)


def _size(window: MacWindow) -> tuple[int, int]:
    return window.box.width, window.box.height


def _title_bar(window: MacWindow) -> int:
    """Its height. The buttons stand in its middle, and a window without them has none; nor has one in full screen."""
    if window.box in displays():
        return 0
    element = next((each for each in _windows_of(window.pid) if _place_of(each) == window.box), None)
    if element is None or _asked(element, _FULL_SCREEN):
        return 0
    import HIServices

    button = _asked(element, HIServices.kAXCloseButtonAttribute)
    place = None if button is None else _place_of(button)
    if place is None or not overlap(place, window.box):
        return 0
    return min(2 * (place.top - window.box.top) + place.height, window.box.height - 1)


def _is_put_away(window: MacWindow) -> bool:
    """In the Dock, or with its program hidden. What lies in another space is in no program's list of windows."""
    import HIServices

    if _asked(_program(window.pid), HIServices.kAXHiddenAttribute):
        return True
    return any(
        _asked(each, HIServices.kAXMinimizedAttribute) and _asked(each, HIServices.kAXTitleAttribute) == window.title
        for each in _windows_of(window.pid)
    )


def _program(pid: int) -> Any:
    import HIServices

    program = HIServices.AXUIElementCreateApplication(pid)
    HIServices.AXUIElementSetMessagingTimeout(program, _ANSWER_S)
    return program


def _windows_of(pid: int) -> list[Any]:
    import HIServices

    return list(_asked(_program(pid), HIServices.kAXWindowsAttribute) or ())


def _place_of(element: Any) -> Box | None:
    import HIServices

    corner = _asked(element, HIServices.kAXPositionAttribute)
    size = _asked(element, HIServices.kAXSizeAttribute)
    if corner is None or size is None:
        return None
    _, corner = HIServices.AXValueGetValue(corner, HIServices.kAXValueCGPointType, None)
    _, size = HIServices.AXValueGetValue(size, HIServices.kAXValueCGSizeType, None)
    return Box(round(corner.x), round(corner.y), round(size.width), round(size.height))


def _asked(element: Any, attribute: str) -> Any:
    """What a program answers; None where it has no answer, or none in time."""
    import HIServices

    error, value = HIServices.AXUIElementCopyAttributeValue(element, attribute, None)
    return None if error else value

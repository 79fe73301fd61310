"""Windows on Windows: those that its taskbar has, what lies over one, and the terminal that is left out."""

import os
import time
from collections.abc import Iterator

from agent.frames import Box
from agent.screen.target import Cover, Listed, View, WindowClosed, WindowMinimized, overlap, share_of
from agent.screen.win32 import api

AGAIN_S = 0.1  # between two looks at what lies over the game
_CLICK_LOOK_S = 0.01


class WindowsDesktop:
    """The windows of this session."""

    def __init__(self) -> None:
        self._processes: dict[int, int | None] = {}  # while a handle is open, no other process gets the number
        self._own_terminal = _own_terminal()

    def titles(self) -> list[tuple[int, str]]:
        return [(window, title) for window in self._listed() if (title := api.title(window)) or api.made_by(window)]

    def described(self, number: int) -> Listed | None:
        made_by = api.made_by(number)
        if made_by is None or number in self._own_terminal:
            return None
        pid = made_by[1]
        return Listed(
            number, api.title(number), api.client_box(number), api.class_name(number), api.program_of(pid), pid
        )

    def window_of(self, number: int) -> int | None:
        listed = set(self._listed())
        around: int | None = api.root(number)
        while around is not None and around not in listed:
            around = api.owner(around)  # of a dialog or a menu
        return around

    def focused(self) -> int | None:
        return api.foreground()

    def clicked(self, timeout_s: float) -> int | None:
        end_s = time.monotonic() + timeout_s
        was_down = True  # one that began before is not meant
        while time.monotonic() < end_s:
            is_down = api.is_clicking()
            if is_down and not was_down and (window := api.window_at_pointer()) and (found := self.window_of(window)):
                return found
            was_down = is_down
            time.sleep(_CLICK_LOOK_S)
        return None

    def has_ended(self, window: Listed) -> bool:
        handle = None if window.pid is None else self._processes.get(window.pid)
        return handle is not None and api.has_ended(handle)

    def target(self, number: int) -> "WindowsWindow":
        made_by = api.made_by(number)
        if made_by is None:
            raise WindowClosed
        if made_by[1] not in self._processes:
            self._processes[made_by[1]] = api.open_process(made_by[1])
        return WindowsWindow(self, number, made_by)

    def close(self) -> None:
        while self._processes:
            api.close_process(self._processes.popitem()[1])

    def _listed(self) -> Iterator[int]:
        return (window for window in api.top_windows() if window not in self._own_terminal and _is_listed(window))


class WindowsWindow:
    """One window of a `WindowsDesktop`, which it owns."""

    def __init__(self, desktop: WindowsDesktop, number: int, made_by: tuple[int, int]) -> None:
        self._desktop = desktop
        self._number = number
        self._made_by = made_by
        self.window_id: int | None = number
        self.title: str | None = api.title(number)
        box = api.client_box(number)
        if box is None:
            raise WindowClosed if api.made_by(number) is None else WindowMinimized
        self._box = box
        self._covers = _Covers(number, made_by[1])

    def look(self) -> View:
        number = self._number
        if api.made_by(number) != self._made_by:  # another one may have its number by then
            return View("closed", self._box)
        box = api.client_box(number) if api.is_visible(number) else None
        if box is None:
            return View("closed" if api.made_by(number) is None else "minimized", self._box)
        self._box = box
        return View("focused" if api.foreground() == number else "unfocused", box, self._covers.over(box))

    def close(self) -> None:
        self._desktop.close()


class _Covers:
    """Knows what lies over a window: the windows of other programs that are above it, and let no click through."""

    def __init__(self, number: int, pid: int) -> None:
        self._root = api.root(number) or number
        self._pid = pid
        self._next_s = 0.0
        self._cover: Cover | None = None

    def over(self, box: Box) -> Cover | None:
        """What lies over `box`, where the game's pixels are."""
        if (now_s := time.monotonic()) >= self._next_s:
            self._next_s = now_s + AGAIN_S
            self._cover = self._look(box)
        return self._cover

    def _look(self, box: Box) -> Cover | None:
        titles: list[str] = []
        hidden: list[Box] = []
        for window in api.top_windows():
            if window == self._root:
                break
            if not _is_seen(window) or _lets_clicks_through(window) or (api.made_by(window) or (0, 0))[1] == self._pid:
                continue
            if parts := [part for part in api.parts(window) if overlap(part, box)]:
                titles.append(api.title(window) or "without a title")
                hidden += [] if api.is_see_through(window) else parts
        return Cover(titles[0], share_of(box, hidden)) if titles else None


def processes_above() -> frozenset[int]:
    """Those that started this one, the terminal among them."""
    parents = api.parents()
    found: set[int] = set()
    pid, begun = os.getpid(), api.begun(os.getpid())
    while (pid := parents.get(pid, 0)) and begun is not None:
        begun_before, begun = begun, api.begun(pid)
        if begun is None or begun > begun_before or pid in found:
            break  # the parent has gone, and this is another process that got its number
        found.add(pid)
    return frozenset(found)


def _own_terminal() -> frozenset[int]:
    """The window of our console, and where that is one that is never shown, the one of the terminal around it."""
    console = api.console()
    return frozenset() if console is None else frozenset((console, api.root_owner(console) or console))


def _is_listed(window: int) -> bool:
    """Whether a person takes it for a window of its own, as the taskbar does: no tool, no dialog of another window.

    What belongs to a window that is never seen is no dialog: some programs have such a one beside their own (Delphi).
    """
    if not api.is_shown(window):
        return False
    style = api.extended_style(window)
    if style & api.APP_WINDOW:
        return True
    owner = api.owner(window)
    return not style & (api.TOOL_WINDOW | api.NO_ACTIVATE) and (owner is None or not api.is_shown(owner))


def _is_seen(window: int) -> bool:
    return api.is_shown(window) and not api.is_minimized(window)


def _lets_clicks_through(window: int) -> bool:
    """As overlays do: most show nothing most of the time, though they fill the screen."""
    both = api.TRANSPARENT | api.LAYERED
    return api.extended_style(window) & both == both

"""Windows on Windows, through PyWinCtl. Written after its documentation, not yet tried."""

import queue
import time
from typing import Any

from agent.frames import Box
from agent.screen.target import Cover, Listed, View, WindowClosed, overlap, share_of

COVER_S = 2.0  # between two questions after what lies over the game: each takes milliseconds


class PyWinCtlDesktop:
    """The windows of this session."""

    def __init__(self) -> None:
        import pywinctl

        self._pywinctl = pywinctl

    def titles(self) -> list[tuple[int, str]]:
        return [(int(window.getHandle()), str(window.title)) for window in self.windows()]

    def described(self, number: int) -> Listed | None:
        for window in self.windows():
            if int(window.getHandle()) == number:
                frame = window.getClientFrame()
                box = Box(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top)
                return Listed(number, str(window.title), box, None, window.getAppName() or None, window.getPID())
        return None

    def window_of(self, number: int) -> int | None:
        return number if any(number == listed for listed, _ in self.titles()) else None

    def focused(self) -> int | None:
        window = self._pywinctl.getActiveWindow()
        return None if window is None else int(window.getHandle())

    def clicked(self, timeout_s: float) -> int | None:
        from pynput.mouse import Listener

        places: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
        with Listener(on_click=lambda x, y, _button, pressed: places.put((int(x), int(y))) if pressed else None):
            try:
                x, y = places.get(timeout=timeout_s)
            except queue.Empty:
                return None
        window = self._pywinctl.getTopWindowAt(x, y)
        return None if window is None else int(window.getHandle())

    def has_ended(self, window: Listed) -> bool:
        return False  # PyWinCtl does not tell

    def target(self, number: int) -> "PyWinCtlWindow":
        for window in self.windows():
            if int(window.getHandle()) == number:
                return PyWinCtlWindow(self, window)
        raise WindowClosed

    def close(self) -> None:
        pass

    def windows(self) -> list[Any]:
        """PyWinCtl's windows, the top first."""
        found: list[Any] = self._pywinctl.getAllWindows()
        return found


class PyWinCtlWindow:
    """One window."""

    def __init__(self, desktop: PyWinCtlDesktop, window: Any) -> None:
        self._desktop = desktop
        self._window = window
        self.title: str | None = str(window.title)
        self.window_id: int | None = int(window.getHandle())
        self._box = self._place()
        self._cover: Cover | None = None
        self._next_cover_s = 0.0

    def look(self) -> View:
        window = self._window
        if not window.isAlive:
            return View("closed", self._box)
        if window.isMinimized:
            return View("minimized", self._box)
        self._box = self._place()
        if not window.isActive:
            return View("unfocused", self._box)
        if (now_s := time.monotonic()) >= self._next_cover_s:
            self._next_cover_s = now_s + COVER_S
            self._cover = self._covered()
        return View("focused", self._box, self._cover)

    def _covered(self) -> Cover | None:
        above = []
        for window in self._desktop.windows():
            if int(window.getHandle()) == self.window_id:
                break
            box = Box(window.box.left, window.box.top, window.box.width, window.box.height)
            if overlap(box, self._box) and not window.isMinimized:
                above.append((str(window.title), box))
        return Cover(above[0][0], share_of(self._box, [box for _, box in above])) if above else None

    def close(self) -> None:
        pass

    def _place(self) -> Box:
        # PyWinCtl's box has the decorations in it.
        frame = self._window.getClientFrame()
        return Box(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top)

"""Windows on Windows and macOS, through PyWinCtl. Written after its documentation, not yet tried."""

from typing import Any

from agent.errors import TwoframeError
from agent.frames import Box
from agent.screen.target import View, overlap


class PyWinCtlDesktop:
    """The windows of this session."""

    def __init__(self) -> None:
        import pywinctl

        self._pywinctl = pywinctl

    def titles(self) -> list[tuple[int, str]]:
        return [(int(window.getHandle()), str(window.title)) for window in self.windows()]

    def target(self, number: int) -> "PyWinCtlWindow":
        for window in self.windows():
            if int(window.getHandle()) == number:
                return PyWinCtlWindow(self, window)
        raise TwoframeError("window: found it closed, expected it open; start the game again")

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

    def look(self) -> View:
        window = self._window
        if not window.isAlive:
            return View("closed", self._box)
        if window.isMinimized:
            return View("minimized", self._box)
        self._box = self._place()
        return View("focused" if window.isActive else "unfocused", self._box)

    def covering(self) -> str | None:
        for window in self._desktop.windows():
            if int(window.getHandle()) == self.window_id:
                break
            box = Box(window.box.left, window.box.top, window.box.width, window.box.height)
            if overlap(box, self._box) and not window.isMinimized:
                return str(window.title)
        return None

    def close(self) -> None:
        pass

    def _place(self) -> Box:
        # PyWinCtl's box has the decorations in it.
        frame = self._window.getClientFrame()
        return Box(frame.left, frame.top, frame.right - frame.left, frame.bottom - frame.top)

"""Pressing keys on Windows (by scan code) and macOS (by virtual key), both through pynput. Written, not yet tried."""

import sys
from collections.abc import Collection
from typing import Any

from agent.errors import TwoframeError
from agent.keys import KEYS

_EXTENDED, _SCAN_CODE = 0x0001, 0x0008  # KEYEVENTF_*


class _PynputEmitter:
    """What the two systems share: a pynput controller, and a key code for each key."""

    def __init__(self, code_of: dict[str, Any], controller: Any) -> None:
        self._code_of = code_of
        self._controller = controller

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        if window_id is not None and not self.is_focused(window_id):
            return False
        for name in keys:
            self._controller.press(self._code_of[name])
        return True

    def release(self, keys: Collection[str]) -> None:
        for name in keys:
            self._controller.release(self._code_of[name])

    def is_focused(self, window_id: int) -> bool:
        return self.focused_window() == window_id

    def focused_window(self) -> int | None:
        raise NotImplementedError

    def close(self) -> None:
        pass


class WindowsEmitter(_PynputEmitter):
    """SendInput with scan codes: games that use DirectInput take no others."""

    def __init__(self, names: tuple[str, ...]) -> None:
        from pynput.keyboard import Controller, KeyCode

        code_of = {}
        for name in names:
            key = KEYS[name]
            flags = _SCAN_CODE | (_EXTENDED if key.extended else 0)
            code_of[name] = KeyCode.from_vk(key.windows_vk, _flags=flags, _scan=key.scan)
        super().__init__(code_of, Controller())

    def focused_window(self) -> int | None:
        if sys.platform == "win32":
            import ctypes

            ask = ctypes.windll.user32.GetForegroundWindow
            ask.restype = ctypes.c_void_p
            focused: int | None = ask()
            return focused
        raise NotImplementedError


class MacEmitter(_PynputEmitter):
    """Quartz events by virtual key, which name places on the keyboard. Needs the Accessibility permission."""

    def __init__(self, names: tuple[str, ...]) -> None:
        check_trusted()
        from pynput.keyboard import Controller, KeyCode

        super().__init__({name: KeyCode.from_vk(KEYS[name].mac_vk) for name in names}, Controller())

    def focused_window(self) -> int | None:
        import Quartz  # type: ignore[import-not-found, unused-ignore]  # comes with pynput

        shown = Quartz.kCGWindowListOptionOnScreenOnly | Quartz.kCGWindowListExcludeDesktopElements
        for window in Quartz.CGWindowListCopyWindowInfo(shown, Quartz.kCGNullWindowID):  # front to back
            if window[Quartz.kCGWindowLayer] == 0:  # neither menu bar nor Dock
                return int(window[Quartz.kCGWindowNumber])
        return None


def check_trusted() -> None:
    """macOS hears and takes keys only of programs that the user trusts, and otherwise says nothing.

    Raises `TwoframeError` if this one is not trusted.
    """
    from HIServices import AXIsProcessTrusted

    if not AXIsProcessTrusted():
        raise TwoframeError(
            "keyboard: found this program not trusted, expected the Accessibility permission; allow your terminal in "
            "System Settings > Privacy & Security > Accessibility and Input Monitoring, then start it again"
        )

"""A program with windows on Windows: `python windows_program.py`, for tests under Wine.

On stdin it is told what to do, one line of JSON each: `["open", {"title": "Game", ...}]`, the methods of `Program`. On
stdout it answers each line with what that gave, as JSON. It ends with the file, and its windows with it.
"""

import ctypes
import json
import queue
import sys
import threading
from collections.abc import Callable, Sequence
from ctypes import wintypes
from typing import Any

STYLES = {  # WS_*, WS_EX_*
    "plain": (0x00CF0000, 0),
    "popup": (0x80000000, 0),
    "child": (0x40000000, 0),
    "tool": (0x00CF0000, 0x80),
    "app": (0x00CF0000, 0x80 | 0x40000),
    "overlay": (0x80000000, 0x80000 | 0x20),
    "faded": (0x80000000, 0x80000),
}
_SHOWN, _TOPMOST = 0x10000000, 0x8
_FADED, _ALPHA = 128, 2
_WM_LBUTTONDOWN, _WM_SETTEXT = 0x201, 0xC
_LONG_PTR = ctypes.c_ssize_t
_Procedure = ctypes.WINFUNCTYPE(_LONG_PTR, wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM)


class _Class(ctypes.Structure):
    _fields_ = [
        ("style", wintypes.UINT),
        ("procedure", _Procedure),
        ("extra", ctypes.c_int * 2),
        ("instance", wintypes.HANDLE),
        ("icon", wintypes.HANDLE),
        ("cursor", wintypes.HANDLE),
        ("background", wintypes.HANDLE),
        ("menu", wintypes.LPCWSTR),
        ("name", wintypes.LPCWSTR),
    ]


class Program:
    """Its windows are told apart by their handles."""

    def __init__(self) -> None:
        self._user32 = ctypes.WinDLL("user32", use_last_error=True)
        self._user32.CreateWindowExW.restype = wintypes.HWND
        self._user32.CreateWindowExW.argtypes = [
            *(wintypes.DWORD, wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD, *[ctypes.c_int] * 4),
            *(wintypes.HWND, wintypes.HANDLE, wintypes.HANDLE, ctypes.c_void_p),
        ]
        self._user32.DefWindowProcW.restype = _LONG_PTR
        self._user32.DefWindowProcW.argtypes = [wintypes.HWND, wintypes.UINT, wintypes.WPARAM, wintypes.LPARAM]
        self._clicks = 0
        self._procedure = _Procedure(self._message)
        background = ctypes.windll.gdi32.GetStockObject(2)  # GRAY_BRUSH
        kind = _Class(0, self._procedure, background=background, name="Racer")
        self._user32.RegisterClassW(ctypes.byref(kind))
        self._flickers = False
        self._flickering: list[int] = []

    def open(
        self,
        title: str,
        place: Sequence[int],
        kind: str = "plain",
        *,
        over: int = 0,
        topmost: bool = False,
        shown: bool = True,
    ) -> int:
        """A grey window at `place` (left, top, width, height), of a kind of `STYLES`; `over` is its owner or parent."""
        style, extended = STYLES[kind]
        extended |= _TOPMOST if topmost else 0
        style |= _SHOWN if shown else 0
        window = self._user32.CreateWindowExW(extended, "Racer", title, style, *place, over, None, None, None)
        assert window, ctypes.get_last_error()
        if kind == "faded":
            self._user32.SetLayeredWindowAttributes(wintypes.HWND(window), 0, _FADED, _ALPHA)
        return int(window)

    def cut(self, window: int, parts: Sequence[Sequence[int]]) -> None:
        """Give it a shape: rectangles (left, top, right, bottom) from its upper left corner."""
        gdi32 = ctypes.windll.gdi32
        regions = [gdi32.CreateRectRgn(*part) for part in parts]
        for region in regions[1:]:
            gdi32.CombineRgn(regions[0], regions[0], region, 2)  # RGN_OR
        self._user32.SetWindowRgn(wintypes.HWND(window), regions[0], True)

    def show(self, window: int, how: str) -> None:
        words = {"hide": 0, "minimize": 6, "restore": 9, "show": 5}  # SW_*
        self._user32.ShowWindow(wintypes.HWND(window), words[how])

    def move(self, window: int, place: Sequence[int]) -> None:
        self._user32.MoveWindow(wintypes.HWND(window), *place, True)

    def take_focus(self, window: int) -> None:
        self._user32.SetForegroundWindow(wintypes.HWND(window))

    def close(self, window: int) -> None:
        self._user32.DestroyWindow(wintypes.HWND(window))

    def clicks(self) -> int:
        return self._clicks

    def flicker(self) -> None:
        """From now on, windows come and go."""
        self._flickers = True

    def pump(self) -> None:
        while self._flickering:
            self.close(self._flickering.pop())
        if self._flickers:
            self._flickering = [self.open(f"Flicker {n}", (10, 10, 50, 50), "popup") for n in range(8)]
        message = wintypes.MSG()
        while self._user32.PeekMessageW(ctypes.byref(message), None, 0, 0, 1):
            self._user32.TranslateMessage(ctypes.byref(message))
            self._user32.DispatchMessageW(ctypes.byref(message))

    def _message(self, window: int, message: int, first: int, second: int) -> int:
        if message == _WM_LBUTTONDOWN:
            self._clicks += 1
        return int(self._user32.DefWindowProcW(window, message, first, second))


def obey(told: object, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Until stdin ends."""
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin.buffer.raw:  # Python cannot end while a thread waits in its own buffer
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        meanwhile()
        try:
            line = lines.get(timeout=0.01)
        except queue.Empty:
            continue
        if line is None:
            return
        what, given = json.loads(line)
        answer: Any = getattr(told, what)(**given)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    ctypes.windll.user32.SetProcessDPIAware()
    program = Program()
    obey(program, program.pump)

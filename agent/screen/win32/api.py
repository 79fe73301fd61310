"""What Windows tells of windows and processes: its calls with their types, for a handle is wider than C's int there.

A window may close while it is looked at: what has gone is None, empty or False, never an error. Places are in real
pixels of the screen, once `agent.command_line.real_pixels` has asked for these.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import wintypes
from pathlib import PureWindowsPath
from typing import Any

from agent.frames import Box

TOOL_WINDOW, TRANSPARENT, LAYERED, APP_WINDOW, NO_ACTIVATE = 0x80, 0x20, 0x80000, 0x40000, 0x8000000  # WS_EX_*
_COLOUR_KEY, _ALPHA = 1, 2  # LWA_*
_NAME_LENGTH, _TITLE_LENGTH, _PATH_LENGTH = 257, 2048, 32768
_FRAME_BOUNDS, _CLOAKED = 9, 14  # DWMWA_*
_GWL_EXSTYLE, _GW_OWNER, _GA_ROOT, _GA_ROOTOWNER = -20, 4, 2, 3
_QUERY, _SYNCHRONIZE = 0x1000, 0x100000  # PROCESS_QUERY_LIMITED_INFORMATION
_WH_CBT, _HCBT_ACTIVATE = 5, 5
_SNAP_PROCESSES, _NO_HANDLE = 2, ctypes.c_void_p(-1).value
_LEFT_BUTTON, _RIGHT_BUTTON, _BUTTONS_SWAPPED = 1, 2, 23  # VK_*, SM_SWAPBUTTON


class _ProcessEntry(ctypes.Structure):
    _fields_ = [
        ("size", wintypes.DWORD),
        ("usage", wintypes.DWORD),
        ("pid", wintypes.DWORD),
        ("heap", ctypes.c_void_p),
        ("module", wintypes.DWORD),
        ("threads", wintypes.DWORD),
        ("parent", wintypes.DWORD),
        ("priority", wintypes.LONG),
        ("flags", wintypes.DWORD),
        ("file", wintypes.WCHAR * 260),
    ]


def _library(name: str, **functions: tuple[Any, ...]) -> Any:
    """A library of our own, so that its types do not meet those that others give it (mss, pynput).

    `functions` have the type of their result first, then those of their arguments.
    """
    library = ctypes.WinDLL(name, use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
    for function, (result, *arguments) in functions.items():
        getattr(library, function).restype, getattr(library, function).argtypes = result, arguments
    return library


_BOOL, _DWORD, _LONG, _INT = wintypes.BOOL, wintypes.DWORD, wintypes.LONG, ctypes.c_int
_HANDLE, _HWND, _LRESULT = wintypes.HANDLE, wintypes.HWND, ctypes.c_ssize_t
_RECT, _POINT, _TEXT = ctypes.POINTER(wintypes.RECT), ctypes.POINTER(wintypes.POINT), wintypes.LPWSTR
_DWORD_AT, _TIME_AT = ctypes.POINTER(_DWORD), ctypes.POINTER(wintypes.FILETIME)
_ForEach = ctypes.WINFUNCTYPE(_BOOL, _HWND, wintypes.LPARAM)  # type: ignore[attr-defined, unused-ignore]
_Hook = ctypes.WINFUNCTYPE(_LRESULT, _INT, wintypes.WPARAM, wintypes.LPARAM)  # type: ignore[attr-defined, unused-ignore]

_user32 = _library(
    "user32",
    CallNextHookEx=(_LRESULT, _HANDLE, _INT, wintypes.WPARAM, wintypes.LPARAM),
    ClientToScreen=(_BOOL, _HWND, _POINT),
    EnumWindows=(_BOOL, _ForEach, wintypes.LPARAM),
    GetAncestor=(_HWND, _HWND, wintypes.UINT),
    GetAsyncKeyState=(wintypes.SHORT, _INT),
    GetClassNameW=(_INT, _HWND, _TEXT, _INT),
    GetClientRect=(_BOOL, _HWND, _RECT),
    GetCursorPos=(_BOOL, _POINT),
    GetForegroundWindow=(_HWND,),
    GetLayeredWindowAttributes=(_BOOL, _HWND, _DWORD_AT, ctypes.POINTER(wintypes.BYTE), _DWORD_AT),
    GetSystemMetrics=(_INT, _INT),
    GetWindow=(_HWND, _HWND, wintypes.UINT),
    GetWindowLongW=(_LONG, _HWND, _INT),
    GetWindowRect=(_BOOL, _HWND, _RECT),
    GetWindowRgn=(_INT, _HWND, wintypes.HRGN),
    GetWindowTextW=(_INT, _HWND, _TEXT, _INT),
    GetWindowThreadProcessId=(_DWORD, _HWND, _DWORD_AT),
    IsIconic=(_BOOL, _HWND),
    IsWindowVisible=(_BOOL, _HWND),
    SetWindowLongW=(_LONG, _HWND, _INT, _DWORD),
    SetWindowsHookExW=(_HANDLE, _INT, _Hook, _HANDLE, _DWORD),
    WindowFromPoint=(_HWND, wintypes.POINT),
)
_gdi32 = _library(
    "gdi32",
    CreateRectRgn=(wintypes.HRGN, _INT, _INT, _INT, _INT),
    DeleteObject=(_BOOL, wintypes.HGDIOBJ),
    GetRegionData=(_DWORD, wintypes.HRGN, _DWORD, ctypes.c_void_p),
)
_dwmapi = _library("dwmapi", DwmGetWindowAttribute=(_LONG, _HWND, _DWORD, ctypes.c_void_p, _DWORD))
_kernel32 = _library(
    "kernel32",
    CloseHandle=(_BOOL, _HANDLE),
    CreateToolhelp32Snapshot=(_HANDLE, _DWORD, _DWORD),
    GetConsoleWindow=(_HWND,),
    GetCurrentThreadId=(_DWORD,),
    GetProcessTimes=(_BOOL, _HANDLE, _TIME_AT, _TIME_AT, _TIME_AT, _TIME_AT),
    OpenProcess=(_HANDLE, _DWORD, _BOOL, _DWORD),
    Process32FirstW=(_BOOL, _HANDLE, ctypes.POINTER(_ProcessEntry)),
    Process32NextW=(_BOOL, _HANDLE, ctypes.POINTER(_ProcessEntry)),
    QueryFullProcessImageNameW=(_BOOL, _HANDLE, _DWORD, _TEXT, _DWORD_AT),
    WaitForSingleObject=(_DWORD, _HANDLE, _DWORD),
)


def top_windows() -> list[int]:
    """All windows that lie in no other, the top first."""
    found: list[int] = []

    def take(window: int, _: int) -> bool:
        found.append(window)
        return True

    _user32.EnumWindows(_ForEach(take), 0)
    return found


def title(window: int) -> str:
    return _text(_user32.GetWindowTextW, window, _TITLE_LENGTH)


def class_name(window: int) -> str | None:
    return _text(_user32.GetClassNameW, window, _NAME_LENGTH) or None


def made_by(window: int) -> tuple[int, int] | None:
    """The thread and the process that it is of; None for one that has gone."""
    pid = _DWORD()
    thread = _user32.GetWindowThreadProcessId(window, ctypes.byref(pid))
    return (thread, pid.value) if thread else None


def extended_style(window: int) -> int:
    return int(_user32.GetWindowLongW(window, _GWL_EXSTYLE)) & 0xFFFFFFFF


def is_minimized(window: int) -> bool:
    return bool(_user32.IsIconic(window))


def is_visible(window: int) -> bool:
    return bool(_user32.IsWindowVisible(window))


def is_shown(window: int) -> bool:
    """Whether there is something to be seen: not hidden, without a size, or cloaked (on another virtual desktop)."""
    if not is_visible(window):
        return False
    cloaked, place = _DWORD(), wintypes.RECT()
    if not _dwmapi.DwmGetWindowAttribute(window, _CLOAKED, ctypes.byref(cloaked), 4) and cloaked.value:
        return False
    return bool(_user32.GetWindowRect(window, ctypes.byref(place))) and _box(place) is not None


def is_see_through(window: int) -> bool:
    """Whether what is below it may be seen: its program draws with transparency, or has it faded."""
    if not extended_style(window) & LAYERED:
        return False
    key, alpha, which = _DWORD(), wintypes.BYTE(), _DWORD()
    told = _user32.GetLayeredWindowAttributes(window, ctypes.byref(key), ctypes.byref(alpha), ctypes.byref(which))
    return not told or bool(which.value & _COLOUR_KEY) or (bool(which.value & _ALPHA) and alpha.value & 0xFF < 0xFF)


def owner(window: int) -> int | None:
    owned_by: int | None = _user32.GetWindow(window, _GW_OWNER)
    return owned_by


def root(window: int) -> int | None:
    """The window that lies in no other, and that this is or lies in."""
    found: int | None = _user32.GetAncestor(window, _GA_ROOT)
    return found


def root_owner(window: int) -> int | None:
    found: int | None = _user32.GetAncestor(window, _GA_ROOTOWNER)
    return found


def foreground() -> int | None:
    found: int | None = _user32.GetForegroundWindow()
    return found


def console() -> int | None:
    """The window of this command's console; under a terminal one that is never shown, and that the terminal's owns."""
    found: int | None = _kernel32.GetConsoleWindow()
    return found


def client_box(window: int) -> Box | None:
    """Where its program draws, without frame and title; None where it shows nothing: minimized, say, or gone."""
    inside, corner = wintypes.RECT(), wintypes.POINT()
    if _user32.IsIconic(window) or not _user32.GetClientRect(window, ctypes.byref(inside)):
        return None
    if not _user32.ClientToScreen(window, ctypes.byref(corner)):
        return None
    return Box(corner.x, corner.y, inside.right, inside.bottom) if inside.right > 0 < inside.bottom else None


def parts(window: int) -> list[Box]:
    """Where it is to be seen, without the shadow around it; of a window with a shape the parts of that."""
    outside, place = wintypes.RECT(), wintypes.RECT()
    if not _user32.GetWindowRect(window, ctypes.byref(outside)):
        return []
    if shape := _shape(window):
        return [Box(outside.left + part.left, outside.top + part.top, part.width, part.height) for part in shape]
    seen = _dwmapi.DwmGetWindowAttribute(window, _FRAME_BOUNDS, ctypes.byref(place), ctypes.sizeof(place)) == 0
    whole = _box(place if seen else outside)
    return [whole] if whole else []


def window_at_pointer() -> int | None:
    place = wintypes.POINT()
    found: int | None = _user32.WindowFromPoint(place) if _user32.GetCursorPos(ctypes.byref(place)) else None
    return found


def is_clicking() -> bool:
    """Whether the mouse button for clicks is down, or was since this was last asked."""
    swapped = _user32.GetSystemMetrics(_BUTTONS_SWAPPED)
    return bool(_user32.GetAsyncKeyState(_RIGHT_BUTTON if swapped else _LEFT_BUTTON) & 0x8001)


def _refuse(code: int, first: int, second: int) -> int:
    return 1 if code == _HCBT_ACTIVATE else int(_user32.CallNextHookEx(None, code, first, second))


_refusal = _Hook(_refuse)  # as long as this program runs, for Windows calls it


def keep_from_focus(window: int) -> None:
    """A click does not give it the focus either."""
    _user32.SetWindowLongW(window, _GWL_EXSTYLE, extended_style(window) | NO_ACTIVATE)


def never_take_focus() -> None:
    """No window of this thread gets the focus from now on when it is shown."""
    _user32.SetWindowsHookExW(_WH_CBT, _refusal, None, _kernel32.GetCurrentThreadId())


@contextmanager
def opened_process(pid: int) -> Iterator[int | None]:
    """A handle of it; None where it has gone, or lets us ask nothing."""
    handle = open_process(pid)
    try:
        yield handle
    finally:
        close_process(handle)


def open_process(pid: int) -> int | None:
    handle: int | None = _kernel32.OpenProcess(_QUERY | _SYNCHRONIZE, False, pid)
    return handle


def close_process(handle: int | None) -> None:
    if handle:
        _kernel32.CloseHandle(handle)


def has_ended(handle: int) -> bool:
    return bool(_kernel32.WaitForSingleObject(handle, 0) == 0)


def program_of(pid: int) -> str | None:
    """The name of its file."""
    with opened_process(pid) as handle:
        path, length = ctypes.create_unicode_buffer(_PATH_LENGTH), _DWORD(_PATH_LENGTH)
        if not handle or not _kernel32.QueryFullProcessImageNameW(handle, 0, path, ctypes.byref(length)):
            return None
        return PureWindowsPath(path.value).name


def begun(pid: int) -> int | None:
    """When it began, in Windows' own count; None where it has gone, or does not tell."""
    times = [wintypes.FILETIME() for _ in range(4)]
    with opened_process(pid) as handle:
        if not handle or not _kernel32.GetProcessTimes(handle, *map(ctypes.byref, times)):
            return None
        return int(times[0].dwHighDateTime) << 32 | int(times[0].dwLowDateTime)


def parents() -> dict[int, int]:
    """Of each process the one that began it, by number: it may have gone, and another have its number."""
    found: dict[int, int] = {}
    snapshot = _kernel32.CreateToolhelp32Snapshot(_SNAP_PROCESSES, 0)
    if snapshot == _NO_HANDLE:
        return found
    entry = _ProcessEntry(ctypes.sizeof(_ProcessEntry))
    more = _kernel32.Process32FirstW(snapshot, ctypes.byref(entry))
    while more:
        found[entry.pid] = entry.parent
        more = _kernel32.Process32NextW(snapshot, ctypes.byref(entry))
    _kernel32.CloseHandle(snapshot)
    return found


def _text(ask: Callable[[int, Any, int], int], window: int, length: int) -> str:
    text = ctypes.create_unicode_buffer(length)
    ask(window, text, length)
    return text.value


def _box(place: wintypes.RECT) -> Box | None:
    width, height = place.right - place.left, place.bottom - place.top
    return Box(place.left, place.top, width, height) if width > 0 < height else None


def _shape(window: int) -> list[Box]:
    """The parts of its region, from its upper left corner; empty where it is a whole rectangle."""
    region = _gdi32.CreateRectRgn(0, 0, 0, 0)
    try:
        if not _user32.GetWindowRgn(window, region):
            return []
        size = _gdi32.GetRegionData(region, 0, None)
        room = ctypes.create_string_buffer(size)
        _gdi32.GetRegionData(region, size, room)
    finally:
        _gdi32.DeleteObject(region)
    header, count = (_DWORD.from_buffer(room, at).value for at in (0, 8))  # RGNDATAHEADER: dwSize, nCount
    return [box for part in (wintypes.RECT * count).from_buffer(room, header) if (box := _box(part))]

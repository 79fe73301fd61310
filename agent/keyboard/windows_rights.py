"""Whether keys can pass between a window's program and us: Windows shields one with more rights (UIPI).

What SendInput sends to it is lost, says its documentation, though the call may succeed; and a hook hears none of the
keys that it gets.
"""

import ctypes
import os
from typing import Any

from agent.errors import TwoframeError

_QUERY_LIMITED_INFORMATION, _TOKEN_QUERY, _INTEGRITY_LEVEL = 0x1000, 0x0008, 25  # the last of TOKEN_INFORMATION_CLASS
_HIGH = 0x3000  # an administrator's; so must be who does not even let the token be read


def require_rights_over(window_id: int) -> None:
    """Raises `TwoframeError` if the program of this window (HWND) has more rights than we.

    One of which nothing can be learned passes: it has ended, or shields itself in its own way.
    """
    process = ctypes.c_uint32()
    _windll().user32.GetWindowThreadProcessId(ctypes.c_void_p(window_id), ctypes.byref(process))
    theirs, ours = _integrity_level(process.value), _integrity_level(os.getpid())
    if theirs is not None and ours is not None and theirs > ours:
        raise TwoframeError(
            "keyboard: found the game run with more rights than this (as administrator), expected no more, for Windows "
            "lets no keys pass between the two; run this as administrator too, or the game without"
        )


def _integrity_level(process: int) -> int | None:
    """Of the process with this number: the last number of its label's SID. None if there is no such process."""
    kernel32, advapi32 = _windll().kernel32, _windll().advapi32
    kernel32.OpenProcess.restype = ctypes.c_void_p
    handle = ctypes.c_void_p(kernel32.OpenProcess(_QUERY_LIMITED_INFORMATION, False, process))
    if not handle:
        return None
    token = ctypes.c_void_p()
    try:
        if not advapi32.OpenProcessToken(handle, _TOKEN_QUERY, ctypes.byref(token)):
            return _HIGH
        label = ctypes.create_string_buffer(256)  # TOKEN_MANDATORY_LABEL: the SID's address first, the SID behind it
        size = ctypes.c_uint32()
        if not advapi32.GetTokenInformation(token, _INTEGRITY_LEVEL, label, len(label), ctypes.byref(size)):
            return None
        sid = ctypes.c_void_p.from_buffer(label).value or 0
        count = ctypes.c_ubyte.from_address(sid + 1).value
        return ctypes.c_uint32.from_address(sid + 8 + 4 * (count - 1)).value
    finally:
        for opened in (token, handle):
            if opened:
                kernel32.CloseHandle(opened)


def _windll() -> Any:
    from ctypes import windll  # type: ignore[attr-defined, unused-ignore]  # on Windows alone

    return windll

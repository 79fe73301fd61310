"""A Windows with one keyboard and no more of it than pynput and `agent.keyboard.windows` ask of user32.

It does what Microsoft's pages say of these functions, and maps keys as the US layout does (kbdus.c in the Windows
driver samples). pynput's own code for Windows (pynput/keyboard/_win32.py, pynput/_util/win32.py) runs on it unchanged:
its hook, its message loop and its threads are the real ones.
"""

import ctypes
import functools
import itertools
import queue
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import wintypes
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from foreign_pynput import pynput_for

from agent.keys import KEYS

_WM_QUIT, _WM_KEYDOWN, _WM_KEYUP, _WM_SYSKEYDOWN, _WM_SYSKEYUP = 0x0012, 0x0100, 0x0101, 0x0104, 0x0105
_LLKHF_EXTENDED, _LLKHF_LOWER_IL_INJECTED, _LLKHF_INJECTED, _LLKHF_ALTDOWN, _LLKHF_UP = 0x01, 0x02, 0x10, 0x20, 0x80
_KEYEVENTF_EXTENDEDKEY, _KEYEVENTF_KEYUP, _KEYEVENTF_SCANCODE = 0x01, 0x02, 0x08
_VK_LMENU, _VK_RMENU, _VK_F10, _VK_PACKET, _VK_NONE = 0xA4, 0xA5, 0x79, 0xE7, 0xFF
_MAPVK_VK_TO_VSC, _MAPVK_VSC_TO_VK, _MAPVK_VSC_TO_VK_EX = 0, 1, 3
_TOKEN_INTEGRITY_LEVEL, _MEDIUM = 25, 0x2000
_GAME_PROCESS = 1 << 22 | 7  # beyond Linux' own numbers
_HOOK_TIMEOUT_S = 2.0  # LowLevelHooksTimeout: a slower hook is passed over (Windows: 0.3 s; a busy machine needs more)

# kbdus.c: the virtual key of every scan code from 1 on; then of those after the byte E0, then E1.
_PLAIN = (
    *(0x1B, *b"1234567890", 0xBD, 0xBB, 0x08),
    *(0x09, *b"QWERTYUIOP", 0xDB, 0xDD, 0x0D),
    *(0xA2, *b"ASDFGHJKL", 0xBA, 0xDE, 0xC0),
    *(0xA0, 0xDC, *b"ZXCVBNM", 0xBC, 0xBE, 0xBF, 0xA1),
    *(0x6A, 0xA4, 0x20, 0x14, *range(0x70, 0x7A), 0x90, 0x91),
    *(0x24, 0x26, 0x21, 0x6D, 0x25, 0x0C, 0x27, 0x6B, 0x23, 0x28, 0x22, 0x2D, 0x2E),  # the number pad, Num Lock off
    *(0x2C, _VK_NONE, 0xE2, 0x7A, 0x7B),
)
_VK_AT = (
    dict(enumerate(_PLAIN, start=1))
    | {0xE01C: 0x0D, 0xE01D: 0xA3, 0xE035: 0x6F, 0xE037: 0x2C, 0xE038: 0xA5, 0xE046: 0x03}
    | {0xE047: 0x24, 0xE048: 0x26, 0xE049: 0x21, 0xE04B: 0x25, 0xE04D: 0x27, 0xE04F: 0x23}
    | {0xE050: 0x28, 0xE051: 0x22, 0xE052: 0x2D, 0xE053: 0x2E, 0xE05B: 0x5B, 0xE05C: 0x5C, 0xE05D: 0x5D}
    | {0xE11D: 0x13}
    # kbd.h, T59 to T76, and the media keys, which every layout has.
    | {0x59: 0x92, **{0x64 + n: 0x7C + n for n in range(11)}, 0x76: 0x87}
    | {0xE010: 0xB1, 0xE019: 0xB0, 0xE020: 0xAD, 0xE022: 0xB3, 0xE024: 0xB2, 0xE02E: 0xAE, 0xE030: 0xAF}
    # What the Brazilian, Japanese and Korean layouts have beside those of the US (kbdbr, kbd106, kbd101a).
    | {0x73: 0xC1, 0x7E: 0xC2, 0x70: 0xF2, 0x79: 0x1C, 0x7B: 0x1D, 0x72: 0x15, 0x71: 0x19}
)
_MARKED_EXTENDED = (0x36, 0x45)  # KBDEXT: right Shift and Num Lock, which have no E0 on the wire
_NUMBER_PAD = dict(  # KBDNUMPAD: with Num Lock on
    zip(
        (0x52, 0x4F, 0x50, 0x51, 0x4B, 0x4C, 0x4D, 0x47, 0x48, 0x49, 0x53),
        (*range(0x60, 0x6A), 0x6E),
        strict=True,
    )
)
# What a keyboard sends for these is not what the hook tells, which is what `agent.keys` has.
_ON_THE_WIRE = {"pause": 0xE11D, "num_lock": 0x45}


class _KBDLLHOOKSTRUCT(ctypes.Structure):
    _fields_ = (
        ("vkCode", wintypes.DWORD),
        ("scanCode", wintypes.DWORD),
        ("flags", wintypes.DWORD),
        ("time", wintypes.DWORD),
        ("dwExtraInfo", ctypes.c_void_p),
    )


class _KEYBDINPUT(ctypes.Structure):
    _fields_ = (  # in Windows' sizes: there a DWORD has 32 bits
        ("wVk", ctypes.c_uint16),
        ("wScan", ctypes.c_uint16),
        ("dwFlags", ctypes.c_uint32),
        ("time", ctypes.c_uint32),
        ("dwExtraInfo", ctypes.c_void_p),
    )


@dataclass(order=True)
class _Mail:
    """For a thread's message queue. A hook is called by a sent message, and those come before the posted ones."""

    posted: bool
    number: int
    message: tuple[int, int, int] = field(compare=False, default=(0, 0, 0))
    call: Callable[[], None] | None = field(compare=False, default=None)


class _Function:
    """A function as `ctypes.windll` has it: what it returns is cut to `restype`."""

    def __init__(self, does: Callable[..., int]) -> None:
        self._does = does
        self.argtypes: Any = None
        self.restype: Any = ctypes.c_int

    def __call__(self, *arguments: Any) -> int | None:
        answer: int | None = self.restype(self._does(*arguments)).value
        return answer


class FakeWindows:
    """What tests do to it: a person presses and releases, a window has the focus, hooks are refused or lost."""

    def __init__(self) -> None:
        self.foreground: int | None = None
        self.num_lock = True  # pressing Num Lock does not change it, so that tests are free in their order
        self.refuses_hooks = False
        self.refuses_input = False  # as while the screen is locked
        self.level = self.level_of_game = _MEDIUM  # integrity levels; None: of which nothing can be read
        self.sends = 0
        self.sent: list[tuple[int, int, int]] = []  # virtual key, scan code and flags of each key of a SendInput
        self.posted: list[int] = []  # messages from pynput's hook to its loop, and the one that stops it
        self.game_got: list[tuple[int, bool]] = []  # virtual key and down, in the window that has the focus
        self._down: set[int] = set()  # not counted: an "up" from anyone is up
        self._hooks: dict[int, tuple[int, Callable[[int, int, int], int]]] = {}  # handle: thread, procedure
        self._mail: dict[int, queue.PriorityQueue[_Mail]] = {}
        self._number = itertools.count(1)

    def press(self, name: str) -> None:
        """A person does; once more, and it is what a keyboard repeats."""
        self._from_the_keyboard(name, down=True)

    def release(self, name: str) -> None:
        self._from_the_keyboard(name, down=False)

    def type_character(self, character: str, *, down: bool) -> None:
        """As a screen keyboard does (KEYEVENTF_UNICODE): no key, its scan code is the character's."""
        self._key_event(_VK_PACKET, ord(character), _LLKHF_INJECTED, down=down)

    def press_from_below(self, name: str, *, down: bool) -> None:
        """A program of lower integrity level does."""
        self._from_the_keyboard(name, down=down, flags=_LLKHF_INJECTED | _LLKHF_LOWER_IL_INJECTED)

    def is_down(self, name: str) -> bool:
        return self.vk_of(name) in self._down

    def vk_of(self, name: str) -> int:
        """What a game gets when a person presses this key."""
        return self._vk_at(_on_the_wire(name))

    def lose_the_keyboard(self) -> None:
        """Someone ends the message loops of those that listen; the window in front takes no keys from programs."""
        self.refuses_input = True
        for thread, _ in self._hooks.values():
            self._mail[thread].put(_Mail(True, next(self._number), (_WM_QUIT, 0, 0)))

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within this, `ctypes.windll` is this Windows, and pynput believes to be on it."""
        functions = ("MapVirtualKeyW", "MapVirtualKeyExW", "SendInput", "GetMessageW", "PeekMessageW", "ToUnicodeEx")
        functions += ("PostThreadMessageW", "SetWindowsHookExW", "UnhookWindowsHookEx", "CallNextHookEx")
        functions += ("GetAsyncKeyState", "GetKeyboardLayout", "GetForegroundWindow", "GetWindowThreadProcessId")
        user32 = SimpleNamespace(**{name: _Function(getattr(self, "_" + name)) for name in functions})
        for name in ("VkKeyScanW", "GetKeyboardState"):  # pynput names them, for what nobody asks of it here
            setattr(user32, name, _Function(functools.partial(_not_here, name)))
        kernel32 = SimpleNamespace(
            GetCurrentThreadId=_Function(threading.get_ident),
            OpenProcess=_Function(lambda access, inherited, process: process),
            CloseHandle=_Function(lambda handle: 1),
        )
        advapi32 = SimpleNamespace(
            OpenProcessToken=_Function(self._OpenProcessToken), GetTokenInformation=_Function(self._GetTokenInformation)
        )
        with pytest.MonkeyPatch.context() as patch, pynput_for("win32"):
            patch.setattr(
                ctypes, "windll", SimpleNamespace(user32=user32, kernel32=kernel32, advapi32=advapi32), raising=False
            )
            patch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
            yield

    def _from_the_keyboard(self, name: str, *, down: bool, flags: int = 0) -> None:
        code = _on_the_wire(name)
        scan = 0x45 if code == 0xE11D else code & 0xFF  # Pause: "Keyboard Input Overview", as the hook tells it
        self._key_event(self._vk_at(code), scan, flags | _extended(code), down=down)

    def _vk_at(self, code: int) -> int:
        if self.num_lock and code in _NUMBER_PAD:
            return _NUMBER_PAD[code]
        return _VK_AT.get(code, _VK_NONE)

    def _key_event(self, vk: int, scan: int, flags: int, *, down: bool) -> None:
        """First the hooks, the newest first, each on the thread that set it; then the state; then the window."""
        alt = bool({_VK_LMENU, _VK_RMENU} & (self._down | {vk}))
        system_key = alt or vk == _VK_F10
        if down:
            message = _WM_SYSKEYDOWN if system_key else _WM_KEYDOWN
        else:
            message = _WM_SYSKEYUP if system_key else _WM_KEYUP
            flags |= _LLKHF_UP
        data = _KBDLLHOOKSTRUCT(vk, scan, flags | (_LLKHF_ALTDOWN if alt else 0), 0, None)
        for thread, procedure in reversed(list(self._hooks.values())):
            if self._call(thread, procedure, message, data):
                return  # swallowed
        if down:
            self._down.add(vk)
        else:
            self._down.discard(vk)
        if self.foreground is not None:
            self.game_got.append((vk, down))

    def _call(
        self, thread: int, procedure: Callable[[int, int, int], int], message: int, data: _KBDLLHOOKSTRUCT
    ) -> int:
        answers: queue.SimpleQueue[int] = queue.SimpleQueue()

        def call() -> None:
            answers.put(procedure(0, message, ctypes.addressof(data)))  # 0 is HC_ACTION

        self._mail[thread].put(_Mail(False, next(self._number), call=call))
        try:
            return answers.get(timeout=_HOOK_TIMEOUT_S)
        except queue.Empty:
            return 0

    # What follows bears user32's names and takes its arguments.

    def _SetWindowsHookExW(self, kind: int, procedure: Any, module: Any, thread: int) -> int:  # noqa: N802
        if self.refuses_hooks:
            return 0
        handle = next(self._number)
        self._hooks[handle] = threading.get_ident(), procedure
        return handle

    def _UnhookWindowsHookEx(self, handle: int) -> int:  # noqa: N802
        return int(self._hooks.pop(handle, None) is not None)

    def _CallNextHookEx(self, hook: int, code: int, message: int, data: int) -> int:  # noqa: N802
        return 0  # the system asks the next itself, here

    def _PeekMessageW(self, *_: Any) -> int:  # noqa: N802
        self._mail.setdefault(threading.get_ident(), queue.PriorityQueue())  # a thread has a queue from here on
        return 0

    def _GetMessageW(self, message: Any, *_: Any) -> int:  # noqa: N802
        mail = self._mail[threading.get_ident()]
        while (item := mail.get()).call is not None:
            item.call()
        message._obj.message, message._obj.wParam, message._obj.lParam = item.message
        return int(item.message[0] != _WM_QUIT)

    def _PostThreadMessageW(self, thread: int, *message: int) -> int:  # noqa: N802
        self.posted.append(message[0])
        self._mail[thread].put(_Mail(True, next(self._number), (message[0], message[1], message[2])))
        return 1

    def _SendInput(self, count: int, inputs: Any, size: int) -> int:  # noqa: N802
        if self.refuses_input:
            return 0
        self.sends += 1
        assert ctypes.sizeof(inputs) == count * size == count * 40  # of INPUT in 64 bits
        for sent in inputs:
            key = _KEYBDINPUT.from_buffer_copy(sent, 8)
            self.sent.append((key.wVk, key.wScan, key.dwFlags))
            code = key.wScan | (0xE000 if key.dwFlags & _KEYEVENTF_EXTENDEDKEY else 0)
            # With a scan code, the virtual key is not looked at, and the layout marks what is extended.
            by_scan_code = key.dwFlags & _KEYEVENTF_SCANCODE
            vk = self._vk_at(code) if by_scan_code else key.wVk
            extended = _extended(code) if by_scan_code else key.dwFlags & _KEYEVENTF_EXTENDEDKEY
            self._key_event(vk, key.wScan, _LLKHF_INJECTED | extended, down=not key.dwFlags & _KEYEVENTF_KEYUP)
        return count

    def _MapVirtualKeyW(self, code: int, kind: int) -> int:  # noqa: N802
        if kind in (_MAPVK_VSC_TO_VK, _MAPVK_VSC_TO_VK_EX):
            return _VK_AT.get(code, 0)  # Num Lock changes nothing here
        assert kind == _MAPVK_VK_TO_VSC
        return next((place & 0xFF for place, vk in _VK_AT.items() if vk == code), 0)

    def _MapVirtualKeyExW(self, code: int, kind: int, layout: int) -> int:  # noqa: N802
        return self._MapVirtualKeyW(code, kind)

    def _GetAsyncKeyState(self, vk: int) -> int:  # noqa: N802
        return -0x8000 if vk in self._down else 0  # a SHORT

    def _GetForegroundWindow(self) -> int:  # noqa: N802
        return self.foreground or 0

    def _GetWindowThreadProcessId(self, window: Any, process: Any) -> int:  # noqa: N802
        process._obj.value = _GAME_PROCESS
        return 1

    def _OpenProcessToken(self, process: Any, access: int, token: Any) -> int:  # noqa: N802
        token._obj.value = process.value
        return int(self._level_of(process.value) is not None)

    def _GetTokenInformation(self, token: Any, kind: int, label: Any, size: int, needed: Any) -> int:  # noqa: N802
        assert kind == _TOKEN_INTEGRITY_LEVEL
        sid = ctypes.addressof(label) + 16
        sid_bytes = struct.pack("<BB6sI", 1, 1, b"\0\0\0\0\0\x10", self._level_of(token.value))  # S-1-16-LEVEL
        ctypes.memmove(label, struct.pack("<QQ", sid, 0x60) + sid_bytes, 28)
        return 1

    def _level_of(self, process: int) -> int | None:
        return self.level_of_game if process == _GAME_PROCESS else self.level

    def _GetKeyboardLayout(self, thread: int) -> int:  # noqa: N802
        return 0x04090409

    def _ToUnicodeEx(self, *_: Any) -> int:  # noqa: N802
        return 0  # no key types anything: characters are not what this is about


def _on_the_wire(name: str) -> int:
    key = KEYS[name]
    return _ON_THE_WIRE.get(name, key.scan | (0xE000 if key.extended else 0))


def _extended(code: int) -> int:
    return _LLKHF_EXTENDED if code >> 8 == 0xE0 or code in _MARKED_EXTENDED else 0


def _not_here(name: str, *_: Any) -> int:
    raise NotImplementedError(f"{name} is not part of this Windows")

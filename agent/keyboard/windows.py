"""The keyboard on Windows by scan code: a low-level hook hears, SendInput presses. Tried under Wine, not on Windows.

Imported on Windows alone; pynput and `windll` inside the functions, so that tests can put a Windows of theirs there.
"""

import ctypes
from collections.abc import Collection
from typing import Any

from agent.keyboard.through_pynput import BlindEmitter, PynputKeyboard
from agent.keys import KEYS


class WindowsKeyboard(PynputKeyboard):
    """A low-level hook: it sees scan codes, and whether a program sent them."""

    _PRESSES = (0x0100, 0x0104)  # WM_KEYDOWN, WM_SYSKEYDOWN
    _EXTENDED, _INJECTED = 0x01, 0x12  # LLKHF_EXTENDED; LLKHF_INJECTED or LLKHF_LOWER_IL_INJECTED
    _PACKET = 0xE7  # VK_PACKET: a character, not a key

    def _made(self) -> Any:
        from pynput.keyboard import Listener

        self._name_of = {(KEYS[name].scan, KEYS[name].extended): name for name in self._keys}
        if "right_shift" in self._keys:
            self._name_of[0x36, True] = "right_shift"  # the hook has it extended, a keyboard has not
        return Listener(win32_event_filter=self._hear)

    def _hear(self, message: int, data: Any) -> bool:
        name = self._name_of.get((data.scanCode, bool(data.flags & self._EXTENDED)))
        if name is None or data.vkCode == self._PACKET:
            return False  # not ours: pynput is not to look at it either
        self._tell(name, down=message in self._PRESSES, injected=bool(data.flags & self._INJECTED))
        return False

    def _hears(self) -> bool:
        # pynput calls itself ready before it has set the hook, and ignores it if that fails.
        from pynput._util.win32 import SystemHook

        hook = SystemHook._HOOKS.get(self._listener.ident)
        return hook is not None and bool(hook._hook)

    def _is_down(self, name: str) -> bool:
        return _is_down(name)


class WindowsEmitter(BlindEmitter):
    """SendInput with scan codes: games that use DirectInput take no others."""

    _EXTENDED, _SCAN_CODE = 0x0001, 0x0008  # KEYEVENTF_*

    def __init__(self, names: tuple[str, ...]) -> None:
        from pynput.keyboard import Controller, KeyCode

        code_of = {}
        for name in names:
            key = KEYS[name]
            flags = self._SCAN_CODE | (self._EXTENDED if key.extended else 0)
            code_of[name] = KeyCode.from_vk(key.windows_vk, _flags=flags, _scan=key.scan)
        super().__init__()
        self._code_of = code_of
        self._controller = Controller()

    def focused_window(self) -> int | None:
        ask = _user32().GetForegroundWindow
        ask.restype = ctypes.c_void_p
        focused: int | None = ask()
        return focused

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        send = self._controller.press if down else self._controller.release
        for name in keys:
            send(self._code_of[name])

    def _is_down(self, name: str) -> bool:
        return _is_down(name)


def _is_down(name: str) -> bool:
    user32 = _user32()
    key = KEYS[name]
    # MAPVK_VSC_TO_VK_EX: the virtual key at this place on the layout in use.
    vk = user32.MapVirtualKeyW(key.scan | (0xE000 if key.extended else 0), 3) or key.windows_vk
    return bool(user32.GetAsyncKeyState(vk) & 0x8000)


def _user32() -> Any:
    from ctypes import windll  # type: ignore[attr-defined, unused-ignore]  # on Windows alone

    return windll.user32

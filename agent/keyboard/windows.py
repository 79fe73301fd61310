"""The keyboard on Windows by scan code: a low-level hook hears, SendInput presses. Tried under Wine, not on Windows.

Imported on Windows alone; pynput and `windll` inside the functions, so that tests can put a Windows of theirs there.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Collection
from typing import Any

from agent.errors import KeysRefused, TwoframeError
from agent.keyboard.blind_emitter import BlindEmitter
from agent.keyboard.windows_rights import require_rights_over
from agent.keys import KEYS, KeyEvent
from agent.pacing import clock_ns

_START_TIMEOUT_S = 5.0
_KEYBOARD, _EXTENDED_KEY, _KEY_UP, _SCAN_CODE = 1, 0x01, 0x02, 0x08  # INPUT_KEYBOARD, KEYEVENTF_*
_NUM_LOCK_SCAN, _NUM_LOCK_VK = 0x45, 0x90
# Asked by scan code, the number pad is arrows, whatever Num Lock says, and Pause is Num Lock.
_SAME_EVERYWHERE = frozenset({"pause", "num_lock", "numpad_period", *(f"numpad_{n}" for n in range(10))})


class WindowsKeyboard:
    """A low-level hook, pynput's (written against its source, 1.8), on a thread of its own, and a watch on whether that
    lives: it sees scan codes, and whether a program sent them."""

    _PRESSES = (0x0100, 0x0104)  # WM_KEYDOWN, WM_SYSKEYDOWN
    _EXTENDED, _INJECTED = 0x01, 0x12  # LLKHF_EXTENDED; LLKHF_INJECTED or LLKHF_LOWER_IL_INJECTED
    _PACKET = 0xE7  # VK_PACKET: a character, not a key

    def __init__(
        self,
        keys: tuple[str, ...],
        changed: Callable[[KeyEvent, int], None],
        failed: Callable[[TwoframeError], None],
    ) -> None:
        self._keys = keys
        self._changed = changed
        self._failed = failed
        self._closing = False
        self._listener: Any = None

    def start(self) -> frozenset[str]:
        self._listener = self._made()
        self._listener.start()
        self._listener.wait()
        deadline_s = time.perf_counter() + _START_TIMEOUT_S
        while not self._hears():
            if time.perf_counter() > deadline_s or not self._listener.is_alive():
                self.close()
                raise TwoframeError("keyboard: found that the system lets no program listen, expected a keyboard hook")
            time.sleep(0.005)
        threading.Thread(target=self._watch, name="keyboard watch", daemon=True).start()
        return frozenset(name for name in self._keys if _is_down(name))

    def close(self) -> None:
        self._closing = True
        if self._listener is not None:
            self._listener.stop()
            if threading.current_thread() is not self._listener and self._listener.is_alive():
                threading.Thread.join(self._listener)  # its own join would raise what `_watch` tells

    def _tell(self, name: str, *, down: bool, injected: bool) -> None:
        """A key changed; programs count as one device, keyboards as another."""
        if not self._closing:  # a key may be on its way when we close
            self._changed(KeyEvent(clock_ns(), name, down, injected), int(injected))

    def _watch(self) -> None:
        threading.Thread.join(self._listener)
        if not self._closing:
            self._failed(TwoframeError("keyboard: the listener ended by itself, expected it to go on; start again"))

    def _made(self) -> Any:
        from pynput.keyboard import Listener

        self._name_of = {(KEYS[name].scan, KEYS[name].extended): name for name in self._keys}
        if "right_shift" in self._keys:
            self._name_of[0x36, True] = "right_shift"  # the hook has it extended, a keyboard has not
        return Listener(win32_event_filter=self._hear)

    def _hear(self, message: int, data: Any) -> bool:
        extended = bool(data.flags & self._EXTENDED)
        if data.scanCode == _NUM_LOCK_SCAN:  # Pause's too: the virtual key tells, whoever sent it
            extended = data.vkCode == _NUM_LOCK_VK
        name = self._name_of.get((data.scanCode, extended))
        if name is None or data.vkCode == self._PACKET:
            return False  # not ours: pynput is not to look at it either
        self._tell(name, down=message in self._PRESSES, injected=bool(data.flags & self._INJECTED))
        return False

    def _hears(self) -> bool:
        # pynput calls itself ready before it has set the hook, and ignores it if that fails.
        from pynput._util.win32 import SystemHook

        hook = SystemHook._HOOKS.get(self._listener.ident)
        return hook is not None and bool(hook._hook)


class WindowsEmitter(BlindEmitter):
    """SendInput with scan codes: games that use DirectInput take no others. All keys of a call go down in one."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._input_of = {name: _key_input(name) for name in names}
        self._reached: int | None = None

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        if window_id is not None and window_id != self._reached:
            require_rights_over(window_id)
            self._reached = window_id
        return super().press(keys, window_id)

    def focused_window(self) -> int | None:
        ask = _user32().GetForegroundWindow
        ask.restype = ctypes.c_void_p
        focused: int | None = ask()
        return focused

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        if not keys:
            return
        inputs = (_Input * len(keys))(*(self._input_of[name] for name in keys))
        for each in inputs:
            each.key.flags |= 0 if down else _KEY_UP
        taken = _user32().SendInput(len(inputs), inputs, ctypes.sizeof(_Input))
        if taken != len(inputs):
            raise KeysRefused(
                f"keyboard: found that Windows took {taken} of {len(inputs)} keys, expected all; unlock the screen, "
                "and if the game runs as administrator, run this so too"
            )

    def _is_down(self, name: str) -> bool:
        return _is_down(name)


class _KeyboardInput(ctypes.Structure):
    """KEYBDINPUT."""

    _fields_ = (
        ("vk", ctypes.c_uint16),
        ("scan", ctypes.c_uint16),
        ("flags", ctypes.c_uint32),
        ("time", ctypes.c_uint32),
        ("extra", ctypes.c_size_t),
    )


class _Input(ctypes.Structure):
    """INPUT, of which a mouse would need 8 bytes more than a key."""

    _fields_ = (("type", ctypes.c_uint32), ("key", _KeyboardInput), ("of_a_mouse", ctypes.c_byte * 8))


def _key_input(name: str) -> _Input:
    key = KEYS[name]
    flags = _EXTENDED_KEY if key.extended else 0
    if key.scan == _NUM_LOCK_SCAN:  # Pause's too: by that alone Windows does not know which is meant (keybd_event)
        return _Input(_KEYBOARD, _KeyboardInput(key.windows_vk, key.scan, flags, 0, 0))
    return _Input(_KEYBOARD, _KeyboardInput(0, key.scan, _SCAN_CODE | flags, 0, 0))


def _is_down(name: str) -> bool:
    """Whether a key is down, as far as its virtual key tells: of two that share one, the one that is meant mostly."""
    user32 = _user32()
    key = KEYS[name]
    if name == "numpad_enter":  # this is asked as Enter
        return False
    vk = 0
    if name not in _SAME_EVERYWHERE:
        # MAPVK_VSC_TO_VK_EX: the virtual key at this place on the layout in use.
        vk = user32.MapVirtualKeyW(key.scan | (0xE000 if key.extended else 0), 3)
    return bool(user32.GetAsyncKeyState(vk or key.windows_vk) & 0x8000)


def _user32() -> Any:
    from ctypes import windll  # type: ignore[attr-defined, unused-ignore]  # on Windows alone

    return windll.user32

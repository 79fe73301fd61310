"""The keyboard on Windows and macOS, heard through pynput. Written against its source (1.8), not yet tried."""

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from agent.errors import TwoframeError
from agent.keyboard.pynput_emitter import check_trusted
from agent.keys import KEYS, KeyEvent

_START_TIMEOUT_S = 5.0


class _PynputKeyboard:
    """What the two systems share: a pynput listener on its own thread, and a watch on whether it still lives."""

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
        return frozenset(name for name in self._keys if self._is_down(name))

    def close(self) -> None:
        self._closing = True
        if self._listener is not None:
            self._listener.stop()
            if threading.current_thread() is not self._listener and self._listener.is_alive():
                threading.Thread.join(self._listener)  # its own join would raise what `_watch` tells

    def _watch(self) -> None:
        threading.Thread.join(self._listener)
        if not self._closing:
            self._failed(TwoframeError("keyboard: the listener ended by itself, expected it to go on; start again"))

    def _made(self) -> Any:
        raise NotImplementedError

    def _hears(self) -> bool:
        raise NotImplementedError

    def _is_down(self, name: str) -> bool:
        raise NotImplementedError


class WindowsKeyboard(_PynputKeyboard):
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
        injected = bool(data.flags & self._INJECTED)
        self._changed(KeyEvent(time.perf_counter_ns(), name, message in self._PRESSES, injected), int(injected))
        return False

    def _hears(self) -> bool:
        # pynput calls itself ready before it has set the hook, and ignores it if that fails.
        from pynput._util.win32 import SystemHook

        hook = SystemHook._HOOKS.get(self._listener.ident)
        return hook is not None and bool(hook._hook)

    def _is_down(self, name: str) -> bool:
        if sys.platform == "win32":
            import ctypes

            user32 = ctypes.windll.user32
            key = KEYS[name]
            # MAPVK_VSC_TO_VK_EX: the virtual key at this place on the layout in use.
            vk = user32.MapVirtualKeyW(key.scan | (0xE000 if key.extended else 0), 3) or key.windows_vk
            return bool(user32.GetAsyncKeyState(vk) & 0x8000)
        raise NotImplementedError


class MacKeyboard(_PynputKeyboard):
    """An event tap: it sees virtual keys, which name places, and whether a process sent them."""

    def _made(self) -> Any:
        check_trusted()
        from pynput.keyboard import Listener

        self._name_of: dict[int | None, str] = {KEYS[name].mac_vk: name for name in self._keys}
        return Listener(
            on_press=lambda key, injected: self._hear(key, injected, down=True),
            on_release=lambda key, injected: self._hear(key, injected, down=False),
        )

    def _hear(self, key: Any, injected: bool, *, down: bool) -> None:
        name = self._name_of.get(getattr(getattr(key, "value", key), "vk", None))
        if name is None:
            return  # not ours: what else is typed is nobody's business
        self._changed(KeyEvent(time.perf_counter_ns(), name, down, bool(injected)), int(bool(injected)))

    def _hears(self) -> bool:
        # pynput calls itself ready without a tap too, and ends then.
        return bool(self._listener.is_alive())

    def _is_down(self, name: str) -> bool:
        import Quartz  # type: ignore[import-not-found, unused-ignore]

        return bool(Quartz.CGEventSourceKeyState(Quartz.kCGEventSourceStateCombinedSessionState, KEYS[name].mac_vk))

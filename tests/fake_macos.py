"""A macOS with one keyboard and no more of it than pynput and `agent.keyboard.macos` ask of Quartz and its kin.

It does what Apple's pages say of these functions (Quartz Event Services, CFRunLoop, CGWindow). pynput's own code for
macOS (pynput/keyboard/_darwin.py, pynput/_util/darwin.py) runs on it unchanged: its tap, its run loop and its threads.
"""

import ctypes
import ctypes.util
import functools
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from foreign_pynput import pynput_for

from agent.keys import KEYS

# CGEventTypes.h, NSEvent.h
_KEY_DOWN, _KEY_UP, _FLAGS_CHANGED, _SYSTEM_DEFINED = 10, 11, 12, 14
_CAPS_MASK, _SHIFT, _CONTROL, _ALTERNATE, _COMMAND = 0x10000, 0x20000, 0x40000, 0x80000, 0x100000
_CAPS_LOCK = 57
_MASK_OF = {
    **dict.fromkeys((56, 60), _SHIFT),
    **dict.fromkeys((59, 62), _CONTROL),
    **dict.fromkeys((58, 61), _ALTERNATE),
    **dict.fromkeys((55, 54), _COMMAND),
    _CAPS_LOCK: _CAPS_MASK,
}
_KEYCODE_FIELD, _PROCESS_FIELD = 9, 41
_MEDIA_SUBTYPE = 8
_RUN_FINISHED, _RUN_STOPPED, _RUN_TIMED_OUT = 1, 2, 3

_CONSTANTS = {
    "kCGEventKeyDown": _KEY_DOWN,
    "kCGEventKeyUp": _KEY_UP,
    "kCGEventFlagsChanged": _FLAGS_CHANGED,
    "NSSystemDefined": _SYSTEM_DEFINED,
    "kCGEventFlagMaskShift": _SHIFT,
    "kCGEventFlagMaskControl": _CONTROL,
    "kCGEventFlagMaskAlternate": _ALTERNATE,
    "kCGEventFlagMaskCommand": _COMMAND,
    "kCGKeyboardEventKeycode": _KEYCODE_FIELD,
    "kCGEventSourceUnixProcessID": _PROCESS_FIELD,
    "kCGHIDEventTap": 0,
    "kCGSessionEventTap": 1,
    "kCGHeadInsertEventTap": 0,
    "kCGEventTapOptionDefault": 0,
    "kCGEventTapOptionListenOnly": 1,
    "kCGEventSourceStateCombinedSessionState": 0,
    "kCFRunLoopDefaultMode": "kCFRunLoopDefaultMode",
    "kCFRunLoopRunTimedOut": _RUN_TIMED_OUT,
    "kCGWindowListOptionOnScreenOnly": 1,
    "kCGWindowListExcludeDesktopElements": 16,
    "kCGNullWindowID": 0,
    "kCGWindowLayer": "kCGWindowLayer",
    "kCGWindowNumber": "kCGWindowNumber",
}


@dataclass
class _Event:
    """A CGEvent; `data1` is what an NSEvent of a media key carries."""

    kind: int
    keycode: int = 0
    down: bool = False
    flags: int = 0
    process: int = 0
    data1: int = 0


@dataclass(eq=False)
class _Loop:
    """A CFRunLoop."""

    work: queue.SimpleQueue[Callable[[], None] | None] = field(default_factory=queue.SimpleQueue)
    stopped: bool = False
    finished: bool = False  # it has no source any more


@dataclass(eq=False)
class _Tap:
    mask: int
    callback: Callable[[Any, int, _Event, Any], Any]
    loop: _Loop | None = None
    enabled: bool = False


class FakeMac:
    """What tests do to it: a person presses and releases, a window is in front, trust or the tap is refused or lost."""

    def __init__(self) -> None:
        self.windows: list[tuple[int, int]] = []  # number and layer, front to back
        self.trusted = True
        self.refuses_taps = False
        self.posted: list[tuple[int, bool, int]] = []  # virtual key, down and flags of each CGEventPost
        self._down: set[int] = set()  # not counted: an "up" from anyone is up
        self._caps = False
        self._taps: list[_Tap] = []
        self._loops: dict[int, _Loop] = {}

    def press(self, name: str) -> None:
        """A person does; once more, and it is what a keyboard repeats."""
        keycode = _code(name)
        if keycode == _CAPS_LOCK:  # tells only that its lamp changed; "down" is lit
            self._caps = not self._caps
            self._happen(_keyboard_event(keycode, down=self._caps))
        elif keycode not in _MASK_OF or keycode not in self._down:  # modifiers do not repeat
            self._happen(_keyboard_event(keycode, down=True))

    def release(self, name: str) -> None:
        if _code(name) != _CAPS_LOCK:
            self._happen(_keyboard_event(_code(name), down=False))

    def press_media(self, number: int, *, down: bool) -> None:
        """A person does, on a key of ev_keymap.h (NX_KEYTYPE_*): louder, next title."""
        self._deliver(_Event(_SYSTEM_DEFINED, data1=number << 16 | (0xA00 if down else 0xB00)))

    def is_down(self, name: str) -> bool:
        return KEYS[name].mac_vk in self._down

    def lose_the_keyboard(self) -> None:
        """The user takes the permission back: the taps' ports become invalid, and the loops run out of sources."""
        self.trusted = False
        for tap in self._taps:
            tap.enabled = False
            if tap.loop is not None:
                tap.loop.finished = True
                tap.loop.work.put(None)

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within this, Quartz and its kin are this macOS, and pynput believes to be on it."""
        quartz = ModuleType("Quartz")
        vars(quartz).update(_CONSTANTS)
        for owner in type(self).__mro__:
            for name in vars(owner):
                if name.startswith(("_CG", "_CF")):
                    setattr(quartz, name[1:], getattr(self, name))
        quartz.NSEvent = SimpleNamespace(  # type: ignore[attr-defined]
            eventWithCGEvent_=lambda event: SimpleNamespace(subtype=lambda: _MEDIA_SUBTYPE, data1=lambda: event.data1),
            otherEventWithType_location_modifierFlags_timestamp_windowNumber_context_subtype_data1_data2_=None,
        )
        services, foundation, objc = ModuleType("HIServices"), ModuleType("CoreFoundation"), ModuleType("objc")
        services.AXIsProcessTrusted = lambda: self.trusted  # type: ignore[attr-defined]
        foundation.CFRelease = lambda value: None  # type: ignore[attr-defined]
        objc.objc_object = lambda c_void_p: None  # type: ignore[attr-defined]
        modules = {module.__name__: module for module in (quartz, services, foundation, objc)}
        with pytest.MonkeyPatch.context() as patch, pynput_for("darwin", modules):
            with patch.context() as carbon:  # pynput asks for it once, at import: how a layout names its keys
                carbon.setattr(ctypes.util, "find_library", lambda name: name)
                carbon.setattr(ctypes, "cdll", SimpleNamespace(LoadLibrary=lambda name: _carbon()))
                carbon.setattr(ctypes, "c_void_p", _VoidPointer)
                import pynput.keyboard  # noqa: F401
            yield

    def _happen(self, event: _Event) -> None:
        """What the hardware or a process does: the state follows, then the taps are told."""
        if event.down:
            self._down.add(event.keycode)
        else:
            self._down.discard(event.keycode)
        if not event.process:
            event.flags = self._flags()
        self._deliver(event)

    def _flags(self) -> int:
        flags = 0
        for keycode in self._down:
            flags |= _MASK_OF.get(keycode, 0)  # the same for left and right
        return flags

    def _deliver(self, event: _Event) -> None:
        for tap in self._taps:
            if tap.enabled and tap.mask >> event.kind & 1 and tap.loop is not None:
                tap.loop.work.put(functools.partial(tap.callback, None, event.kind, event, None))

    # What follows bears the names of Quartz and CoreFoundation and takes their arguments.

    def _CGEventMaskBit(self, kind: int) -> int:  # noqa: N802
        return 1 << kind

    def _CGEventCreateKeyboardEvent(self, source: None, keycode: int, down: bool) -> _Event:  # noqa: N802
        return _keyboard_event(keycode, down=down)

    def _CGEventGetType(self, event: _Event) -> int:  # noqa: N802
        return event.kind

    def _CGEventGetFlags(self, event: _Event) -> int:  # noqa: N802
        return event.flags

    def _CGEventSetFlags(self, event: _Event, flags: int) -> None:  # noqa: N802
        event.flags = flags

    def _CGEventGetIntegerValueField(self, event: _Event, wanted: int) -> int:  # noqa: N802
        return {_KEYCODE_FIELD: event.keycode, _PROCESS_FIELD: event.process}[wanted]

    def _CGEventKeyboardGetUnicodeString(self, event: _Event, most: int, *_: None) -> tuple[int, str]:  # noqa: N802
        return 1, "?"  # characters are not what this is about

    def _CGEventKeyboardSetUnicodeString(self, event: _Event, length: int, text: str) -> None:  # noqa: N802
        raise NotImplementedError("pressing characters is not part of this macOS")

    def _CGEventPost(self, where: int, event: _Event) -> None:  # noqa: N802
        if not self.trusted:
            return  # silently
        self.posted.append((event.keycode, event.down, event.flags))
        event.process = os.getpid()
        self._happen(event)

    def _CGEventSourceKeyState(self, state: int, keycode: int) -> bool:  # noqa: N802
        return keycode in self._down

    def _CGEventTapCreate(  # noqa: N802
        self, where: int, place: int, options: int, mask: int, callback: Callable[..., Any], refcon: None
    ) -> _Tap | None:
        if self.refuses_taps or not self.trusted:
            return None
        tap = _Tap(mask, callback)
        self._taps.append(tap)
        return tap

    def _CGEventTapEnable(self, tap: _Tap, enable: bool) -> None:  # noqa: N802
        tap.enabled = enable

    def _CFMachPortCreateRunLoopSource(self, allocator: None, port: _Tap, order: int) -> _Tap:  # noqa: N802
        return port

    def _CFRunLoopGetCurrent(self) -> _Loop:  # noqa: N802
        return self._loops.setdefault(threading.get_ident(), _Loop())

    def _CFRunLoopAddSource(self, loop: _Loop, source: _Tap, mode: str) -> None:  # noqa: N802
        source.loop = loop

    def _CFRunLoopStop(self, loop: _Loop) -> None:  # noqa: N802
        loop.stopped = True
        loop.work.put(None)

    def _CFRunLoopRunInMode(self, mode: str, seconds: float, return_after_one: bool) -> int:  # noqa: N802
        loop = self._CFRunLoopGetCurrent()
        end_s = time.monotonic() + seconds
        while not loop.finished and not loop.stopped:
            try:
                work = loop.work.get(timeout=max(0.0, end_s - time.monotonic()))
            except queue.Empty:
                return _RUN_TIMED_OUT
            if work is not None and not loop.stopped:
                work()  # what it raises comes out here (pyobjc, CGEventTapCallBack)
        stopped, loop.stopped = loop.stopped, False
        return _RUN_STOPPED if stopped else _RUN_FINISHED

    def _CGWindowListCopyWindowInfo(self, option: int, relative_to: int) -> list[dict[str, int]]:  # noqa: N802
        return [{"kCGWindowNumber": number, "kCGWindowLayer": layer} for number, layer in self.windows]


def _code(name: str) -> int:
    code = KEYS[name].mac_vk
    assert code is not None, f"no keyboard of a Mac has {name}"
    return code


def _keyboard_event(keycode: int, *, down: bool) -> _Event:
    """Of a modifier, that the flags changed; whether up or down, only the flags tell."""
    if keycode in _MASK_OF:
        return _Event(_FLAGS_CHANGED, keycode, down)
    return _Event(_KEY_DOWN if down else _KEY_UP, keycode, down)


class _VoidPointer(ctypes.c_void_p):
    @classmethod
    def in_dll(cls, library: Any, name: str) -> "_VoidPointer":
        return cls()


def _carbon() -> SimpleNamespace:
    """A layout that names no key: `get_unicode_to_keycode_map` serves pressing characters, which nobody does here."""
    names = ("TISCopyCurrentKeyboardInputSource", "TISCopyCurrentASCIICapableKeyboardLayoutInputSource")
    names += ("TISGetInputSourceProperty", "LMGetKbdType", "UCKeyTranslate")
    # partial, because a function of a library is an object that takes argtypes and restype.
    return SimpleNamespace(**{name: functools.partial(_nothing) for name in names})


def _nothing(*_: Any) -> None:
    return None

"""A macOS with one keyboard, and no more of it than our code asks of Quartz and its kin.

It does what Apple's pages say of these functions (Quartz Event Services, CFRunLoop).
"""

import functools
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from fake_mac_desktop import ACCESSIBILITY_CONSTANTS, DESKTOP_CONSTANTS, FakeMacDesktop

from agent.keys import KEYS

# CGEventTypes.h, NSEvent.h (NX_SYSDEFINED)
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
_BY_TIMEOUT, _BY_USER_INPUT = 0xFFFFFFFE, 0xFFFFFFFF
_KEYCODE_FIELD, _PROCESS_FIELD = 9, 41
_RUN_FINISHED, _RUN_STOPPED, _RUN_TIMED_OUT = 1, 2, 3

_CONSTANTS = {
    "kCGEventKeyDown": _KEY_DOWN,
    "kCGEventKeyUp": _KEY_UP,
    "kCGEventFlagsChanged": _FLAGS_CHANGED,
    "kCGEventFlagMaskShift": _SHIFT,
    "kCGEventFlagMaskControl": _CONTROL,
    "kCGEventFlagMaskAlternate": _ALTERNATE,
    "kCGEventFlagMaskCommand": _COMMAND,
    "kCGKeyboardEventKeycode": _KEYCODE_FIELD,
    "kCGEventSourceUnixProcessID": _PROCESS_FIELD,
    "kCGHIDEventTap": 0,
    "kCGSessionEventTap": 1,
    "kCGHeadInsertEventTap": 0,
    "kCGEventTapOptionListenOnly": 1,
    "kCGEventSourceStateCombinedSessionState": 0,
    "kCFRunLoopDefaultMode": "kCFRunLoopDefaultMode",
    "kCFRunLoopRunTimedOut": _RUN_TIMED_OUT,
    "kCGEventTapDisabledByTimeout": _BY_TIMEOUT,
    "kCGEventTapDisabledByUserInput": _BY_USER_INPUT,
}


@dataclass
class _Event:
    """A CGEvent."""

    kind: int
    keycode: int = 0
    down: bool = False
    flags: int = 0
    process: int = 0


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


class FakeMac(FakeMacDesktop):
    """What tests do to it: a person presses and releases, trust or the tap is refused, switched off or lost."""

    def __init__(self) -> None:
        super().__init__()
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

    def press_media(self) -> None:
        """A person does, on a key like louder or next title: its event has no key code."""
        self._deliver(_Event(_SYSTEM_DEFINED))

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

    def switch_taps_off(self, *, by_user: bool = False) -> None:
        """As macOS does when a program has let a tap wait. It hears nothing but that, until it is switched on again."""
        kind = _BY_USER_INPUT if by_user else _BY_TIMEOUT
        for tap in self._taps:
            if tap.enabled and tap.loop is not None:
                tap.enabled = False
                tap.loop.work.put(functools.partial(tap.callback, None, kind, None, None))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Within this, no tap is told anything; what there is to be told comes afterwards."""
        free = threading.Event()
        for tap in self._taps:
            if tap.loop is not None:
                tap.loop.work.put(functools.partial(_wait_for, free))
        yield
        free.set()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within this, Quartz and its kin are this macOS."""
        quartz = ModuleType("Quartz")
        services = ModuleType("HIServices")
        vars(quartz).update(_CONSTANTS | DESKTOP_CONSTANTS)
        vars(services).update(ACCESSIBILITY_CONSTANTS)
        for owner in type(self).__mro__:
            for name in vars(owner):
                if name.startswith(("_CG", "_CF")):
                    setattr(quartz, name[1:], getattr(self, name))
                elif name.startswith("_AX"):
                    setattr(services, name[1:], getattr(self, name))
        appkit = ModuleType("AppKit")
        vars(appkit).update(self.appkit())
        with pytest.MonkeyPatch.context() as patch:
            for module in (quartz, services, appkit):
                patch.setitem(sys.modules, module.__name__, module)
            secure = SimpleNamespace(IsSecureEventInputEnabled=lambda: int(self.password))
            patch.setattr("agent.macos.focus._carbon", lambda: secure)
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

    def _CGEventGetFlags(self, event: _Event) -> int:  # noqa: N802
        return event.flags

    def _CGEventSetFlags(self, event: _Event, flags: int) -> None:  # noqa: N802
        event.flags = flags

    def _CGEventGetIntegerValueField(self, event: _Event, wanted: int) -> int:  # noqa: N802
        return {_KEYCODE_FIELD: event.keycode, _PROCESS_FIELD: event.process}[wanted]

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

    def _CFMachPortInvalidate(self, tap: _Tap) -> None:  # noqa: N802
        self._taps.remove(tap)

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
        self.turned_run_loop()
        loop = self._CFRunLoopGetCurrent()
        end_s = time.monotonic() + seconds
        while not loop.finished and not loop.stopped:
            try:
                work = loop.work.get(timeout=max(0.0, end_s - time.monotonic()))
            except queue.Empty:
                return _RUN_TIMED_OUT
            if work is not None and not loop.stopped:
                work()
        stopped, loop.stopped = loop.stopped, False
        return _RUN_STOPPED if stopped else _RUN_FINISHED


def _code(name: str) -> int:
    code = KEYS[name].mac_vk
    assert code is not None, f"no keyboard of a Mac has {name}"
    return code


def _keyboard_event(keycode: int, *, down: bool) -> _Event:
    """Of a modifier, that the flags changed; whether up or down, only the flags tell."""
    if keycode in _MASK_OF:
        return _Event(_FLAGS_CHANGED, keycode, down)
    return _Event(_KEY_DOWN if down else _KEY_UP, keycode, down)


def _wait_for(event: threading.Event) -> None:
    event.wait()

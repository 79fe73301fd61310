"""The keyboard on macOS, by virtual key: a Quartz event tap hears, Quartz events press. Not yet tried.

Not through pynput, whose listener asks for the keyboard's layout on a thread of its own: macOS ends such a program.
Imported on macOS alone; Quartz (of pyobjc) inside the functions, so that tests can put a macOS of theirs there.
"""

import threading
from collections.abc import Callable, Collection
from typing import Any

from agent.errors import TwoframeError
from agent.keyboard.blind_emitter import BlindEmitter
from agent.keys import KEYS, KeyEvent
from agent.macos.focus import focused_window
from agent.macos.permissions import check_permitted
from agent.macos.windows import windows_on_screen
from agent.pacing import clock_ns

_LOOK_S = 1.0  # between two looks at whether to end, beside the moment when it is asked to
_CAPS_LOCK = "caps_lock"


class MacKeyboard:
    """Hears `keys`, by an event tap that only listens: it tells virtual keys, and which process sent one, if any did.

    Programs count as one device, keyboards as another.
    """

    def __init__(
        self,
        keys: tuple[str, ...],
        changed: Callable[[KeyEvent, int], None],
        failed: Callable[[TwoframeError], None],
    ) -> None:
        self._keys = keys
        self._changed = changed
        self._failed = failed
        self._name_of: dict[int, str] = {}
        self._flag_of: dict[str, int] = {}
        self._down: dict[bool, set[str]] = {False: set(), True: set()}  # by whether a program pressed them
        self._tap: Any = None
        self._loop: Any = None
        self._error: Exception | None = None
        self._closing = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keyboard", daemon=True)

    def start(self) -> frozenset[str]:
        check_permitted("Accessibility", "Input Monitoring")
        self._name_of = {vk: name for name, vk in virtual_keys(self._keys).items()}
        self._flag_of = _modifier_flags()
        self._down[False] = self._keys_down()  # for the modifiers: what changes is their other state
        self._thread.start()
        self._ready.wait()
        if self._tap is None:
            self._thread.join()
            raise TwoframeError("keyboard: found that macOS lets no program listen, expected an event tap; start again")
        return frozenset(self._keys_down())

    def close(self) -> None:
        if self._closing or self._tap is None:
            return
        self._closing = True
        if threading.current_thread() is not self._thread:
            import Quartz

            Quartz.CFRunLoopStop(self._loop)
            self._thread.join()

    def _run(self) -> None:
        import Quartz

        kinds = (Quartz.kCGEventKeyDown, Quartz.kCGEventKeyUp, Quartz.kCGEventFlagsChanged)
        mask = sum(Quartz.CGEventMaskBit(kind) for kind in kinds)
        place = Quartz.kCGSessionEventTap, Quartz.kCGHeadInsertEventTap, Quartz.kCGEventTapOptionListenOnly
        tap = Quartz.CGEventTapCreate(*place, mask, self._called, None)
        try:
            if tap is not None:
                self._loop = Quartz.CFRunLoopGetCurrent()
                source = Quartz.CFMachPortCreateRunLoopSource(None, tap, 0)
                Quartz.CFRunLoopAddSource(self._loop, source, Quartz.kCFRunLoopDefaultMode)
                Quartz.CGEventTapEnable(tap, True)
                self._tap = tap
        finally:
            self._ready.set()
        if tap is None:
            return
        ended = Quartz.kCFRunLoopRunTimedOut
        while not self._closing and not self._error and ended == Quartz.kCFRunLoopRunTimedOut:
            ended = Quartz.CFRunLoopRunInMode(Quartz.kCFRunLoopDefaultMode, _LOOK_S, False)
        Quartz.CFMachPortInvalidate(tap)
        if self._error:
            # A defect, of `on_event` for one: the thread ends with its traceback, and the loop must know.
            what = f"{type(self._error).__name__}: {self._error}"
            self._failed(TwoframeError(f"keyboard: the listener ended by {what}"))
            raise self._error
        if not self._closing:
            self._failed(TwoframeError("keyboard: the listener ended by itself, expected it to go on; start again"))

    def _called(self, proxy: Any, kind: int, event: Any, context: Any) -> Any:
        """What Quartz calls; nothing that is raised must get into it."""
        try:
            self._hear(kind, event)
        except Exception as error:  # noqa: BLE001
            import Quartz

            self._error = error
            Quartz.CFRunLoopStop(self._loop)
        return event

    def _hear(self, kind: int, event: Any) -> None:
        import Quartz

        if self._closing:
            return  # it was on its way
        if kind in (Quartz.kCGEventTapDisabledByTimeout, Quartz.kCGEventTapDisabledByUserInput):
            # As macOS does to whoever does not answer in time: a program that was suspended, for one.
            Quartz.CGEventTapEnable(self._tap, True)
            self._catch_up()
            return
        name = self._name_of.get(Quartz.CGEventGetIntegerValueField(event, Quartz.kCGKeyboardEventKeycode))
        if name is None:
            return  # not ours: what else is typed is nobody's business
        injected = Quartz.CGEventGetIntegerValueField(event, Quartz.kCGEventSourceUnixProcessID) != 0
        if kind != Quartz.kCGEventFlagsChanged:
            self._tell(name, down=kind == Quartz.kCGEventKeyDown, injected=injected)
        elif name == _CAPS_LOCK:  # it tells only that its lamp changes
            self._tell(name, down=True, injected=injected)
            self._tell(name, down=False, injected=injected)
        else:
            # Left and right share the flag: while one is held, the other changes without it.
            has_flag = bool(Quartz.CGEventGetFlags(event) & self._flag_of.get(name, 0))
            self._tell(name, down=has_flag and name not in self._down[injected], injected=injected)

    def _catch_up(self) -> None:
        """Tell the releases that went by unheard. What is pressed still will repeat."""
        down = self._keys_down()
        for injected, held in self._down.items():
            for name in sorted(held - down):
                self._tell(name, down=False, injected=injected)

    def _tell(self, name: str, *, down: bool, injected: bool) -> None:
        held = self._down[injected]
        held.add(name) if down else held.discard(name)
        self._changed(KeyEvent(clock_ns(), name, down, injected), int(injected))

    def _keys_down(self) -> set[str]:
        return {name for name in self._keys if _is_down(name)}


class MacEmitter(BlindEmitter):
    """Quartz events by virtual key, which name places on the keyboard. Needs the Accessibility permission."""

    def __init__(self, names: tuple[str, ...]) -> None:
        check_permitted("Accessibility")
        super().__init__()
        self._vk_of = virtual_keys(names)
        self._flag_of = _modifier_flags()
        self._modifiers: set[str] = set()

    def focused_window(self) -> int | None:
        window = focused_window(windows_on_screen())
        return None if window is None else window.number

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        import Quartz

        check_permitted("Accessibility")  # it can be taken back at any time, and then nothing is pressed, nor told
        for name in keys:
            if name in self._flag_of:
                self._modifiers.add(name) if down else self._modifiers.discard(name)
            event = Quartz.CGEventCreateKeyboardEvent(None, self._vk_of[name], down)
            flags = 0
            for modifier in self._modifiers:
                flags |= self._flag_of[modifier]
            Quartz.CGEventSetFlags(event, flags)
            Quartz.CGEventPost(Quartz.kCGHIDEventTap, event)

    def _is_down(self, name: str) -> bool:
        return _is_down(name)


def virtual_keys(names: tuple[str, ...]) -> dict[str, int]:
    """Raises `TwoframeError` for keys that macOS has no virtual key for, or that it takes for one another."""
    found: dict[str, int] = {}
    problems = []
    for name in names:
        vk = KEYS[name].mac_vk
        if vk is None:
            problems.append(f"{name}, which has no key code on macOS")
            continue
        problems += [f"{name} and {other}, which are one key on macOS" for other, taken in found.items() if taken == vk]
        found[name] = vk
    if problems:
        raise TwoframeError(
            f"keyboard: found {'; '.join(problems)}, expected keys that macOS knows apart; choose others"
        )
    return found


def _is_down(name: str) -> bool:
    """Whoever pressed it."""
    import Quartz

    return bool(Quartz.CGEventSourceKeyState(Quartz.kCGEventSourceStateCombinedSessionState, KEYS[name].mac_vk))


def _modifier_flags() -> dict[str, int]:
    """Of each modifier; left and right have the same."""
    import Quartz

    flags = {
        "shift": Quartz.kCGEventFlagMaskShift,
        "ctrl": Quartz.kCGEventFlagMaskControl,
        "alt": Quartz.kCGEventFlagMaskAlternate,
        "super": Quartz.kCGEventFlagMaskCommand,
    }
    return {side + name: flag for name, flag in flags.items() for side in ("", "right_")}

"""The keyboard on macOS, by virtual key: an event tap hears, Quartz events press, both through pynput. Not yet tried.

Imported on macOS alone; pynput and Quartz inside the functions, so that tests can put a macOS of theirs there.
"""

from collections.abc import Collection
from typing import Any

from agent.errors import TwoframeError
from agent.keyboard.through_pynput import BlindEmitter, PynputKeyboard
from agent.keys import KEYS


class MacKeyboard(PynputKeyboard):
    """An event tap: it sees virtual keys, which name places, and whether a process sent them."""

    def _made(self) -> Any:
        check_trusted()
        from pynput.keyboard import Listener

        self._name_of: dict[int | None, str] = {vk: name for name, vk in virtual_keys(self._keys).items()}
        return Listener(
            on_press=lambda key, injected: self._hear(key, injected, down=True),
            on_release=lambda key, injected: self._hear(key, injected, down=False),
        )

    def _hear(self, key: Any, injected: bool, *, down: bool) -> None:
        code = getattr(key, "value", key)  # a Key, a KeyCode, or None
        name = self._name_of.get(getattr(code, "vk", None))
        if name is None or code._is_media:  # media keys count by themselves: 1 is s, and "quieter"
            return  # not ours: what else is typed is nobody's business
        self._tell(name, down=down, injected=bool(injected))

    def _hears(self) -> bool:
        # pynput calls itself ready without a tap too, and ends then, but not at once; a run loop it has only with one.
        return self._listener._loop is not None

    def _is_down(self, name: str) -> bool:
        return _is_down(name)


class MacEmitter(BlindEmitter):
    """Quartz events by virtual key, which name places on the keyboard. Needs the Accessibility permission."""

    def __init__(self, names: tuple[str, ...]) -> None:
        check_trusted()
        from pynput.keyboard import Controller, KeyCode

        super().__init__()
        self._code_of = {name: KeyCode.from_vk(vk) for name, vk in virtual_keys(names).items()}
        self._controller = Controller()

    def focused_window(self) -> int | None:
        import Quartz  # type: ignore[import-not-found, unused-ignore]  # comes with pynput

        shown = Quartz.kCGWindowListOptionOnScreenOnly | Quartz.kCGWindowListExcludeDesktopElements
        for window in Quartz.CGWindowListCopyWindowInfo(shown, Quartz.kCGNullWindowID):  # front to back
            if window[Quartz.kCGWindowLayer] == 0:  # neither menu bar nor Dock
                return int(window[Quartz.kCGWindowNumber])
        return None

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        send = self._controller.press if down else self._controller.release
        for name in keys:
            send(self._code_of[name])

    def _is_down(self, name: str) -> bool:
        return _is_down(name)


def _is_down(name: str) -> bool:
    import Quartz  # type: ignore[import-not-found, unused-ignore]

    return bool(Quartz.CGEventSourceKeyState(Quartz.kCGEventSourceStateCombinedSessionState, KEYS[name].mac_vk))


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


def check_trusted() -> None:
    """macOS hears and takes keys only of programs that the user trusts, and otherwise says nothing.

    Raises `TwoframeError` if this one is not trusted.
    """
    from HIServices import AXIsProcessTrusted

    if not AXIsProcessTrusted():
        raise TwoframeError(
            "keyboard: found this program not trusted, expected the Accessibility permission; allow your terminal in "
            "System Settings > Privacy & Security > Accessibility and Input Monitoring, then start it again"
        )

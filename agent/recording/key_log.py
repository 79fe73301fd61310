"""Which key events belong in a recording: those of watched keys while the game was surely looked at."""

import threading
from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from agent.actions import ActionSet
from agent.keys import KeyEvent

KEYS_REMEDY = "is it a key of this game? keys are named by their place on a US keyboard, not by what they type"


@dataclass(frozen=True, slots=True)
class Change:
    """A watched key went down or up at `time_ns`, on the clock of the listener."""

    time_ns: int
    key: str
    down: bool


class KeyLog:
    """Keeps the events of the listener back until the window was found focused after them.

    `heard` is called by the listener's thread, the rest by the recorder's loop; `confirm` and `discard` give the
    changes that belong in the recording: of the keys held, whatever devices hold them. When the game loses the
    focus, what came after the last focused look is dropped and the keys that were held count as released there;
    when it is focused again, the keys then held count as pressed. So a password typed elsewhere never gets in.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: deque[KeyEvent] = deque()
        self._sources: dict[str, set[bool | None]] = {}
        self._logged: set[str] = set()
        self._confirmed_ns: int | None = None
        self.pressed: set[str] = set()  # ever, by what was confirmed

    @property
    def held(self) -> frozenset[str]:
        """The keys down by what was confirmed so far."""
        return frozenset(self._logged)

    def held_at_start(self, keys: Iterable[str]) -> None:
        """These keys were down when the listener began; which device holds them is not known."""
        for key in keys:
            self._sources[key] = {None}

    def heard(self, event: KeyEvent) -> None:
        with self._lock:
            self._pending.append(event)

    def confirm(self, now_ns: int) -> list[Change]:
        """The game is looked at now and was since the last `confirm`, or it is again since now."""
        changes: list[Change] = []
        for event in self._taken(now_ns):
            self._apply(event)
            if self._confirmed_ns is not None:
                changes += self._changes(event.time_ns, event.key)
        if self._confirmed_ns is None:
            for key in self._sources:
                changes += self._changes(now_ns, key)
        self._confirmed_ns = now_ns
        return changes

    def discard(self, now_ns: int) -> list[Change]:
        """The game is not looked at now: forget what was typed since the last `confirm`."""
        for event in self._taken(now_ns):
            self._apply(event)
        if self._confirmed_ns is None:
            return []
        released = [Change(self._confirmed_ns, key, down=False) for key in sorted(self._logged)]
        self._logged.clear()
        self._confirmed_ns = None
        return released

    def _taken(self, now_ns: int) -> list[KeyEvent]:
        taken = []
        with self._lock:
            while self._pending and self._pending[0].time_ns <= now_ns:
                taken.append(self._pending.popleft())
        return taken

    def _apply(self, event: KeyEvent) -> None:
        """Follow which devices hold the key. A key held at the start goes up with the first release of any."""
        sources = self._sources.setdefault(event.key, set())
        if event.down:
            sources.add(event.injected)
        else:
            sources -= {event.injected, None}

    def _changes(self, time_ns: int, key: str) -> list[Change]:
        down = bool(self._sources.get(key))
        if down == (key in self._logged):
            return []
        (self._logged.add if down else self._logged.discard)(key)
        if down:
            self.pressed.add(key)
        return [Change(time_ns, key, down)]


def never_pressed(actions: ActionSet, pressed: Collection[str]) -> str:
    """In words, which keys of `actions` are not among those `pressed`; empty where all are.

    A key that only the default action needs is missed by nobody: holding nothing counts as that action.
    """
    keys = [key for key in actions.keys if key not in pressed]
    if not keys:
        return ""
    text = f"{', '.join(keys)} {'was' if len(keys) == 1 else 'were'} never pressed"
    default = actions.actions[actions.default]
    if default.keys.intersection(keys):
        text += f" (holding nothing counts as {default.name}, so it is not missed)"
    return text

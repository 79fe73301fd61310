"""Who has the keys: the agent, or the person who took them, by hotkey or by touching one on a keyboard."""

import threading
from collections.abc import Callable, Collection

from agent.keyboard.key_sink import KeySink
from agent.keyboard.listener import KeyEvent
from agent.live.hotkeys import Hotkeys, Switches
from agent.live.own_presses import OwnPresses
from agent.pacing import clock_ns
from agent.recording.format import AGENT, PERSON

QUIET_NS = 1_000_000_000  # the agent waits that long after the person's last touch
TAP_NS = 300_000_000  # between two taps the person still decides, even if that is to hold nothing
LATE_NS = 300_000_000  # what the agent pressed is heard within that time, or never


class Control:
    """Stands between the loop and the holder: what the loop says counts only while the agent has the keys.

    The listener's thread calls `hear`, which takes the keys from the agent at once, in the middle of a tick too; the
    loop calls the rest. With `touch`, a watched key that is pressed on a keyboard while the game has the focus gives
    all keys to the person, until none was held or changed for a second, or the hotkey gives them back; a key that a
    program presses, or of which the system does not tell who did, never does. In a `shadow` run the person has them
    throughout.
    """

    def __init__(
        self,
        holder: KeySink,
        switches: Switches,
        hotkeys: Hotkeys,
        clock_ns: Callable[[], int] = clock_ns,
        *,
        touch: bool,
        shadow: bool = False,
    ) -> None:
        self._holder = holder
        self._switches = switches
        self._hotkeys = hotkeys
        self._clock_ns = clock_ns
        self._touch = touch
        self._shadow = shadow
        self._lock = threading.Lock()
        self._down: set[str] = set()
        self._on_keyboard: set[str] = set()
        self._by_agent: set[str] = set()
        self._touched_ns: int | None = None
        self._agent_held_ns: int | None = None
        self._agent_keys: Collection[str] = ()
        self._own_presses = OwnPresses()

    def held_at_start(self, keys: Collection[str]) -> None:
        """These keys were down when the listener began. Who holds them is not known: they take nothing over."""
        with self._lock:
            self._down.update(keys)

    def hear(self, event: KeyEvent) -> None:
        """A watched key or a hotkey changed."""
        with self._lock:
            if self._switches.focused:
                self._own_presses.hear(event, self._agent_keys)
            if event.key in self._hotkeys.keys:
                had = self._switches.taken_over
                self._switches.hear(event, self._hotkeys)
                if had and not self._switches.taken_over:  # given back on purpose: nothing to wait for
                    self._touched_ns = None
            else:
                self._follow(event)
            if not self._is_agents(event.time_ns) or self._took_ours_along(event):
                self._holder.release()  # if the keys are the agent's, the loop has them pressed again

    def hold(self, keys: Collection[str]) -> None:
        """Hold `keys` and no others if they are the agent's to hold, else none."""
        with self._lock:
            now_ns = self._clock_ns()
            if not self._is_agents(now_ns):
                keys = ()
            elif keys:
                self._agent_held_ns = now_ns
            self._agent_keys = keys
            self._holder.hold(keys)

    def release(self) -> None:
        with self._lock:
            self._holder.release()

    def check(self) -> None:
        """Raises `TwoframeError` if what the agent presses is taken for a person's."""
        self._own_presses.check()

    def is_persons(self, now_ns: int) -> bool:
        """Whether the person has the keys."""
        with self._lock:
            return self._is_persons(now_ns)

    def who(self, now_ns: int) -> int:
        """Who is to be recorded as the one who decided, `PERSON` or `AGENT`.

        The person not before all that the agent pressed is up, and after a touch not in the second in which nothing
        is held because the agent is to have the keys back.
        """
        with self._lock:
            if self._shadow:
                return PERSON
            if self._by_agent or not self._is_persons(now_ns):
                return AGENT
            decides = self._switches.taken_over or self._on_keyboard or now_ns - (self._touched_ns or 0) < TAP_NS
            return PERSON if decides else AGENT

    @property
    def down(self) -> frozenset[str]:
        """The watched keys that are down for the game."""
        with self._lock:
            return frozenset(self._down)

    def _is_agents(self, now_ns: int) -> bool:
        return not (self._switches.paused or self._switches.ended or self._is_persons(now_ns))

    def _is_persons(self, now_ns: int) -> bool:
        if self._shadow or self._switches.taken_over:
            return True
        recently = self._touched_ns is not None and now_ns - self._touched_ns < QUIET_NS
        return self._touch and (recently or bool(self._on_keyboard))

    def _follow(self, event: KeyEvent) -> None:
        # A key that two devices hold goes up for the game with the first release of either (seen on X11).
        (self._down.add if event.down else self._down.discard)(event.key)
        if event.injected is False and event.down:
            self._on_keyboard.add(event.key)
        elif event.injected is not True:  # also of a keyboard that is unplugged, of which nothing is known any more
            self._on_keyboard.discard(event.key)
        if event.injected is False and self._switches.focused:
            self._touched_ns = event.time_ns
        if event.down and event.injected is not False and self._may_be_agents(event.time_ns):
            self._by_agent.add(event.key)
        else:
            self._by_agent.discard(event.key)

    def _took_ours_along(self, event: KeyEvent) -> bool:
        """Whether a person let go of a key that the agent holds too: it went up for the game."""
        return event.injected is False and not event.down and event.key in self._agent_keys

    def _may_be_agents(self, time_ns: int) -> bool:
        """Later it is a person at a remote desktop, or a script: they are persons too."""
        return self._agent_held_ns is not None and time_ns - self._agent_held_ns < LATE_NS

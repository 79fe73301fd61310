"""Disturbing the game while a person plays, so that the recording shows how one gets back.

Now and then a wrong action is pressed for a moment, and the person corrects it. It is the game that is disturbed,
not the labels (DART, Laskey et al. 2017): the key events of the disturbance are left out, so that the keys of every
frame are the person's, and the frames under it are marked, for there the game got other keys as well.
"""

import random

from agent.actions import ActionSet
from agent.keyboard.key_sink import KeySink
from agent.keys import KeyEvent
from agent.live.own_presses import OwnPresses

MOST_PER_MINUTE = 60
ADVISED_PER_MINUTE = 60  # docs/record.md; what the demo takes, and the benches for most games
HOLD_S = (0.1, 0.3)  # how long a wrong action is pressed; many short ones teach more than a few long ones (LOG.md)
ECHO_NS = 500_000_000  # our own release is heard long before


def rate_beyond(flag: str, per_minute: float) -> list[str]:
    """What is wrong with the rate that `flag` gives."""
    if 0 <= per_minute <= MOST_PER_MINUTE:
        return []
    return [f"{flag}: found {per_minute:g}, expected 0 to {MOST_PER_MINUTE} times a minute"]


class Disturbance:
    """Presses a wrong action `per_minute` times a minute, at random moments, through `holder`.

    The loop calls `act` in every tick and `hold_on` between ticks; the listener's thread asks `is_own` of each event.
    """

    def __init__(self, actions: ActionSet, holder: KeySink, per_minute: float, seed: int | None = None) -> None:
        self._chords = [action.keys for action in actions.actions if action.keys]
        self._holder = holder
        self._spacing_ns = 60e9 / per_minute
        self._random = random.Random(seed)
        self._next_ns: float | None = None
        self._keys: frozenset[str] = frozenset()
        self._until_ns = 0.0
        self._own: tuple[frozenset[str], float] = (frozenset(), 0.0)  # one assignment: another thread reads it
        self._down: set[str] = set()
        self._own_presses = OwnPresses()
        self.count = 0
        self.has_company = False  # another program presses keys: the same ones at the same time are not told apart

    @property
    def is_on(self) -> bool:
        """Whether a key of ours is down, or may be still."""
        return bool(self._keys or self._down)

    def act(self, now_ns: int, held: frozenset[str]) -> None:
        """Begin or end a disturbance; `held` are the keys that the person holds.

        Raises `TwoframeError` if its keys are taken for the person's.
        """
        self._own_presses.check()
        if self._next_ns is None:
            self._next_ns = now_ns + self._random.expovariate(1 / self._spacing_ns)
        if now_ns > self._own[1]:
            self._down.clear()  # a release that never came must not end the disturbances
        if self._keys:
            if now_ns >= self._until_ns:
                self.stop(now_ns)
        elif now_ns >= self._next_ns and not self._down:
            self._begin(now_ns, held)
        self.hold_on()

    def hold_on(self) -> None:
        """What is held has not expired yet."""
        if self._keys:
            self._holder.hold(self._keys)

    def stop(self, now_ns: int) -> None:
        """Let go, and begin to wait for the next time; also when the game is left."""
        self._holder.release()
        self._own = self._own[0], now_ns + ECHO_NS
        self._keys = frozenset()
        self._next_ns = None

    def is_own(self, event: KeyEvent) -> bool:
        """Whether `event` is the echo of what was pressed here: by a program, one of our keys, about now."""
        keys, until_ns = self._own
        self._own_presses.hear(event, self._keys)
        if not event.injected:
            return False
        if event.key not in keys or event.time_ns > until_ns:
            self.has_company = True
            return False
        (self._down.add if event.down else self._down.discard)(event.key)
        return True

    def _begin(self, now_ns: int, held: frozenset[str]) -> None:
        others = [chord - held for chord in self._chords if not chord <= held]
        if not others:
            return
        self._keys = self._random.choice(others)
        self._until_ns = now_ns + self._random.uniform(*HOLD_S) * 1e9
        self._own = self._keys, self._until_ns + ECHO_NS
        self.count += 1

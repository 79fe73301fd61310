"""Whether the key holder still answers, counted in naps of whoever watches it.

A nap counts as one however long it took. While the machine is suspended, or so busy that it keeps all programs waiting,
the watcher does not nap either, and nobody is blamed; nor is a holder that only waits for a core (`CoreTime`).
"""

import sys
from pathlib import Path

NAP_S = 0.025
SILENT_S = 0.2  # from then on its keys are let go of without it, so that they are up within 0.3 s
HUNG_S = 1.0  # from then on it is not waited for any more


class Silence:
    """What the key holder owes, and for how many naps it has: an answer to each word, and beats while it holds keys.

    The loop's threads call `asked`, the one that reads what the holder says calls `heard`, the watcher `napped`.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._heard = 0
        self._held = 0
        self._naps = 0  # in which it owed something
        self._naps_before = 0  # of them, those before it was heard last

    def asked(self) -> None:
        """A word was sent, or the end of all."""
        self._asked += 1

    def heard(self, words: int, held: int) -> None:
        """It has done `words` in all, and holds `held` keys."""
        self._heard, self._held = words, held
        self._naps_before = self._naps

    def napped(self) -> None:
        """`NAP_S` or more have passed."""
        if self._asked > self._heard or self._held:
            self._naps += 1

    @property
    def is_long(self) -> bool:
        """Whether keys may be down that it no longer looks after."""
        return self._silent_s >= SILENT_S

    @property
    def is_final(self) -> bool:
        """Whether it is not to be waited for any more."""
        return self._silent_s >= HUNG_S

    @property
    def _silent_s(self) -> float:
        return (self._naps - self._naps_before) * NAP_S


class CoreTime:
    """How a process fares with the cores: of its first thread, which is all that a key holder has on Linux."""

    def __init__(self, process: int) -> None:
        self._stat = Path(f"/proc/{process}/stat")
        self._ticks = -1

    def is_kept_waiting(self) -> bool:
        """Whether it could run and did not since it was asked last. Only Linux tells; elsewhere False."""
        if sys.platform != "linux":
            return False
        try:
            fields = self._stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            return False
        state, before = fields[0], self._ticks
        self._ticks = int(fields[11]) + int(fields[12])  # user and system, in hundredths of a second
        return state == "R" and self._ticks == before

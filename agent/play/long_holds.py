"""Where the agent seems to be stuck: it holds one action far longer than anybody did in what it was learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

FACTOR = 2.0  # times the longest hold that was recorded: a little longer is nothing
LEAST_S = 2.0  # shorter holds leave nobody stuck


@dataclass(frozen=True, slots=True)
class LongHold:
    """The agent held `action` for `seconds`, from `from_s` after the first decision on."""

    action: int
    from_s: float
    seconds: float


class LongHolds:
    """Told every decision of the agent, it keeps the holds that are too long.

    `longest_s` (A,) says for how long each action was held at most in what was learned; empty where that is unknown:
    then no hold is too long.
    """

    def __init__(self, longest_s: Sequence[float] = ()) -> None:
        self._longest_s = longest_s
        self._begun_ns: int | None = None
        self._held: tuple[int, int] | None = None  # the action, and since when
        self.found: list[LongHold] = []
        self.is_long = False

    def decided(self, action: int, now_ns: int) -> None:
        """The agent holds `action` from `now_ns` on."""
        self._begun_ns = now_ns if self._begun_ns is None else self._begun_ns
        if self._held is None or self._held[0] != action:
            self.broken_off()
            self._held = action, now_ns
        since_ns = self._held[1]
        seconds = (now_ns - since_ns) / 1e9
        if not self._longest_s or seconds <= max(FACTOR * self._longest_s[action], LEAST_S):
            return
        if self.is_long:
            self.found.pop()  # it goes on
        self.found.append(LongHold(action, (since_ns - self._begun_ns) / 1e9, seconds))
        self.is_long = True

    def broken_off(self) -> None:
        """Nothing is held now, or something else, or by somebody else."""
        self._held, self.is_long = None, False

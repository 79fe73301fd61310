"""What a rollout measured: every decision with its times, and in a shadow run how often the person did the same."""

import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from agent.arrays import Ints
from agent.play.long_holds import LongHolds

STAGES = ("grab", "prepare", "model", "hold")
_CHUNK = 4096


class Agreement:
    """How often the policy decided what the person did, who plays while it only watches (`--shadow`).

    `confusion` (A, A) int64 counts frames by the person's action (row) and the policy's (column). A policy that was
    trained with a label shift says what is held `shift_ticks` frames later, and is compared with that.
    """

    def __init__(self, actions: int, shift_ticks: int) -> None:
        self.confusion = np.zeros((actions, actions), np.int64)
        self.changes = 0
        self.changes_agreed = 0
        self.person: int | None = None
        self._decided: deque[int] = deque(maxlen=shift_ticks + 1)

    def seen(self, decided: int, person: int) -> None:
        """The policy decided `decided` at the frame at which the person did `person`."""
        changed = self.person is not None and person != self.person
        self.person = person
        self._decided.append(decided)
        if len(self._decided) < (self._decided.maxlen or 1):
            return
        self.confusion[person, self._decided[0]] += 1
        if changed:
            self.changes += 1
            self.changes_agreed += person == self._decided[0]

    def broken_off(self) -> None:
        """The next frame does not follow the last one."""
        self._decided.clear()
        self.person = None

    @property
    def share(self) -> float | None:
        """Of all frames, 0..1; None before there was one."""
        total = int(self.confusion.sum())
        return float(self.confusion.trace()) / total if total else None

    @property
    def share_at_changes(self) -> float | None:
        """Of the frames at which the person's action changed."""
        return self.changes_agreed / self.changes if self.changes else None

    def shares(self) -> list[float | None]:
        """Of the frames of each of the person's actions."""
        totals = self.confusion.sum(axis=1)
        return [float(self.confusion[a, a]) / int(n) if n else None for a, n in enumerate(totals)]


@dataclass(slots=True)
class Rollout:
    """Written by the loop alone, read by others too: one row per decision in `stages_ns` (n, 4).

    `spacing_ns` has one value for each decision whose frame followed another one, so none for the first after a
    start, a pause or a stall. `long_holds` are the agent's. `person_plays` while the person has the keys and decisions
    press nothing, `by_person` counts these; `dropped` frames did not get into the recording. `paused_s` are the seconds
    in which nothing was decided, by reason.
    """

    actions: int
    shift_ticks: int = 0
    long_holds: LongHolds = field(default_factory=LongHolds)
    decisions: int = 0
    by_person: int = 0
    takeovers: int = 0
    person_plays: bool = False
    action: int | None = None
    probability: float = 0.0
    paused_for: str | None = "starting"
    pauses: int = 0
    stalls: int = 0
    dropped: int = 0
    stalls_ns: deque[int] = field(default_factory=lambda: deque(maxlen=_CHUNK))
    paused_s: dict[str, float] = field(default_factory=dict)
    agreement: Agreement = field(init=False)
    counts: Ints = field(init=False)
    _paused_at_s: float = field(init=False)
    _spacings: int = 0
    _stages_ns: Ints = field(init=False)
    _spacing_ns: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.agreement = Agreement(self.actions, self.shift_ticks)
        self.counts = np.zeros(self.actions, np.int64)
        self._paused_at_s = time.monotonic()
        self._stages_ns = np.empty((_CHUNK, len(STAGES)), np.int64)
        self._spacing_ns = np.empty(_CHUNK, np.int64)

    @property
    def stages_ns(self) -> Ints:
        return self._stages_ns[: self.decisions]

    @property
    def spacing_ns(self) -> Ints:
        return self._spacing_ns[: self._spacings]

    def decided(
        self, action: int, probability: float, times_ns: tuple[int, ...], spacing_ns: int | None = None
    ) -> None:
        """`times_ns` are the instants at the stages' borders, one more than there are stages.

        `spacing_ns` is the time since the frame before, None where there is no such frame.
        """
        n = self.decisions
        if n == len(self._spacing_ns):
            self._stages_ns = np.concatenate([self._stages_ns, np.empty_like(self._stages_ns)])
            self._spacing_ns = np.concatenate([self._spacing_ns, np.empty_like(self._spacing_ns)])
        for stage in range(len(STAGES)):
            self._stages_ns[n, stage] = times_ns[stage + 1] - times_ns[stage]
        if spacing_ns is not None:
            self._spacing_ns[self._spacings] = spacing_ns
            self._spacings += 1
        self.decisions = n + 1
        self.by_person += self.person_plays
        self.counts[action] += 1
        self.action, self.probability = action, probability
        if self.person_plays:
            self.long_holds.broken_off()
        else:
            self.long_holds.decided(action, times_ns[-1])

    def broken_off(self) -> None:
        """The next decision does not follow the last one."""
        self.agreement.broken_off()
        self.long_holds.broken_off()

    def stalled(self, spacing_ns: int) -> None:
        """A frame came so long after the one before that it does not follow it."""
        self.stalls += 1
        self.stalls_ns.append(spacing_ns)

    def pause(self, reason: str) -> bool:
        """Nothing is decided now; True if that is news."""
        now_s = time.monotonic()
        if self.paused_for:
            self.paused_s[self.paused_for] = self.paused_s.get(self.paused_for, 0.0) + now_s - self._paused_at_s
        self._paused_at_s = now_s
        if self.paused_for == reason:
            return False
        self.paused_for = reason
        self.pauses += 1
        return True

    def resume(self) -> bool:
        """Decisions are made again; True if that is news."""
        if self.paused_for is None:
            return False
        reason, self.paused_for = self.paused_for, None
        self.paused_s[reason] = self.paused_s.get(reason, 0.0) + time.monotonic() - self._paused_at_s
        return True

"""The clock of frames and keys, and keeping a rate by it: absolute deadlines that neither drift nor burst (after
openpilot's Ratekeeper)."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

AWAY_NS = 5_000_000_000
WAITING = "waiting"
REST = "the rest"

# The clock of all our processes goes on while the machine is suspended: pictures from before and after are no
# neighbours, and a key held before has expired. `perf_counter_ns` does so on Windows only.
clock_ns: Callable[[], int]
if sys.platform == "linux":
    clock_ns = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)
elif sys.platform == "darwin":
    clock_ns = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC_RAW)
else:
    clock_ns = time.perf_counter_ns


@dataclass(slots=True)
class Blame:
    """How many late ticks there are by the stage that took the most of the time before, and its longest time."""

    ticks: dict[str, int] = field(default_factory=dict)
    longest_ns: dict[str, int] = field(default_factory=dict)

    def add(self, stage: str, took_ns: int) -> None:
        self.ticks[stage] = self.ticks.get(stage, 0) + 1
        self.longest_ns[stage] = max(self.longest_ns.get(stage, 0), took_ns)

    @property
    def stage(self) -> str | None:
        """The one that made the most ticks late."""
        return max(self.ticks, key=lambda stage: self.ticks[stage], default=None)

    def __str__(self) -> str:
        """How many for that one, and its figure."""
        if (stage := self.stage) is None:
            return "no tick was late"
        many, longest_ms = self.ticks[stage], self.longest_ns[stage] / 1e6
        if stage == WAITING:
            return f"{many} because the system woke the loop up to {longest_ms:.0f} ms too late"
        return f"{many} because {stage} took up to {longest_ms:.0f} ms"


class Pacer:
    """Waits for the next tick. `late` counts the ticks that began more than one period after their deadline.

    After such a tick the deadlines start anew from it: what was missed is not caught up in a burst. The loop tells the
    end of each of its stages, so that `blame` can say which made ticks late: one of them, or `WAITING`, when the system
    woke the loop too late. A tick that begins so late that the machine must have been suspended, or this program
    stopped, does not count as late: `away_ns` is the least for that.
    """

    def __init__(
        self,
        rate_hz: float,
        clock_ns: Callable[[], int] = clock_ns,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self.period_ns = round(1e9 / rate_hz)
        self.away_ns = max(AWAY_NS, 2 * self.period_ns)
        self.clock_ns = clock_ns
        self._sleep_s = sleep_s
        self._deadline_ns = self._marked_ns = clock_ns()
        self._stages_ns: dict[str, int] = {}
        self.blame = Blame()
        self.ticks = 0
        self.late = 0
        self.worst_ns = 0

    def restart(self) -> None:
        """The next tick is due now; for after a pause, which is no lateness."""
        self._deadline_ns = self._marked_ns = self.clock_ns()
        self._stages_ns.clear()

    def ended(self, stage: str) -> int:
        """What the loop did since the last call, or since the tick began, was `stage`; the time now."""
        now_ns = self.clock_ns()
        self._stages_ns[stage] = self._stages_ns.get(stage, 0) + now_ns - self._marked_ns
        self._marked_ns = now_ns
        return now_ns

    def wait(self, between: Callable[[], None] | None = None, slice_s: float = 0.05) -> int:
        """Wait for the next tick and give how late it begins, in nanoseconds.

        `between` is called about every `slice_s` seconds while waiting.
        """
        begun_ns = now_ns = self.ended(REST)
        while (left_ns := self._deadline_ns - now_ns) > 0:
            if between and left_ns > slice_s * 1e9:
                self._sleep_s(slice_s)
                if self.clock_ns() < self._deadline_ns:  # else it is out of date: all was asleep
                    between()
            else:
                self._sleep_s(left_ns / 1e9)
            now_ns = self.clock_ns()
        late_ns = now_ns - self._deadline_ns
        waited_ns = now_ns - max(begun_ns, self._deadline_ns)
        self.ticks += 1
        if late_ns <= self.away_ns:
            self._judge(late_ns, waited_ns)
        if late_ns > self.period_ns:
            self._deadline_ns = now_ns
        self._deadline_ns += self.period_ns
        self._marked_ns = now_ns
        self._stages_ns.clear()
        self._stages_ns[WAITING] = waited_ns  # what this tick begins late by adds to the next one's lateness
        return late_ns

    def _judge(self, late_ns: int, waited_ns: int) -> None:
        self.worst_ns = max(self.worst_ns, late_ns)
        if late_ns > self.period_ns:
            self.late += 1
            stages = self._stages_ns
            stages[WAITING] = max(stages.get(WAITING, 0), waited_ns)
            slowest = max(stages, key=lambda stage: stages[stage])
            self.blame.add(slowest, stages[slowest])

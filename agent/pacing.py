"""Keeping a rate: absolute deadlines that neither drift nor burst (after openpilot's Ratekeeper)."""

import time
from collections.abc import Callable


class Pacer:
    """Waits for the next tick. `late` counts the ticks that began more than one period after their deadline.

    After such a tick the deadlines start anew from it: what was missed is not caught up in a burst.
    """

    def __init__(
        self,
        rate_hz: float,
        clock_ns: Callable[[], int] = time.perf_counter_ns,
        sleep_s: Callable[[float], None] = time.sleep,
    ) -> None:
        self.period_ns = round(1e9 / rate_hz)
        self._clock_ns = clock_ns
        self._sleep_s = sleep_s
        self._deadline_ns = clock_ns()
        self.ticks = 0
        self.late = 0
        self.worst_ns = 0

    def restart(self) -> None:
        """The next tick is due now; for after a pause, which is no lateness."""
        self._deadline_ns = self._clock_ns()

    def wait(self, between: Callable[[], None] | None = None, slice_s: float = 0.05) -> int:
        """Wait for the next tick and give how late it begins, in nanoseconds.

        `between` is called about every `slice_s` seconds while waiting.
        """
        while (left_ns := self._deadline_ns - self._clock_ns()) > 0:
            if between and left_ns > slice_s * 1e9:
                self._sleep_s(slice_s)
                between()
            else:
                self._sleep_s(left_ns / 1e9)
        late_ns = self._clock_ns() - self._deadline_ns
        self.ticks += 1
        self.worst_ns = max(self.worst_ns, late_ns)
        if late_ns > self.period_ns:
            self.late += 1
            self._deadline_ns = self._clock_ns()
        self._deadline_ns += self.period_ns
        return late_ns

"""Absolute deadlines, with the time moved by hand."""

from agent.pacing import Pacer

MS = 1_000_000


class Hands:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_ns = 0

    def clock_ns(self) -> int:
        return self.now_ns

    def sleep_s(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def test_ticks_do_not_drift_with_the_time_that_work_takes() -> None:
    hands = Hands()
    pacer = Pacer(100, hands.clock_ns, hands.sleep_s)
    starts = []
    for work_ms in (3, 9, 0, 5):
        pacer.wait()
        starts.append(hands.now_ns // MS)
        hands.now_ns += work_ms * MS
    assert starts == [0, 10, 20, 30]
    assert pacer.late == 0


def test_a_stall_is_one_late_tick_and_no_burst_follows() -> None:
    hands = Hands()
    pacer = Pacer(100, hands.clock_ns, hands.sleep_s)
    pacer.wait()
    hands.now_ns += 57 * MS
    assert pacer.wait() == 47 * MS
    starts = []
    for _ in range(3):
        pacer.wait()
        starts.append(hands.now_ns // MS)
    assert starts == [67, 77, 87]
    assert (pacer.late, pacer.ticks, pacer.worst_ns) == (1, 5, 47 * MS)


def test_a_little_lateness_is_made_up() -> None:
    hands = Hands()
    pacer = Pacer(100, hands.clock_ns, hands.sleep_s)
    pacer.wait()
    hands.now_ns += 14 * MS
    pacer.wait()
    pacer.wait()
    assert hands.now_ns == 20 * MS
    assert pacer.late == 0


def test_a_long_wait_is_cut_in_slices() -> None:
    hands = Hands()
    pacer = Pacer(4, hands.clock_ns, hands.sleep_s)
    pacer.wait()
    calls = []
    pacer.wait(between=lambda: calls.append(hands.now_ns // MS))
    assert calls == [50, 100, 150, 200]
    assert hands.now_ns == 250 * MS

"""Absolute deadlines, with the time moved by hand."""

import subprocess
import sys
import time

import pytest
from conftest import ROOT

from agent.pacing import REST, WAITING, Pacer, clock_ns

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


def test_a_late_tick_is_blamed_on_the_stage_that_took_the_most() -> None:
    hands = Hands()
    pacer = Pacer(100, hands.clock_ns, hands.sleep_s)
    for grab_ms, model_ms in ((1, 1), (3, 19), (2, 2), (1, 24), (25, 3)):
        pacer.wait()
        hands.now_ns += grab_ms * MS
        pacer.ended("grab")
        hands.now_ns += model_ms * MS
        pacer.ended("model")
    pacer.wait()
    assert pacer.late == 3
    assert pacer.blame.ticks == {"model": 2, "grab": 1}
    assert str(pacer.blame) == "2 because model took up to 24 ms"


def test_what_no_stage_took_is_the_rest() -> None:
    hands = Hands()
    pacer = Pacer(100, hands.clock_ns, hands.sleep_s)
    pacer.wait()
    hands.now_ns += 4 * MS
    pacer.ended("grab")
    hands.now_ns += 21 * MS
    pacer.wait()
    assert pacer.blame.longest_ns == {REST: 21 * MS}


def test_a_tick_that_the_system_woke_too_late_is_blamed_on_no_stage() -> None:
    hands = Hands()
    pacer = Pacer(100, hands.clock_ns, lambda s: hands.sleep_s(s + oversleeps_ms.pop() / 1000))
    oversleeps_ms = [0, 9, 0, 14]
    for _ in range(4):
        pacer.wait()
        hands.now_ns += 3 * MS
        pacer.ended("model")
    assert pacer.late == 1
    assert str(pacer.blame) == "1 because the system woke the loop up to 14 ms too late"
    hands.now_ns += 14 * MS  # after being woken 9 ms late
    pacer.ended("model")
    pacer.wait()
    assert pacer.blame.stage == WAITING


def test_after_a_suspend_the_deadlines_start_anew_and_nothing_is_late_or_held_on() -> None:
    hands = Hands()
    suspends_s = [0.0] * 3 + [3600.0] + [0.0] * 20
    pacer = Pacer(4, hands.clock_ns, lambda s: hands.sleep_s(s + suspends_s.pop(0)))
    held_on_ns = []
    pacer.wait()
    late_ns = pacer.wait(between=lambda: held_on_ns.append(hands.now_ns))
    resumed_ns = hands.now_ns
    assert resumed_ns > 3600_000 * MS > max(held_on_ns)
    assert late_ns > pacer.away_ns
    pacer.wait()
    assert hands.now_ns == resumed_ns + pacer.period_ns
    assert (pacer.late, pacer.blame.ticks) == (0, {})


def test_the_clock_is_one_for_all_processes_and_goes_on_while_the_machine_is_suspended() -> None:
    asked = "import agent.pacing as p; print(p.clock_ns())"
    before_ns = clock_ns()
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert before_ns < int(done.stdout) < clock_ns()
    if sys.platform == "linux":
        assert time.clock_gettime_ns(time.CLOCK_BOOTTIME) <= clock_ns() <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def test_the_clock_follows_a_machine_that_was_suspended() -> None:
    """A namespace of times begins as on a machine that slept an hour; on it the other clocks have stood still."""
    asked = "import time, agent.pacing as p; print(p.clock_ns() - time.perf_counter_ns())"
    command = ["unshare", "-T", "--boottime", "3600", sys.executable, "-c", asked]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("found no namespaces of times, or none allowed: a machine that slept is not tried")
    assert int(done.stdout) > 3599_000 * MS

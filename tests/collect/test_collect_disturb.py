"""`collect --disturb`: a real window gets the wrong keys, the recording holds only those of the person."""

import json
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, Start, wait_for
from x11_person import Person

from agent.actions import ActionSet
from agent.errors import TwoframeError, UsageError
from agent.keys import KeyEvent
from agent.pacing import clock_ns
from agent.recording.format import AGENT
from agent.recording.reader import Recording
from collect.disturbance import Disturbance
from collect.options import CollectOptions, Plan
from games.window.display import VirtualDisplay

COLLECT = ("collect", "--countdown-s", "0", "--fps", "30", "--window", "Counter")


def wrong_presses(log: Path) -> list[int]:
    """When the window heard a key that the person never pressed, in ns."""
    lines = [json.loads(line) for line in log.read_text().splitlines() if '"key"' in line]
    return [line["time_ns"] for line in lines if line["key"] in ("a", "d") and line["down"]]


@pytest.mark.slow(10)
def test_the_game_is_disturbed_and_the_recording_is_the_persons(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    with Person(display.name) as person:
        process = start(*COLLECT, tmp_path / "rec", "--disturb", "60")
        wait_for(lambda: (tmp_path / "rec" / "frames.npy").exists(), "the recording")
        mine_ns = []
        while len(mine_ns) < 8 or len(wrong_presses(counter)) < 5:  # about once a second, at random moments
            mine_ns.append(clock_ns())
            person.press("w")
            time.sleep(0.8)
            mine_ns.append(clock_ns())
            person.release("w")
            time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, err) == (0, "")
    assert "of the frames lie under it, with your keys alone" in out

    recording = Recording.open(tmp_path / "rec")
    assert recording.problems == ()
    names = [recording.meta.keys[event["key"]] for event in recording.key_events]
    assert set(names) == {"w"}
    assert list(recording.key_events["down"]) == [True, False] * (len(mine_ns) // 2)
    window = [json.loads(line) for line in counter.read_text().splitlines()]
    assert [line["down"] for line in window if line.get("key") in ("a", "d")][-1] is False
    assert recording.control is not None
    share = float((recording.control == AGENT).mean())
    assert 0.03 < share < 0.7

    # Each press that the window got lies under frames marked as not the person's. The window looks for keys once per
    # picture, so the press came after the picture before the last.
    zero_ns = (np.array(mine_ns) - recording.key_events["time_ns"]).max()  # no key was heard before it was pressed
    shown_ns = np.array([line["time_ns"] for line in window if "shown" in line])
    for heard_ns in wrong_presses(counter):
        since_ns = shown_ns[max(0, np.searchsorted(shown_ns, heard_ns) - 2)]
        first, last = np.searchsorted(recording.captured_ns, [since_ns - zero_ns, heard_ns - zero_ns])
        assert (recording.control[first : last + 1] == AGENT).any()


class ToldHolder:
    """Remembers what it was told to hold."""

    def __init__(self) -> None:
        self.held: frozenset[str] = frozenset()

    def hold(self, keys: frozenset[str], expiry_s: float = 0.2) -> None:
        self.held = keys

    def release(self) -> None:
        self.held = frozenset()


def test_a_wrong_action_is_pressed_for_a_moment_and_its_echo_is_known() -> None:
    holder = ToldHolder()
    disturbance = Disturbance(ActionSet.parse(["left=a", "forward=w", "right=d"]), holder, 30, seed=1)
    times_ns = [round(i * 1e9 / 30) for i in range(30 * 120)]
    presses: list[frozenset[str]] = []
    on = 0
    for now_ns in times_ns:
        before = holder.held
        disturbance.act(now_ns, frozenset("w"))
        on += disturbance.is_on
        for key, down in [(key, True) for key in holder.held - before] + [(key, False) for key in before - holder.held]:
            echo = KeyEvent(now_ns, key, down, injected=True)
            assert disturbance.is_own(echo)
            assert not disturbance.is_own(KeyEvent(now_ns, key, down, injected=False))
            assert not disturbance.is_own(KeyEvent(now_ns, "w", down, injected=True))
        if holder.held - before:
            presses.append(holder.held)
    assert 40 <= len(presses) == disturbance.count <= 70  # 60 in two minutes, on the average
    assert set(presses) == {frozenset("a"), frozenset("d")}  # never what is held anyway
    assert 0.1 < on / len(times_ns) < 0.35
    assert not disturbance.is_own(KeyEvent(times_ns[-1] + 2_000_000_000, "a", True, injected=True))


def test_keys_of_another_program_are_noticed() -> None:
    disturbance = Disturbance(ActionSet.parse(["left=a", "right=d"]), ToldHolder(), 60, seed=1)
    for now_ns in range(0, 10**10, 10**8):
        disturbance.act(now_ns, frozenset("d"))
        if disturbance.is_on:
            assert disturbance.is_own(KeyEvent(now_ns, "a", True, injected=True))
        assert not disturbance.is_own(KeyEvent(now_ns, "d", True, injected=False))
    assert disturbance.count and not disturbance.has_company
    assert not disturbance.is_own(KeyEvent(now_ns, "d", True, injected=True))
    assert disturbance.has_company


def test_a_disturbance_that_comes_back_as_the_persons_keys_ends_the_recording() -> None:
    disturbance = Disturbance(ActionSet.parse(["left=a", "right=d"]), ToldHolder(), 60, seed=1)
    with pytest.raises(TwoframeError, match="found that keys pressed here come back as if a person"):
        for now_ns in range(0, 10**11, 10**8):
            disturbance.act(now_ns, frozenset("d"))
            disturbance.is_own(KeyEvent(now_ns, "a", disturbance.is_on, injected=False))
    assert disturbance.count <= 3


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"disturb": 100.0, "window": "Game"}, "--disturb: found 100, expected 0 to 60"),
        ({"disturb": 12.0, "region": "0,0,9,9"}, "--disturb: found --region, expected --window"),
    ],
)
def test_what_cannot_be_disturbed_is_wrong_usage(changed: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Plan.of(CollectOptions(Path("out"), **changed))  # type: ignore[arg-type]

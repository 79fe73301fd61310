"""`play` shared with a person at the keyboard: taking over, what is recorded of it, and only watching."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, Start, ended, wait_for
from played import KEYS, LET_GO_S, all_go_up, assert_stays, heard_keys, held_key, keys_down
from recordings import frames_in, wait_for_frames
from x11_person import Person

from agent.policy.step import Policy
from agent.recording.format import AGENT, PERSON
from agent.recording.reader import Recording
from games.window.display import VirtualDisplay
from train.dataset.dataset import open_dataset


@pytest.fixture
def person(display: VirtualDisplay) -> Iterator[Person]:
    with Person(display.name) as person:
        yield person
        for key in (*KEYS, "f8"):
            person.release(key)


def recorded_keys(recording: Recording) -> list[tuple[str, bool]]:
    return [(recording.meta.keys[event["key"]], bool(event["down"])) for event in recording.key_events]


def other_than(down: set[str]) -> str:
    return next(key for key in KEYS if key not in down)


def tap(person: Person, key: str) -> None:
    person.press(key)
    time.sleep(0.05)
    person.release(key)


def test_a_touched_key_takes_over_at_once_and_a_quiet_second_gives_back(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, person: Person, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--report", tmp_path / "play.json")
    mine = other_than({held_key(display)})
    person.press(mine)
    wait_for(lambda: keys_down(display) == {mine}, "the release of the agent's key", within_s=LET_GO_S)
    assert_stays(display, {mine}, 1.5)  # longer than the quiet second: a held key is no quiet
    released_s = time.monotonic()
    person.release(mine)
    assert_stays(display, set(), 0.7)
    wait_for(lambda: keys_down(display), "the agent's key")
    assert time.monotonic() - released_s > 0.99
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert keys_down(display) == set()
    assert "you have the keys" in out
    assert "the agent has the keys again" in out
    report = json.loads((tmp_path / "play.json").read_text())
    assert report["takeovers"] == 1
    assert 0 < report["decisions_by_person"] < report["decisions"]


def test_taking_over_with_the_key_that_the_agent_holds_leaves_it_down_for_the_game(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, person: Person
) -> None:
    process = start("agent", policy, "--window", "Counter")
    for _ in range(5):  # for it may be just then that the agent changes to another key, or that the machine stalls
        turns = len(heard_keys(counter))
        wait_for(lambda least=turns + 3: len(heard_keys(counter)) >= least, "a change from one key to another")
        time.sleep(0.2)  # the picture asks for the next change about a second later
        key = held_key(display)
        before = len(heard_keys(counter))
        person.press(key)
        wait_for(lambda wanted={key}: keys_down(display) == wanted, "the person's key alone", within_s=LET_GO_S)
        assert_stays(display, {key}, 0.5)
        heard = heard_keys(counter)[before:]
        person.release(key)
        wait_for(lambda: keys_down(display) == set(), "the release", within_s=LET_GO_S)
        wait_for(lambda: keys_down(display), "the agent's key")
        if not heard:
            break
    assert heard == []
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 0


def test_without_touch_only_the_hotkey_takes_over(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, person: Person
) -> None:
    process = start("agent", policy, "--window", "Counter", "--no-touch")
    tap(person, other_than({held_key(display)}))
    time.sleep(LET_GO_S)
    wait_for(lambda: keys_down(display), "the agent's key", within_s=0.5)  # less than a quiet second
    tap(person, "f8")
    all_go_up(display)
    assert_stays(display, set(), 1.2)
    tap(person, "f8")
    wait_for(lambda: keys_down(display), "the agent's key")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert out.count("you have the keys") == 1


def test_a_rollout_holds_the_persons_keys_of_a_takeover_and_trains_with_the_originals(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, person: Person, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--record", tmp_path / "rollout")
    wait_for(lambda: keys_down(display) and frames_in(tmp_path / "rollout") > 15, "a held key and frames")
    mine = other_than(keys_down(display))
    second = other_than({mine})
    person.press(mine)
    wait_for_frames(tmp_path / "rollout", 20)
    person.press(second)
    wait_for_frames(tmp_path / "rollout", 15)
    person.release(second)
    wait_for_frames(tmp_path / "rollout", 5)
    person.release(mine)
    wait_for(lambda: keys_down(display), "the agent's key")
    wait_for_frames(tmp_path / "rollout", 15)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")

    recording = Recording.open(tmp_path / "rollout")
    assert recording.problems == ()
    assert recording.meta.source == "rollout"
    assert recording.meta.complete
    recorded = recorded_keys(recording)
    heard = heard_keys(counter)
    assert recorded == heard[: len(recorded)]
    assert len(heard) - len(recorded) <= 1  # the last release, when play ends
    assert recording.control is not None
    assert recording.probabilities is not None
    persons = np.flatnonzero(recording.control == PERSON)
    assert len(persons) > 15
    assert (recording.control[[0, -1]] == AGENT).all()
    keys = recording.meta.keys
    rows = recording.keys[persons]
    assert set(np.flatnonzero(rows.any(axis=0))) == {keys.index(mine), keys.index(second)}
    assert rows[0].tolist() == [key == mine for key in keys]
    assert rows[:, keys.index(mine)].mean() > 0.5
    assert rows[:, keys.index(second)].any()
    np.testing.assert_allclose(recording.probabilities.sum(axis=1), 1, atol=1e-3)
    assert f"{len(recording)} frames" in out
    assert f"{len(persons)} of them the person's" in out
    assert f"train OLD... {tmp_path / 'rollout'} --out NEW" in out

    both = [Recording.open(policy.parent / "recording"), recording]
    dataset = open_dataset(both, actions=None, frame_of=lambda spec: spec, shift_ms=0, stride=1, room=tmp_path)
    assert dataset.is_target[-len(recording) :].sum() == len(persons)


def test_the_hotkey_hands_over_until_it_is_pressed_again_and_all_of_it_is_the_persons(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, person: Person, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--record", tmp_path / "rollout")
    wait_for(lambda: keys_down(display) and frames_in(tmp_path / "rollout") > 10, "a held key and frames")
    tap(person, "f8")
    all_go_up(display)
    wait_for_frames(tmp_path / "rollout", 20)
    assert_stays(display, set(), 1.5)  # longer than a quiet second
    tap(person, "f8")
    wait_for(lambda: keys_down(display), "the agent's key")
    process.send_signal(signal.SIGINT)
    status, out, _ = ended(process)
    assert status == 0
    assert "no key is held" not in out  # no pause: the buffer went on
    recording = Recording.open(tmp_path / "rollout")
    assert recording.control is not None
    persons = recording.control == PERSON
    assert persons.sum() > 15
    assert not recording.keys[persons].any()
    assert np.abs(np.diff(recording.control.astype(int))).sum() == 2  # one stretch


def test_shadow_shows_how_often_it_agrees_and_records_the_person(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, person: Person, tmp_path: Path
) -> None:
    rollout, report = tmp_path / "rollout", tmp_path / "play.json"
    process = start("agent", policy, "--window", "Counter", "--shadow", "--record", rollout, "--report", report)
    wait_for(lambda: frames_in(rollout) > 5, "frames")
    for key in ("a", "d", "w"):
        person.press(key)
        wait_for_frames(rollout, 15)
        person.release(key)
    wait_for_frames(rollout, 5)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    pressed = [(key, down) for key in ("a", "d", "w") for down in (True, False)]
    assert heard_keys(counter) == pressed
    recording = Recording.open(rollout)
    assert recorded_keys(recording) == pressed
    assert recording.control is not None
    assert (recording.control == PERSON).all()

    assert recording.probabilities is not None
    decided = recording.probabilities.argmax(axis=1)
    did = recording.meta.actions.actions_of(recording.keys, recording.meta.keys)
    told = Policy.load(policy, threads=1).meta
    shift = round(told.label_shift_ms * told.fps / 1000)  # the frames by which the person is behind the decision
    filling = (told.frames_per_window - 1) * told.apart
    stalls = np.flatnonzero(np.diff(recording.captured_ns) > 2 * told.spacing.median_ns) + 1
    judged = agreed = 0
    for stretch in np.split(np.arange(len(recording)), stalls):
        now = stretch[filling + shift :]
        judged += len(now)
        agreed += int((decided[now - shift] == did[now]).sum())
    agreement = json.loads(report.read_text())["agreement"]
    assert abs(agreement["frames"] - judged) <= 2  # the last frame may be dropped
    # The keys of a frame were asked for and recorded at two moments: each press and each release may lie between.
    assert abs(agreement["share"] * agreement["frames"] - agreed) <= 2 + len(pressed)
    assert agreement["changes"] >= 3 - len(stalls)  # what changes during a stall is not seen to change
    assert set(agreement["by_action"]) == {"left", "forward", "right"}
    assert f"it would have done what you did in {agreement['share']:.0%} of the frames" in out


def test_a_folder_in_use_is_refused_before_anything_starts(
    start: Start, counter: Path, policy: Path, tmp_path: Path
) -> None:
    (tmp_path / "rollout").mkdir()
    (tmp_path / "rollout" / "mine.txt").write_text("mine")
    status, out, err = ended(start("agent", policy, "--window", "Counter", "--record", tmp_path / "rollout"))
    assert status == 1
    assert out == ""
    assert "found a folder that is not empty" in err
    assert [path.name for path in (tmp_path / "rollout").iterdir()] == ["mine.txt"]
    assert heard_keys(counter) == []


def test_a_disk_that_fills_ends_play_with_no_key_down_and_what_was_recorded_stays(
    start: Start,
    counter: Path,
    display: VirtualDisplay,
    policy: Path,
    small_disk: Path,
) -> None:
    (small_disk / "filler").write_bytes(bytes(950_000))
    status, _, err = ended(start("agent", policy, "--window", "Counter", "--record", small_disk / "rollout"))
    assert status == 1
    assert err.startswith("error: ")
    assert "found the disk full after" in err
    assert err.count("\n") == 1
    assert keys_down(display) == set()
    assert len(Recording.open(small_disk / "rollout")) > 10


def test_a_killed_player_leaves_a_recording_that_opens(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--record", tmp_path / "rollout")
    wait_for(lambda: frames_in(tmp_path / "rollout") > 20, "frames")
    process.kill()
    process.wait(PATIENCE_S)
    recording = Recording.open(tmp_path / "rollout")
    assert len(recording) > 20
    assert not recording.meta.complete


def test_a_closed_window_finishes_the_recording(
    start: Start, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    window: subprocess.Popen[str] = start(
        "games.window.counter", tmp_path / "log", "--title", "Closing", "--size", "320x200"
    )
    wait_for(lambda: (tmp_path / "log").exists(), "the window")
    process = start("agent", policy, "--window", "Closing", "--record", tmp_path / "rollout")
    wait_for(lambda: frames_in(tmp_path / "rollout") > 10, "frames")
    window.kill()
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "nobody took over" in out
    assert Recording.open(tmp_path / "rollout").meta.complete

"""`play` as a user runs it: a trained policy, a real window, real keys, and none of them down afterwards."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, Start, ended, focused_title, wait_for, without_display
from played import KEYS, all_go_up, assert_stays, heard_keys, held_key, keys_down
from Xlib import X

from agent.errors import TwoframeError
from agent.frames import RollingFrames
from agent.policy.format import read_policy_meta
from agent.policy.step import Policy, decide
from games.window.display import VirtualDisplay


@pytest.mark.slow(14)
def test_it_holds_a_key_while_it_plays_and_none_when_its_time_is_over(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--duration-s", "2", "--report", tmp_path / "play.json")
    held_key(display)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert keys_down(display) == set()
    report = json.loads((tmp_path / "play.json").read_text())
    # 60 ticks in two seconds, but for those that a busy machine kept waiting; each is a decision, but for those that
    # fill the buffer at the start and after each stall.
    assert report["ticks"] <= 61
    assert report["ticks"] >= 58 or report["late_ticks"] > 0
    meta = Policy.load(policy, threads=1).meta
    filling = (meta.frames_per_window - 1) * meta.apart
    assert report["decisions"] >= report["ticks"] - filling * (1 + report["stalls"] + report["pauses"])
    assert sum(report["actions"].values()) == report["decisions"]
    assert f"{report['decisions']} decisions" in out
    wait_for(lambda: heard_keys(counter)[-1:] and not heard_keys(counter)[-1][1], "the last release at the window")
    heard = heard_keys(counter)
    assert {key for key, _ in heard} <= set(KEYS)
    assert sum(down for _, down in heard) == sum(not down for _, down in heard) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_key_is_down_after_a_signal(
    number: signal.Signals, start: Start, counter: Path, display: VirtualDisplay, policy: Path
) -> None:
    process = start("agent", policy, "--window", "Counter")
    held_key(display)
    process.send_signal(number)
    all_go_up(display)
    status, _, err = ended(process)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert err == ""


def test_a_stopped_player_holds_nothing(start: Start, counter: Path, display: VirtualDisplay, policy: Path) -> None:
    process = start("agent", policy, "--window", "Counter")
    held_key(display)
    process.send_signal(signal.SIGSTOP)
    all_go_up(display)


def test_a_key_holder_that_hangs_is_ended_and_its_keys_are_up(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path
) -> None:
    process = start("agent", policy, "--window", "Counter")
    held_key(display)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    holder = next(int(child) for child in children if "key_holder" in Path(f"/proc/{child}/cmdline").read_text())
    os.kill(holder, signal.SIGSTOP)
    status, _, err = ended(process)
    assert status == 1
    assert (
        err == "error: key holder: found no answer for 1 s, expected one at once; its keys are released, play again\n"
    )
    assert keys_down(display) == set()


def test_a_closed_window_ends_play_with_no_key_down(
    start: Start, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    window = start("games.window.counter", tmp_path / "log", "--title", "Closing", "--size", "320x200")
    wait_for(lambda: (tmp_path / "log").exists(), "the window")
    process = start("agent", policy, "--window", "Closing")
    held_key(display)
    window.kill()
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "the window was closed" in out
    assert keys_down(display) == set()


@pytest.fixture
def no_repeats(display: VirtualDisplay) -> Iterator[None]:
    """The X server repeats no held key: a repetition may reach the window that has just got the focus."""
    with display.connection() as connection:
        connection.change_keyboard_control(auto_repeat_mode=X.AutoRepeatModeOff)
        connection.sync()
        yield
        connection.change_keyboard_control(auto_repeat_mode=X.AutoRepeatModeDefault)
        connection.sync()


@pytest.mark.usefixtures("no_repeats")
def test_another_window_in_front_gets_no_keys(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter")
    held_key(display)
    other = start("games.window.counter", tmp_path / "other.jsonl", "--title", "Other", "--size", "300x200")
    wait_for(lambda: focused_title(display) == "Other", "the focus of the other window")
    all_go_up(display)
    assert_stays(display, set(), 0.5)
    other.terminate()
    other.wait(PATIENCE_S)
    assert not any(down for _, down in heard_keys(tmp_path / "other.jsonl"))
    wait_for(lambda: keys_down(display), "a held key after the focus came back")
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 0


@pytest.mark.usefixtures("no_repeats")
def test_nothing_is_pressed_into_what_grabs_the_keyboard(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    """As dmenu does, a locked screen or a menu: the game keeps the focus all the while."""
    with (tmp_path / "said").open("w") as said:
        process = start("agent", policy, "--window", "Counter", said=said)
        held_key(display)
        with display.connection() as other:
            other.screen().root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
            other.sync()
            all_go_up(display)
            while other.pending_events():  # what came before they were let go
                other.next_event()
            assert_stays(display, set(), 0.5)
            other.sync()
            assert not other.pending_events()
        wait_for(lambda: keys_down(display), "a held key after the grab")
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0
    told = (tmp_path / "said").read_text()
    assert told.count("no key is held: another program has grabbed the keyboard") == 1


def test_shadow_presses_nothing(start: Start, counter: Path, display: VirtualDisplay, policy: Path) -> None:
    status, out, err = ended(start("agent", policy, "--window", "Counter", "--shadow", "--duration-s", "1"))
    assert (status, err) == (0, "")
    assert "decisions" in out
    assert not any("key" in line for line in counter.read_text().splitlines())


def damaged(policy: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "damaged"
    shutil.copytree(policy, copy)
    return copy


@pytest.mark.parametrize("name", ["policy.json", "model.keras", "policy.tflite"])
def test_a_policy_without_a_file_is_refused(name: str, policy: Path, tmp_path: Path) -> None:
    copy = damaged(policy, tmp_path)
    (copy / name).unlink()
    assert_refused(copy, name)


@pytest.mark.parametrize("name", ["policy.json", "model.keras", "policy.tflite"])
def test_an_altered_policy_is_refused(name: str, policy: Path, tmp_path: Path) -> None:
    copy = damaged(policy, tmp_path)
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2 :] = b"x" * 9
    (copy / name).write_bytes(content)
    assert_refused(copy, name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("longest_holds_s", value) for value in ("long", [1, 2], [1, 2, "3"], [1, 2, True], [1, 2, -3])),
        *(("cut_difference", value) for value in ("far", True, 0, -1, [3])),
        *((name, 10**400) for name in ("fps", "label_shift_ms", "cut_difference")),
        ("longest_holds_s", [1, 2, 10**400]),
    ],
)
def test_a_policy_that_train_cannot_have_written_is_refused(
    name: str, value: object, policy: Path, tmp_path: Path
) -> None:
    copy = damaged(policy, tmp_path)
    settings = json.loads((copy / "policy.json").read_text())
    (copy / "policy.json").write_text(json.dumps({**settings, name: value}))
    with pytest.raises(TwoframeError, match="a number of 401 digits" if "0" * 400 in str(value) else name):
        read_policy_meta(copy)


def assert_refused(folder: Path, name: str) -> None:
    assert name in complaint_without_display(folder)


def complaint_without_display(folder: Path) -> str:
    """The one line that `play` ends with, on a machine without a screen."""
    done = subprocess.run(
        [sys.executable, "-m", "agent", folder],
        cwd=ROOT,
        env=without_display(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_without_a_display_it_says_so(policy: Path) -> None:
    assert complaint_without_display(policy).startswith("error: display: found none")


def test_an_agent_py_where_the_user_stands_is_not_taken_for_ours(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "agent.py").write_text("raise SystemExit('shadowed')")
    play = Path(sys.executable).with_name("play")
    process = subprocess.Popen(
        [play, policy, "--window", "Counter", "--duration-s", "1"],
        cwd=tmp_path / "here",
        env=display.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "decisions" in out


def test_live_probabilities_are_those_of_the_step_by_step_reader(policy: Path) -> None:
    reader = Policy.load(policy, threads=1)
    frame = np.zeros(reader.meta.frame.shape, np.uint8)
    frame[:, :5] = 200
    features, _ = reader.step(frame, np.zeros((1, 1, reader.meta.feature_size), np.float32))
    _, probabilities = reader.step(frame, features[None].copy())
    assert probabilities.sum() == pytest.approx(1, abs=1e-3)
    assert reader.meta.actions.names[int(probabilities.argmax())] == "left"


def test_what_came_before_a_cut_of_the_picture_is_no_neighbour(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    dark, bright = (np.full(loaded.meta.frame.shape, grey, np.uint8) for grey in (20, 220))
    nothing = np.zeros((1, 1, loaded.meta.feature_size), np.float32)
    seen_bright = loaded.step(bright, nothing)[0].copy()
    assert not np.allclose(loaded.step(dark, nothing)[0], seen_bright)

    def oldest_after(cut_difference: float) -> np.ndarray:
        loaded.meta = replace(loaded.meta, cut_difference=cut_difference)
        frames = RollingFrames(2, loaded.meta.feature_size, apart=3)
        for frame in (dark, dark, dark, bright):
            probabilities = decide(loaded, frame, frames)
        assert frames.is_full and probabilities.shape == (len(loaded.meta.actions),)
        return frames.features[0, 0]

    assert np.array_equal(oldest_after(100.0), seen_bright[0])
    assert not np.allclose(oldest_after(300.0), seen_bright[0])
    assert not np.allclose(oldest_after(np.inf), seen_bright[0])

"""`collect` as a user runs it: a real window, real keys, a real recording."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Start, wait_for, without_display
from x11_windows import handle_of
from Xlib import X
from Xlib.ext import xtest

from agent.recording.reader import Recording
from games.window.counter import read_counter
from games.window.display import VirtualDisplay

COLLECT = ("collect", "--countdown-s", "0", "--fps", "30", "--window", "Counter")
CODES = {"a": 38, "w": 25, "d": 40, "s": 39, "f9": 75, "f10": 76}


def tap(display: VirtualDisplay, *keys: str, held_s: float = 0.1) -> None:
    with display.connection() as connection:
        for key in keys:
            for kind in (X.KeyPress, X.KeyRelease):
                xtest.fake_input(connection, kind, CODES[key])
                connection.sync()
                time.sleep(held_s)


def frames_in(folder: Path) -> int:
    return len(np.load(folder / "frames.npy", mmap_mode="r")) if (folder / "frames.npy").exists() else 0


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=15)
    return process.returncode, out, err


def test_frames_times_and_keys_agree_with_what_the_window_knows(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start(*COLLECT, tmp_path / "rec", "--duration-s", "4")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    tap(display, "a", "d", "s", "w")
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "keys in it: a, d, w" in out
    assert "train" in out

    recording = Recording.open(tmp_path / "rec")
    assert recording.problems == ()
    truth = [json.loads(line) for line in counter.read_text().splitlines()]
    # The clock of both is CLOCK_MONOTONIC; the recording's zero is found from the first press that both know.
    presses = [line for line in truth if line.get("key") in ("a", "d", "w")]
    assert [(p["key"], p["down"]) for p in presses] == [
        (recording.meta.keys[e["key"]], bool(e["down"])) for e in recording.key_events
    ]
    offsets_ms = (np.array([p["time_ns"] for p in presses]) - recording.key_events["time_ns"]) / 1e6
    assert np.ptp(offsets_ms) < 40

    counters = read_counter(recording.frames)
    clear = counters >= 0
    assert clear.mean() > 0.9  # a grab between two draws of the window may see half of one
    shown_ns = {line["shown"]: line["time_ns"] for line in truth if "shown" in line}
    delays_ms = np.array([shown_ns[n] for n in counters[clear]]) / 1e6 - recording.captured_ns[clear] / 1e6
    assert np.ptp(delays_ms - np.median(offsets_ms)) < 60
    assert (np.diff(counters[clear]) >= 0).all()


def test_what_is_typed_while_the_game_is_not_looked_at_is_not_recorded(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start(*COLLECT, tmp_path / "rec")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    other = start("games.window.counter", tmp_path / "other.jsonl", "--title", "Password", "--size", "300x200")
    wait_for(lambda: (tmp_path / "other.jsonl").exists(), "the other window")
    time.sleep(0.3)
    tap(display, "a", "w", "d", "s", held_s=0.05)
    before = frames_in(tmp_path / "rec")
    time.sleep(0.3)
    assert frames_in(tmp_path / "rec") <= before
    other.terminate()
    other.wait(5)
    wait_for(lambda: frames_in(tmp_path / "rec") > before + 5, "frames after the focus came back")
    tap(display, "f9")
    time.sleep(0.2)
    tap(display, "a", "w", held_s=0.05)
    tap(display, "f9")
    time.sleep(0.2)
    tap(display, "d", held_s=0.05)
    time.sleep(0.2)
    tap(display, "f10")
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "recording pauses: the window is unfocused" in out
    recording = Recording.open(tmp_path / "rec")
    assert [recording.meta.keys[e["key"]] for e in recording.key_events] == ["d", "d"]
    assert recording.gap_before()[1:].sum() >= 2


def test_of_what_is_typed_into_the_game_only_the_action_keys_are_kept(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start(*COLLECT, tmp_path / "rec")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    password = [24, 38, 39, 39, 25, 32, 27, 40]  # q a s s w o r d
    with display.connection() as connection:
        for code in password:
            for kind in (X.KeyPress, X.KeyRelease):
                xtest.fake_input(connection, kind, code)
                connection.sync()
                time.sleep(0.03)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    recording = Recording.open(tmp_path / "rec")
    pressed = [recording.meta.keys[e["key"]] for e in recording.key_events if e["down"]]
    assert pressed == ["a", "w", "d"]
    assert recording.meta.keys == ("a", "w", "d")
    assert sorted(path.name for path in (tmp_path / "rec").iterdir()) == [
        "captured_ns.npy",
        "frames.npy",
        "key_events.npy",
        "keys.npy",
        "meta.json",
    ]
    assert "(6 events)" in out


def test_the_picture_follows_a_window_that_is_moved_resized_and_minimized(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start(*COLLECT, tmp_path / "rec")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    with handle_of(display, "Counter") as window:
        for action in (
            lambda: window.move(30, 40),
            lambda: window.resize(480, 270),
            window.minimize,
            window.activate,
        ):
            before = frames_in(tmp_path / "rec")
            action()
            if action == window.minimize:
                time.sleep(0.5)
            else:
                wait_for(lambda least=before + 15: frames_in(tmp_path / "rec") > least, f"frames after {action}")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "recording pauses: the window is minimized" in out
    assert "recording again" in out
    recording = Recording.open(tmp_path / "rec")
    counters = read_counter(recording.frames)
    assert (counters[-5:] >= 0).mean() > 0.5  # the counter is read from the whole of the picture, also at the end
    assert recording.gap_before()[1:].any()


def test_a_part_of_the_screen_is_recorded_whatever_has_the_focus(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    command = ("collect", tmp_path / "rec", "--region", "0,0,200,100", "--countdown-s", "0", "--duration-s", "2")
    process = start(*command)
    wait_for(lambda: frames_in(tmp_path / "rec") > 3, "the first frames")
    tap(display, "a")
    status, _, err = ended(process)
    assert (status, err) == (0, "")
    recording = Recording.open(tmp_path / "rec")
    assert len(recording) > 20
    assert len(recording.key_events) == 2
    status, _, err = ended(start("collect", tmp_path / "off", "--region", "-300,0,200,100"))
    assert status == 1
    assert "expected a place wholly on the screen" in err


def test_a_window_over_the_game_and_a_picture_that_stands_still_are_warned_of(
    start: Start, display: VirtualDisplay, tmp_path: Path
) -> None:
    still = start("games.window.counter", tmp_path / "log", "--title", "Still", "--size", "320x200", "--fps", "0.05")
    wait_for(lambda: (tmp_path / "log").exists(), "the window")
    time.sleep(0.5)
    process = start("collect", tmp_path / "rec", "--window", "Still", "--countdown-s", "0")
    wait_for(lambda: frames_in(tmp_path / "rec") > 3, "the first frames")
    tap(display, "a")
    time.sleep(3.5)
    start("games.window.counter", tmp_path / "log2", "--title", "On top", "--size", "100x80", "--fps", "0.05")
    wait_for(lambda: (tmp_path / "log2").exists(), "the other window")
    time.sleep(0.3)
    with handle_of(display, "Still") as game, handle_of(display, "On top") as top:
        top.move(*game.corner)
        top.keep_above()
        game.activate()
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "the picture has been the same for 3 s while keys changed" in out
    assert "'On top' lies over the game" in out
    still.kill()


def test_a_disk_that_fills_ends_it_with_one_line_and_all_frames_before_are_there(
    start: Start, counter: Path, small_disk: Path
) -> None:
    status, _, err = ended(start(*COLLECT, small_disk / "rec"))
    assert status == 1
    assert err.startswith("error: ")
    assert "found the disk full after" in err
    assert err.count("\n") == 1
    recording = Recording.open(small_disk / "rec")
    assert 40 < len(recording) < 60  # of 19,200 bytes each
    assert (read_counter(recording.frames) >= 0).mean() > 0.9


def test_ctrl_c_ends_the_recording_in_order(start: Start, counter: Path, tmp_path: Path) -> None:
    process = start(*COLLECT, tmp_path / "rec")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert f"next: train {tmp_path / 'rec'}" in out
    assert Recording.open(tmp_path / "rec").meta.complete


def test_a_closed_window_ends_the_recording_in_order(start: Start, tmp_path: Path) -> None:
    window = start("games.window.counter", tmp_path / "log", "--title", "Closing", "--size", "320x200")
    wait_for(lambda: (tmp_path / "log").exists(), "the window")
    process = start("collect", "--countdown-s", "0", "--window", "Closing", tmp_path / "rec")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    window.terminate()
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "the window was closed" in out
    assert Recording.open(tmp_path / "rec").meta.complete


def test_an_x_server_that_dies_leaves_a_whole_recording(start: Start, tmp_path: Path) -> None:
    with VirtualDisplay() as doomed:
        start("games.window.counter", tmp_path / "log", "--size", "320x200", on=doomed)
        wait_for(lambda: (tmp_path / "log").exists(), "the window")
        process = start(*COLLECT, tmp_path / "rec", on=doomed)
        wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
        doomed.close()
        status, _, err = ended(process)
    assert status == 1
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    recording = Recording.open(tmp_path / "rec")
    assert len(recording) > 10
    assert recording.problems == ()


def test_a_window_that_is_not_there_is_answered_with_those_that_are(
    start: Start, counter: Path, tmp_path: Path
) -> None:
    status, _, err = ended(start("collect", tmp_path / "rec", "--window", "Nowhere"))
    assert status == 1
    assert err == (
        "error: window: found 'Counter'; expected one titled 'Nowhere'; start the game or correct --window\n"
    )
    assert not (tmp_path / "rec").exists()


def test_a_folder_in_use_is_not_overwritten(start: Start, counter: Path, tmp_path: Path) -> None:
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "mine.txt").write_text("mine")
    status, _, err = ended(start(*COLLECT, tmp_path / "rec"))
    assert status == 1
    assert "found a folder that is not empty" in err
    assert [path.name for path in (tmp_path / "rec").iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("command", [["collect", "rec", "--window", "Game"], ["collect", "--check"]])
def test_without_a_display_it_says_so_and_what_to_do(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        env=without_display(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "DISPLAY" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([], "OUT: found nothing"),
        (["rec"], "neither --window nor --region"),
        (["rec", "--window", "x", "--region", "0,0,9,9"], "expected one of them"),
        (["rec", "--window", "x", "--fps", "0"], "--fps: found 0"),
        (["rec", "--window", "x", "--size", "big"], "WIDTHxHEIGHT"),
        (["rec", "--window", "x", "--keys", "left=a", "quit=f10"], "found f10 in the actions too"),
        (["rec", "--region", "1,2,3"], "LEFT,TOP,WIDTH,HEIGHT"),
    ],
)
def test_wrong_usage_exits_with_2_and_one_line(
    flags: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from collect.cli import main

    monkeypatch.chdir(ROOT)
    assert main(flags) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1

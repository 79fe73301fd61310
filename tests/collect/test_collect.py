"""`collect` as a user runs it: a real window, real keys, a real recording."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, Start, ended, focused_title, so_far, wait_for, without_display
from game_log import lines, zero_by_frames
from recordings import frames_in, wait_for_frames
from x11_windows import handle_of
from Xlib import X
from Xlib.ext import xtest

from agent.pacing import clock_ns
from agent.recording.reader import Recording
from games.window.counter import read_counter
from games.window.display import VirtualDisplay

COLLECT = ("collect", "--countdown-s", "0", "--fps", "30", "--window", "Counter")
CODES = {"a": 38, "w": 25, "d": 40, "s": 39, "f9": 75, "f10": 76}


class Tapped(NamedTuple):
    """A key went down or up between two moments on the clock of all processes."""

    key: str
    down: bool
    after_ns: int
    before_ns: int


def tap(display: VirtualDisplay, *keys: str, held_s: float = 0.1) -> list[Tapped]:
    tapped = []
    with display.connection() as connection:
        for key in keys:
            for kind in (X.KeyPress, X.KeyRelease):
                begun_ns = clock_ns()
                xtest.fake_input(connection, kind, CODES[key])
                connection.sync()
                tapped.append(Tapped(key, kind == X.KeyPress, begun_ns, clock_ns()))
                time.sleep(held_s)
    return tapped


def ended_after_one_key(process: subprocess.Popen[str], display: VirtualDisplay, folder: Path) -> Recording:
    """Press `d`, end the recording by its hotkey: it ends in order, and no key is in it but that one."""
    tap(display, "d", held_s=0.05)
    wait_for_frames(folder, 5)
    tap(display, "f10")
    status, _, err = ended(process)
    assert (status, err) == (0, "")
    recording = Recording.open(folder)
    assert [recording.meta.keys[e["key"]] for e in recording.key_events] == ["d", "d"]
    return recording


def test_frames_times_and_keys_agree_with_what_the_window_knows(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start(*COLLECT, tmp_path / "rec", "--duration-s", "4")
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    tapped = [event for event in tap(display, "a", "d", "s", "w") if event.key != "s"]
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "keys in it: a, d, w" in out
    assert "train" in out

    recording = Recording.open(tmp_path / "rec")
    assert recording.problems == ()
    truth = lines(counter)
    heard = [line for line in truth if line.get("key") in ("a", "d", "w")]
    keys = [(event.key, event.down) for event in tapped]
    assert [(line["key"], line["down"]) for line in heard] == keys
    assert [(recording.meta.keys[e["key"]], bool(e["down"])) for e in recording.key_events] == keys

    # All share one clock, and the recording's zero lies somewhere on it: where its frames say, and such that no key was
    # heard before it was pressed.
    by_frames_ns, latest_ns = zero_by_frames(recording, truth)
    by_keys_ns = [event.after_ns - t for event, t in zip(tapped, recording.key_events["time_ns"], strict=True)]
    zero_ns = max(by_frames_ns, *by_keys_ns)
    assert zero_ns <= latest_ns
    # Nor was a key heard much later; the window tells how late this machine lets a program hear one.
    late_ns = zero_ns + recording.key_events["time_ns"] - np.array([event.before_ns for event in tapped])
    window_late_ns = np.array([line["time_ns"] for line in heard]) - np.array([event.before_ns for event in tapped])
    assert late_ns.max() < 40_000_000 + window_late_ns.max()


def test_what_is_typed_while_the_game_is_not_looked_at_is_not_recorded(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    process = start(*COLLECT, tmp_path / "rec", said=said)
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    other = start("games.window.counter", tmp_path / "other.jsonl", "--title", "Password", "--size", "300x200")
    wait_for(lambda: focused_title(display) == "Password", "the focus of the other window")
    tap(display, "a", "w", "d", "s", held_s=0.05)
    wait_for(lambda: "recording pauses: the window is unfocused" in so_far(said), "the pause")
    time.sleep(0.5)  # what is on its way gets to the disk
    before = frames_in(tmp_path / "rec")
    time.sleep(0.3)
    assert frames_in(tmp_path / "rec") <= before
    other.terminate()
    other.wait(PATIENCE_S)
    wait_for_frames(tmp_path / "rec", 5)
    tap(display, "f9")
    wait_for(lambda: so_far(said).endswith("recording pauses\n"), "the pause by hotkey")
    tap(display, "a", "w", held_s=0.05)
    tap(display, "f9")
    wait_for(lambda: so_far(said).count("recording again") == 2, "the end of the pause")
    wait_for_frames(tmp_path / "rec", 5)
    recording = ended_after_one_key(process, display, tmp_path / "rec")
    assert recording.gap_before()[1:].sum() >= 2


def test_nothing_is_recorded_while_another_program_has_grabbed_the_keyboard(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    """As dmenu does, a locked screen or a menu: the game keeps the focus all the while."""
    process = start(*COLLECT, tmp_path / "rec", said=said)
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    with display.connection() as other:
        other.screen().root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
        tap(display, "a", "w", "f10", held_s=0.05)
        wait_for(lambda: "pauses: another program has grabbed the keyboard" in so_far(said), "the pause")
        tap(display, "a", "w", "f10", held_s=0.05)
        other.ungrab_keyboard(X.CurrentTime)
        other.sync()
    wait_for(lambda: "recording again" in so_far(said), "the end of the pause")
    wait_for_frames(tmp_path / "rec", 5)
    recording = ended_after_one_key(process, display, tmp_path / "rec")
    assert recording.gap_before()[1:].any()
    assert so_far(said).count("recording pauses") == 1


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
    wait_for_frames(tmp_path / "rec", 5)
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
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    process = start(*COLLECT, tmp_path / "rec", said=said)
    wait_for(lambda: frames_in(tmp_path / "rec") > 10, "the first frames")
    with handle_of(display, "Counter") as window:
        for action in (
            lambda: window.move(30, 40),
            lambda: window.resize(480, 270),
            window.minimize,
            window.activate,
        ):
            action()
            if action == window.minimize:
                wait_for(lambda: "recording pauses: the window is minimized" in so_far(said), "the pause")
            else:
                wait_for_frames(tmp_path / "rec", 15)
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert (status, err) == (0, "")
    assert "recording again" in so_far(said)
    recording = Recording.open(tmp_path / "rec")
    counters = read_counter(recording.frames)
    assert (counters[-5:] >= 0).mean() > 0.5  # the counter is read from the whole of the picture, also at the end
    assert recording.gap_before()[1:].any()


def test_a_part_of_the_screen_is_recorded_whatever_has_the_focus(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start("collect", tmp_path / "rec", "--region", "0,0,200,100", "--countdown-s", "0")
    wait_for(lambda: frames_in(tmp_path / "rec") > 20, "the first frames")
    tap(display, "a")
    wait_for_frames(tmp_path / "rec", 5)
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert (status, err) == (0, "")
    recording = Recording.open(tmp_path / "rec")
    assert len(recording) > 20
    assert len(recording.key_events) == 2
    status, _, err = ended(start("collect", tmp_path / "off", "--region", "-300,0,200,100"))
    assert status == 1
    assert "expected a place wholly on the screen" in err


def test_a_recording_is_packed_when_it_has_ended_if_that_is_wanted(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    process = start(*COLLECT, tmp_path / "rec", "--pack")
    wait_for(lambda: frames_in(tmp_path / "rec") > 20, "the first frames")
    tap(display, "a")
    wait_for_frames(tmp_path / "rec", 5)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "packing the frames" in out
    assert "frames.npy.zst" in out
    assert not (tmp_path / "rec" / "frames.npy").exists()
    recording = Recording.open(tmp_path / "rec")
    assert recording.meta.complete
    assert recording.problems == ()
    assert (read_counter(np.asarray(recording.frames)) >= 0).mean() > 0.5


@pytest.mark.slow(9)
def test_a_window_over_the_game_and_a_picture_that_stands_still_are_warned_of(
    start: Start, display: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    still = start("games.window.counter", tmp_path / "log", "--title", "Still", "--size", "320x200", "--fps", "0.05")
    wait_for(lambda: focused_title(display) == "Still", "the window")
    process = start("collect", tmp_path / "rec", "--window", "Still", "--countdown-s", "0", said=said)
    wait_for(lambda: frames_in(tmp_path / "rec") > 3, "the first frames")
    tap(display, "a")
    wait_for(lambda: "the picture has been the same for 3 s while keys changed" in so_far(said), "the warning")
    start("games.window.counter", tmp_path / "log2", "--title", "On top", "--size", "100x80", "--fps", "0.05")
    wait_for(lambda: focused_title(display) == "On top", "the other window")
    with handle_of(display, "Still") as game, handle_of(display, "On top") as top:
        left, top_edge = game.corner
        top.move(left + 310, top_edge)  # ten pixels of the picture's 320
        top.keep_above()
        game.activate()
        wait_for(lambda: "'On top' lies over the game and gets recorded" in so_far(said), "the other warning")
        pause, before = "recording pauses: another window lies over the game: 'On top'", so_far(said)
        top.move(left, top_edge)
        wait_for(lambda: so_far(said).count(pause) > before.count(pause), "the pause")
        recorded = frames_in(tmp_path / "rec")
        top.move(left + 310, top_edge)
        wait_for(lambda: so_far(said).count("recording again") > before.count("recording again"), "the end")
        wait_for(lambda: frames_in(tmp_path / "rec") > recorded + 3, "more frames")
    process.send_signal(signal.SIGINT)
    status, _, err = ended(process)
    assert (status, err) == (0, "")
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


def test_a_recording_that_ends_before_its_first_frame_leaves_its_name_free(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path, said: IO[str]
) -> None:
    folder = tmp_path / "runs" / "rec"
    other = start("games.window.counter", tmp_path / "other.jsonl", "--title", "Other", "--size", "300x200")
    wait_for(lambda: focused_title(display) == "Other", "the focus of the other window")
    killed = start(*COLLECT, folder, said=said)
    wait_for(lambda: "the window is unfocused" in so_far(said), "the pause")
    killed.kill()
    killed.wait(PATIENCE_S)
    assert list(folder.iterdir()) == []

    stopped = start(*COLLECT, folder, said=said)
    wait_for(lambda: so_far(said).count("the window is unfocused") == 2, "the pause")
    stopped.send_signal(signal.SIGTERM)
    status, _, err = ended(stopped)
    assert status == 1
    assert err == (
        f"error: {folder}: found no frame to record, expected some play; nothing was written: click into the game when "
        "it begins, and start again\n"
    )

    other.terminate()
    other.wait(PATIENCE_S)
    status, _, err = ended(start(*COLLECT, folder, "--duration-s", "1"))
    assert (status, err) == (0, "")
    assert len(Recording.open(folder)) > 5


def test_a_full_disk_before_the_first_frame_leaves_nothing(start: Start, counter: Path, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free - 8192))  # less than a frame
    status, _, err = ended(start(*COLLECT, small_disk / "rec"))
    assert status == 1
    assert "found the disk full after" in err
    assert err.count("\n") == 1
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


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
        (["rec", "--window", "x", "--size", "160x1"], "--size: found '160x1', expected at least 2x2"),
        (["--check", "--size", "1x120"], "--size: found '1x120', expected at least 2x2"),
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

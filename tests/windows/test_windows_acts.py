"""What a person does, on Windows: record, play, take over, close things and kill them. The game tells what it got."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
import pytest
from conftest import PATIENCE_S, Start, focused_title, so_far, wait_for
from game_log import (
    DRAWN_HZ,
    SIZE,
    Touched,
    assert_keys_stand_at_their_frames,
    assert_pixels_are_those_drawn,
    behind_ns,
    held_keys,
    last_shown,
    lines,
    right_share,
    zero_by_frames,
)
from played import KEYS, LET_GO_S, heard_keys
from recordings import frames_in, wait_for_frames

from agent.recording.format import AGENT, PERSON
from agent.recording.reader import Recording

if TYPE_CHECKING:
    from x11_person import Person

    from games.window.display import VirtualDisplay

pytestmark = pytest.mark.wine
CTRL_C = b"\x03"


@pytest.fixture
def person(wine: VirtualDisplay) -> Iterator[Person]:
    """At the X server's keyboard, which for Windows is the keyboard."""
    from x11_person import Person

    with Person(wine.name) as person:
        yield person
        for key in (*KEYS, "f8"):
            person.release(key)


def held_key(log: Path) -> str:
    """The key that is down in the game, as soon as it is the only one."""
    (key,) = wait_for(lambda: len(held := held_keys(log)) == 1 and held, "a held key")
    return key


def all_go_up(log: Path, but: Collection[str] = ()) -> None:
    """In the time that `play` promises, counted in pictures of the game: a busy machine keeps it waiting too."""
    since = last_shown(log)
    wait_for(lambda: held_keys(log) == set(but), "the release of the keys")
    told = lines(log)
    last = max(at for at, line in enumerate(told) if "key" in line)
    drawn = sum(line.get("shown", -1) > since for line in told[:last])
    assert drawn <= LET_GO_S * DRAWN_HZ + 1


def assert_stays(log: Path, expected: set[str], seconds: float) -> None:
    heard = heard_keys(log)
    time.sleep(seconds)
    assert held_keys(log) == expected
    assert heard_keys(log) == heard


def tap(person: Person, key: str) -> None:
    person.press(key)
    time.sleep(0.05)
    person.release(key)


def ended(process: subprocess.Popen[str], expected: int = 0) -> str:
    """What a program said that ends by itself."""
    said, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == expected, said
    assert "Traceback" not in said
    return said


@pytest.mark.contract
@pytest.mark.slow(15)
def test_frames_and_keys_agree_with_what_the_game_knows(
    start_windows: Start, windows_counter: Path, person: Person, tmp_path: Path
) -> None:
    folder = tmp_path / "rec"
    timed = ("--fps", "30", "--countdown-s", "0", "--duration-s", "8")
    process = start_windows("collect", folder, "--window", "Counter", *timed)
    wait_for(lambda: frames_in(folder) > 10, "the first frames")
    touched = []
    for key in ("a", "d", "s", "w", "d", "a", "w"):
        for down in (True, False):
            if key != "s":  # not an action's
                touched.append(Touched(key, down, last_shown(windows_counter)))
            (person.press if down else person.release)(key)
            time.sleep(0.2)
    assert "keys in it: a, d, w" in ended(process)
    recording = Recording.open(folder)
    assert recording.problems == ()
    assert recording.meta.complete
    assert (recording.meta.region.width, recording.meta.region.height) == SIZE
    assert_pixels_are_those_drawn(recording)
    truth = lines(windows_counter)
    zero_by_frames(recording, truth, behind_ns=behind_ns(truth))
    assert_keys_stand_at_their_frames(recording, truth, touched, behind_ns=behind_ns(truth))


@pytest.mark.slow(10)
def test_a_title_and_folders_in_any_letters(start_windows: Start, tmp_path: Path) -> None:
    runs, log = tmp_path / "meine Läufe & mehr" / "数える", tmp_path / "log"
    game = start_windows("games.window.counter", log, "--title", "数える Zähler", "--size", "320x180")
    wait_for(lambda: log.exists() and last_shown(log) > 5, "the window")
    timed = ("--countdown-s", "0", "--duration-s", "1")
    # Packed in the end: Windows removes and renames no file that is still mapped.
    assert "\npacked: " in ended(start_windows("collect", runs / "erste Fahrt", "--window", "数える", "--pack", *timed))
    packed = Recording.open(runs / "erste Fahrt")
    assert packed.frames.shape[0] > 5
    assert "erste Fahrt" in ended(start_windows("collect.recordings", "list", runs))
    assert "unpacked: " in ended(start_windows("collect.recordings", "unpack", runs))
    assert (np.load(runs / "erste Fahrt" / "frames.npy") == np.asarray(packed.frames)).all()
    game.kill()


@pytest.mark.contract
@pytest.mark.slow(8)
def test_it_presses_what_the_picture_asks_for_and_holds_nothing_afterwards(
    start_windows: Start, windows_counter: Path, policy: Path
) -> None:
    assert "decisions" in ended(start_windows("agent", policy, "--window", "Counter", "--duration-s", "4"))
    wait_for(lambda: not held_keys(windows_counter), "the last release at the window")
    assert {key for key, _ in heard_keys(windows_counter)} <= set(KEYS)
    assert right_share(lines(windows_counter)) > 0.6


@pytest.mark.slow(12)
def test_a_person_takes_over_by_touch_and_by_hotkey_and_ctrl_c_ends_it_in_order(
    start_windows: Start, windows_counter: Path, policy: Path, person: Person, tmp_path: Path
) -> None:
    from terminals import Terminal

    terminal = Terminal()
    process = start_windows("agent", policy, "--window", "Counter", "--record", tmp_path / "rollout", said=terminal.end)
    agents = held_key(windows_counter)
    wait_for_frames(tmp_path / "rollout", 5)
    mine = next(key for key in KEYS if key != agents)
    person.press(mine)
    all_go_up(windows_counter, but={mine})
    assert_stays(windows_counter, {mine}, 0.5)
    person.release(mine)
    all_go_up(windows_counter)
    held_key(windows_counter)  # after a quiet second
    tap(person, "f8")
    all_go_up(windows_counter)
    assert_stays(windows_counter, set(), 1.2)  # longer than a quiet second
    tap(person, "f8")
    held_key(windows_counter)
    terminal.type(CTRL_C)
    all_go_up(windows_counter)
    assert process.wait(PATIENCE_S) == 0
    wait_for(lambda: "you took over 2 times" in terminal.shown, "the summary")
    terminal.close()
    recording = Recording.open(tmp_path / "rollout")
    assert recording.problems == ()
    assert recording.meta.complete
    assert recording.control is not None
    assert recording.control[0] == AGENT
    persons = recording.keys[recording.control == PERSON]
    assert set(np.flatnonzero(persons.any(axis=0))) == {recording.meta.keys.index(mine)}


@pytest.mark.slow(12)
def test_another_window_gets_no_key_and_a_closed_game_ends_play(
    start_windows: Start, wine: VirtualDisplay, policy: Path, said: IO[str], tmp_path: Path
) -> None:
    log, other_log = tmp_path / "log", tmp_path / "other"
    game = start_windows("games.window.counter", log, "--title", "Closing", "--size", "640x360")
    wait_for(lambda: log.exists() and last_shown(log) > 5, "the window")
    process = start_windows("agent", policy, "--window", "Closing", said=said)
    held_key(log)
    other = start_windows("games.window.counter", other_log, "--title", "Other", "--size", "300x200")
    wait_for(lambda: focused_title(wine) == "Other", "the focus of the other window")
    all_go_up(log)
    wait_for(lambda: "no key is held: the window is unfocused" in so_far(said), "the pause")
    assert_stays(log, set(), 0.3)
    other.kill()
    held_key(log)
    assert not any(down for _, down in heard_keys(other_log))
    game.kill()
    assert process.wait(PATIENCE_S) == 0
    wait_for(lambda: "the window was closed" in so_far(said), "the reason")


@pytest.mark.slow(6)
@pytest.mark.parametrize("killed", ["play", "the key holder"])
def test_no_key_stays_down_after_a_kill_of(
    killed: str, start_windows: Start, windows_counter: Path, wine: VirtualDisplay, policy: Path
) -> None:
    process = start_windows("agent", policy, "--window", "Counter")
    held_key(windows_counter)
    (holder,) = key_holders(wine)
    os.kill(process.pid if killed == "play" else holder, signal.SIGKILL)
    all_go_up(windows_counter)
    if killed == "the key holder":
        last = ended(process, 1).splitlines()[-1]
        assert last.startswith("error: key holder: found it ended")
        assert last.endswith("its keys are released, play again")
    wait_for(lambda: not key_holders(wine), "the end of the key holder")


def key_holders(wine: VirtualDisplay) -> list[int]:
    """Their processes on this display: Wine's are Linux' own."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"DISPLAY={wine.name}".encode() in (place / "environ").read_bytes().split(b"\0")
            if ours and b"key_holder_process" in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:  # ended meanwhile, or not ours to read
            continue
    return found


@pytest.mark.slow(8)
def test_what_was_recorded_before_a_kill_is_there(
    start_windows: Start, windows_counter: Path, person: Person, tmp_path: Path
) -> None:
    process = start_windows("collect", tmp_path / "rec", "--window", "Counter", "--countdown-s", "0")
    wait_for(lambda: frames_in(tmp_path / "rec") > 5, "the first frames")
    tap(person, "d")
    wait_for_frames(tmp_path / "rec", 20)
    before = frames_in(tmp_path / "rec")
    process.kill()
    process.wait(PATIENCE_S)
    recording = Recording.open(tmp_path / "rec")
    assert len(recording) >= before
    assert not recording.meta.complete
    assert [recording.meta.keys[event["key"]] for event in recording.key_events] == ["d", "d"]
    truth = lines(windows_counter)
    zero_by_frames(recording, truth, behind_ns=behind_ns(truth))
    told = ended(start_windows("collect.recordings", "info", tmp_path / "rec"))
    assert "the recorder did not end in order: at most the last second is lost" in told

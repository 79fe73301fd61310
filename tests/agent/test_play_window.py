"""`play` with a window whose title has changed since the recording, one that is made anew, one that is chosen."""

import json
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest
from conftest import Start, ended, so_far, wait_for
from played import all_go_up, assert_stays, heard_keys, held_key, keys_down
from told_game import ToldGame
from Xlib import X
from Xlib.ext import xtest

from agent.recording.reader import Recording
from agent.recording.window_marks import WindowMarks
from games.window.display import VirtualDisplay


@pytest.fixture
def game(display: VirtualDisplay, tmp_path: Path) -> Iterator[ToldGame]:
    with ToldGame(display, tmp_path, "Racer - 57 fps", "640x480") as game:
        yield game


def learned_from(policy: Path, folder: Path, title: str, marks: WindowMarks | None) -> Path:
    """The policy as if it had been learned from a window of that title."""
    shutil.copytree(policy, folder)
    described = json.loads((folder / "policy.json").read_text())
    described["window"] = title
    if marks is None:
        del described["window_marks"]
    else:
        described["window_marks"] = marks.to_json()
    (folder / "policy.json").write_text(json.dumps(described))
    return folder


def test_a_title_that_has_changed_since_the_recording_is_found_by_what_was_asked_for_then(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, tmp_path: Path
) -> None:
    marks = WindowMarks("Racer", "Racer", None)
    learned = learned_from(policy, tmp_path / "policy", "Racer - 60 fps", marks)
    process = start("agent", learned, "--record", tmp_path / "rollout")
    held_key(display)
    game.tell("title", "Racer - 12 fps")
    held_key(display)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "playing Racer - 57 fps" in out
    meta = Recording.open(tmp_path / "rollout").meta
    assert (meta.window, meta.window_marks.asked) == ("Racer - 57 fps", "Racer")
    assert meta.window_marks.program is not None


def test_a_title_of_which_nothing_is_left_is_found_by_class_and_program(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, tmp_path: Path
) -> None:
    process = start("collect", "--countdown-s", "0", "--window", "Racer", tmp_path / "rec")
    wait_for(lambda: (tmp_path / "rec" / "meta.json").exists(), "the recording")
    process.send_signal(signal.SIGINT)
    ended(process)
    marks = WindowMarks.from_json(json.loads((tmp_path / "rec" / "meta.json").read_text())["window_marks"])
    game.tell("title", "Level 2")
    process = start("agent", learned_from(policy, tmp_path / "policy", "Racer - 60 fps", marks), "--duration-s", "1")
    held_key(display)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "warning: no window is titled 'Racer'; taking 'Level 2'" in out


def test_a_profile_says_which_window_and_which_hotkeys_and_flags_win_over_it(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, tmp_path: Path
) -> None:
    learned = learned_from(policy, tmp_path / "policy", "Another game", None)
    profile = tmp_path / "racer.toml"
    profile.write_text('title = "Racer"\nkeys = ["x=x", "none="]\nhotkeys = ["quit=f6"]\n')
    process = start("agent", learned, "--game", profile)
    held_key(display)
    with display.connection() as connection:
        for kind in (X.KeyPress, X.KeyRelease):
            xtest.fake_input(connection, kind, 72)  # F6
            connection.sync()
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "playing Racer - 57 fps" in out
    assert "f9 pauses, f6 or Ctrl-C ends" in out
    assert "no policy" not in ended(start("agent", learned, "--game", profile, "--check", "--json"))[2]
    status, _, err = ended(start("agent", learned, "--game", profile, "--window", "Nowhere"))
    assert status == 1 and "expected one titled 'Nowhere'" in err


def test_a_policy_of_a_time_before_the_marks_is_played_by_its_title(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, tmp_path: Path
) -> None:
    old = learned_from(policy, tmp_path / "policy", "Racer - 60 fps", None)
    status, _, err = ended(start("agent", old))
    assert status == 1
    assert "found 'Racer - 57 fps'; expected one titled 'Racer - 60 fps'" in err
    game.tell("title", "Racer - 60 fps")
    status, out, err = ended(start("agent", old, "--duration-s", "1"))
    assert (status, err) == (0, "")
    assert "decisions" in out


@pytest.mark.parametrize("way", ["anew", "again"])
def test_a_window_made_anew_gets_the_keys_and_while_there_is_none_nobody_does(
    way: str, start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, tmp_path: Path, said: IO[str]
) -> None:
    with ToldGame(display, tmp_path, "Walker", name="walker.py") as other:
        game.tell("anew", "640x480", "Racer")  # in front
        process = start("agent", policy, "--window", "Racer", "--record", tmp_path / "rollout", said=said)
        held_key(display)
        game.tell("close")  # the other window has the focus now
        all_go_up(display)
        assert_stays(display, set(), 0.5)
        heard = heard_keys(game.log)
        assert "no key is held: the window is gone" in so_far(said)
        game.tell(way, "1000x750", "Racer - 3 fps")
        held_key(display)
        wait_for(lambda: heard_keys(game.log)[len(heard) :], "a key in the new window")
        wait_for(lambda: "the window is 1000x750 now, at the beginning it was 640x480" in so_far(said), "the size")
        process.send_signal(signal.SIGINT)
        assert ended(process)[0] == 0
        assert not any(down for _, down in heard_keys(other.log))
    recording = Recording.open(tmp_path / "rollout")
    assert recording.meta.complete
    assert recording.gap_before()[1:].any()


def test_a_window_replaced_in_a_moment_gets_the_key_that_was_held_pressed_anew(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Racer")
    held_key(display)
    heard = heard_keys(game.log)
    game.tell("same", "640x480", "Racer")
    wait_for(lambda: any(down for _, down in heard_keys(game.log)[len(heard) :]), "a press in the new window")
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 0


def test_a_window_of_another_shape_gets_no_keys(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path, said: IO[str]
) -> None:
    process = start("agent", policy, "--window", "Racer", said=said)
    held_key(display)
    game.tell("anew", "900x400", "Racer")
    wait_for(lambda: "no key is held: the window is of another shape" in so_far(said), "the refusal")
    assert_stays(display, set(), 0.5)
    game.tell("resize", "800x600")
    held_key(display)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 0


def test_a_game_that_ends_ends_play(start: Start, display: VirtualDisplay, game: ToldGame, policy: Path) -> None:
    process = start("agent", policy, "--window", "Racer")
    held_key(display)
    game.process.kill()
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "the window was closed: play ends here" in out
    assert keys_down(display) == set()


def test_the_window_that_is_clicked_into_during_the_countdown_is_played(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path
) -> None:
    status, out, err = ended(start("agent", policy, "--window", "focused", "--duration-s", "1"))
    assert (status, err) == (0, "")
    assert "play starts in 3 s: click into the game" in out
    assert "playing Racer - 57 fps" in out


def test_a_window_of_another_shape_than_the_recorded_one_is_warned_of(
    start: Start, display: VirtualDisplay, game: ToldGame, policy: Path
) -> None:
    game.tell("resize", "900x400")
    status, out, err = ended(start("agent", policy, "--window", "Racer", "--duration-s", "1"))
    assert (status, err) == (0, "")
    assert "warning: the window is 900x400, recorded was 320x240" in out
    game.tell("resize", "640x480")
    status, out, err = ended(start("agent", policy, "--window", str(game.window_id), "--duration-s", "1"))
    assert (status, err) == (0, "")
    assert "recorded was" not in out

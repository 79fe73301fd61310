"""`collect` and `play` as a whole in a Wayland session, beside a native window that takes the focus."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Start, ended, wait_for
from played import LET_GO_S, all_go_up, assert_stays, held_key, keys_down
from recordings import wait_for_frames
from wayland_windows import Native, focus

from agent.recording.reader import Recording
from games.window.wayland_session import WaylandSession

FOREIGN_KEYS = """
import sys
import agent.keyboard.x11_listener as listener
from agent.play.cli import main
listener.is_emitted = lambda display, device: False
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def game(wayland: WaylandSession, start: Start, tmp_path: Path) -> Iterator[Path]:
    """The log of a window titled Counter that has the focus."""
    log = tmp_path / "game"
    process = start("games.window.counter", log, "--size", "640x360", on=wayland)
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5, "the window")
    focus(wayland, "Counter")
    yield log
    process.kill()
    process.wait()


@pytest.fixture
def native(wayland: WaylandSession, start: Start, game: Path, tmp_path: Path) -> Native:
    native = Native(wayland, start, tmp_path / "native")
    focus(wayland, "Counter")
    return native


def type_keys(session: WaylandSession, *names: str) -> None:
    for name in names:
        session.keyboard.press([name])
        session.keyboard.release([name])


def test_what_a_native_window_is_typed_is_in_no_recording_and_a_key_held_meanwhile_goes_up(
    wayland: WaylandSession, start: Start, native: Native, tmp_path: Path
) -> None:
    folder = tmp_path / "recording"
    keys = ["--keys", "left=a", "forward=w", "right=d"]
    process = start("collect", folder, "--countdown-s", "0", "--window", "Counter", *keys, on=wayland)
    wait_for_frames(folder, 5)
    wayland.keyboard.press(["w"])
    wait_for_frames(folder, 5)
    native.focus()
    type_keys(wayland, "a", "s", "e", "d", "f9", "f10")
    wayland.keyboard.release(["w"])
    wait_for(lambda: len(native.got()) >= 13, "what was typed")
    focus(wayland, "Counter")
    wait_for_frames(folder, 5)
    wayland.keyboard.press(["d"])
    wait_for_frames(folder, 5)
    wayland.keyboard.release(["d"])
    wait_for_frames(folder, 5)
    type_keys(wayland, "f10")
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "a was never pressed" in out
    recording = Recording.open(folder)
    events = [(recording.meta.keys[event["key"]], bool(event["down"])) for event in recording.key_events]
    assert events == [("w", True), ("w", False), ("d", True), ("d", False)]
    assert recording.frames.reshape(len(recording.frames), -1).max(axis=1).min() > 0  # none is black


def test_play_holds_no_key_while_a_native_window_has_the_focus_and_a_touched_key_takes_over(
    wayland: WaylandSession, start: Start, native: Native, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--report", tmp_path / "play.json", on=wayland)
    mine = next(key for key in ("a", "w", "d") if key != held_key(wayland))
    native.focus()
    all_go_up(wayland)
    type_keys(wayland, mine, "f8", "f10")  # not for us
    assert_stays(wayland, set(), LET_GO_S)
    assert [key for key, down in native.got() if down] == [mine, "f8", "f10"]
    focus(wayland, "Counter")
    held_key(wayland)
    wayland.keyboard.press([mine])
    wait_for(lambda: keys_down(wayland) == {mine}, "the release of the agent's key", within_s=LET_GO_S)
    native.focus()  # and with it goes the key of the person
    wayland.keyboard.release([mine])
    focus(wayland, "Counter")
    held_key(wayland)
    type_keys(wayland, "f10")
    status, _, err = ended(process)
    assert (status, err, keys_down(wayland)) == (0, "", set())
    assert json.loads((tmp_path / "play.json").read_text())["takeovers"] == 1


def test_a_killed_play_lets_go_of_its_keys(wayland: WaylandSession, start: Start, game: Path, policy: Path) -> None:
    process = start("agent", policy, "--window", "Counter", on=wayland)
    held_key(wayland)
    process.send_signal(signal.SIGKILL)
    all_go_up(wayland)


@pytest.mark.slow(6)
def test_the_check_of_a_policy_measures_its_latency(wayland: WaylandSession, start: Start, policy: Path) -> None:
    _, out, err = ended(start("agent", policy, "--check", "--json", on=wayland))
    assert err == ""
    found = {told["part"]: told["found"] for told in json.loads(out)}
    assert found["latency"].startswith("from the screen to the key in")


def test_play_ends_where_its_keys_are_taken_for_a_persons(
    wayland: WaylandSession, start: Start, game: Path, policy: Path
) -> None:
    process = start("-c", FOREIGN_KEYS, policy, "--window", "Counter", on=wayland)
    status, _, err = ended(process)
    assert (status, keys_down(wayland)) == (1, set())
    assert "keys pressed here come back as if a person had pressed them" in err

"""A window that its program makes anew is followed; another program's, or another of its own, never."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import wait_for
from told_game import ToldGame
from x11_person import KeyWindow
from Xlib import X

from agent.screen.followed import NEW_WINDOW_S, FollowedWindow
from agent.screen.target import Listed, State
from agent.screen.window import open_window
from agent.screen.x11_window import X11Desktop
from agent.x11 import Focus, close_display, connect
from games.window.display import VirtualDisplay


@pytest.fixture
def game(desktop: VirtualDisplay, tmp_path: Path) -> Iterator[ToldGame]:
    with ToldGame(desktop, tmp_path, "Racer - 60 fps") as game:
        yield game


@pytest.fixture
def target(game: ToldGame) -> Iterator[FollowedWindow]:
    target = open_window("Racer")
    assert target.look().state in ("focused", "unfocused")
    yield target
    target.close()


def state_after(target: FollowedWindow) -> State:
    """After the looks that find the window gone, if they do."""
    assert target.look().state == "gone"
    return wait_for(lambda: (state := target.look().state) != "gone" and state, "the end of it")


@pytest.mark.parametrize("way", ["anew", "again"])
def test_a_new_window_of_the_same_program_is_followed_and_the_old_one_seen_gone(
    way: str, target: FollowedWindow, game: ToldGame
) -> None:
    def is_of_size(width: int, height: int) -> bool:
        box = target.look().box
        return (box.width, box.height) == (width, height)

    game.tell("title", "Racer - 57 fps")
    assert target.look().state in ("focused", "unfocused")
    old = target.window_id
    game.tell("close")
    assert target.look().state == "gone"
    if way == "again":
        game.tell("again", "800x450", "Racer - 12 fps")
    else:
        game.tell("anew", "800x450", "Racer - 12 fps")
        assert game.window_id != old
    assert wait_for(lambda: target.look().state != "gone", "the new window")
    assert (target.window_id, target.title) == (game.window_id, "Racer - 12 fps")
    if way == "again":  # a slow window manager may give it the size of the one before, whose number it has
        game.tell("resize", "820x460")
        wait_for(lambda: is_of_size(820, 460), "its size")
    else:
        assert is_of_size(800, 450)


def test_a_window_replaced_between_two_looks_is_gone_for_one_of_them(target: FollowedWindow, game: ToldGame) -> None:
    """Even where the new one has the number of the old: that is free again."""
    old = target.window_id
    game.tell("same", "640x360", "Racer")
    assert game.window_id == old
    assert target.look().state == "gone"
    assert target.look().state in ("focused", "unfocused")
    assert target.window_id == game.window_id


def test_a_grab_is_noticed_in_a_window_that_has_the_number_of_one_before(game: ToldGame) -> None:
    """By whoever asks of that number all the time, as the key holder does."""
    display, other = connect(), connect()
    focus = Focus(display)
    for _ in range(2):
        window = other.create_resource_object("window", game.window_id)

        def has_the_focus(window: Any = window) -> bool:
            window.set_input_focus(X.RevertToParent, X.CurrentTime)
            other.sync()
            return focus.keys_go(game.window_id) == "here"

        wait_for(has_the_focus, "the focus")
        other.screen().root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
        assert focus.keys_go(game.window_id) == "grabbed"
        other.ungrab_keyboard(X.CurrentTime)
        other.sync()
        wait_for(has_the_focus, "the end of the grab")
        game.tell("same", "640x360", "Racer")
    close_display(display)
    close_display(other)


def test_it_waits_until_the_new_window_has_its_title(target: FollowedWindow, game: ToldGame) -> None:
    game.tell("anew", "640x360", "pygame window")
    for _ in range(3):
        assert target.look().state == "gone"
    game.tell("title", "Racer - 60 fps")
    assert state_after(target) in ("focused", "unfocused")


def test_a_program_that_has_ended_is_closed_at_once(target: FollowedWindow, game: ToldGame) -> None:
    game.process.kill()
    game.process.wait()
    wait_for(lambda: target.look().state == "closed", "the end", within_s=NEW_WINDOW_S / 2)
    assert target.look().state == "closed"


def test_another_program_with_the_title_is_not_followed(
    desktop: VirtualDisplay, target: FollowedWindow, game: ToldGame, tmp_path: Path
) -> None:
    with ToldGame(desktop, tmp_path, "Racer - 60 fps", name="other.py"):
        game.tell("close")
        assert state_after(target) == "closed"
    with KeyWindow(desktop.name, title="Racer"):
        assert target.look().state == "closed"


def test_a_window_that_was_there_beside_it_is_not_followed(desktop: VirtualDisplay) -> None:
    """A launcher: the same program, its title fits, too."""
    with KeyWindow(desktop.name, title="Racer") as game, KeyWindow(desktop.name, title="Racer - launcher"):
        target = open_window("Racer")
        game.close()
        assert state_after(target) == "closed"
        target.close()


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_it_waits_for_the_new_window_some_seconds(desktop: VirtualDisplay, game: ToldGame) -> None:
    clock = Clock()
    x11 = X11Desktop()
    window = x11.described(game.window_id)
    assert isinstance(window, Listed)
    target = FollowedWindow(x11, window, "Racer", clock)
    game.tell("close")
    for share in (0.0, 0.5, 1.0):
        clock.now_ns = round(share * NEW_WINDOW_S * 1e9)
        assert target.look().state == "gone"
    clock.now_ns += 100_000_001
    assert target.look().state == "closed"
    game.tell("anew", "640x360", "Racer")
    clock.now_ns += 10**9
    assert target.look().state == "closed"  # whoever was told so has ended
    target.close()


def test_a_window_of_an_unknown_process_is_followed_while_its_connection_lasts(
    desktop: VirtualDisplay, game: ToldGame, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On another machine, say."""
    monkeypatch.setattr("agent.screen.x11_owner.Owners.pid", lambda self, window: None)
    target = open_window("Racer")
    target.look()
    game.tell("anew", "640x360", "Racer")
    assert state_after(target) in ("focused", "unfocused")
    game.process.kill()
    wait_for(lambda: target.look().state == "closed", "the end", within_s=NEW_WINDOW_S / 2)
    target.close()

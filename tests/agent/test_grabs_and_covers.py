"""What is between a person and the game on X11 though the game has the focus: a grabbed keyboard, a window above it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import wait_for
from x11_person import KeyWindow, Person
from x11_windows import handle_of, looked_at
from Xlib import X
from Xlib.ext import shape

from agent.frames import Box
from agent.keyboard.key_holder import KeyHolder
from agent.keys import key
from agent.screen.target import Cover, Target, share_of
from games.window.display import VirtualDisplay


@pytest.fixture
def game(desktop: VirtualDisplay) -> Iterator[KeyWindow]:
    with KeyWindow(desktop.name, title="Game") as window:
        window.focus()
        yield window


@pytest.fixture
def other(desktop: VirtualDisplay) -> Iterator[Any]:
    """The connection of another program."""
    with desktop.connection() as connection:
        yield connection


def grab(connection: Any, window: Any = None) -> None:
    """As dmenu, a locked screen and menus do."""
    window = window or connection.screen().root
    status = window.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
    assert status == X.GrabSuccess


def ungrab(connection: Any) -> None:
    connection.ungrab_keyboard(X.CurrentTime)
    connection.sync()


def test_a_grab_takes_the_keys_from_the_game_until_it_ends(game: KeyWindow, other: Any) -> None:
    with looked_at() as target:
        for _ in range(2):
            assert target.look().state == "focused"
            grab(other)
            assert target.look().state == "grabbed"
            assert target.look().state == "grabbed"
            ungrab(other)
            assert target.look().state == "focused"


def test_a_grab_from_before_we_looked_counts_and_ends(game: KeyWindow, other: Any) -> None:
    grab(other)
    with looked_at() as target:
        assert target.look().state == "grabbed"
        ungrab(other)
        assert target.look().state == "focused"


def test_looking_for_an_older_grab_leaves_the_keyboard_free(game: KeyWindow, other: Any) -> None:
    with looked_at() as target, looked_at() as second:
        assert (target.look().state, second.look().state) == ("focused", "focused")
        grab(other)
        assert (target.look().state, second.look().state) == ("grabbed", "grabbed")


def test_a_hot_key_of_another_program_counts_while_it_is_down(
    game: KeyWindow, other: Any, desktop: VirtualDisplay
) -> None:
    code = key("f5").x_keycode
    other.screen().root.grab_key(code, X.AnyModifier, False, X.GrabModeAsync, X.GrabModeAsync)
    other.sync()
    with Person(desktop.name) as person, looked_at() as target:
        assert target.look().state == "focused"
        person.press("f5")
        wait_for(lambda: target.look().state == "grabbed", "the grab of a hot key")
        person.release("f5")
        wait_for(lambda: target.look().state == "focused", "its end")


def test_the_focus_that_comes_while_another_program_has_grabbed_brings_no_keys(
    game: KeyWindow, other: Any, desktop: VirtualDisplay
) -> None:
    with KeyWindow(desktop.name, title="Other") as elsewhere, looked_at() as target:
        elsewhere.focus()
        assert target.look().state == "unfocused"
        grab(other)
        game.steal_focus()
        wait_for(lambda: target.look().state == "grabbed", "the focus under a grab")
        ungrab(other)
        wait_for(lambda: target.look().state == "focused", "the end of the grab")


def test_what_the_game_grabs_itself_is_its_own(game: KeyWindow) -> None:
    with looked_at() as target:
        assert target.look().state == "focused"
        game.grab_keyboard()
        assert target.look().state == "focused"


def test_a_grabbing_program_that_dies_gives_the_keys_back(game: KeyWindow, desktop: VirtualDisplay) -> None:
    with looked_at() as target:
        with desktop.connection() as dying:
            grab(dying)
            assert target.look().state == "grabbed"
        wait_for(lambda: target.look().state == "focused", "the end of the grab")


@pytest.mark.parametrize("before", [True, False], ids=["grabbed before", "grabbed while it holds"])
def test_the_key_holder_presses_nothing_into_a_grab(game: KeyWindow, other: Any, before: bool) -> None:
    if before:
        grab(other)
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        if not before:
            wait_for(lambda: holder.hold({"a"}) or game.is_down("a"), "the press")
            grab(other)
        wait_for(lambda: holder.hold({"a"}) or (holder.focus_refused and not game.is_down("a")), "the refusal")
        for _ in range(20):
            holder.hold({"a"})
            assert not game.is_down("a")
        ungrab(other)
        wait_for(lambda: holder.hold({"a"}) or game.is_down("a"), "the press after the grab")
        assert not holder.focus_refused or wait_for(lambda: not holder.focus_refused, "the word of the holder")


@contextmanager
def menu(
    connection: Any, place: Box, title: str = "Menu", *, depth: int = 0, lets_clicks_through: bool = False
) -> Iterator[Any]:
    """A window that no window manager has a say in: a menu, a notice, a tooltip."""
    window = connection.screen().root.create_window(
        place.left, place.top, place.width, place.height, 0, X.CopyFromParent, override_redirect=True
    )
    window.set_wm_name(title)
    if lets_clicks_through:
        window.shape_rectangles(shape.SO.Set, shape.SK.Input, 0, 0, 0, [])
    window.map()
    connection.sync()
    yield window
    window.destroy()
    connection.sync()


def seen(target: Target, expected: Callable[[Cover | None], bool]) -> Callable[[], bool]:
    return lambda: expected(target.look().cover)


def test_menus_and_notices_over_the_game_are_seen_and_how_much_they_hide(game: KeyWindow, other: Any) -> None:
    with looked_at() as target:
        assert target.look().cover is None
        box = target.look().box
        half = Box(box.left, box.top, box.width // 2, box.height)
        with menu(other, half):
            wait_for(seen(target, lambda cover: cover == Cover("Menu", 0.5)), "the menu over half the game")
            with menu(other, Box(box.left, box.top, box.width, box.height // 2), "Notice"):
                wait_for(seen(target, lambda cover: cover == Cover("Notice", 0.75)), "both, counted once")
        wait_for(seen(target, lambda cover: cover is None), "the end of the menus")
        with menu(other, Box(box.left + box.width + 50, box.top, 50, 50)) as beside:
            beside.configure(x=box.left - 25)
            other.sync()
            wait_for(seen(target, lambda cover: cover is not None), "what was moved over the game")
            beside.unmap()
            other.sync()
            wait_for(seen(target, lambda cover: cover is None), "the hidden window")


def test_what_lets_clicks_through_may_be_seen_through_and_hides_nothing(game: KeyWindow, other: Any) -> None:
    with looked_at() as target, menu(other, target.look().box, "Overlay", lets_clicks_through=True):
        wait_for(seen(target, lambda cover: cover == Cover("Overlay", 0.0)), "the overlay")


def test_a_menu_of_the_game_is_a_part_of_the_game(game: KeyWindow, other: Any) -> None:
    with looked_at() as target:
        box = target.look().box
        with menu(game.connection, box, "Own"), menu(other, Box(box.left, box.top, 20, 20), "Foreign"):
            wait_for(seen(target, lambda cover: cover is not None), "the other program's menu")
            cover = target.look().cover
            assert cover is not None
            assert (cover.title, cover.share) == ("Foreign", 20 * 20 / (box.width * box.height))


def test_a_window_above_covers_and_one_beside_or_below_does_not(
    display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    with KeyWindow(display.name, title="Game") as game, KeyWindow(display.name, title="Above"), looked_at() as target:
        game.focus()
        with handle_of(display, "Game") as below, handle_of(display, "Above") as above:
            below.activate()
            above.move(*below.corner)
            wait_for(seen(target, lambda cover: cover is None), "nothing above")
            above.keep_above()
            wait_for(seen(target, lambda cover: cover is not None and cover.title == "Above"), "the cover")
            above.move(700, 600)
            wait_for(seen(target, lambda cover: cover is None), "its leaving")


def test_parts_that_lie_over_each_other_hide_once() -> None:
    box = Box(10, 10, 10, 10)
    assert share_of(box, []) == 0
    assert share_of(box, [Box(0, 0, 15, 100), Box(5, 5, 10, 10), Box(30, 10, 5, 5)]) == 0.5

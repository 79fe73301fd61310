"""The listener and the emitter under Xwayland, beside a native window that takes the focus and with it the keys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Start, wait_for
from keyboard_systems import Heard
from wayland_windows import Native, focus
from x11_person import KeyWindow
from Xlib import X

from agent.keyboard.emitter import Emitter, open_emitter
from agent.keyboard.listener import KeyListener
from agent.x11 import Focus
from games.window.wayland_session import WaylandSession

PERSON, AGENT = False, True


def bring_back(wayland: WaylandSession, game: KeyWindow) -> None:
    """Give the focus to the game."""
    focus(wayland, "game")
    wait_for(game.has_focus, "the focus")
    game.forget()


@pytest.fixture
def game(wayland: WaylandSession, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyWindow]:
    """A window of X11 that has the focus; this process looks at its server."""
    monkeypatch.setenv("DISPLAY", wayland.name)
    with wayland.reached(), KeyWindow(wayland.name, "game") as game:
        bring_back(wayland, game)
        yield game


@pytest.fixture
def native(wayland: WaylandSession, start: Start, game: KeyWindow, tmp_path: Path) -> Native:
    """A native window; the game has the focus."""
    native = Native(wayland, start, tmp_path / "native")
    bring_back(wayland, game)
    return native


@pytest.fixture
def agent(game: KeyWindow) -> Iterator[Emitter]:
    emitter = open_emitter(("a", "d"))
    yield emitter
    emitter.release(("a", "d"))
    emitter.close()


def test_the_listener_hears_who_pressed(wayland: WaylandSession, game: KeyWindow, agent: Emitter) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        wayland.keyboard.press(["a"])
        wayland.keyboard.release(["a"])
        heard.wait_for(2)
        assert agent.press(["a"], game.window_id)
        agent.release(["a"])
        changes = heard.wait_for(4)
    assert changes == [("a", True, PERSON), ("a", False, PERSON), ("a", True, AGENT), ("a", False, AGENT)]
    wait_for(lambda: len(game.got()) == 4, "the keys")


def test_what_happens_to_keys_while_a_native_window_has_the_focus_is_found(
    wayland: WaylandSession, game: KeyWindow, native: Native
) -> None:
    heard = Heard()
    wayland.keyboard.press(["a"])
    with KeyListener(["a", "d"], heard) as listener:
        assert listener.held_at_start == {"a"}
        native.focus()
        assert heard.wait_for(1) == [("a", False, PERSON)]
        wayland.keyboard.release(["a"])
        wayland.keyboard.press(["d"])
        wait_for(lambda: native.got()[-1:] == [("d", True)], "the native window's key")
        focus(wayland, "game")
        assert heard.wait_for(2)[1:] == [("d", True, PERSON)]
        wayland.keyboard.release(["d"])
        assert heard.wait_for(3)[2:] == [("d", False, PERSON)]
    assert [event.found for event in heard.events] == [True, True, False]


def test_no_key_goes_to_a_native_window_and_none_is_heard_from_it(
    wayland: WaylandSession, game: KeyWindow, native: Native, agent: Emitter
) -> None:
    heard = Heard()
    with KeyListener(["a", "d"], heard):
        native.focus()
        wayland.keyboard.press(["a"])
        wayland.keyboard.release(["a"])
        wait_for(lambda: native.got() == [("a", True), ("a", False)], "what was typed")
        assert not agent.press(["d"], game.window_id)
        assert agent.press(["d"])  # whoever has the focus
        assert heard.wait_for(1) == [("d", True, AGENT)]
        agent.release(["d"])
        heard.wait_for(2)
        wayland.keyboard.press(["a"])
        wayland.keyboard.release(["a"])
        wait_for(lambda: len(native.got()) == 4, "what was typed")
    assert native.got() == 2 * [("a", True), ("a", False)]
    assert heard.changes == [("d", True, AGENT), ("d", False, AGENT)]


def test_a_grab_by_another_program_of_x11_is_seen(wayland: WaylandSession, game: KeyWindow) -> None:
    with KeyWindow(wayland.name, "menu") as menu:
        bring_back(wayland, game)
        focus_of = Focus(game.connection)
        assert focus_of.keys_go(game.window_id) == "here"  # found by trying to grab, which leaves all as it was
        wayland.keyboard.press(["a"])
        wayland.keyboard.release(["a"])
        menu.grab_keyboard()
        wait_for(lambda: focus_of.keys_go(game.window_id) == "grabbed", "the grab")
        menu.connection.ungrab_keyboard(X.CurrentTime)
        menu.connection.sync()
        wait_for(lambda: focus_of.keys_go(game.window_id) == "here", "its end")


def test_a_key_of_the_agent_is_up_for_the_game_that_comes_back(
    wayland: WaylandSession, game: KeyWindow, native: Native, agent: Emitter
) -> None:
    assert agent.press(["a"], game.window_id)
    wait_for(lambda: game.is_down("a"), "the key")
    native.focus()
    wait_for(lambda: not agent.is_focused(game.window_id), "the loss of the focus")
    agent.release(["a"])
    bring_back(wayland, game)
    assert not game.is_down("a")
    assert game.got() == []

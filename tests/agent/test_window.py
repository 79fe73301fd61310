"""The game's window on X11: found, followed, asked for its focus; with and without a window manager."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import PATIENCE_S, ROOT, wait_for
from x11_person import KeyWindow
from x11_windows import handle_of
from Xlib import Xatom

from agent.errors import TwoframeError
from agent.frames import Box
from agent.screen.target import FixedRegion, overlap
from agent.screen.window import open_window, window_titles
from games.window.display import VirtualDisplay


def test_a_window_is_listed_looked_at_and_followed_to_its_end(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="Game"), KeyWindow(desktop.name, title="Other") as other:
        assert sorted(window_titles()) == ["Game", "Other"]
        target = open_window("Game")
        assert target.title == "Game"
        with KeyWindow(desktop.name, title="Third") as third:
            third.focus()
            assert target.look().state == "unfocused"
        other.focus()
        assert target.look().state == "unfocused"
    wait_for(lambda: target.look().state == "closed", "the end of the patience")
    target.close()
    target.close()


def test_the_window_with_the_focus_is_focused_and_its_box_is_where_its_pixels_are(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="Game") as game:
        game.focus()
        target = open_window("Game")
        view = target.look()
        assert view.state == "focused"
        with desktop.connection() as connection:
            root = connection.screen().root
            place = root.translate_coords(connection.create_resource_object("window", game.window_id), 0, 0)
        assert view.box == Box(place.x, place.y, 200, 100)
        target.close()


def test_moved_minimized_and_back(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    with KeyWindow(display.name, title="Game") as game, handle_of(display, "Game") as handle:
        game.focus()
        target = open_window("Game")
        handle.move(300, 200)
        wait_for(lambda: abs(target.look().box.left - 300) < 20, "the move")  # the decorations are a few pixels
        handle.minimize()
        wait_for(lambda: target.look().state == "minimized", "the icon")
        handle.activate()
        wait_for(lambda: target.look().state == "focused", "the focus")
        target.close()


def test_titles_in_any_encoding_are_shown_somehow(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="Game"), KeyWindow(desktop.name, title="old") as old:
        with desktop.connection() as connection:
            window = connection.create_resource_object("window", old.window_id)
            window.change_property(Xatom.WM_NAME, Xatom.STRING, 8, "Été".encode("latin-1"))
            window.change_property(
                connection.intern_atom("_NET_WM_NAME"), connection.intern_atom("UTF8_STRING"), 8, b"\xff\xfe"
            )
            connection.sync()
            wait_for(lambda: "��" in window_titles(), "the title that is no text")
            window.delete_property(connection.intern_atom("_NET_WM_NAME"))
            connection.sync()
            wait_for(lambda: "Été" in window_titles(), "the Latin-1 title")
        assert "Game" in window_titles()


def test_the_terminal_of_the_command_is_left_out(desktop: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    with KeyWindow(desktop.name, title="collect --window Game") as terminal, KeyWindow(desktop.name, title="Game"):
        monkeypatch.setenv("WINDOWID", str(terminal.window_id))
        assert window_titles() == ["Game"]


def test_no_other_x_server_is_spoken_to(desktop: VirtualDisplay) -> None:
    """One that is stopped answers nobody: whoever spoke to it would wait for it."""
    with VirtualDisplay(window_manager=False) as other, KeyWindow(desktop.name, title="Game"):
        server = other.server_pid
        os.kill(server, signal.SIGSTOP)
        try:
            done = subprocess.run(
                [sys.executable, "-c", "import agent.screen.window as w; print(w.window_titles())"],
                cwd=ROOT,
                env={**desktop.env, "PYTHONPATH": str(ROOT)},
                capture_output=True,
                text=True,
                timeout=PATIENCE_S,
                check=False,
            )
        finally:
            os.kill(server, signal.SIGCONT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "['Game']\n", "")


def test_a_server_that_has_gone_is_told_in_one_line(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="Game") as game:
        target = open_window("Game")
        os.kill(desktop.server_pid, signal.SIGKILL)
        with pytest.raises(TwoframeError, match="display: found the X server gone"):
            wait_for(lambda: target.look().state == "closed", "an error")
        target.close()
        game.forsake()
    with pytest.raises(TwoframeError, match="display: found no X server that answers"):
        window_titles()


def test_a_region_is_always_focused() -> None:
    region = FixedRegion(Box(1, 2, 3, 4))
    assert region.look().state == "focused"
    assert (region.look().box, region.title, region.window_id) == (Box(1, 2, 3, 4), None, None)


def test_boxes_overlap_where_they_have_a_pixel_in_common() -> None:
    assert overlap(Box(0, 0, 10, 10), Box(9, 9, 5, 5))
    assert not overlap(Box(0, 0, 10, 10), Box(10, 0, 5, 5))

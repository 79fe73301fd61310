"""Which window is the game's: by title, id, focus or click, and as it was recorded when its title has changed."""

import os
import threading
from pathlib import Path

import pytest
from conftest import wait_for
from told_game import ToldGame
from x11_person import KeyWindow
from x11_windows import handle_of
from Xlib import X
from Xlib.ext import xtest

from agent.errors import TwoframeError
from agent.frames import Box
from agent.recording.window_marks import NO_MARKS, WindowMarks
from agent.screen.followed import FollowedWindow
from agent.screen.target import Listed
from agent.screen.window import chosen, open_picked_window, open_recorded_window, open_window, recorded
from agent.screen.x11_owner import program_of
from games.window.display import VirtualDisplay

RACER = Listed(1, "Racer", Box(10, 20, 640, 360), "Racer", "python3.11 racer.py", 500)
HELP = Listed(2, "Racer - help", Box(0, 0, 300, 200), "Racer", "python3.11 racer.py", 500)
NOTES = Listed(3, "Notes on Racer - editor", None, "Editor", "editor", 501)
MARKS = WindowMarks("Racer", "Racer", "python3.11 racer.py")


def closed(target: FollowedWindow) -> FollowedWindow:
    """What was found, which needs the X server no more."""
    target.close()
    return target


def test_a_title_is_exact_or_else_a_part_that_no_other_has() -> None:
    windows = [RACER, HELP, NOTES]
    assert chosen("Racer", windows) == RACER
    assert chosen("help", windows) == HELP
    with pytest.raises(TwoframeError, match=r"found 'Racer'; expected one titled 'Chess'"):
        chosen("Chess", [RACER])


def test_candidates_are_told_with_size_place_program_and_id_and_how_to_choose() -> None:
    with pytest.raises(TwoframeError) as refused:
        chosen("Race", [RACER, HELP])
    assert str(refused.value) == (
        "window: found 2 that match 'Race': 'Racer - help' (300x200 at 0,0, python3.11 racer.py, 0x2), "
        "'Racer' (640x360 at 10,20, python3.11 racer.py, 0x1); expected one; "
        "choose by its id, such as --window 0x1, or by a click: --pick"
    )


def test_of_windows_that_fit_the_title_the_one_of_the_recorded_program_is_taken() -> None:
    assert recorded("Racer - 60 fps", MARKS, [RACER, NOTES]) == (RACER, None)
    assert recorded("Racer - 60 fps", MARKS, [NOTES, HELP]) == (HELP, None)


def test_a_title_that_no_window_has_is_no_matter_where_the_program_is_known() -> None:
    other = Listed(4, "Renner 3", None, "Racer", "python3.11 racer.py", 502)
    window, doubt = recorded("Racer", MARKS, [other, Listed(5, "x", None, "Racer", "other.py")])
    assert window == other
    assert doubt is not None and "no window is titled 'Racer'; taking 'Renner 3'" in doubt
    with pytest.raises(TwoframeError, match="expected one titled 'Racer'"):
        recorded("Racer", NO_MARKS, [other])
    with pytest.raises(TwoframeError, match="found 2 that match 'Racer'"):
        recorded("Racer", MARKS, [other, Listed(6, "Renner 4", None, "Racer", "python3.11 racer.py")])


def test_another_program_with_the_recorded_title_is_doubted() -> None:
    window, doubt = recorded("Racer", MARKS, [NOTES])
    assert window == NOTES
    assert doubt is not None and "not of the program that was recorded, python3.11 racer.py" in doubt


def test_a_recording_without_marks_is_found_by_its_title_as_ever(desktop: VirtualDisplay, tmp_path: Path) -> None:
    with ToldGame(desktop, tmp_path, "Racer - 60 fps") as game:
        assert closed(open_recorded_window("Racer - 60 fps", NO_MARKS, print)).window_id == game.window_id


def test_a_title_that_has_changed_since_is_found_by_what_was_asked_for(desktop: VirtualDisplay, tmp_path: Path) -> None:
    with ToldGame(desktop, tmp_path, "Racer - 60 fps") as game:
        found = closed(open_window("Racer"))
        assert (found.title, found.marks.asked, found.marks.window_class) == ("Racer - 60 fps", "Racer", "Racer")
        assert found.marks.program is not None and found.marks.program.endswith(" racer.py")
        game.tell("title", "Racer - 57 fps")
        assert closed(open_recorded_window("Racer - 60 fps", found.marks, print)).window_id == game.window_id
        game.tell("title", "Renner")
        said: list[str] = []
        assert closed(open_recorded_window("Racer - 60 fps", found.marks, said.append)).window_id == game.window_id
        assert "no window is titled 'Racer'" in said[0]


@pytest.mark.parametrize("notation", ["{:#x}", "0x{:08X}", "{}"])
def test_an_id_chooses_among_two_of_the_same_title(desktop: VirtualDisplay, tmp_path: Path, notation: str) -> None:
    with KeyWindow(desktop.name, title="Game") as one, KeyWindow(desktop.name, title="Game") as two:
        with pytest.raises(TwoframeError, match=f"found 2 that match 'Game': .*200x100 at .*{one.window_id:#x}"):
            open_window("Game")
        for window in (one, two):
            found = closed(open_window(notation.format(window.window_id)))
            assert (found.window_id, found.marks.asked) == (window.window_id, None)
    with pytest.raises(TwoframeError, match="expected one titled '0x123456789012'"):
        open_window("0x123456789012")


def test_the_id_of_the_frame_around_a_window_means_the_window(display: VirtualDisplay) -> None:
    with KeyWindow(display.name, title="Framed") as game, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", display.name)
        with display.connection() as connection:
            window = connection.create_resource_object("window", game.window_id)
            while window.query_tree().parent != connection.screen().root:
                window = window.query_tree().parent
        assert window.id != game.window_id
        assert closed(open_window(hex(window.id))).window_id == game.window_id


def test_focused_is_the_window_with_the_focus_but_a_title_that_says_so_wins(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="One") as one, KeyWindow(desktop.name, title="Two") as two:
        for window in (one, two):
            window.focus()
            assert closed(open_window("focused")).window_id == window.window_id
        with KeyWindow(desktop.name, title="focused") as named:
            two.focus()
            assert closed(open_window("focused")).window_id == named.window_id


def test_the_terminal_of_the_command_is_never_meant(
    desktop: VirtualDisplay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with KeyWindow(desktop.name, title="collect --window focused") as terminal:
        monkeypatch.setenv("WINDOWID", str(terminal.window_id))
        terminal.focus()
        with pytest.raises(TwoframeError, match="found no window but the terminal of this command with the focus"):
            open_window("focused")
        with pytest.raises(TwoframeError, match="window: found none"):
            open_window(hex(terminal.window_id))


def test_a_terminal_that_does_not_tell_its_window_is_known_by_its_process(
    desktop: VirtualDisplay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with ToldGame(desktop, tmp_path, "collect --window Racer") as terminal:
        monkeypatch.setattr("agent.screen.x11_owner.os.getppid", lambda: terminal.process.pid)
        with pytest.raises(TwoframeError, match="expected one titled 'Racer'"):
            open_window("Racer")
        with pytest.raises(TwoframeError, match="expected one titled 'Racer'"):
            open_recorded_window("Racer", NO_MARKS, print)
        with desktop.connection() as connection:
            connection.create_resource_object("window", terminal.window_id).set_input_focus(
                X.RevertToParent, X.CurrentTime
            )
            connection.sync()
        with pytest.raises(TwoframeError, match="found no window but the terminal of this command with the focus"):
            open_window("focused")
        assert closed(open_window("collect --window Racer")).window_id == terminal.window_id  # exactly so, it is meant


def click(display: VirtualDisplay, left: int, top: int, button: int = 1) -> None:
    with display.connection() as connection:
        xtest.fake_input(connection, X.MotionNotify, x=left, y=top)
        for kind in (X.ButtonPress, X.ButtonRelease):
            xtest.fake_input(connection, kind, button)
        connection.sync()


class Picking(threading.Thread):
    """A command that waits for a click: it has the pointer already."""

    def __init__(self, display: VirtualDisplay, text: str | None = None) -> None:
        super().__init__(daemon=True)
        self._display = display
        self._text = text
        self.said: list[str] = []
        self.found: int | None = None
        self.error = ""
        self.start()
        wait_for(self._has_the_pointer, "the command's grab")

    def run(self) -> None:
        try:
            self.found = closed(open_picked_window(self._text, self.said.append)).window_id
        except TwoframeError as error:
            self.error = str(error)

    def _has_the_pointer(self) -> bool:
        with self._display.connection() as connection:
            root = connection.screen().root
            mode = X.GrabModeAsync
            held = bool(root.grab_pointer(False, 0, mode, mode, X.NONE, X.NONE, X.CurrentTime) == X.AlreadyGrabbed)
        return held or bool(self.error)

    def after(self, left: int, top: int) -> "Picking":
        """When it has been clicked there."""
        click(self._display, left, top)
        wait_for(lambda: not self.is_alive(), "the choice")
        return self


def corner(display: VirtualDisplay, window: KeyWindow) -> tuple[int, int]:
    with display.connection() as connection:
        clicked = connection.create_resource_object("window", window.window_id)
        place = connection.screen().root.translate_coords(clicked, 0, 0)
    return place.x, place.y


def test_a_click_chooses_among_two_of_the_same_title_and_gives_the_focus(
    display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    with KeyWindow(display.name, title="Other") as first, handle_of(display, "Other") as handle:
        handle.move(900, 600)
        with KeyWindow(display.name, title="Game"), KeyWindow(display.name, title="Game") as game:
            game.focus()
            left, top = corner(display, game)
            first.focus()
            picked = Picking(display, "Game").after(left + 50, top + 50)
            assert picked.found == game.window_id
            assert picked.said == [
                "click on the game's window",
                f"picked 'Game' (200x100 at {left},{top}, {program()}, {game.window_id:#x})",
            ]
            wait_for(lambda: closed(open_window("focused")).window_id == game.window_id, "the focus by that click")


def program() -> str | None:
    """Of the windows of this process."""
    return program_of(os.getpid())


def test_a_click_beside_all_windows_is_waited_over_and_one_on_another_title_refused(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="Game") as game:
        left, top = corner(desktop, game)
        picking = Picking(desktop, "Racer")
        click(desktop, 1270, 790)
        click(desktop, left + 100, top + 50, button=3)
        assert picking.is_alive()
        picking.after(left + 100, top + 50)
        assert "expected one with 'Racer' in its title" in picking.error


def test_a_pointer_that_is_held_is_told(desktop: VirtualDisplay) -> None:
    with KeyWindow(desktop.name, title="Game"), desktop.connection() as other:
        other.screen().root.grab_pointer(
            False, X.ButtonPressMask, X.GrabModeAsync, X.GrabModeAsync, X.NONE, X.NONE, X.CurrentTime
        )
        other.sync()
        with pytest.raises(TwoframeError, match="found the pointer held by another program"):
            open_picked_window(None, print)

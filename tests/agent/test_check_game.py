"""What `--check` says of the game: found, in front, covered, and whether its keys are grabbed."""

from collections.abc import Iterator

import pytest
from conftest import wait_for
from x11_person import KeyWindow
from x11_windows import handle_of
from Xlib import X

from agent.check.finding import Finding, found
from agent.check.game import game, grab
from agent.frames import Box
from agent.live.place import Place
from agent.recording.window_marks import NO_MARKS
from games.window.display import VirtualDisplay


@pytest.fixture(autouse=True)
def on_the_virtual_display(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)


@pytest.fixture
def window(display: VirtualDisplay) -> Iterator[KeyWindow]:
    with KeyWindow(display.name, title="Game") as window:
        window.focus()
        yield window


def check(place: Place) -> Finding:
    return found("game", lambda: game(place))


def test_a_game_in_front_is_told_with_its_program_and_place(window: KeyWindow) -> None:
    finding = check(Place(window="Gam"))
    assert finding.ok
    assert "'Game' (python" in finding.found
    assert " 200x100 at " in finding.found
    assert finding.found.endswith("; has the focus")


def test_a_game_behind_or_put_away_is_told_with_what_to_do(window: KeyWindow, display: VirtualDisplay) -> None:
    with KeyWindow(display.name, title="Other") as other, handle_of(display, "Game") as handle:
        other.focus()
        finding = check(Place(window="Game"))
        assert finding.ok
        assert "click into it" in finding.found
        handle.minimize()
        wait_for(lambda: "minimized" in check(Place(window="Game")).found, "the icon")
        finding = check(Place(window="Game"))
        assert (finding.ok, finding.remedy) == (False, "bring it back to the screen")


def test_what_hides_a_game_in_front_is_wrong(window: KeyWindow, display: VirtualDisplay) -> None:
    with (
        KeyWindow(display.name, title="Above"),
        handle_of(display, "Above") as above,
        handle_of(display, "Game") as own,
    ):
        above.keep_above()
        above.move(*own.corner)
        window.focus()
        wait_for(lambda: "'Above' lies over it and hides" in check(Place(window="Game")).found, "the cover")
        finding = check(Place(window="Game"))
        assert (finding.ok, finding.remedy) == (False, "move away what lies over it")


def test_a_game_that_was_recorded_may_be_closed_one_that_is_named_may_not() -> None:
    assert check(Place(title="Chess")).ok
    assert "no window like the recorded 'Chess' is open" in check(Place(title="Chess")).found
    finding = check(Place(window="Chess"))
    assert not finding.ok
    assert "expected one titled 'Chess'" in finding.found
    assert finding.remedy == "start the game or correct --window"


def test_a_region_beyond_the_screen_is_wrong_and_what_a_click_will_choose_is_not() -> None:
    assert check(Place(region=Box(0, 0, 100, 100))).ok
    assert check(Place(region=Box(9000, 0, 100, 100))).remedy == "move it wholly onto the screen"
    assert check(Place(pick=True)).ok
    assert check(Place(window="focused", marks=NO_MARKS)).ok


def test_a_grabbed_keyboard_is_wrong_while_it_lasts(display: VirtualDisplay) -> None:
    assert grab().ok
    with display.connection() as other:
        other.screen().root.grab_keyboard(False, X.GrabModeAsync, X.GrabModeAsync, X.CurrentTime)
        assert (grab().ok, grab().remedy) == (False, "close its menu, unlock the screen")
    wait_for(lambda: grab().ok, "the end of the grab")

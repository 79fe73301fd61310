"""What every system tells of its windows: X11 on a virtual display, macOS on its fake."""

import os
from collections.abc import Iterator

import pytest
from conftest import wait_for
from desktop_systems import SIZE, System, mac_system, x11_system
from x11_windows import looked_at

from agent.screen.target import Desktop, Target, WindowClosed
from agent.screen.window import _desktop, window_titles


@pytest.fixture(params=[pytest.param("x11", marks=pytest.mark.display), "macos"])
def system(request: pytest.FixtureRequest) -> Iterator[System]:
    with x11_system(request.getfixturevalue("display")) if request.param == "x11" else mac_system() as system:
        yield system


@pytest.fixture
def desktop(system: System) -> Iterator[Desktop]:
    desktop = _desktop()
    yield desktop
    desktop.close()
    desktop.close()


def wait_for_state(target: Target, state: str) -> None:
    wait_for(lambda: target.look().state == state, f"the state {state}")


def test_windows_are_listed_and_described(system: System, desktop: Desktop) -> None:
    game, other = system.open("Game"), system.open("Other")
    assert {(game, "Game"), (other, "Other")} <= set(desktop.titles())
    window = desktop.described(game)
    assert window is not None
    assert (window.number, window.title, window.pid) == (game, "Game", os.getpid())
    assert window.program
    assert window.box is not None
    assert (window.box.width, window.box.height) == SIZE
    assert desktop.window_of(game) == game
    assert not desktop.has_ended(window)


def test_number_of_no_window_is_none(system: System, desktop: Desktop) -> None:
    number = system.open("Game")
    system.close("Game")
    wait_for(lambda: "Game" not in window_titles(), "its end")
    assert desktop.described(number) is None
    assert desktop.window_of(number) is None
    with pytest.raises(WindowClosed):
        desktop.target(number)


def test_focus_goes_where_a_person_clicks(system: System, desktop: Desktop) -> None:
    numbers = [system.open(title) for title in ("Game", "Other")]
    with looked_at("Game") as game, looked_at("Other") as other:
        for title, number, here, elsewhere in (("Game", numbers[0], game, other), ("Other", numbers[1], other, game)):
            system.click(title)
            wait_for_state(here, "focused")
            wait_for_state(elsewhere, "unfocused")
            focus = desktop.focused()
            assert focus is not None
            assert desktop.window_of(focus) == number


def test_it_is_followed_moved_minimized_back_and_closed(system: System) -> None:
    system.open("Game")
    with looked_at("Game") as target:
        for left in (100, 300):
            system.move("Game", left, 250)
            wait_for(lambda left=left: abs(target.look().box.left - left) < 20, "the move")  # a frame's few pixels
        box = target.look().box
        assert (box.width, box.height) == SIZE
        system.minimize("Game")
        wait_for_state(target, "minimized")
        system.click("Game")
        wait_for_state(target, "focused")
        system.close("Game")
        wait_for_state(target, "gone")


def test_what_lies_over_it_is_named_with_the_share_that_it_hides(system: System) -> None:
    system.open("Above")
    system.open("Game")
    with looked_at("Game") as target:
        system.move("Game", 300, 250)
        system.move("Above", 600, 400)
        system.keep_above("Above")
        system.click("Game")
        wait_for_state(target, "focused")
        assert target.look().cover is None
        system.move("Above", 300, 250)
        wait_for(lambda: target.look().cover, "the cover")
        cover = target.look().cover
        assert cover is not None
        assert cover.title == "Above"
        assert cover.share > 0.5

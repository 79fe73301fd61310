"""One answer to whether the game may be recorded and played now."""

import pytest

from agent.frames import Box
from agent.live.focus_gate import FocusGate, Look
from agent.live.hotkeys import Switches
from agent.live.picture_size import PictureSize
from agent.screen.target import Cover, State, View

INSIDE, OUTSIDE = Box(10, 10, 20, 20), Box(-5, 10, 20, 20)


class FakeTarget:
    """A window whose state is set by hand."""

    title: str | None = "Game"
    window_id: int | None = 1

    def __init__(self) -> None:
        self.state: State = "focused"
        self.box = INSIDE
        self.cover: Cover | None = None

    def look(self) -> View:
        return View(self.state, self.box, self.cover)

    def close(self) -> None:
        pass


class FakeScreen:
    def __init__(self) -> None:
        self.aimed_at: int | None = None
        self.is_of_window = False
        self.hidden = False

    def aim(self, window_id: int | None) -> None:
        self.aimed_at = window_id

    def is_hidden(self) -> bool:
        return self.hidden

    def holds(self, box: Box) -> bool:
        return box == INSIDE


@pytest.fixture
def target() -> FakeTarget:
    return FakeTarget()


@pytest.fixture
def switches() -> Switches:
    return Switches()


@pytest.fixture
def screen() -> FakeScreen:
    return FakeScreen()


@pytest.fixture
def gate(target: FakeTarget, screen: FakeScreen, switches: Switches) -> FocusGate:
    return FocusGate(target, screen, switches)  # type: ignore[arg-type]


def test_open_for_a_focused_window_that_is_whole_on_the_screen(gate: FocusGate) -> None:
    look = gate.look()
    assert (look.shut, look.box) == (None, INSIDE)


@pytest.mark.parametrize("state", ["unfocused", "grabbed", "minimized", "gone", "closed"])
def test_shut_for_what_the_window_is(gate: FocusGate, target: FakeTarget, state: State) -> None:
    target.state = state
    assert gate.look().shut == state


def test_shut_where_a_part_is_off_the_screen(gate: FocusGate, target: FakeTarget) -> None:
    target.box = OUTSIDE
    assert gate.look().shut == "off screen"


def test_what_lies_over_a_window_that_is_grabbed_itself_is_not_in_the_picture(
    gate: FocusGate, target: FakeTarget, screen: FakeScreen
) -> None:
    target.cover = Cover("Chat", 1.0)
    screen.is_of_window = True
    assert gate.look() == Look(None, INSIDE)
    assert screen.aimed_at == target.window_id
    screen.hidden = True
    assert gate.look().shut == "hidden"


def test_shut_where_a_good_part_of_the_picture_is_hidden(
    gate: FocusGate, target: FakeTarget, switches: Switches
) -> None:
    target.cover = Cover("Menu", share=0.05)
    assert (gate.look().shut, gate.look().cover) == (None, "Menu")
    target.cover = Cover("Menu", share=0.5)
    assert gate.look().shut == "covered"
    assert gate.look().reason == "another window lies over the game: 'Menu'"
    assert switches.focused


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_a_new_size_is_told_once_it_lasts_and_refused_only_where_the_shape_differs_much() -> None:
    clock = Clock()
    size = PictureSize(clock)
    size.begin(Box(0, 0, 640, 360))

    def seen(width: int, height: int, after_ms: int) -> str | None:
        clock.now_ns += after_ms * 1_000_000
        return size.seen(Box(7, 8, width, height))

    assert [seen(640, 360, 50), seen(700, 400, 50), seen(1280, 720, 50), seen(1280, 720, 499)] == [None] * 4
    assert seen(1280, 720, 1) == "the window is 1280x720 now, at the beginning it was 640x360"
    assert not size.is_reshaped
    assert seen(1280, 720, 5000) is None
    assert seen(1280, 800, 50) is None  # 16:10
    assert not size.is_reshaped
    assert seen(800, 600, 50) is None
    assert size.is_reshaped  # at once
    assert "800x600 now, at the beginning it was 640x360: its shape differs too much" in str(seen(800, 600, 500))
    assert seen(640, 360, 50) is None
    assert not size.is_reshaped
    assert seen(640, 360, 500) == "the window is 640x360 now, at the beginning it was 640x360"


def test_shut_while_the_window_is_of_another_shape_than_it_was(gate: FocusGate, target: FakeTarget) -> None:
    gate.begin(Box(0, 0, 40, 20))
    assert gate.look().shut == "reshaped"
    assert gate.look().reason == "the window is of another shape"
    gate.begin(Box(0, 0, 40, 40))
    assert gate.look().shut is None


def test_a_pause_is_told_whatever_window_has_the_focus_but_not_of_one_that_is_closed(
    gate: FocusGate, target: FakeTarget, switches: Switches
) -> None:
    switches.paused = True
    assert gate.look().shut == "paused"
    target.state = "unfocused"
    assert gate.look().shut == "paused"
    target.state = "closed"
    assert gate.look().shut == "closed"


def test_hotkeys_count_while_the_window_has_the_focus_paused_or_not(
    gate: FocusGate, target: FakeTarget, switches: Switches
) -> None:
    switches.paused = True
    gate.look()
    assert switches.focused
    target.state = "unfocused"
    gate.look()
    assert not switches.focused

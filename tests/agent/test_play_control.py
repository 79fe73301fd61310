"""Who has the keys while an agent plays, with the time moved by hand."""

import pytest
from conftest import ROOT, wait_for
from played import Held
from x11_person import KeyWindow, Person

from agent.errors import TwoframeError
from agent.keyboard.key_holder import KeyHolder
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.live.hotkeys import Hotkeys, Switches
from agent.play.control import LATE_NS, QUIET_NS, TAP_NS, Control
from agent.recording.format import AGENT, PERSON
from games.window.display import VirtualDisplay

MS = 1_000_000


class Seat:
    """A `Control` with the time moved by hand, and events on it."""

    def __init__(self, *, touch: bool = True, shadow: bool = False) -> None:
        self.now_ns = 10_000 * MS
        self.held = Held()
        self.switches = Switches(focused=True)
        self.control = Control(self.held, self.switches, Hotkeys(), lambda: self.now_ns, touch=touch, shadow=shadow)

    def after(self, nanoseconds: int) -> None:
        self.now_ns += nanoseconds

    def key(self, name: str, *, down: bool, injected: bool | None = False) -> None:
        self.control.hear(KeyEvent(self.now_ns, name, down, injected))

    @property
    def who(self) -> int:
        return self.control.who(self.now_ns)

    @property
    def is_persons(self) -> bool:
        return self.control.is_persons(self.now_ns)


def test_a_touch_lets_go_before_the_loop_knows_and_what_it_says_then_does_not_count() -> None:
    seat = Seat()
    seat.control.hold({"a"})
    assert seat.held.keys == {"a"}
    seat.key("d", down=True)
    assert seat.held.keys == frozenset()
    seat.control.hold({"a"})
    assert seat.held.keys == frozenset()


def test_the_agent_is_back_when_no_key_was_held_or_changed_for_a_second() -> None:
    seat = Seat()
    seat.key("d", down=True)
    seat.after(3 * QUIET_NS)
    assert seat.is_persons
    seat.key("d", down=False)
    seat.after(QUIET_NS - 1)
    assert seat.is_persons
    seat.after(1)
    assert not seat.is_persons


def test_who_gives_back_by_hotkey_is_not_waited_for() -> None:
    seat = Seat()
    seat.key("f8", down=True)
    seat.key("d", down=True)
    seat.key("d", down=False)
    seat.key("f8", down=False)
    seat.after(MS)
    seat.key("f8", down=True)
    assert not seat.is_persons
    assert seat.who == AGENT
    seat.control.hold({"a"})
    assert seat.held.keys == {"a"}


def test_who_gives_back_by_hotkey_but_holds_a_key_has_them_still() -> None:
    seat = Seat()
    seat.key("f8", down=True)
    seat.key("d", down=True)
    seat.key("f8", down=True)
    assert seat.is_persons


@pytest.mark.parametrize("injected", [True, None])
def test_a_key_that_no_keyboard_is_known_to_have_pressed_takes_nothing_over(injected: bool | None) -> None:
    seat = Seat()
    seat.key("d", down=True, injected=injected)
    assert not seat.is_persons


def test_a_key_typed_elsewhere_takes_nothing_over_once_it_is_up() -> None:
    seat = Seat()
    seat.switches.focused = False
    seat.key("d", down=True)
    seat.key("d", down=False)
    seat.switches.focused = True
    assert not seat.is_persons


def test_the_persons_frames_begin_when_the_agents_keys_are_up() -> None:
    seat = Seat()
    seat.control.hold({"a"})
    seat.after(MS)
    seat.key("a", down=True, injected=True)
    assert seat.who == AGENT
    seat.key("d", down=True)
    assert seat.is_persons
    assert seat.who == AGENT
    seat.after(5 * MS)
    seat.key("a", down=False, injected=True)
    assert seat.who == PERSON


def test_a_press_of_the_agents_that_is_heard_after_the_takeover_is_not_the_persons() -> None:
    seat = Seat()
    seat.control.hold({"a"})
    seat.key("f8", down=True)
    seat.after(2 * MS)
    seat.key("a", down=True, injected=True)
    assert seat.who == AGENT
    seat.key("a", down=False, injected=True)
    assert seat.who == PERSON


def test_who_takes_over_by_hotkey_may_be_far_away() -> None:
    seat = Seat()
    seat.control.hold({"a"})
    seat.key("f8", down=True)
    seat.after(LATE_NS)
    seat.key("d", down=True, injected=True)  # as a remote desktop presses it
    assert seat.who == PERSON


def test_the_second_before_the_agent_is_back_is_nobodys_decision() -> None:
    seat = Seat()
    seat.key("d", down=True)
    seat.key("d", down=False)
    seat.after(TAP_NS - 1)
    assert seat.who == PERSON
    seat.after(1)
    assert seat.is_persons
    assert seat.who == AGENT


def test_a_key_of_both_is_the_persons_though_the_agents_device_keeps_it() -> None:
    seat = Seat()
    seat.control.hold({"a"})
    seat.key("a", down=True, injected=True)
    seat.key("a", down=True)
    assert seat.who == PERSON
    seat.key("a", down=False)
    assert seat.control.down == frozenset()
    assert seat.who == PERSON


def test_a_keyboard_that_is_unplugged_keeps_no_key() -> None:
    seat = Seat()
    seat.key("d", down=True)
    seat.key("d", down=False, injected=None)
    seat.after(QUIET_NS)
    assert not seat.is_persons


def test_a_key_that_the_person_lets_go_of_is_pressed_again_for_the_agent(
    display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with (
        KeyWindow(display.name) as game,
        Person(display.name) as person,
        KeyHolder(["a"], window_id=game.window_id) as holder,
    ):
        control = Control(holder, Switches(focused=True), Hotkeys(), touch=False)
        with KeyListener(["a"], control.hear):
            game.focus()

            def held(*, down: bool) -> bool:
                control.hold({"a"})
                return game.is_down("a") == down

            wait_for(lambda: held(down=True), "the agent's key")
            person.press("a")
            person.release("a")
            assert not game.is_down("a")  # X does not count who holds a key
            wait_for(lambda: held(down=True), "the agent's key again", within_s=1)


def test_without_touch_and_in_shadow() -> None:
    seat = Seat(touch=False)
    seat.key("d", down=True)
    assert not seat.is_persons
    assert Seat(shadow=True).who == PERSON


@pytest.mark.parametrize("hotkey", ["f8", "f9", "f10"])
def test_a_hotkey_lets_go_at_once(hotkey: str) -> None:
    seat = Seat()
    seat.control.hold({"a"})
    seat.key(hotkey, down=True)
    seat.control.hold({"a"})
    assert seat.held.keys == frozenset()


def test_a_hotkey_that_is_found_held_was_meant_for_another_window() -> None:
    seat = Seat()
    seat.control.hear(KeyEvent(seat.now_ns, "f8", down=True, injected=False, found=True))
    assert not seat.is_persons


def test_presses_of_the_agent_that_come_back_as_a_persons_end_the_rollout() -> None:
    seat = Seat()
    for _ in range(3):
        seat.control.check()
        seat.control.hold({"a"})
        seat.key("a", down=True)
        seat.key("a", down=False)
        seat.after(QUIET_NS)
    with pytest.raises(TwoframeError, match="found that keys pressed here come back as if a person"):
        seat.control.check()


def test_a_person_who_presses_the_keys_of_the_agent_is_no_echo_of_it() -> None:
    seat = Seat()
    for _ in range(5):
        seat.control.hold({"a"})
        seat.key("a", down=True, injected=True)
        seat.key("a", down=True)
        seat.key("a", down=False)
        seat.key("a", down=False, injected=True)
        seat.after(QUIET_NS)
    seat.control.check()

"""What every system's listener and emitter keep: X11 on a virtual display, Windows and macOS on their fakes."""

import threading
from collections.abc import Iterator
from contextlib import closing

import pytest
from conftest import PATIENCE_S, wait_for
from keyboard_systems import Heard, System, X11System, mac_system, windows_system

from agent.errors import TwoframeError
from agent.keyboard.emitter import Emitter, open_emitter
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.keys import KEYS

PERSON, AGENT = False, True


@pytest.fixture(params=[pytest.param("x11", marks=pytest.mark.display), "windows", "macos"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    if request.param == "x11":
        with X11System(request.getfixturevalue("display"), monkeypatch) as x11:
            yield x11
    else:
        with windows_system() if request.param == "windows" else mac_system() as fake:
            yield fake


@pytest.fixture
def agent(system: System) -> Iterator[Emitter]:
    with closing(open_emitter(("a", "d", "w", "shift"))) as emitter:
        yield emitter
        emitter.release(("a", "d", "w", "shift"))


def test_listener_tells_who_pressed(system: System, agent: Emitter) -> None:
    heard = Heard()
    with KeyListener(["a", "d"], heard):
        system.press("a")
        agent.press(["d"])
        system.release("a")
        agent.release(["d"])
        changes = heard.wait_for(4)
    assert changes == [("a", True, PERSON), ("d", True, AGENT), ("a", False, PERSON), ("d", False, AGENT)]
    times_ns = [event.time_ns for event in heard.events]
    assert times_ns == sorted(times_ns)


def test_every_key_is_heard_by_its_name(system: System) -> None:
    heard = Heard()
    names = [name for name in KEYS if name not in system.lamp_only | system.lacks]
    with KeyListener(names, heard):
        for name in names:
            system.press(name)
            system.release(name)
        changes = heard.wait_for(2 * len(names))
    assert changes == [(name, down, PERSON) for name in names for down in (True, False)]


def test_same_key_on_both_devices_gives_the_changes_of_each(system: System, agent: Emitter) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        agent.press(["a"])
        system.press("a")
        system.release("a")
        agent.release(["a"])
        changes = heard.wait_for(4)
    assert changes == [("a", True, AGENT), ("a", True, PERSON), ("a", False, PERSON), ("a", False, AGENT)]


def test_repeated_presses_of_a_held_key_are_no_changes(system: System, agent: Emitter) -> None:
    heard = Heard()
    with KeyListener(["a", "d"], heard):
        for _ in range(5):
            agent.press(["a"])
        agent.release(["a"])
        system.press_long("d")
        system.release("d")
        changes = heard.wait_for(4)
    assert changes == [("a", True, AGENT), ("a", False, AGENT), ("d", True, PERSON), ("d", False, PERSON)]


def test_keys_that_are_not_watched_are_not_delivered(system: System) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        for name in ("s", "e", "c", "r", "e", "t", "a"):
            system.press(name)
            system.release(name)
        changes = heard.wait_for(2)
    assert changes == [("a", True, PERSON), ("a", False, PERSON)]


@pytest.mark.parametrize("modifier", ["shift", "ctrl", "alt", "super"])
def test_left_and_right_modifier_held_together_are_told_apart(system: System, modifier: str) -> None:
    heard = Heard()
    right = f"right_{modifier}"
    with KeyListener([modifier, right, "a"], heard):
        for name in (modifier, right):
            system.press(name)
        for name in (modifier, right):
            system.release(name)
        system.press("a")
        system.release("a")
        wait_for(lambda: ("a", False, PERSON) in heard.changes, "the key after them")
    assert heard.changes[:4] == [
        (modifier, True, PERSON),
        (right, True, PERSON),
        (modifier, False, PERSON),
        (right, False, PERSON),
    ]


def test_key_held_at_the_start_is_known_and_its_release_is_heard(system: System) -> None:
    heard = Heard()
    system.press("a")
    system.press("s")
    with KeyListener(["a", "d"], heard) as listener:
        assert listener.held_at_start == {"a"}
        system.release("a")
        system.release("s")
        system.press("d")
        system.release("d")
        changes = heard.wait_for(3)
    assert changes == [("a", False, PERSON), ("d", True, PERSON), ("d", False, PERSON)]


def test_every_key_held_at_the_start_is_known(system: System) -> None:
    for name in (name for name in KEYS if name not in system.lamp_only | system.lacks | system.twins):
        assert held_at_start(system, name) == {name}


@pytest.mark.parametrize(("held", "watched"), [("enter", "numpad_enter"), ("left", "numpad_4"), ("num_lock", "pause")])
def test_key_held_at_the_start_is_not_taken_for_its_like(system: System, held: str, watched: str) -> None:
    assert held_at_start(system, held, watched) == set()


def held_at_start(system: System, name: str, watched: str | None = None) -> frozenset[str]:
    system.press(name)
    try:
        with KeyListener([watched or name], Heard()) as listener:
            return listener.held_at_start
    finally:
        system.release(name)


def test_key_is_heard_right_after_the_start_and_not_after_the_end(system: System) -> None:
    for _ in range(10):
        heard = Heard()
        with KeyListener(["a"], heard) as listener:
            system.press("a")
            system.release("a")
            heard.wait_for(2)
        system.press("a")
        system.release("a")
        listener.close()
        assert len(heard.events) == 2
        assert listener.error is None


def test_listener_can_be_closed_by_what_it_calls(system: System) -> None:
    heard: list[KeyEvent] = []
    ended, hands = threading.Event(), threading.RLock()  # a person does one thing at a time

    def end(event: KeyEvent) -> None:
        heard.append(event)
        listener.close()
        with hands:
            system.release("a")  # on its way before the system knows
        ended.set()

    with KeyListener(["a"], end) as listener:
        with hands:
            system.press("a")
        assert ended.wait(PATIENCE_S)
    assert len(heard) == 1
    assert listener.error is None


def test_listener_that_was_never_started_can_be_closed(system: System) -> None:
    KeyListener(["a"], Heard()).close()


def test_end_of_the_keyboard_is_noticed(system: System) -> None:
    errors: list[TwoframeError] = []
    with system.losing_the_keyboard() as lose, KeyListener(["a"], Heard(), errors.append) as listener:
        assert listener.error is None
        lose()
        wait_for(lambda: errors, "the error")
        assert listener.error is errors[0]
    assert system.says_when_lost in str(listener.error)
    wait_for(lambda: all("keyboard" not in thread.name for thread in threading.enumerate()), "the end of its threads")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_error_in_what_the_listener_calls_is_noticed(system: System) -> None:
    def fail(event: KeyEvent) -> None:
        raise ZeroDivisionError(f"on {event.key}")

    with KeyListener(["a"], fail) as listener:
        system.press("a")
        system.release("a")
        wait_for(lambda: listener.error, "the error")
    assert system.says_when_failed in str(listener.error)


def test_keyboard_that_cannot_be_heard_is_told_at_the_start_in_one_line(system: System) -> None:
    system.deafen()
    heard_later: list[TwoframeError] = []
    listener = KeyListener(["a"], Heard(), heard_later.append)
    with pytest.raises(TwoframeError, match=r"found .*, expected ") as told:
        listener.start()
    assert "\n" not in str(told.value)
    listener.close()
    assert not heard_later


def test_unknown_key_is_refused_before_anything_is_opened(system: System) -> None:
    system.deafen()
    with pytest.raises(TwoframeError, match="found 'qq'"):
        KeyListener(["a", "qq"], Heard())
    with pytest.raises(TwoframeError, match="found 'qq'"):
        open_emitter(["a", "qq"])


def test_every_key_is_pressed_as_a_person_would(system: System) -> None:
    names = [name for name in KEYS if name not in system.lamp_only | system.lacks]
    names += [name for name in ("caps_lock", "num_lock") if name in names]  # once more: what goes on goes off again
    heard = Heard()
    with closing(open_emitter(names)) as emitter, KeyListener(names, heard):
        for name in names:
            emitter.press([name])
            assert system.is_down(name), name
            emitter.release([name])
            assert not system.is_down(name), name
        changes = heard.wait_for(2 * len(names))
    assert changes == [(name, down, AGENT) for name in names for down in (True, False)]


def test_emitter_presses_all_keys_or_none(system: System, agent: Emitter) -> None:
    assert agent.press(["shift", "a"], system.game)
    assert system.is_down("shift")
    assert system.is_down("a")
    assert not agent.press(["d", "w"], system.other)
    assert not system.is_down("d")
    assert not system.is_down("w")
    system.focus_other()
    assert not agent.press(["d", "w"], system.game)
    assert agent.press(["d"])  # whoever has the focus
    assert system.is_down("d")


def test_emitter_presses_what_one_before_it_left_to_a_person(system: System) -> None:
    with closing(open_emitter(["shift"])) as before:
        before.press(["shift"])
        system.press("shift")
        before.release(["shift"])
    system.release("shift")
    with closing(open_emitter(["shift"])) as emitter:
        emitter.press(["shift"])
        assert system.is_down("shift")
        emitter.release(["shift"])
        assert not system.is_down("shift")


def test_emitter_releases_the_keys_it_is_told_and_no_others(system: System, agent: Emitter) -> None:
    agent.press(["a", "d", "w"])
    agent.release(["d", "a"])
    assert [system.is_down(name) for name in ("a", "d", "w")] == [False, False, True]
    agent.release(["a", "w"])  # one is up already
    assert not system.is_down("w")


def test_emitter_knows_the_window_that_has_the_focus(system: System, agent: Emitter) -> None:
    assert agent.is_focused(system.game)
    assert not agent.is_focused(system.other)
    assert agent.focused_window() == system.game
    system.focus_other()
    assert agent.is_focused(system.other)
    assert not agent.is_focused(system.game)
    assert agent.focused_window() == system.other


def test_release_leaves_a_person_the_key_that_they_hold_too(system: System, agent: Emitter) -> None:
    with KeyListener(["a", "d"], Heard()) as listener:
        for _ in range(2):  # what they have let go of is ours again
            agent.press(["a", "d"])
            assert listener.held_by_person == frozenset()
            system.press("a")
            wait_for(lambda: listener.held_by_person == {"a"}, "the person's key")
            agent.person_holds(listener.held_by_person)
            agent.release(["a", "d"])
            assert [system.is_down(name) for name in ("a", "d")] == [True, False]
            system.release("a")
            assert not system.is_down("a")
            wait_for(lambda: listener.held_by_person == frozenset(), "the person's release")
            agent.person_holds(listener.held_by_person)
    agent.press(["a"])
    agent.release(["a"])
    assert not system.is_down("a")


def test_key_whose_release_by_a_person_nobody_heard_goes_up_with_ours(system: System, agent: Emitter) -> None:
    agent.person_holds(["a"])  # they let go of it where no program hears keys: on the screen that asks for a password
    agent.press(["a"])
    agent.release(["a"])
    assert not system.is_down("a")


def test_closing_the_emitter_twice_releases_nothing(system: System, agent: Emitter) -> None:
    emitter = open_emitter(["d"])
    emitter.press(["d"])
    emitter.close()
    emitter.close()
    assert system.is_down("d")
    agent.release(["d"])
    assert not system.is_down("d")


def test_keys_that_the_system_refuses_are_told(system: System) -> None:
    with system.losing_the_keyboard() as lose, closing(open_emitter(["a"])) as emitter:
        emitter.press(["a"])
        emitter.release(["a"])
        lose()
        with pytest.raises(TwoframeError, match="expected "):
            emitter.press(["a"])

"""The listener on a virtual display, with a person on its keyboard and an agent on XTEST's device."""

import subprocess
import threading
from collections.abc import Iterator

import pytest
from conftest import wait_for
from x11_person import KeyWindow, Person

from agent.errors import TwoframeError
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.keyboard.x11 import keycodes, open_keyboard
from agent.keyboard.x11_emitter import X11Emitter
from agent.keys import KEYS
from games.window.display import VirtualDisplay

PERSON, AGENT = False, True


class Heard:
    """Collects what a listener delivers."""

    def __init__(self) -> None:
        self.events: list[KeyEvent] = []

    def __call__(self, event: KeyEvent) -> None:
        self.events.append(event)

    @property
    def changes(self) -> list[tuple[str, bool, bool | None]]:
        return [(event.key, event.down, event.injected) for event in self.events]

    def wait_for(self, count: int) -> list[tuple[str, bool, bool | None]]:
        wait_for(lambda: len(self.events) >= count, f"event {count}")
        return self.changes


@pytest.fixture(autouse=True)
def on_the_virtual_display(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)


@pytest.fixture
def person(display: VirtualDisplay) -> Iterator[Person]:
    with Person(display.name) as person:
        yield person


@pytest.fixture
def agent() -> Iterator[X11Emitter]:
    emitter = X11Emitter(("a", "d", "shift"))
    yield emitter
    emitter.release(("a", "d", "shift"))
    emitter.close()


def test_key_codes_are_found_by_place_on_any_server(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = open_keyboard()
    assert keycodes(connection, KEYS) == {name: each.x_keycode for name, each in KEYS.items()}
    connection.close()
    with VirtualDisplay(window_manager=False) as other:  # a server with the key codes of old, as some VNC servers
        rules = ["setxkbmap", "-print", "-keycodes", "xfree86", "-layout", "fr"]
        keymap = subprocess.run(rules, env=other.env, check=True, capture_output=True).stdout
        subprocess.run(["xkbcomp", "-w0", "-", other.name], input=keymap, check=True, capture_output=True)
        monkeypatch.setenv("DISPLAY", other.name)
        connection = open_keyboard()
        found = keycodes(connection, ("left", "up", "a", "space", "right_ctrl"))
        connection.close()
    assert found == {"left": 100, "up": 98, "a": 38, "space": 65, "right_ctrl": 109}


def test_listener_tells_who_pressed(person: Person, agent: X11Emitter) -> None:
    heard = Heard()
    with KeyListener(["a", "d"], heard):
        person.press("a")
        agent.press(["d"])
        person.release("a")
        agent.release(["d"])
        changes = heard.wait_for(4)
    assert changes == [("a", True, PERSON), ("d", True, AGENT), ("a", False, PERSON), ("d", False, AGENT)]
    times_ns = [event.time_ns for event in heard.events]
    assert times_ns == sorted(times_ns)


def test_same_key_on_both_devices_gives_the_changes_of_each(person: Person, agent: X11Emitter) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        agent.press(["a"])
        person.press("a")
        person.release("a")
        agent.release(["a"])
        changes = heard.wait_for(4)
    assert changes == [("a", True, AGENT), ("a", True, PERSON), ("a", False, PERSON), ("a", False, AGENT)]


def test_repeated_presses_of_a_held_key_are_no_changes(person: Person, agent: X11Emitter) -> None:
    heard = Heard()
    with KeyListener(["a", "d"], heard):
        for _ in range(5):
            agent.press(["a"])
        agent.release(["a"])
        person.press("d")
        threading.Event().wait(0.8)  # longer than the server waits before it repeats
        person.release("d")
        changes = heard.wait_for(4)
    assert changes == [("a", True, AGENT), ("a", False, AGENT), ("d", True, PERSON), ("d", False, PERSON)]


def test_keys_that_are_not_watched_are_not_delivered(person: Person) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        for name in ("s", "e", "c", "r", "e", "t", "a"):
            person.press(name)
            person.release(name)
        changes = heard.wait_for(2)
    assert changes == [("a", True, PERSON), ("a", False, PERSON)]


@pytest.mark.parametrize("layout", ["us", "de", "fr", "ru"])
def test_shift_caps_lock_and_layout_lose_no_key(person: Person, display: VirtualDisplay, layout: str) -> None:
    heard = Heard()
    with KeyListener(["a", "w", "left"], heard):
        subprocess.run(["setxkbmap", layout], env=display.env, check=True)
        try:
            for name in ("caps_lock", "caps_lock", "shift"):
                person.press(name)
                for watched in ("a", "w", "left"):
                    person.press(watched)
                    person.release(watched)
                person.release(name)
            changes = heard.wait_for(18)
        finally:
            subprocess.run(["setxkbmap", "us"], env=display.env, check=True)
    one_round = [(name, down, PERSON) for name in ("a", "w", "left") for down in (True, False)]
    assert changes == one_round * 3


def test_key_held_at_the_start_is_known_and_its_release_is_heard(person: Person) -> None:
    heard = Heard()
    person.press("a")
    person.press("s")
    with KeyListener(["a", "d"], heard) as listener:
        assert listener.held_at_start == {"a"}
        person.release("a")
        person.release("s")
        person.press("d")
        person.release("d")
        changes = heard.wait_for(3)
    assert changes == [("a", False, PERSON), ("d", True, PERSON), ("d", False, PERSON)]


def test_keys_are_heard_while_another_program_grabs_the_keyboard(
    person: Person, agent: X11Emitter, display: VirtualDisplay
) -> None:
    heard = Heard()
    with KeyWindow(display.name) as window, KeyListener(["a", "d"], heard):
        window.grab_keyboard()
        person.press("a")
        person.release("a")
        agent.press(["d"])
        agent.release(["d"])
        assert [key for key, _, _ in heard.wait_for(4)] == ["a", "a", "d", "d"]


def test_key_is_heard_right_after_the_start_and_not_after_the_end(person: Person) -> None:
    for _ in range(10):
        heard = Heard()
        with KeyListener(["a"], heard) as listener:
            person.press("a")
            person.release("a")
            heard.wait_for(2)
        person.press("a")
        person.release("a")
        listener.close()
        assert len(heard.events) == 2


def test_listener_can_be_closed_by_what_it_calls(person: Person) -> None:
    heard: list[KeyEvent] = []

    def end(event: KeyEvent) -> None:
        heard.append(event)
        listener.close()

    with KeyListener(["a"], end) as listener:
        person.press("a")
        person.release("a")
        wait_for(lambda: heard, "the press")
    assert len(heard) == 1
    assert listener.error is None


def test_end_of_the_x_server_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    errors: list[TwoframeError] = []
    with VirtualDisplay(window_manager=False) as mortal:
        monkeypatch.setenv("DISPLAY", mortal.name)
        with KeyListener(["a"], Heard(), errors.append) as listener:
            assert listener.error is None
            mortal.close()
            wait_for(lambda: errors, "the error")
            assert listener.error is errors[0]
    assert "found the X server gone" in str(listener.error)
    assert threading.active_count() == 1 or all(thread.name != "keyboard" for thread in threading.enumerate())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_error_in_what_the_listener_calls_is_noticed(person: Person) -> None:
    def fail(event: KeyEvent) -> None:
        raise ZeroDivisionError(f"on {event.key}")

    with KeyListener(["a"], fail) as listener:
        person.press("a")
        person.release("a")
        wait_for(lambda: listener.error, "the error")
    assert "ZeroDivisionError: on a" in str(listener.error)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, r"found none \(DISPLAY is not set\), expected an X11 session"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, r"found none .*\(a Wayland session without X\), expected an X11 session"),
        ({"DISPLAY": ":4711"}, "found no X server that answers at ':4711'"),
        ({"DISPLAY": "nonsense"}, "found no X server that answers at 'nonsense'"),
    ],
)
def test_missing_display_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    monkeypatch.delenv("DISPLAY")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TwoframeError, match=expected) as told:
        KeyListener(["a"], Heard()).start()
    assert "\n" not in str(told.value)


def test_unknown_key_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(TwoframeError, match="found 'qq'"):
        KeyListener(["a", "qq"], Heard())

"""What is X11's own about the listener, with a person on a keyboard and an agent on XTEST's device.

What every system's listener keeps is in test_keyboard_contract.py.
"""

import subprocess
from collections.abc import Iterator

import pytest
from keyboard_systems import Heard
from x11_person import KeyWindow, Person
from Xlib import Xatom

from agent.errors import TwoframeError
from agent.keyboard.listener import KeyListener
from agent.keyboard.x11 import keycodes, open_keyboard, physical_keyboards
from agent.keyboard.x11_emitter import X11Emitter
from agent.keys import KEYS
from games.window.display import VirtualDisplay

PERSON = False


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


def test_a_keyboard_that_is_taken_away_lets_go_of_its_keys(person: Person) -> None:
    heard = Heard()
    connection = open_keyboard()
    (keyboard,) = physical_keyboards(connection)
    enabled = keyboard, connection.intern_atom("Device Enabled"), Xatom.INTEGER, 0
    try:
        with KeyListener(["a"], heard):
            person.press("a")
            heard.wait_for(1)
            connection.xinput_change_device_property(*enabled, (8, [0]))
            connection.sync()
            assert heard.wait_for(2)[1:] == [("a", False, PERSON)]
    finally:
        connection.xinput_change_device_property(*enabled, (8, [1]))
        connection.sync()
        connection.close()


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

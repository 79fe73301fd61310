"""What is macOS' own about the keyboard, on the fake. What every system keeps is in test_keyboard_contract.py."""

import time
from collections.abc import Iterator

import pytest
from conftest import wait_for
from keyboard_systems import Heard, MacSystem, mac_system

from agent.errors import TwoframeError
from agent.keyboard.emitter import open_emitter
from agent.keyboard.listener import KeyListener
from agent.keys import KEYS

OF_A_MAC = [name for name, key in KEYS.items() if key.mac_vk is not None]
OWN = [name for name in OF_A_MAC if name not in MacSystem.lacks]

PERSON = False
SHIFT = 0x20000  # kCGEventFlagMaskShift
# ev_keymap.h
LOUDER, QUIETER, MUTE, PLAY, NEXT, PREVIOUS = 0, 1, 7, 16, 17, 18


@pytest.fixture
def mac() -> Iterator[MacSystem]:
    with mac_system() as mac:
        yield mac


def test_program_that_is_not_trusted_is_told_in_one_line(mac: MacSystem) -> None:
    mac.trusted = False
    for begin in (KeyListener(["a"], Heard()).start, lambda: open_emitter(["a"])):
        with pytest.raises(TwoframeError, match="found this program not trusted, expected the Accessibility") as told:
            begin()
        assert "\n" not in str(told.value)


def test_refused_tap_is_told_at_the_start_though_the_thread_still_lives(
    mac: MacSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pynput.keyboard import Listener

    run = Listener.run
    monkeypatch.setattr(Listener, "run", lambda listener: (run(listener), time.sleep(0.1)))
    mac.refuses_taps = True
    with pytest.raises(TwoframeError, match="lets no program listen"):
        KeyListener(["a"], Heard()).start()


def test_keys_have_the_virtual_keys_that_pynput_knows(mac: MacSystem) -> None:
    from pynput._util.darwin_vks import SYMBOLS
    from pynput.keyboard import Key

    named = {name: Key[name].value.vk for name in OF_A_MAC if name in Key.__members__}
    assert len(named) == 38
    assert {name: KEYS[name].mac_vk for name in named} == named
    typed = {name: KEYS[name].mac_vk for name in KEYS if len(name) == 1}
    assert len(typed) == 36
    assert {name: SYMBOLS[vk].lower() for name, vk in typed.items()} == {name: name for name in typed}


def test_every_key_has_a_virtual_key_of_its_own_but_for_those_that_a_mac_takes_for_others() -> None:
    alike = {"f13": "print_screen", "f14": "scroll_lock", "f15": "pause"}
    assert len({KEYS[name].mac_vk for name in OF_A_MAC if name not in alike}) == len(OF_A_MAC) - len(alike)
    assert {name: KEYS[name].mac_vk for name in alike} == {name: KEYS[alike[name]].mac_vk for name in alike}


def test_keys_that_a_mac_does_not_have_or_does_not_tell_apart_are_refused_by_name(mac: MacSystem) -> None:
    for names, said in (
        (["a", "f21", "volume_up"], "found f21, which has no key code on macOS; volume_up, which has no key code"),
        (["print_screen", "f13"], "found f13 and print_screen, which are one key on macOS"),
    ):
        with pytest.raises(TwoframeError, match=said):
            open_emitter(names)
        with pytest.raises(TwoframeError, match=said):
            KeyListener(names, Heard()).start()


def test_media_keys_are_not_taken_for_the_keys_of_their_numbers(mac: MacSystem) -> None:
    heard = Heard()
    with KeyListener(OWN, heard):
        for number in (LOUDER, QUIETER, MUTE, PLAY, NEXT, PREVIOUS):
            for down in (True, False):
                mac.press_media(number, down=down)
        mac.press("z")
        mac.release("z")
        wait_for(lambda: ("z", False, PERSON) in heard.changes, "the key after them")
    assert heard.changes == [("z", True, PERSON), ("z", False, PERSON)]


def test_caps_lock_is_heard_as_a_press_and_a_release_each_time_its_lamp_changes(mac: MacSystem) -> None:
    heard = Heard()
    with KeyListener(["caps_lock"], heard):
        for _ in range(2):
            mac.press("caps_lock")
            mac.release("caps_lock")
        changes = heard.wait_for(4)
    assert changes == [("caps_lock", True, PERSON), ("caps_lock", False, PERSON)] * 2


def test_key_of_a_chord_carries_its_modifier(mac: MacSystem) -> None:
    emitter = open_emitter(["shift", "w"])
    emitter.press(["shift", "w"])
    emitter.release(["w", "shift"])
    shift, w = KEYS["shift"].mac_vk, KEYS["w"].mac_vk
    assert mac.posted == [(shift, True, SHIFT), (w, True, SHIFT), (w, False, SHIFT), (shift, False, 0)]


def test_menu_bar_and_dock_are_no_windows(mac: MacSystem) -> None:
    mac.windows = [(1, 25), (2, 20), (mac.game, 0)]
    emitter = open_emitter(["a"])
    assert emitter.focused_window() == mac.game
    mac.windows = mac.windows[:2]
    assert emitter.focused_window() is None
    assert not emitter.press(["a"], mac.game)

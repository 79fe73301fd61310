"""What is macOS' own about the keyboard, on the fake. What every system keeps is in test_keyboard_contract.py."""

import re
import runpy
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

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


@pytest.fixture
def mac() -> Iterator[MacSystem]:
    with mac_system() as mac:
        yield mac


def test_permissions_that_are_lacking_are_told_in_one_line_and_asked_for(mac: MacSystem) -> None:
    mac.trusted = mac.may_listen = False
    for begin, lacking in (
        (KeyListener(["a"], Heard()).start, ["Accessibility", "Input Monitoring"]),
        (lambda: open_emitter(["a"]), ["Accessibility"]),
    ):
        with pytest.raises(TwoframeError, match=f"found no permission for {' and '.join(lacking)}, expected") as told:
            begin()
        assert "\n" not in str(told.value)
        assert mac.asked == lacking
        mac.asked.clear()


@pytest.mark.parametrize("by_user", [False, True])
def test_tap_that_macos_switches_off_is_on_again_and_releases_meanwhile_are_told(mac: MacSystem, by_user: bool) -> None:
    heard = Heard()
    with KeyListener(["a", "d", "shift"], heard) as listener:
        for name in ("a", "shift"):
            mac.press(name)
        heard.wait_for(2)
        with mac.busy():
            mac.switch_taps_off(by_user=by_user)
            for name in ("a", "shift"):
                mac.release(name)
        heard.wait_for(4)
        mac.press("d")
        changes = heard.wait_for(5)
        assert listener.error is None
    assert changes == [
        ("a", True, PERSON),
        ("shift", True, PERSON),
        ("a", False, PERSON),
        ("shift", False, PERSON),
        ("d", True, PERSON),
    ]


def test_keys_have_the_virtual_keys_that_pynput_knows() -> None:
    spec = find_spec("pynput")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    source = (folder / "keyboard" / "_darwin.py").read_text(encoding="utf-8")
    known = {name: int(vk, 16) for name, vk in re.findall(r"(\w+) = KeyCode.from_vk\((0x\w+)", source)}
    named = {name: known[name] for name in OF_A_MAC if name in known}
    assert len(named) == 38
    assert {name: KEYS[name].mac_vk for name in named} == named
    symbols = runpy.run_path(str(folder / "_util" / "darwin_vks.py"))["SYMBOLS"]
    typed = {name: KEYS[name].mac_vk for name in KEYS if len(name) == 1}
    assert len(typed) == 36
    assert {name: symbols[vk].lower() for name, vk in typed.items()} == {name: name for name in typed}


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


def test_media_keys_are_not_taken_for_other_keys(mac: MacSystem) -> None:
    heard = Heard()
    with KeyListener(OWN, heard):
        mac.press_media()
        mac.press("z")
        mac.release("z")
        wait_for(lambda: ("z", False, PERSON) in heard.changes, "the key after it")
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

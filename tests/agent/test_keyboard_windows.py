"""What is Windows' own about the keyboard, on the fake. What every system keeps is in test_keyboard_contract.py."""

from collections.abc import Iterator

import pytest
from keyboard_systems import Heard, WindowsSystem, windows_system

from agent.keyboard.emitter import open_emitter
from agent.keyboard.listener import KeyListener
from agent.keys import KEYS

PERSON, AGENT = False, True
KEY_UP, SCAN_CODE, EXTENDED = 0x0002, 0x0008, 0x0001  # KEYEVENTF_*

# "Keyboard Input Overview": the keys whose scan code has the byte E0 before it.
AFTER_E0 = (
    {"up": 0x48, "down": 0x50, "left": 0x4B, "right": 0x4D}
    | {"insert": 0x52, "delete": 0x53, "home": 0x47, "end": 0x4F, "page_up": 0x49, "page_down": 0x51}
    | {"right_ctrl": 0x1D, "right_alt": 0x38, "super": 0x5B, "right_super": 0x5C, "menu": 0x5D}
    | {"numpad_enter": 0x1C, "numpad_divide": 0x35, "print_screen": 0x37}
    | {"volume_mute": 0x20, "volume_down": 0x2E, "volume_up": 0x30}
    | {"media_play_pause": 0x22, "media_stop": 0x24, "media_previous": 0x10, "media_next": 0x19}
)
# What is sent for these is known to be wrong: test_num_lock_and_pause_are_pressed_as_a_person_would.
UNSETTLED = ("num_lock", "pause")


@pytest.fixture
def windows() -> Iterator[WindowsSystem]:
    with windows_system() as windows:
        yield windows


@pytest.mark.parametrize("name", [name for name in KEYS if name not in UNSETTLED])
def test_key_is_sent_as_a_scan_code_and_extended_where_it_has_e0(windows: WindowsSystem, name: str) -> None:
    emitter = open_emitter([name])
    emitter.press([name])
    emitter.release([name])
    flags = SCAN_CODE | (EXTENDED if name in AFTER_E0 else 0)
    scan = AFTER_E0.get(name, KEYS[name].scan)
    vk = KEYS[name].windows_vk
    assert windows.sent == [(vk, scan, flags), (vk, scan, flags | KEY_UP)]


@pytest.mark.parametrize("name", KEYS)
def test_scan_code_and_virtual_key_are_one_place_on_the_keyboard(windows: WindowsSystem, name: str) -> None:
    assert windows.vk_of(name) == KEYS[name].windows_vk


def test_right_shift_is_heard_though_the_hook_marks_it_extended(windows: WindowsSystem) -> None:
    heard = Heard()
    with KeyListener(["right_shift"], heard):
        windows.press("right_shift")
        windows.release("right_shift")
    assert heard.changes == [("right_shift", True, PERSON), ("right_shift", False, PERSON)]


def test_character_that_is_no_key_is_not_taken_for_the_key_of_its_number(windows: WindowsSystem) -> None:
    heard = Heard()
    with KeyListener(KEYS, heard):
        for name in ("a", "0", "space"):
            for down in (True, False):
                windows.type_character(chr(KEYS[name].scan), down=down)
    assert heard.changes == []


def test_keys_are_heard_while_alt_is_held(windows: WindowsSystem) -> None:
    heard = Heard()
    with KeyListener(["alt", "a", "f10"], heard):  # WM_SYSKEYDOWN in place of WM_KEYDOWN
        for name in ("alt", "a", "f10"):
            windows.press(name)
        for name in ("a", "alt", "f10"):
            windows.release(name)
    assert [(name, down) for name, down, _ in heard.changes] == [
        *(("alt", True), ("a", True), ("f10", True)),
        *(("a", False), ("alt", False), ("f10", False)),
    ]


def test_program_of_lower_rights_is_no_person(windows: WindowsSystem) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        windows.press_from_below("a", down=True)
        windows.press_from_below("a", down=False)
    assert heard.changes == [("a", True, AGENT), ("a", False, AGENT)]


def test_no_key_is_kept_from_the_game_or_shown_to_pynput(windows: WindowsSystem) -> None:
    heard = Heard()
    with KeyListener(["a"], heard):
        for name in ("a", "s"):
            windows.press(name)
            windows.release(name)
        assert windows.posted == []  # what the hook lets pass, pynput posts to its loop and translates
    assert windows.game_got == [(ord("A"), True), (ord("A"), False), (ord("S"), True), (ord("S"), False)]


def test_no_window_in_front_is_no_window_of_ours(windows: WindowsSystem) -> None:
    windows.foreground = None  # while the focus moves
    emitter = open_emitter(["a"])
    assert emitter.focused_window() is None
    assert not emitter.press(["a"], windows.game)


def test_handle_of_more_than_31_bits_is_compared_whole(windows: WindowsSystem) -> None:
    windows.foreground = windows.game | 1 << 40
    assert not open_emitter(["a"]).is_focused(windows.game)

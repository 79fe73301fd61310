"""What is Windows' own about the keyboard, on the fake. What every system keeps is in test_keyboard_contract.py."""

from collections.abc import Iterator

import pytest
from keyboard_systems import Heard, WindowsSystem, windows_system

from agent.errors import TwoframeError
from agent.keyboard.emitter import open_emitter
from agent.keyboard.key_holder_process import ExpiringKeys
from agent.keyboard.listener import KeyListener
from agent.keys import KEYS
from agent.pacing import clock_ns

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


@pytest.fixture
def windows() -> Iterator[WindowsSystem]:
    with windows_system() as windows:
        yield windows


@pytest.mark.parametrize("name", [name for name in KEYS if name not in ("pause", "num_lock")])
def test_key_is_sent_as_a_scan_code_and_extended_where_it_has_e0(windows: WindowsSystem, name: str) -> None:
    emitter = open_emitter([name])
    emitter.press([name])
    emitter.release([name])
    flags = SCAN_CODE | (EXTENDED if name in AFTER_E0 else 0)
    scan = AFTER_E0.get(name, KEYS[name].scan)
    assert windows.sent == [(0, scan, flags), (0, scan, flags | KEY_UP)]


@pytest.mark.parametrize(("name", "vk", "flags"), [("pause", 0x13, 0), ("num_lock", 0x90, EXTENDED)])
def test_pause_and_num_lock_that_share_a_scan_code_are_sent_as_virtual_keys(
    windows: WindowsSystem, name: str, vk: int, flags: int
) -> None:
    emitter = open_emitter([name])
    emitter.press([name])
    emitter.release([name])
    assert windows.sent == [(vk, 0x45, flags), (vk, 0x45, flags | KEY_UP)]  # as keybd_event's page does it


def test_num_lock_and_pause_that_a_program_sends_are_told_apart(windows: WindowsSystem) -> None:
    heard = Heard()
    emitter = open_emitter(["num_lock", "pause"])
    with KeyListener(["num_lock", "pause"], heard):
        for name in ("num_lock", "pause"):
            emitter.press([name])
            emitter.release([name])
    assert heard.changes == [(name, down, AGENT) for name in ("num_lock", "pause") for down in (True, False)]


def test_all_keys_of_a_chord_go_out_in_one_call(windows: WindowsSystem) -> None:
    emitter = open_emitter(["shift", "w", "d"])
    emitter.press(["shift", "w"])
    assert windows.sends == 1
    emitter.release(["w", "shift"])
    assert (windows.sends, len(windows.sent)) == (2, 4)


@pytest.mark.parametrize("level", [0x3000, None])  # High; None: it does not even let itself be read
def test_game_that_runs_as_administrator_is_told_before_its_keys_are_lost(
    windows: WindowsSystem, level: int | None
) -> None:
    emitter = open_emitter(["a"])
    assert emitter.press(["a"], windows.game)
    emitter.release(["a"])
    windows.focus_other()
    windows.level_of_game = level
    with pytest.raises(TwoframeError, match=r"found the game run with more rights .*, expected .*; run this as admin"):
        emitter.press(["a"], windows.other)
    assert len(windows.sent) == 2
    windows.level = 0x3000
    assert emitter.press(["a"], windows.other)
    emitter.release(["a"])


def test_keys_that_are_refused_while_the_screen_is_locked_go_up_when_it_is_not(windows: WindowsSystem) -> None:
    emitter = open_emitter(["a"])
    said: list[str] = []
    holder = ExpiringKeys(["a"], windows.game, emitter, said.append)
    holder.hear(f"{clock_ns() + 10**9} a\n".encode())
    assert windows.is_down("a")
    windows.foreground, windows.refuses_input = None, True
    holder.look_after()
    assert windows.is_down("a") and holder.patience_s  # so it looks again
    windows.refuses_input = False
    holder.look_after()
    assert not windows.is_down("a") and holder.patience_s is None


def test_holder_that_ends_while_keys_are_refused_says_so(windows: WindowsSystem) -> None:
    holder = ExpiringKeys(["a"], windows.game, open_emitter(["a"]), [].append)
    holder.hear(f"{clock_ns() + 10**9} a\n".encode())
    windows.refuses_input = True
    with pytest.raises(TwoframeError, match=r"found that Windows took 0 of 1 keys, expected all; unlock the screen"):
        holder.release_all()


@pytest.mark.parametrize("num_lock", [True, False])
def test_no_key_held_at_the_start_is_taken_for_one_of_the_number_pad(windows: WindowsSystem, *, num_lock: bool) -> None:
    windows.num_lock = num_lock
    for name in ("left", "home", "insert", "delete", "enter"):
        windows.press(name)
        with KeyListener(KEYS, Heard()) as listener:
            assert listener.held_at_start == {name}
        windows.release(name)


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

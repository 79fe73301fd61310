import re

import pytest

from agent.errors import TwoframeError
from agent.keys import KEYS, key


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("a", "a"),
        ("W", "w"),
        ("7", "7"),
        ("return", "enter"),
        ("Escape", "esc"),
        ("control", "ctrl"),
        ("Left", "left"),
        ("Page Up", "page_up"),
        ("page-down", "page_down"),
        ("pgup", "page_up"),
        ("-", "minus"),
        (",", "comma"),
        ("kp_4", "numpad_4"),
        ("F13", "f13"),
        ("abnt_c1", "ro"),
        ("Katakana Hiragana", "katakana_hiragana"),
        ("hangeul", "hangul"),
        ("mute", "volume_mute"),
        (" space ", "space"),
    ],
)
def test_key_is_found_by_what_people_call_it(typed: str, name: str) -> None:
    assert key(typed).name == name


def test_unknown_key_is_refused_with_names_that_come_close() -> None:
    with pytest.raises(TwoframeError, match=r"found 'lefft'.*did you mean left"):
        key("lefft")
    with pytest.raises(TwoframeError, match="choose one of those"):
        key("€")


def test_no_name_collides_with_the_syntax_of_actions() -> None:
    from agent.keys import _BY_ANY_NAME

    assert not [name for name in _BY_ANY_NAME if re.search(r"[=+\s]", name)]


def test_no_two_keys_share_a_code() -> None:
    for code_of in (
        lambda k: k.xkb,
        lambda k: k.evdev,
        lambda k: (k.scan, k.extended),
        lambda k: (k.windows_vk, k.extended),
    ):
        assert len({code_of(each) for each in KEYS.values()}) == len(KEYS)


def test_linux_codes_are_the_kernel_s() -> None:
    ecodes = pytest.importorskip("evdev").ecodes
    kernel_names = {
        "enter": "ENTER",
        "left": "LEFT",
        "page_up": "PAGEUP",
        "shift": "LEFTSHIFT",
        "right_ctrl": "RIGHTCTRL",
        "alt": "LEFTALT",
        "super": "LEFTMETA",
        "menu": "COMPOSE",
        "less": "102ND",
        "equals": "EQUAL",
        "quote": "APOSTROPHE",
        "print_screen": "SYSRQ",
        "numpad_enter": "KPENTER",
        "numpad_divide": "KPSLASH",
        "numpad_7": "KP7",
    }
    kernel_names |= {
        "numpad_equals": "KPEQUAL",
        "numpad_comma": "KPCOMMA",
        "katakana_hiragana": "KATAKANAHIRAGANA",
        "hangul": "HANGEUL",
        "volume_mute": "MUTE",
        "volume_down": "VOLUMEDOWN",
        "volume_up": "VOLUMEUP",
        "media_play_pause": "PLAYPAUSE",
        "media_stop": "STOPCD",
        "media_previous": "PREVIOUSSONG",
        "media_next": "NEXTSONG",
        **{name: name.upper() for name in ("ro", "yen", "henkan", "muhenkan", "hanja")},
    }
    kernel_names |= {name: name.upper() for name in KEYS if re.fullmatch(r"\w|f\d+|esc|tab|space|up|down", name)}
    assert len(kernel_names) > 60
    for name, kernel_name in kernel_names.items():
        assert key(name).evdev == ecodes.ecodes[f"KEY_{kernel_name}"], name


def test_windows_scan_codes_of_extended_keys_are_those_of_the_numpad() -> None:
    for name, numpad in (("left", "4"), ("right", "6"), ("up", "8"), ("down", "2"), ("home", "7"), ("insert", "0")):
        assert key(name).extended and key(name).scan == key(f"numpad_{numpad}").scan

"""Names of the physical keys, as people name them, and what each system calls them.

A key is a place on the keyboard, never the character it types: `a` is the key right of Caps Lock on every
layout, whatever is printed on it (the names are those of the US layout).
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agent.errors import TwoframeError


@dataclass(frozen=True, slots=True)
class Key:
    """One physical key.

    `xkb` is its place in an X server's keymap, `evdev` its Linux input code, `scan` its Windows scan code (set 1,
    without the 0xE0 that `extended` stands for), `windows_vk` and `mac_vk` its virtual key codes: 0xFF on Windows and
    None on macOS where it has none.
    """

    name: str
    xkb: str
    evdev: int
    scan: int
    extended: bool
    windows_vk: int
    mac_vk: int | None

    @property
    def x_keycode(self) -> int:
        """The usual X key code (evdev rules). The backends ask the server instead, which may differ."""
        return self.evdev + 8


@dataclass(frozen=True, slots=True)
class KeyEvent:
    """A watched key went down or up at `time_ns` (`agent.pacing.clock_ns`, when the event was received).

    `injected` is True if a program pressed it, False if a keyboard did, None where the system cannot tell. One that is
    `found` happened at some time before, while nobody told of it.
    """

    time_ns: int
    key: str
    down: bool
    injected: bool | None
    found: bool = False


def key(name: str) -> Key:
    """The key called `name` (upper or lower case, `page up` and `page-up` for `page_up`, other usual names).

    Raises `TwoframeError` with the names that come close.
    """
    wanted = name.strip().lower()
    if len(wanted) > 1:  # '-' alone is the key minus
        wanted = wanted.replace(" ", "_").replace("-", "_")
    found = _BY_ANY_NAME.get(wanted)
    if found is not None:
        return found
    close = dict.fromkeys(_BY_ANY_NAME[match].name for match in difflib.get_close_matches(wanted, _BY_ANY_NAME, n=3))
    hint = f"did you mean {' or '.join(close)}?" if close else "choose one of those"
    raise TwoframeError(
        f"key: found {name[:40]!r}, expected the name of a key such as a, 7, space, left, shift or f9; {hint}"
    )


def _row(names: str, xkb_row: str, evdev: int, mac_vks: list[int]) -> list[Key]:
    """Neighbouring keys that type one character each; their Windows scan codes equal the evdev codes."""
    return [
        Key(name, f"{xkb_row}{i + 1:02}", evdev + i, evdev + i, False, ord(name.upper()), mac_vk)
        for i, (name, mac_vk) in enumerate(zip(names, mac_vks, strict=True))
    ]


def _key(name: str, xkb: str, evdev: int, scan: int, windows_vk: int, mac_vk: int | None) -> Key:
    return Key(name, xkb, evdev, scan & 0xFF, bool(scan & 0xE000), windows_vk, mac_vk)


# Linux: input-event-codes.h. XKB: keycodes/evdev. Windows: "Keyboard Input Overview" (scan code set 1; Pause and
# Num Lock as the low-level hook reports them) and winuser.h. macOS: HIToolbox/Events.h; it has no virtual keys for
# media keys, and takes Print Screen, Scroll Lock and Pause of other keyboards for F13 to F15.
_KEYS = (
    *_row("1234567890", "AE", 2, [18, 19, 20, 21, 23, 22, 26, 28, 25, 29]),
    *_row("qwertyuiop", "AD", 16, [12, 13, 14, 15, 17, 16, 32, 34, 31, 35]),
    *_row("asdfghjkl", "AC", 30, [0, 1, 2, 3, 5, 4, 38, 40, 37]),
    *_row("zxcvbnm", "AB", 44, [6, 7, 8, 9, 11, 45, 46]),
    _key("minus", "AE11", 12, 0x0C, 0xBD, 27),
    _key("equals", "AE12", 13, 0x0D, 0xBB, 24),
    _key("left_bracket", "AD11", 26, 0x1A, 0xDB, 33),
    _key("right_bracket", "AD12", 27, 0x1B, 0xDD, 30),
    _key("semicolon", "AC10", 39, 0x27, 0xBA, 41),
    _key("quote", "AC11", 40, 0x28, 0xDE, 39),
    _key("grave", "TLDE", 41, 0x29, 0xC0, 50),
    _key("backslash", "BKSL", 43, 0x2B, 0xDC, 42),
    _key("comma", "AB08", 51, 0x33, 0xBC, 43),
    _key("period", "AB09", 52, 0x34, 0xBE, 47),
    _key("slash", "AB10", 53, 0x35, 0xBF, 44),
    _key("less", "LSGT", 86, 0x56, 0xE2, 10),  # between the left Shift and z on ISO keyboards
    _key("space", "SPCE", 57, 0x39, 0x20, 49),
    _key("enter", "RTRN", 28, 0x1C, 0x0D, 36),
    _key("tab", "TAB", 15, 0x0F, 0x09, 48),
    _key("esc", "ESC", 1, 0x01, 0x1B, 53),
    _key("backspace", "BKSP", 14, 0x0E, 0x08, 51),
    _key("left", "LEFT", 105, 0xE04B, 0x25, 123),
    _key("right", "RGHT", 106, 0xE04D, 0x27, 124),
    _key("up", "UP", 103, 0xE048, 0x26, 126),
    _key("down", "DOWN", 108, 0xE050, 0x28, 125),
    _key("insert", "INS", 110, 0xE052, 0x2D, 114),
    _key("delete", "DELE", 111, 0xE053, 0x2E, 117),
    _key("home", "HOME", 102, 0xE047, 0x24, 115),
    _key("end", "END", 107, 0xE04F, 0x23, 119),
    _key("page_up", "PGUP", 104, 0xE049, 0x21, 116),
    _key("page_down", "PGDN", 109, 0xE051, 0x22, 121),
    _key("shift", "LFSH", 42, 0x2A, 0xA0, 56),
    _key("right_shift", "RTSH", 54, 0x36, 0xA1, 60),
    _key("ctrl", "LCTL", 29, 0x1D, 0xA2, 59),
    _key("right_ctrl", "RCTL", 97, 0xE01D, 0xA3, 62),
    _key("alt", "LALT", 56, 0x38, 0xA4, 58),
    _key("right_alt", "RALT", 100, 0xE038, 0xA5, 61),
    _key("super", "LWIN", 125, 0xE05B, 0x5B, 55),
    _key("right_super", "RWIN", 126, 0xE05C, 0x5C, 54),
    _key("menu", "COMP", 127, 0xE05D, 0x5D, 110),
    _key("caps_lock", "CAPS", 58, 0x3A, 0x14, 57),
    _key("num_lock", "NMLK", 69, 0xE045, 0x90, 71),
    _key("scroll_lock", "SCLK", 70, 0x46, 0x91, 107),
    _key("pause", "PAUS", 119, 0x45, 0x13, 113),
    _key("print_screen", "PRSC", 99, 0xE037, 0x2C, 105),
    *(
        _key(f"f{n}", f"FK{n:02}", 58 + n, 0x3A + n, 0x6F + n, mac_vk)
        for n, mac_vk in enumerate([122, 120, 99, 118, 96, 97, 98, 100, 101, 109], start=1)
    ),
    _key("f11", "FK11", 87, 0x57, 0x7A, 103),
    _key("f12", "FK12", 88, 0x58, 0x7B, 111),
    *(
        _key(f"f{n}", f"FK{n}", 170 + n, 0x57 + n, 0x6F + n, mac_vk)
        for n, mac_vk in enumerate([105, 107, 113, 106, 64, 79, 80, 90, None, None, None], start=13)
    ),
    _key("f24", "FK24", 194, 0x76, 0x87, None),
    _key("numpad_0", "KP0", 82, 0x52, 0x60, 82),
    _key("numpad_1", "KP1", 79, 0x4F, 0x61, 83),
    _key("numpad_2", "KP2", 80, 0x50, 0x62, 84),
    _key("numpad_3", "KP3", 81, 0x51, 0x63, 85),
    _key("numpad_4", "KP4", 75, 0x4B, 0x64, 86),
    _key("numpad_5", "KP5", 76, 0x4C, 0x65, 87),
    _key("numpad_6", "KP6", 77, 0x4D, 0x66, 88),
    _key("numpad_7", "KP7", 71, 0x47, 0x67, 89),
    _key("numpad_8", "KP8", 72, 0x48, 0x68, 91),
    _key("numpad_9", "KP9", 73, 0x49, 0x69, 92),
    _key("numpad_period", "KPDL", 83, 0x53, 0x6E, 65),
    _key("numpad_enter", "KPEN", 96, 0xE01C, 0x0D, 76),
    _key("numpad_plus", "KPAD", 78, 0x4E, 0x6B, 69),
    _key("numpad_minus", "KPSU", 74, 0x4A, 0x6D, 78),
    _key("numpad_multiply", "KPMU", 55, 0x37, 0x6A, 67),
    _key("numpad_divide", "KPDV", 98, 0xE035, 0x6F, 75),
    _key("numpad_equals", "KPEQ", 117, 0x59, 0x92, 81),
    _key("numpad_comma", "I129", 121, 0x7E, 0xC2, 95),  # Brazilian
    _key("ro", "AB11", 89, 0x73, 0xC1, 94),  # Brazilian and Japanese, left of the right Shift
    _key("yen", "AE13", 124, 0x7D, 0xFF, 93),  # Japanese, left of Backspace
    _key("henkan", "HENK", 92, 0x79, 0x1C, None),  # Japanese, beside Space
    _key("muhenkan", "MUHE", 94, 0x7B, 0x1D, None),
    _key("katakana_hiragana", "HKTG", 93, 0x70, 0xF2, None),
    _key("hangul", "HNGL", 122, 0x72, 0x15, 104),  # Korean, beside Space; Kana and Eisu on Apple's Japanese keyboards
    _key("hanja", "HJCV", 123, 0x71, 0x19, 102),
    _key("volume_mute", "MUTE", 113, 0xE020, 0xAD, None),
    _key("volume_down", "VOL-", 114, 0xE02E, 0xAE, None),
    _key("volume_up", "VOL+", 115, 0xE030, 0xAF, None),
    _key("media_play_pause", "I172", 164, 0xE022, 0xB3, None),
    _key("media_stop", "I174", 166, 0xE024, 0xB2, None),
    _key("media_previous", "I173", 165, 0xE010, 0xB1, None),
    _key("media_next", "I171", 163, 0xE019, 0xB0, None),
)

# Other names that people expect. '=' and '+' cannot be among them: they separate in `forward=w+shift`.
_ALIASES = {
    "minus": ("-", "dash", "hyphen"),
    "equals": ("equal",),
    "left_bracket": ("[", "bracket_left"),
    "right_bracket": ("]", "bracket_right"),
    "semicolon": (";",),
    "quote": ("'", "apostrophe"),
    "grave": ("`", "backtick", "backquote", "zenkaku_hankaku"),
    "backslash": ("\\",),
    "comma": (",",),
    "period": (".", "dot"),
    "slash": ("/",),
    "less": ("<", "iso_102", "intl_backslash"),
    "space": ("spacebar", "space_bar"),
    "enter": ("return",),
    "esc": ("escape",),
    "backspace": ("back_space",),
    "left": ("left_arrow", "arrow_left"),
    "right": ("right_arrow", "arrow_right"),
    "up": ("up_arrow", "arrow_up"),
    "down": ("down_arrow", "arrow_down"),
    "insert": ("ins",),
    "delete": ("del",),
    "page_up": ("pageup", "pgup", "prior"),
    "page_down": ("pagedown", "pgdn", "pgdown", "next"),
    "shift": ("left_shift", "shift_l", "lshift"),
    "right_shift": ("shift_r", "rshift"),
    "ctrl": ("control", "left_ctrl", "left_control", "ctrl_l", "lctrl"),
    "right_ctrl": ("right_control", "ctrl_r", "rctrl"),
    "alt": ("option", "left_alt", "alt_l", "lalt"),
    "right_alt": ("alt_gr", "altgr", "alt_r", "ralt", "right_option"),
    "super": ("win", "windows", "cmd", "command", "meta", "left_super", "left_win"),
    "right_super": ("right_win", "right_cmd", "right_command", "right_meta"),
    "caps_lock": ("capslock", "caps"),
    "num_lock": ("numlock",),
    "scroll_lock": ("scrolllock",),
    "pause": ("break",),
    "print_screen": ("printscreen", "prtsc", "print"),
    "numpad_period": ("numpad_decimal", "kp_period", "kp_decimal"),
    "numpad_enter": ("kp_enter",),
    "numpad_plus": ("numpad_add", "kp_plus", "kp_add"),
    "numpad_minus": ("numpad_subtract", "kp_minus", "kp_subtract"),
    "numpad_multiply": ("kp_multiply",),
    "numpad_divide": ("kp_divide",),
    "numpad_equals": ("numpad_equal", "kp_equal", "kp_equals"),
    "numpad_comma": ("kp_comma", "abnt_c2"),
    "ro": ("abnt_c1", "intl_ro"),
    "yen": ("intl_yen",),
    "henkan": ("convert",),
    "muhenkan": ("non_convert", "nonconvert"),
    "katakana_hiragana": ("katakanahiragana", "kana_mode"),
    "hangul": ("hangeul", "lang1"),
    "hanja": ("lang2",),
    "volume_mute": ("mute", "audio_volume_mute"),
    "volume_down": ("audio_volume_down",),
    "volume_up": ("audio_volume_up",),
    "media_play_pause": ("play_pause",),
    "media_previous": ("media_track_previous", "previous_track"),
    "media_next": ("media_track_next", "next_track"),
    **{f"numpad_{n}": (f"numpad{n}", f"num_{n}", f"num{n}", f"kp_{n}", f"kp{n}") for n in range(10)},
}

MODIFIERS = frozenset(side + name for side in ("", "right_") for name in ("shift", "ctrl", "alt", "super"))
KEYS: Mapping[str, Key] = MappingProxyType({each.name: each for each in _KEYS})
_BY_ANY_NAME = {**KEYS, **{alias: KEYS[name] for name, aliases in _ALIASES.items() for alias in aliases}}

"""What the listener and the emitter share on X11: the key codes, and the keyboards behind them."""

import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from Xlib import X
from Xlib.error import XError
from Xlib.ext import xinput
from Xlib.protocol import rq

from agent.errors import TwoframeError
from agent.keys import key
from agent.x11 import close_display, connect, x_errors

_KEY_CLASS = 0  # of XInput 1
_XKB_CORE_KEYBOARD = 0x100
_XKB_KEY_NAMES, _XKB_KEY_ALIASES = 1 << 9, 1 << 10


class _XkbUseExtension(rq.ReplyRequest):  # type: ignore[misc]
    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(0), rq.RequestLength(), rq.Card16("major"), rq.Card16("minor"))
    _reply = rq.Struct(rq.ReplyCode(), rq.Bool("supported"), rq.Card16("sequence_number"), rq.ReplyLength())


class _XkbGetNames(rq.ReplyRequest):  # type: ignore[misc]
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(17),
        rq.RequestLength(),
        rq.Card16("device"),
        rq.Pad(2),
        rq.Card32("which"),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Pad(10),
        rq.Card8("first_key"),
        rq.Card8("key_count"),
        rq.Pad(5),
        rq.Card8("alias_count"),
        rq.Pad(6),
        rq.Binary("names"),
    )


class _QueryDeviceState(rq.ReplyRequest):  # type: ignore[misc]
    """XInput 1: the state of one device, which XInput 2 cannot tell."""

    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(30), rq.RequestLength(), rq.Card8("device"), rq.Pad(3))
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Pad(24),
        rq.Binary("classes"),
    )


class _QueryDevices(rq.ReplyRequest):  # type: ignore[misc]
    """XInput 2's XIQueryDevice without the details of each device, which python-xlib does not read on all devices."""

    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(48), rq.RequestLength(), rq.Card16("device"), rq.Pad(2))
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Pad(1),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card16("device_count"),
        rq.Pad(22),
        rq.Binary("devices"),
    )


def open_keyboard() -> Any:
    """A connection over which keys can be heard and pressed. Raises `TwoframeError`."""
    display = connect()
    try:
        with x_errors("display"):
            _check_extensions(display)
    except TwoframeError:
        close_display(display)
        raise
    return display


def _check_extensions(display: Any) -> None:
    wanted = (xinput.extname, "XTEST", "XKEYBOARD")
    missing = [extension for extension in wanted if not display.query_extension(extension)]
    if missing:
        raise TwoframeError(
            f"display: found {display.get_display_name()!r} without {' and '.join(missing)}, expected an X server "
            "with XInput 2, XTEST and XKB; use another X server"
        )
    xinput.XIQueryVersion(
        display=display.display,
        opcode=display.display.get_extension_major(xinput.extname),
        major_version=2,
        minor_version=2,  # below 2.1, raw events stay away while another client grabs the keyboard
    )


def keycodes(display: Any, names: Iterable[str]) -> dict[str, int]:
    """The key code of each of these keys on this server, by the place on the keyboard (layouts do not matter).

    The places are asked of XKB: key codes differ where the server does not use the evdev rules.
    Raises `TwoframeError` if the server's keyboard has no such key.
    """
    opcode = display.query_extension("XKEYBOARD").major_opcode
    _XkbUseExtension(display=display.display, opcode=opcode, major=1, minor=0)
    reply = _XkbGetNames(
        display=display.display,
        opcode=opcode,
        device=_XKB_CORE_KEYBOARD,
        which=_XKB_KEY_NAMES | _XKB_KEY_ALIASES,
    )
    texts = [text.rstrip(b"\0").decode("ascii", "replace") for (text,) in struct.iter_unpack("4s", reply.names)]
    code_of = {text: reply.first_key + i for i, text in enumerate(texts[: reply.key_count]) if text}
    aliases = texts[reply.key_count : reply.key_count + 2 * reply.alias_count]
    for real, alias in zip(aliases[::2], aliases[1::2], strict=True):
        if real in code_of:
            code_of.setdefault(alias, code_of[real])
    wanted = {name: key(name).xkb for name in names}
    missing = [name for name, place in wanted.items() if place not in code_of]
    if missing:
        raise TwoframeError(
            f"keyboard: found no key {', '.join(missing)} on this X server, expected them all; choose other keys"
        )
    return {name: code_of[place] for name, place in wanted.items()}


def is_emitted(display: Any, device: int) -> bool:
    """Whether this XInput device is one that programs press keys on (XTEST), not a keyboard.

    Raises `Xlib.error.XError` if there is no such device (unplugged meanwhile).
    """
    mark = display.intern_atom("XTEST Device")
    value = display.xinput_get_device_property(device, mark, X.AnyPropertyType, 0, 1).value
    return value is not None and any(value[1])


def physical_keyboards(display: Any) -> list[int]:
    """The XInput devices that are keyboards in use, other than XTEST's."""
    return _keyboards(display, emitted=False)


def emitting_keyboards(display: Any) -> list[int]:
    """The XInput devices that programs press keys on: XTEST's."""
    return _keyboards(display, emitted=True)


def _keyboards(display: Any, *, emitted: bool) -> list[int]:
    reply = _QueryDevices(
        display=display.display,
        opcode=display.display.get_extension_major(xinput.extname),
        device=xinput.AllDevices,
    )
    found = []
    rest = bytes(reply.devices)
    for _ in range(reply.device_count):
        device, use, _, class_count, name_length = struct.unpack_from("=HHHHH", rest)
        rest = rest[12 + (name_length + 3) // 4 * 4 :]
        for _ in range(class_count):
            rest = rest[4 * struct.unpack_from("=HH", rest)[1] :]
        if use == xinput.SlaveKeyboard:
            with suppress(XError):  # unplugged since the list was made
                if is_emitted(display, device) == emitted:
                    found.append(device)
    return found


def keycodes_down(display: Any, devices: Iterable[int]) -> set[int]:
    """The key codes that are down on any of these XInput devices. One that has gone has none down."""
    return {code for _, code in keys_down(display, devices)}


def keys_down(display: Any, devices: Iterable[int]) -> set[tuple[int, int]]:
    """The keys that are down: on which of these XInput devices, and their codes. One that has gone has none down."""
    opcode = display.display.get_extension_major(xinput.extname)
    asked = [  # all requests leave together: one wait for any number of keyboards
        (device, _QueryDeviceState(display=display.display, defer=True, opcode=opcode, device=device))
        for device in devices
    ]
    down: set[tuple[int, int]] = set()
    for device, state in asked:
        try:
            state.reply()
        except XError:
            continue  # unplugged since the list was made
        classes = bytes(state.classes)
        while len(classes) >= 2 and classes[1]:
            if classes[0] == _KEY_CLASS:
                down |= {(device, code) for code in bits(classes[4:36])}
            classes = classes[classes[1] :]
    return down


def bits(keymap: Iterable[int]) -> set[int]:
    """The key codes whose bits are set in an X keymap (32 bytes, lowest bit first)."""
    return {8 * i + bit for i, byte in enumerate(keymap) for bit in range(8) if byte >> bit & 1}

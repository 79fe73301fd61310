"""The keyboard of a virtual X server, for a player that must not be taken for the agent.

The agent presses on XTEST's own keyboard. XTEST can also press on another device; python-xlib does not know that
request, so it is spelled out here.
"""

from collections.abc import Collection
from contextlib import ExitStack
from typing import Any

from Xlib.ext import xinput, xtest
from Xlib.protocol import rq

from agent.keyboard.x11 import keycodes, open_keyboard, physical_keyboards
from agent.x11 import close_display, x_errors
from games.window.persons_keyboard import PersonsKeyboard

DEVICE_NAME = "Xvfb keyboard"
_KEY_PRESS, _KEY_RELEASE = 1, 2  # from the first event of XInput 1 on


class _FakeDeviceKey(rq.Request):  # type: ignore[misc]
    """xXTestFakeInputReq (xtestproto.h), with the event of a device in place of a core event."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(2),
        rq.RequestLength(),
        rq.Card8("event"),
        rq.Card8("detail"),
        rq.Pad(2),
        rq.Card32("delay_ms"),
        rq.Pad(23),
        rq.Card8("device"),
    )


class XvfbKeyboard(PersonsKeyboard):
    """The keyboard of the Xvfb that DISPLAY names. Raises `TwoframeError`."""

    def _open(self, names: tuple[str, ...], opened: ExitStack) -> None:
        self._display = open_keyboard()
        opened.callback(close_display, self._display)
        with x_errors("keyboard"):
            self._device = _xvfb_keyboard(self._display)
            self._code_of = keycodes(self._display, names)
            self._opcode = self._display.display.get_extension_major(xtest.extname)
            self._first_event = self._display.query_extension(xinput.extname).first_event

    def _send(self, keys: Collection[str], *, down: bool) -> None:
        with x_errors("keyboard"):
            for key in keys:
                _FakeDeviceKey(
                    display=self._display.display,
                    opcode=self._opcode,
                    event=self._first_event + (_KEY_PRESS if down else _KEY_RELEASE),
                    detail=self._code_of[key],
                    delay_ms=0,
                    device=self._device,
                )
            self._display.sync()


def has_xvfb_keyboard() -> bool:
    """Whether DISPLAY names an Xvfb. Raises `TwoframeError` if it names no X server."""
    display = open_keyboard()
    try:
        with x_errors("keyboard"):
            return _xvfb_keyboard(display) is not None
    finally:
        close_display(display)


def _xvfb_keyboard(display: Any) -> int | None:
    keyboards = physical_keyboards(display)
    if len(keyboards) != 1:  # a real machine's: its power button is one, too
        return None
    device = display.xinput_query_device(keyboards[0]).devices[0]
    return keyboards[0] if device.name == DEVICE_NAME else None

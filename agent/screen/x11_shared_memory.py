"""Pictures from an X server through memory that it shares with this process (the MIT-SHM extension)."""

import ctypes
import weakref
from typing import Any

import numpy as np
from Xlib import X
from Xlib.error import BadAccess, BadRequest, CatchError
from Xlib.protocol import rq

from agent.arrays import Levels

_EXTENSION = "MIT-SHM"
_PRIVATE, _CREATE, _REMOVE = 0, 0o1000, 0  # sys/ipc.h
_OWNERS_ALONE = 0o600
_FAILED = ctypes.c_void_p(-1).value

_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.shmget.argtypes = ctypes.c_int, ctypes.c_size_t, ctypes.c_int
_LIBC.shmat.argtypes, _LIBC.shmat.restype = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int), ctypes.c_void_p
_LIBC.shmdt.argtypes = (ctypes.c_void_p,)
_LIBC.shmctl.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_void_p


class _Attach(rq.Request):  # type: ignore[misc]
    """xShmAttachReq (shmproto.h), as all below."""

    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(1),
        rq.RequestLength(),
        rq.Card32("segment"),
        rq.Card32("number"),
        rq.Bool("read_only"),
        rq.Pad(3),
    )


class _Detach(rq.Request):  # type: ignore[misc]
    _request = rq.Struct(rq.Card8("opcode"), rq.Opcode(2), rq.RequestLength(), rq.Card32("segment"))


class _GetImage(rq.ReplyRequest):  # type: ignore[misc]
    _request = rq.Struct(
        rq.Card8("opcode"),
        rq.Opcode(4),
        rq.RequestLength(),
        rq.Drawable("drawable"),
        rq.Int16("x"),
        rq.Int16("y"),
        rq.Card16("width"),
        rq.Card16("height"),
        rq.Card32("plane_mask"),
        rq.Card8("format"),
        rq.Pad(3),
        rq.Card32("segment"),
        rq.Card32("offset"),
    )
    _reply = rq.Struct(
        rq.ReplyCode(),
        rq.Card8("depth"),
        rq.Card16("sequence_number"),
        rq.ReplyLength(),
        rq.Card32("visual"),
        rq.Card32("size"),
        rq.Pad(16),
    )


class SharedMemory:
    """`size` bytes that the server of `display` fills. Both let go of them when they end, however that is."""

    def __init__(self, display: Any, size: int, opcode: int, segment: int, memory: Levels) -> None:
        self._display = display
        self._opcode = opcode
        self._segment = segment
        self._memory = memory
        self.size = size

    def ask(self, drawable: int, left: int, top: int, width: int, height: int) -> Any:
        """Ask for a part of a drawable of four bytes a pixel; the `reply()` of the answer comes when it is filled."""
        return _GetImage(
            display=self._display.display,
            defer=True,
            opcode=self._opcode,
            drawable=drawable,
            x=left,
            y=top,
            width=width,
            height=height,
            plane_mask=0xFFFFFFFF,
            format=X.ZPixmap,
            segment=self._segment,
            offset=0,
        )

    def picture(self, width: int, height: int) -> Levels:
        """What was asked for last, uint8 (height, width, 4): it changes when the server fills this anew."""
        return self._memory[: width * height * 4].reshape(height, width, 4)

    def close(self) -> None:
        """The server lets go; this process does when the last picture is forgotten."""
        _Detach(display=self._display.display, opcode=self._opcode, segment=self._segment)
        self._display.display.free_resource_id(self._segment)


def share(display: Any, size: int) -> SharedMemory | None:
    """None where the server cannot, such as one of another machine. Lets the errors of Xlib through."""
    extension = display.query_extension(_EXTENSION)
    if extension is None:
        return None
    number = _LIBC.shmget(_PRIVATE, size, _CREATE | _OWNERS_ALONE)
    if number == -1:
        return None
    try:
        address = _LIBC.shmat(number, None, 0)
        if address == _FAILED:
            return None
        memory: Any = (ctypes.c_uint8 * size).from_address(address)
        weakref.finalize(memory, _LIBC.shmdt, address).atexit = False
        segment = display.display.allocate_resource_id()
        refused = CatchError(BadAccess, BadRequest)
        _Attach(
            display=display.display,
            onerror=refused,
            opcode=extension.major_opcode,
            segment=segment,
            number=number,
            read_only=False,
        )
        display.sync()
    finally:
        _LIBC.shmctl(number, _REMOVE, None)  # it is gone when nobody has it attached any more
    if refused.get_error():
        display.display.free_resource_id(segment)
        return None
    return SharedMemory(display, size, extension.major_opcode, segment, np.frombuffer(memory, np.uint8))

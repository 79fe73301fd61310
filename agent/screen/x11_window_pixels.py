"""The pixels of one window as its program drew them: whatever lies over it, and wherever it is.

A server has them where it draws windows beside the screen: in Xwayland always, elsewhere while a compositor runs. One
that does not is not asked to: it would have to copy each picture once more, and a full-screen game could not flip.
"""

from typing import Any, NamedTuple

import numpy as np
from Xlib import X
from Xlib.error import BadAlloc, BadDrawable, BadMatch, BadPixmap, BadWindow, CatchError
from Xlib.ext import composite
from Xlib.protocol import request

from agent.arrays import Levels
from agent.screen.x11_pixels import pixels_of
from agent.screen.x11_shared_memory import SharedMemory, share
from agent.x11 import close_display, connect, is_xwayland, x_errors

_REFUSED = (BadWindow, BadDrawable, BadMatch, BadPixmap, BadAlloc)
_ATTEMPTS = 5  # at a window whose size changes while it is grabbed


class _Place(NamedTuple):
    """Where a window is in the picture of one that it lies in."""

    left: int
    top: int
    width: int
    height: int


class _Around:
    """Asks where a window is in the picture of one that it lies in."""

    def __init__(self, display: Any, window: Any, frame: Any) -> None:
        self._frame = request.GetGeometry(display=display, defer=True, drawable=frame)
        self._tree = request.QueryTree(display=display, defer=True, window=window)
        self._place = request.TranslateCoords(
            display=display, defer=True, src_wid=window, dst_wid=frame, src_x=0, src_y=0
        )

    def reply(self) -> tuple[int, int, int]:
        """Left, top, and the number of the window around it."""
        for answer in (self._frame, self._tree, self._place):
            answer.reply()
        border = self._frame.border_width  # which the picture shows, too
        return border + self._place.x, border + self._place.y, self._tree.parent.id


class WindowPixels:
    """Those of any window of the server that DISPLAY names. For one thread; `close` is idempotent.

    `is_xwayland` tells whether nothing else can be grabbed here. Raises `TwoframeError` when the server has gone.
    """

    def __init__(self) -> None:
        self._display = connect()
        self._closed = False
        self._opcode: int | None = None
        self._memory: SharedMemory | None = None
        self._can_share = True
        try:
            with x_errors("screen"):
                if extension := self._display.query_extension(composite.extname):
                    self._opcode = extension.major_opcode
                    self._display.composite_query_version()
                self._compositor = self._display.intern_atom(f"_NET_WM_CM_S{self._display.get_default_screen()}")
                self.is_xwayland = is_xwayland(self._display)
        except BaseException:
            self.close()
            raise
        self.aim(X.NONE)

    def aim(self, window_id: int) -> None:
        """Grab this one from now on."""
        self._window = self._display.create_resource_object("window", window_id)
        self._parent = X.NONE
        self._drawn: Any = None  # the window with a picture of its own: this one or one that it lies in
        self._place = _Place(0, 0, 0, 0)

    @property
    def is_shared(self) -> bool:
        """Whether the last picture came through shared memory."""
        return self._memory is not None

    def can_be_grabbed(self) -> bool:
        """Whether there are such pixels of it now; where the screen can be grabbed instead, only if it is no slower."""
        if self.is_xwayland:
            return self.grab() is not None
        with x_errors("screen"):
            if self._display.get_selection_owner(self._compositor) == X.NONE:
                return False
        return self.grab() is not None and self.is_shared

    def grab(self) -> Levels | None:
        """The whole window now: uint8 (height, width, 4) BGRA, which changes with the next grab.

        None where the server has no such picture of it now, or one of other pixels than we know.
        """
        with x_errors("screen"):
            for _ in range(_ATTEMPTS):
                if self._drawn is None and not self._find_drawn():
                    return None
                try:
                    if (picture := self._picture()) is not None:
                        return picture
                except _REFUSED:
                    self._drawn = None
        return None

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            close_display(self._display)

    def _find_drawn(self) -> bool:
        """Of this window and those around it, the innermost that has a picture of its own: a frame has one for all that
        is in it."""
        root = self._display.screen().root
        window = self._window
        try:
            while self._opcode is not None and window not in (root, X.NONE):
                pixmap = self._name(window)
                try:
                    request.GetGeometry(display=self._display.display, drawable=pixmap)
                except BadDrawable:
                    window = window.query_tree().parent
                    continue
                finally:
                    self._forget(pixmap)
                attributes = window.get_attributes()
                if pixels_of(self._display, attributes.visual, window.get_geometry().depth).problem:
                    return False
                self._drawn = window
                self._parent = self._window.query_tree().parent.id
                return True
        except _REFUSED:
            pass  # closed just now
        return False

    def _picture(self) -> Levels | None:
        """None where the window turns out to have another place than was known: the next call goes by that.

        The picture is named anew each time, for a window of another size has another one, in the same breath as it is
        asked for: one round to the server.
        """
        display, window, drawn, known = self._display.display, self._window, self._drawn, self._place
        pixmap = self._name(drawn)
        size = request.GetGeometry(display=display, defer=True, drawable=window)
        around = _Around(display, window, drawn) if drawn != window else None
        asked = self._ask(pixmap) if known.width else None
        self._forget(pixmap)

        size.reply()
        now = _Place(size.border_width, size.border_width, size.width, size.height)
        if around is not None:
            left, top, parent = around.reply()
            if parent != self._parent:
                self._drawn = None  # the window manager took it out of the frame
                return None
            now = now._replace(left=left, top=top)
        if now != known:
            self._place = now
            self._make_room(now.width * now.height * 4)
            return None
        assert asked is not None
        asked.reply()
        if self._memory is not None:
            return self._memory.picture(now.width, now.height)
        return np.frombuffer(asked.data, np.uint8).reshape(now.height, now.width, 4)

    def _name(self, window: Any) -> int:
        """A number for the picture of this window; what is then asked of it fails where it has none."""
        pixmap: int = self._display.display.allocate_resource_id()
        composite.NameWindowPixmap(
            display=self._display.display,
            onerror=CatchError(*_REFUSED),
            opcode=self._opcode,
            window=window,
            pixmap=pixmap,
        )
        return pixmap

    def _forget(self, pixmap: int) -> None:
        request.FreePixmap(display=self._display.display, onerror=CatchError(*_REFUSED), pixmap=pixmap)
        self._display.display.free_resource_id(pixmap)

    def _ask(self, pixmap: int) -> Any:
        left, top, width, height = self._place
        if self._memory is not None:
            return self._memory.ask(pixmap, left, top, width, height)
        return request.GetImage(
            display=self._display.display,
            defer=True,
            format=X.ZPixmap,
            drawable=pixmap,
            x=left,
            y=top,
            width=width,
            height=height,
            plane_mask=0xFFFFFFFF,
        )

    def _make_room(self, size: int) -> None:
        if self._memory is not None and self._memory.size < size:
            self._memory.close()
            self._memory = None
        if self._memory is None and self._can_share:
            self._memory = share(self._display, size)
            self._can_share = self._memory is not None

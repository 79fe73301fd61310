"""What lies over the game on X11: any window above its own, menus and notices that no window manager lists too."""

import time
from collections.abc import Callable
from typing import Any

from Xlib import X
from Xlib.error import BadDrawable, BadWindow, XError
from Xlib.ext import shape
from Xlib.protocol import request

from agent.frames import Box
from agent.screen.target import Cover, overlap, share_of

AGAIN_S = 0.1  # between two looks at the windows, which take a millisecond or more
_SEE_THROUGH_DEPTH = 32  # with an alpha channel: a compositor may show the game through it


class X11Covers:
    """Knows what lies over one window. Looks only after a window of the screen came, went, moved or was restacked.

    `title` gives the title of one of python-xlib's windows. Lets the errors of Xlib through.
    """

    def __init__(self, display: Any, window_id: int, title: Callable[[Any], str]) -> None:
        self._display = display
        self._window_id = window_id
        self._title = title
        self._root = display.screen().root
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask)
        self._has_shapes = display.has_extension(shape.extname)
        self._changed = True
        self._next_s = 0.0
        self._over: Box | None = None
        self._cover: Cover | None = None

    def hear(self, event: Any) -> None:
        """An event that came on the display."""
        self._changed = True

    def over(self, box: Box) -> Cover | None:
        """What lies over `box`, where the game's pixels are."""
        if (self._changed or box != self._over) and (now_s := time.monotonic()) >= self._next_s:
            self._next_s = now_s + AGAIN_S
            try:
                self._cover = self._look(box)
            except (BadWindow, BadDrawable):
                return self._cover  # a window manager takes a frame away just now
            self._changed, self._over = False, box
        return self._cover

    def _look(self, box: Box) -> Cover | None:
        titled: list[str] = []
        hidden: list[Box] = []
        for window, geometry in self._above(box):
            try:
                parts = self._parts(window, geometry, shape.SK.Bounding)
                if not any(overlap(part, box) for part in parts):
                    continue
                titled.append(self._name(window))
                lets_clicks_through = not self._parts(window, geometry, shape.SK.Input)
            except (BadWindow, BadDrawable):
                continue  # closed just now: it covers nothing
            if geometry.depth != _SEE_THROUGH_DEPTH and not lets_clicks_through:
                hidden += parts
        return Cover(titled[0], share_of(box, hidden)) if titled else None

    def _above(self, box: Box) -> list[tuple[Any, Any]]:
        """Visible windows above the game's that reach into `box`, the top first, with their geometry."""
        children = self._root.query_tree().children
        ours = self._child_of_root()
        numbers = [child.id for child in children]
        above = children[numbers.index(ours) + 1 :] if ours in numbers else []
        own_program = ~self._display.display.info.resource_id_mask
        found = []
        asked = [  # all requests leave together: one wait for any number of windows
            (
                window,
                request.GetWindowAttributes(display=self._display.display, defer=True, window=window),
                request.GetGeometry(display=self._display.display, defer=True, drawable=window),
            )
            for window in reversed(above)
            if window.id & own_program != self._window_id & own_program
        ]
        for window, attributes, geometry in asked:
            try:
                attributes.reply()
                geometry.reply()
            except XError:
                continue
            is_shown = attributes.map_state == X.IsViewable and attributes.win_class == X.InputOutput
            if is_shown and overlap(_outside(geometry), box):
                found.append((window, geometry))
        return found

    def _parts(self, window: Any, geometry: Any, kind: int) -> list[Box]:
        """Where a child of the root is (its bounding shape), or takes clicks (its input shape), on the screen."""
        if not self._has_shapes:
            return [_outside(geometry)]
        left, top = geometry.x + geometry.border_width, geometry.y + geometry.border_width
        rectangles = window.shape_get_rectangles(kind).rectangles
        return [Box(left + part.x, top + part.y, part.width, part.height) for part in rectangles]

    def _child_of_root(self) -> int:
        """The game's window, or what a window manager put around it."""
        window = self._display.create_resource_object("window", self._window_id)
        while (parent := window.query_tree().parent) not in (self._root, X.NONE):
            window = parent
        return int(window.id)

    def _name(self, window: Any) -> str:
        """Of the window that it is a frame around, or its own. A frame may have a title too (i3), and other parts."""
        for each in (*reversed(window.query_tree().children), window):
            if title := self._title(each):
                return title
        return "without a title"


def _outside(geometry: Any) -> Box:
    """With the border."""
    borders = 2 * geometry.border_width
    return Box(geometry.x, geometry.y, geometry.width + borders, geometry.height + borders)

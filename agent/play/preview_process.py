"""The window of `play --preview`, as a process: draws what comes on stdin until that ends.

Each message on stdin is where the game is, int32 (4,), the probabilities, float32 (A,), and the frames, uint8
(N, H, W, C), in their order.
The window manager is not asked: so this window takes no focus from the game, and is in no list of windows. On Windows
it refuses the focus.
"""

import json
import os
import struct
import sys
import threading
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

from agent.child_process import no_tk
from agent.errors import TwoframeError
from agent.macos.focus import leaving_the_focus

_LONGEST_SIDE = 280  # of a frame as it is shown, in pixels of the screen
_LEAST_WIDTH = 180  # room for the names
_BAR = 18
_MARGIN = 8
_PLACE = struct.Struct("<4i")
_DRAW_MS, _LOOK_MS = 40, 500
_INK, _PAPER, _BARS = "#e8e8e8", "#202020", "#3a7ca5"


class NoRoomError(Exception):
    """The game fills the screen."""


class Messages:
    """The newest message on stdin, read on a thread of its own; `ended` when there are no more."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.newest: bytes | None = None
        self.ended = False
        threading.Thread(target=self._read, name="messages", daemon=True).start()

    def _read(self) -> None:
        with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as pipe:
            while len(message := pipe.read(self._size)) == self._size:
                self.newest = message
        self.ended = True


class PreviewWindow:
    """The frames side by side, nearest pixels, and below them a bar for each action."""

    def __init__(self, root: Any, about: dict[str, Any], messages: Messages) -> None:
        import tkinter

        self._root = root
        self._about = about
        self._messages = messages
        self._tkinter = tkinter
        self._photos: list[Any] = []
        self._avoid: tuple[int, ...] = tuple(about["avoid"])
        self._ask_size = _size_of_screen(root)
        self._screen = self._ask_size()
        self._hidden = False
        root.title("twoframe preview")
        root.overrideredirect(True)
        self._settle()
        self._canvas = tkinter.Canvas(root, bg=_PAPER, highlightthickness=1, highlightbackground=_BARS)
        self._canvas.pack(fill="both", expand=True)
        self._canvas.bind("<ButtonPress-1>", self._grasp)
        self._canvas.bind("<B1-Motion>", self._drag)

    def look(self) -> None:
        """Draw what has come; again soon."""
        if self._messages.ended:
            self._root.destroy()
            return
        message, self._messages.newest = self._messages.newest, None
        if message is not None:
            self._draw(message)
        self._root.after(_DRAW_MS, self.look)

    def follow(self) -> None:
        """Another place when the screen has changed, if need be: none is shown while there is no room. Again soon."""
        screen = self._ask_size()
        if screen != self._screen or self._hidden:
            self._screen = screen
            x, y = self._root.winfo_x(), self._root.winfo_y()
            is_whole = x + self._width <= screen[0] and y + self._height <= screen[1]
            if not is_whole or self._hidden or self._covers(x, y):
                self._settle_or_hide()
        self._root.after(_LOOK_MS, self.follow)

    def _settle_or_hide(self) -> None:
        try:
            self._settle()
        except NoRoomError:
            self._root.withdraw()
            self._hidden = True
            return
        if self._hidden:
            self._root.deiconify()
            self._hidden = False

    def _settle(self) -> None:
        x, y = self._fit(max(self._about["width"], self._about["height"]))
        self._root.geometry(f"{self._width}x{self._height}+{x}+{y}")

    def _draw(self, message: bytes) -> None:
        about, canvas = self._about, self._canvas
        actions = about["actions"]
        self._avoid = _PLACE.unpack_from(message)
        probabilities = struct.unpack_from(f"<{len(actions)}f", message, _PLACE.size)
        size = about["width"] * about["height"] * about["channels"]
        canvas.delete("all")
        self._photos = []  # Tk forgets a picture that nobody holds
        for n in range(about["frames"]):
            start = _PLACE.size + 4 * len(actions) + n * size
            photo = self._photo(message[start : start + size])
            self._photos.append(photo)
            x = _MARGIN + n * (self._shown_width + _MARGIN)
            canvas.create_image(x, _MARGIN, image=photo, anchor="nw")
        best = max(range(len(actions)), key=lambda a: probabilities[a])
        for a, (name, probability) in enumerate(zip(actions, probabilities, strict=True)):
            y = self._shown_height + 2 * _MARGIN + a * (_BAR + 4)
            width = (self._width - 2 * _MARGIN) * min(max(probability, 0.0), 1.0)
            canvas.create_rectangle(_MARGIN, y, _MARGIN + width, y + _BAR, fill=_BARS, width=0)
            text = f"{name} {probability:.2f}{'  <' if a == best else ''}"
            canvas.create_text(_MARGIN + 4, y + _BAR / 2, text=text, fill=_INK, anchor="w")

    def _photo(self, pixels: bytes) -> Any:
        about = self._about
        kind = "P5" if about["channels"] == 1 else "P6"
        header = f"{kind} {about['width']} {about['height']} 255\n".encode()
        photo = self._tkinter.PhotoImage(master=self._root, data=header + pixels, format="ppm")
        if self._shrink > 1:
            photo = photo.subsample(self._shrink)
        return photo.zoom(self._zoom) if self._zoom > 1 else photo

    def _fit(self, longest: int) -> tuple[int, int]:
        """Choose the size, and the corner of the screen: what covers the game is grabbed with it.

        Raises `NoRoomError` where even the smallest covers a part of the game.
        """
        self._shrink = max(1, -(-longest // (2 * _LONGEST_SIDE)))
        about = self._about
        for self._zoom in range(max(1, _LONGEST_SIDE // longest), 0, -1):
            self._shown_width = -(-about["width"] // self._shrink) * self._zoom
            self._shown_height = -(-about["height"] // self._shrink) * self._zoom
            self._width = max(_LEAST_WIDTH, (self._shown_width + _MARGIN) * about["frames"] + _MARGIN)
            self._height = self._shown_height + 2 * _MARGIN + (_BAR + 4) * len(about["actions"])
            right, bottom = self._screen[0] - self._width, self._screen[1] - self._height
            for x, y in [(right, 0), (0, 0), (right, bottom), (0, bottom)]:
                if not self._covers(x, y):
                    return x, y
        raise NoRoomError

    def _covers(self, x: int, y: int) -> bool:
        """Whether this window would lie over the game, with its corner there."""
        left, top, width, height = self._avoid
        covers: bool = left - self._width < x < left + width and top - self._height < y < top + height
        return covers

    def _grasp(self, event: Any) -> None:
        self._grasped = (event.x, event.y)

    def _drag(self, event: Any) -> None:
        x, y = self._root.winfo_pointerx() - self._grasped[0], self._root.winfo_pointery() - self._grasped[1]
        self._root.geometry(f"+{x}+{y}")


def _size_of_screen(root: Any) -> Callable[[], tuple[int, int]]:
    """Asks for its width and height; Tk on X11 would tell for ever what they were when it began."""
    if root.tk.call("tk", "windowingsystem") != "x11":
        return lambda: (root.winfo_screenwidth(), root.winfo_screenheight())
    from agent.x11 import connect, x_errors

    whole = connect().screen().root

    def ask() -> tuple[int, int]:
        with x_errors("preview"):
            size = whole.get_geometry()
        return size.width, size.height

    return ask


def main(about_json: str) -> int:
    """`about_json` tells the frames' width, height, channels and number, the actions, and where the game is."""
    about = json.loads(about_json)
    try:
        import tkinter
    except ImportError as error:
        print(f"preview: {no_tk(error)}", file=sys.stderr)
        return 1
    if hasattr(os, "nice"):
        os.nice(10)
    messages = Messages(
        _PLACE.size + 4 * len(about["actions"]) + about["frames"] * about["width"] * about["height"] * about["channels"]
    )
    if sys.platform == "win32":
        from agent.screen.win32.api import keep_from_focus, never_take_focus

        never_take_focus()  # Tk gives it to a program's first window
    try:
        with leaving_the_focus() if sys.platform == "darwin" else nullcontext():
            root = tkinter.Tk(className="twoframe preview")
        failures: list[BaseException] = []

        def fail(kind: type[BaseException], error: BaseException, trace: Any) -> None:
            failures.append(error)
            root.destroy()

        root.report_callback_exception = fail
        window = PreviewWindow(root, about, messages)
        if sys.platform == "win32":
            root.update()  # its frame is made when it is shown
            keep_from_focus(int(root.frame(), 16))
        window.look()
        window.follow()
        root.mainloop()
        if failures:
            raise failures[0]
    except NoRoomError:
        print(
            "preview: found no room beside the game, where it would get into the picture that the model sees; "
            "make the game's window smaller or move it into a corner",
            file=sys.stderr,
        )
        return 1
    except TwoframeError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    except tkinter.TclError as error:
        if not messages.ended:
            print(f"preview: found no window to draw in ({error}), expected a display", file=sys.stderr)
            return 1
    return 0

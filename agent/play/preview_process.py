"""The window of `play --preview`, as a process: draws what comes on stdin until that ends.

Each message on stdin is the probabilities, float32 (A,), and the frames, uint8 (N, H, W, C), in their order.
The window manager is not asked: so this window takes no focus from the game, and is in no list of windows.
"""

import json
import os
import struct
import sys
import threading
from typing import Any

_LONGEST_SIDE = 280  # of a frame as it is shown, in pixels of the screen
_LEAST_WIDTH = 180  # room for the names
_BAR = 18
_MARGIN = 8
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
        x, y = self._fit(max(about["width"], about["height"]))
        root.title("twoframe preview")
        root.overrideredirect(True)
        root.geometry(f"{self._width}x{self._height}+{x}+{y}")
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
        self._root.after(40, self.look)

    def _draw(self, message: bytes) -> None:
        about, canvas = self._about, self._canvas
        actions = about["actions"]
        probabilities = struct.unpack_from(f"<{len(actions)}f", message)
        size = about["width"] * about["height"] * about["channels"]
        canvas.delete("all")
        self._photos = []  # Tk forgets a picture that nobody holds
        for n in range(about["frames"]):
            start = 4 * len(actions) + n * size
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
            right = self._root.winfo_screenwidth() - self._width
            bottom = self._root.winfo_screenheight() - self._height
            for x, y in [(right, 0), (0, 0), (right, bottom), (0, bottom)]:
                left, top, width, height = about["avoid"]
                if x >= left + width or x + self._width <= left or y >= top + height or y + self._height <= top:
                    return x, y
        raise NoRoomError

    def _grasp(self, event: Any) -> None:
        self._grasped = (event.x, event.y)

    def _drag(self, event: Any) -> None:
        x, y = self._root.winfo_pointerx() - self._grasped[0], self._root.winfo_pointery() - self._grasped[1]
        self._root.geometry(f"+{x}+{y}")


def main(about_json: str) -> int:
    """`about_json` tells the frames' width, height, channels and number, the actions, and where the game is."""
    about = json.loads(about_json)
    try:
        import tkinter
    except ImportError as error:
        print(
            f"preview: found no tkinter ({error}), expected Python with Tk; sudo apt install python3-tk",
            file=sys.stderr,
        )
        return 1
    if hasattr(os, "nice"):
        os.nice(10)
    messages = Messages(
        4 * len(about["actions"]) + about["frames"] * about["width"] * about["height"] * about["channels"]
    )
    try:
        root = tkinter.Tk(className="twoframe preview")
        window = PreviewWindow(root, about, messages)
        window.look()
        root.mainloop()
    except NoRoomError:
        print(
            "preview: found no room beside the game, where it would get into the picture that the model sees; "
            "make the game's window smaller or move it into a corner",
            file=sys.stderr,
        )
        return 1
    except tkinter.TclError as error:
        if not messages.ended:
            print(f"preview: found no window to draw in ({error}), expected a display", file=sys.stderr)
            return 1
    return 0

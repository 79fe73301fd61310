"""The window of `collect`'s questions that shows the game's picture, as a process: prints what was drawn in it.

The picture comes on stdin, uint8 (H, W, 3) RGB. To the left it is shown with what is drawn, to the right what the
agent gets of it. What was drawn goes to stdout as JSON when the person is done.
"""

import json
import sys
from typing import Any, cast

import cv2
import numpy as np

from agent.child_process import no_tk
from agent.frames import Box, FrameSpec, Image, prepare
from collect.questions.proposals import pixels_left, proposed_size

_TITLE = "twoframe: what is recorded"
_SHARE = 0.55  # of the screen's width and height, that the picture may take
_SHOWN = 360  # pixels of the screen for the longer side of the frame
_LEAST_DRAG = 4  # pixels of the screen: less is a click
_INK, _PAPER, _CROP, _THING = "#e8e8e8", "#202020", "#50c850", "#ffa03c"
_HINTS = {
    "crop": "Drag a box around the part to record; leave out what shows your keys, score and map. A click takes all.",
    "smallest": "Drag a box around the smallest thing that matters, such as a ball. A click forgets it.",
}


class PictureWindow:
    """The picture, two kinds of boxes to draw in it, and a button for the end."""

    def __init__(self, root: Any, tkinter: Any, about: dict[str, Any], picture: Image) -> None:
        self._root, self._tkinter, self._about, self._picture = root, tkinter, about, picture
        self.boxes: dict[str, Box | None] = {"crop": None, "smallest": None}
        height, width = picture.shape[:2]
        room = _SHARE * root.winfo_screenwidth() / width, _SHARE * root.winfo_screenheight() / height
        self._scale = min(1.0, *room)
        size = max(1, round(width * self._scale)), max(1, round(height * self._scale))
        self._shown = self._photo(cast(Image, cv2.resize(picture, size, interpolation=cv2.INTER_AREA)))
        self._start: tuple[int, int] | None = None
        root.title(_TITLE)
        root.configure(bg=_PAPER)
        self._mode = tkinter.StringVar(root, "crop")
        self._hint = tkinter.Label(root, bg=_PAPER, fg=_INK, anchor="w", justify="left", wraplength=size[0] + _SHOWN)
        self._hint.grid(row=0, column=0, columnspan=2, sticky="we", padx=8, pady=6)
        self._canvas = tkinter.Canvas(root, width=size[0], height=size[1], highlightthickness=0, cursor="crosshair")
        self._canvas.grid(row=1, column=0, padx=8)
        self._frame = tkinter.Label(root, bg=_PAPER, fg=_INK, compound="top", justify="left")
        self._frame.grid(row=1, column=1, padx=8, sticky="n")
        root.grid_columnconfigure(1, minsize=_SHOWN + 16)  # whatever is drawn, no button moves
        root.grid_rowconfigure(1, minsize=_SHOWN + 60)
        buttons = tkinter.Frame(root, bg=_PAPER)
        buttons.grid(row=2, column=0, columnspan=2, sticky="we", padx=8, pady=8)
        for mode, text in (("crop", "part to record"), ("smallest", "smallest thing that matters")):
            tkinter.Radiobutton(
                buttons,
                text=text,
                value=mode,
                variable=self._mode,
                command=self.draw,
                indicatoron=False,
                padx=8,
                pady=4,
            ).pack(side="left", padx=2)
        tkinter.Button(buttons, text="Done (Enter)", command=root.quit, padx=8, pady=4).pack(side="right")
        for event, handle in (
            ("<ButtonPress-1>", self._press),
            ("<B1-Motion>", self._drag),
            ("<ButtonRelease-1>", self._drag),
        ):
            self._canvas.bind(event, handle)
        for key in ("<Return>", "<KP_Enter>", "<Escape>"):
            root.bind(key, lambda _: root.quit())
        root.protocol("WM_DELETE_WINDOW", root.quit)
        self.draw()

    def draw(self) -> None:
        """All of it anew: what is drawn, and what the agent gets."""
        canvas, scale = self._canvas, self._scale
        self._hint["text"] = _HINTS[self._mode.get()]
        canvas.delete("all")
        canvas.create_image(0, 0, image=self._shown, anchor="nw")
        for name, color in (("crop", _CROP), ("smallest", _THING)):
            if box := self.boxes[name]:
                left, top = box.left * scale, box.top * scale
                corner = (box.left + box.width) * scale - 1, (box.top + box.height) * scale - 1
                canvas.create_rectangle(left, top, *corner, outline=color, width=2)
        frame, text = self._of_agent()
        zoom = _SHOWN / max(frame.shape[:2])
        size = round(frame.shape[1] * zoom), round(frame.shape[0] * zoom)
        self._frame_shown = self._photo(cast(Image, cv2.resize(frame, size, interpolation=cv2.INTER_NEAREST)))
        self._frame.configure(image=self._frame_shown, text=text)

    def _of_agent(self) -> tuple[Image, str]:
        """The frame (H, W, 3) that would be recorded, and what is to be known of it."""
        height, width = self._picture.shape[:2]
        crop, thing = self.boxes["crop"], self.boxes["smallest"]
        part = (crop.width, crop.height) if crop else (width, height)
        smallest = (thing.width, thing.height) if thing else None
        size = tuple(self._about["size"] or proposed_size(part, smallest))
        spec = FrameSpec(size[0], size[1], self._about["color"], crop, (width, height) if crop else None)
        frame = prepare(self._picture, spec)
        text = f"what the agent gets: {spec.width}x{spec.height}\ncan you see all that matters?"
        if smallest:
            text += f"\nthe smallest thing has {pixels_left(smallest, part, (size[0], size[1])):.1f} pixels"
        return (cast(Image, cv2.cvtColor(frame, cv2.COLOR_GRAY2RGB)) if spec.channels == 1 else frame), text

    def _photo(self, image: Image) -> Any:
        height, width = image.shape[:2]
        content = f"P6 {width} {height} 255\n".encode() + np.ascontiguousarray(image).tobytes()
        return self._tkinter.PhotoImage(master=self._root, data=content, format="ppm")

    def _press(self, event: Any) -> None:
        self._start = (event.x, event.y)
        self.boxes[self._mode.get()] = None
        self.draw()

    def _drag(self, event: Any) -> None:
        if self._start is None:
            return
        (x0, x1), (y0, y1) = sorted((self._start[0], event.x)), sorted((self._start[1], event.y))
        if max(x1 - x0, y1 - y0) < _LEAST_DRAG and self._mode.get() == "crop":
            return
        height, width = self._picture.shape[:2]
        left, top = (max(0, round(start / self._scale)) for start in (x0, y0))
        right, bottom = min(width, round(x1 / self._scale)), min(height, round(y1 / self._scale))
        if right - left >= 1 and bottom - top >= 1:
            self.boxes[self._mode.get()] = Box(left, top, right - left, bottom - top)
            self.draw()


def main(about_json: str) -> int:
    """`about_json` tells the picture's width and height, the color of a frame, and its size or null."""
    about = json.loads(about_json)
    try:
        import tkinter
    except ImportError as error:
        print(f"picture: {no_tk(error)}", file=sys.stderr)
        return 1
    size = about["height"], about["width"], 3
    picture = np.frombuffer(sys.stdin.buffer.read(), np.uint8).reshape(size)
    try:
        root = tkinter.Tk(className="twoframe picture")
        window = PictureWindow(root, tkinter, about, picture)
        root.mainloop()
    except tkinter.TclError as error:
        print(f"picture: found no window to draw in ({error}), expected a display", file=sys.stderr)
        return 1
    crop, thing = window.boxes["crop"], window.boxes["smallest"]
    print(json.dumps({"crop": crop and crop.to_json(), "smallest": thing and [thing.width, thing.height]}))
    return 0

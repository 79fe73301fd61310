"""A small window of what the model sees, drawn by a process of its own: it delays no tick and takes no focus.

with Preview(meta, game_box, say) as preview:
    preview.show(frame, probabilities, game_box, follows=True)
"""

import json
import struct
import subprocess
import threading
from collections.abc import Callable
from typing import IO

import numpy as np

from agent.arrays import Floats
from agent.child_process import end_of, last_words, own_group, start_child
from agent.command_line.terminal import is_gone
from agent.frames import Box, Image
from agent.policy.format import PolicyMeta

SHOWN_HZ = 12.0  # enough to watch; the game and the network need the cores more


class Preview:
    """Shows the frames of a window, the newest to the right, with the probability of each action.

    A context manager with an idempotent `close`. Where no window can be shown, `say` gets one line that tells why,
    and nothing else happens. `avoid` is where the game is: the window opens beside it, if there is room, and finds
    another place when the screen changes.
    """

    def __init__(self, meta: PolicyMeta, avoid: Box, say: Callable[[str], None]) -> None:
        self._window = meta.frames_per_window
        self._say = say
        self._frames: tuple[Image, ...] = ()
        self._newest: tuple[tuple[Image, ...], Floats, Box] | None = None
        self._closing = threading.Event()
        height, width, channels = meta.frame.shape
        about = {
            "width": width,
            "height": height,
            "channels": channels,
            "frames": meta.frames_per_window,
            "actions": list(meta.actions.names),
            "avoid": avoid.to_json(),
        }
        # Ctrl-C is for the loop; this ends with its pipe.
        self._process = start_child("agent.play.preview_process", json.dumps(about), stdout=None, **own_group())
        self._thread = threading.Thread(target=self._feed, name="preview", daemon=True)
        self._thread.start()

    def show(self, frame: Image, probabilities: Floats, game: Box, *, follows: bool) -> None:
        """`frame` as the model got it, uint8 (H, W, C), and (A,) what it said; `follows` the frame shown before.

        `game` is where it was grabbed.

        Costs nothing: the thread takes what is newest when it has time.
        """
        earlier = self._frames if follows else ()
        self._frames = (*earlier, frame)[-self._window :]
        self._newest = (self._frames, probabilities, game)

    def close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        try:
            self._process.wait(0.2 if self._thread.is_alive() else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._thread.join()

    def __enter__(self) -> "Preview":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _feed(self) -> None:
        stdin, stderr = end_of(self._process.stdin), end_of(self._process.stderr)
        with stderr, self._process:
            self._write(stdin)
            try:
                stdin.close()
            except OSError as error:
                if not is_gone(error):
                    raise
            reason = last_words(stderr, "preview: its window was closed")
        if not self._closing.is_set():
            self._say(f"{reason}; going on without it")

    def _write(self, stdin: IO[bytes]) -> None:
        shown = None
        while not self._closing.wait(1 / SHOWN_HZ):
            newest = self._newest
            if newest is shown or newest is None:
                if self._process.poll() is not None:
                    return
                continue
            shown = newest
            frames, probabilities, game = newest
            frames = (frames[0],) * (self._window - len(frames)) + frames
            try:
                place = struct.pack("<4i", *game.to_json())
                said = probabilities.astype("<f4").tobytes()
                _write_all(stdin, b"".join([place, said, *map(np.ndarray.tobytes, frames)]))
            except OSError as error:
                if not is_gone(error):
                    raise
                return


def _write_all(pipe: IO[bytes], content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[pipe.write(view) :]

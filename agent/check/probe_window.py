"""A window of our own, in a process of its own, that shows two greys and tells when it received a key.

with ProbeWindow(Box(32, 32, 640, 360), ["right_ctrl"]) as window:
    shown_ns = window.show(bright=True)
    key, down, time_ns = window.next_key(timeout_s=1)
"""

import queue
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple, Self, TypeVar

from agent.child_process import end_of, last_words, start_child
from agent.command_line.terminal import is_gone
from agent.errors import TwoframeError
from agent.frames import Box

T = TypeVar("T")

START_TIMEOUT_S = 15.0
_ANSWER_TIMEOUT_S = 5.0
_CLOSE_TIMEOUT_S = 1.0


class WindowKey(NamedTuple):
    """A key as the window received it, at `time_ns` of `agent.pacing.clock_ns`; autorepeat tells it anew."""

    name: str
    down: bool
    time_ns: int


class ProbeWindow:
    """Opens at `box` and takes the focus. A context manager with an idempotent `close`.

    With a `title` it is a window like any other, which a window manager may place elsewhere; without one it
    lies over everything. `box` is where it came to be, `window_id` its number or None (macOS). Raises
    `TwoframeError` if it cannot be shown, does not get the focus, or has gone.
    """

    def __init__(self, box: Box, keys: Iterable[str], *, title: str = "") -> None:
        self._complaint = ""
        self._shown: queue.Queue[int | None] = queue.Queue()  # None at the end
        self._keys: queue.Queue[WindowKey | None] = queue.Queue()
        self._ready: queue.Queue[list[int] | None] = queue.Queue()
        place = [str(side) for side in (box.left, box.top, box.width, box.height)]
        self._process = start_child("agent.check.probe_window_process", title, *place, *keys)
        self._watcher = threading.Thread(target=self._watch, name="probe window", daemon=True)
        self._watcher.start()
        try:
            window_id, *sides = self._answer(self._ready, START_TIMEOUT_S)
        except BaseException:
            self.close()
            raise
        self.window_id: int | None = window_id or None
        self.box = Box(*sides)

    def show(self, *, bright: bool) -> int:
        """Change the grey; gives the time when the system had drawn it."""
        return self._tell("bright" if bright else "dark")

    def focus(self) -> int:
        """Take the focus; gives the time when the system had been told."""
        return self._tell("focus")

    def next_key(self, timeout_s: float) -> WindowKey | None:
        """The next key that the window received, or None if none came in that time."""
        try:
            return self._checked(self._keys.get(timeout=timeout_s))
        except queue.Empty:
            return None

    def close(self) -> None:
        end_of(self._process.stdin).close()
        self._watcher.join(_CLOSE_TIMEOUT_S)
        if self._watcher.is_alive():
            self._process.kill()
            self._watcher.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, word: str) -> int:
        try:
            end_of(self._process.stdin).write(f"{word}\n".encode())
        except OSError as error:
            if not is_gone(error):
                raise
            self._watcher.join(_CLOSE_TIMEOUT_S)  # it brings the reason
        return self._answer(self._shown, _ANSWER_TIMEOUT_S)

    def _answer(self, answers: "queue.Queue[T | None]", timeout_s: float) -> T:
        try:
            return self._checked(answers.get(timeout=timeout_s))
        except queue.Empty:
            raise TwoframeError(
                f"window: found no answer of ours in {timeout_s:g} s, expected one at once; close other programs"
            ) from None

    def _checked(self, answer: T | None) -> T:
        if answer is None:
            raise TwoframeError(self._complaint)
        return answer

    def _watch(self) -> None:
        """Sort what the process says; at its end, wake whoever waits."""
        with end_of(self._process.stdout) as said, end_of(self._process.stderr) as complained:
            for line in said:
                word, *values = line.decode().split()
                if word == "key":
                    self._keys.put(WindowKey(values[0], values[1] == "1", int(values[2])))
                elif word == "shown":
                    self._shown.put(int(values[0]))
                else:
                    self._ready.put([int(value) for value in values])
            self._process.wait()
            self._complaint = last_words(complained, "window: found ours closed, expected it open; try again")
        waited_for: tuple[queue.Queue[Any], ...] = (self._shown, self._keys, self._ready)
        for answers in waited_for:
            answers.put(None)

"""The size of the game's picture while it is recorded or played: a new one is told, one of another shape is refused."""

from collections.abc import Callable

from agent.frames import Box
from agent.pacing import clock_ns

# Of width to height. Frames are brought to one size, so that what is squeezed by more looks like another game. From
# 16:9 to 16:10 it is 1.11, from 16:10 to 4:3 1.2.
MOST_RESHAPED = 1.15
_STEADY_NS = 500_000_000  # so long a size must last to be told: who drags a border makes many


def differs_in_shape(one: Box, other: Box) -> bool:
    """Whether a picture of the one, brought to the size of the other, looks like another game."""
    ratio = one.width * other.height / max(1, one.height * other.width)
    return not 1 / MOST_RESHAPED <= ratio <= MOST_RESHAPED


class PictureSize:
    """Compares with the size that the picture had at the beginning."""

    def __init__(self, clock_ns: Callable[[], int] = clock_ns) -> None:
        self._clock_ns = clock_ns
        self._first: Box | None = None
        self._box = Box(0, 0, 0, 0)
        self._told = (0, 0)
        self._since_ns = 0
        self.is_reshaped = False

    def begin(self, box: Box) -> None:
        self._first = self._box = box
        self._told = (box.width, box.height)
        self.is_reshaped = False

    def seen(self, box: Box) -> str | None:
        """The picture is in `box` now; says what a person should know of a size that is new, once."""
        if self._first is None:
            self.begin(box)
        size = (box.width, box.height)
        if size != (self._box.width, self._box.height):
            self._since_ns = self._clock_ns()
            self.is_reshaped = differs_in_shape(box, self._first or box)
        self._box = box
        if size == self._told or self._clock_ns() - self._since_ns < _STEADY_NS:
            return None
        self._told = size
        return self._news(box)

    def _news(self, box: Box) -> str:
        first = self._first or box
        text = f"the window is {box.width}x{box.height} now, at the beginning it was {first.width}x{first.height}"
        if not self.is_reshaped:
            return text
        return f"{text}: its shape differs too much; make it as wide as it was for its height, to go on"

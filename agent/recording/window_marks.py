"""By what the game's window is known again another day, when its title has changed."""

from dataclasses import dataclass
from typing import Any

from agent.errors import TwoframeError


@dataclass(frozen=True, slots=True)
class WindowMarks:
    """What was asked for by title (`--window`), and the class and the program of the window that was found.

    Each is None where it is not known.
    """

    asked: str | None = None
    window_class: str | None = None
    program: str | None = None

    def to_json(self) -> dict[str, str | None]:
        return {"asked": self.asked, "class": self.window_class, "program": self.program}

    @classmethod
    def from_json(cls, value: Any) -> "WindowMarks":
        """None, as in folders older than these marks, is a window of which nothing is known. Raises `TwoframeError`."""
        if value is None:
            return NO_MARKS
        texts = [value.get(name) for name in ("asked", "class", "program")] if isinstance(value, dict) else [0]
        if not all(isinstance(text, str | None) for text in texts):
            raise TwoframeError(f"window_marks: found {str(value)[:60]}, expected texts for asked, class and program")
        return cls(*texts)


NO_MARKS = WindowMarks()

"""Where the game is: what a command was told of it, and what a policy knows from the recording."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import UsageError
from agent.frames import Box
from agent.recording.window_marks import NO_MARKS, WindowMarks
from agent.screen.followed import FollowedWindow
from agent.screen.target import FixedRegion
from agent.screen.window import FOCUSED, open_picked_window, open_recorded_window, open_window


@dataclass(frozen=True, slots=True)
class Place:
    """`window`, `pick` and `region` as the command line has them; `title` and `marks` of a recording count without."""

    window: str | None = None
    pick: bool = False
    region: Box | None = None
    title: str | None = None
    marks: WindowMarks = NO_MARKS

    @property
    def waits_for_focus(self) -> bool:
        """Whether the person needs a moment to click into the game before it is opened."""
        return self.window == FOCUSED and not self.pick

    def open(self, say: Callable[[str], None]) -> FollowedWindow | FixedRegion:
        """`say` is told what a person must do or know. Raises `TwoframeError` if the window is not found."""
        if self.pick:
            return open_picked_window(self.window, say)
        if self.window is not None:
            return open_window(self.window)
        if self.region is not None:
            return FixedRegion(self.region)
        if self.title is not None:
            return open_recorded_window(self.title, self.marks, say)
        raise UsageError("found neither --window nor --region, expected where the game is; name its window's title")


def check_one_place(window: str | None, region: str | None, *, pick: bool = False) -> None:
    """Raise `UsageError` for a window and a region together."""
    if region is not None and (window is not None or pick):
        raise UsageError(f"found --{'pick' if pick else 'window'} and --region, expected one of them; leave one out")


def count_down(
    seconds: float, what: str, say: Callable[[str], None], is_ended: Callable[[], bool] = lambda: False
) -> None:
    """Give the person time to click into the game before `what` starts."""
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0 and not is_ended():
        say(f"{what} starts in {math.ceil(left_s)} s: click into the game")
        time.sleep(min(1.0, left_s))

"""Where the game is: what a command was told of it, and what a policy knows from the recording."""

import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from agent.errors import TwoframeError, UsageError
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

    @property
    def is_recorded(self) -> bool:
        """Whether the game's window is known from a recording alone."""
        return self.window is None and not self.pick and self.region is None

    def open(self, say: Callable[[str], None]) -> FollowedWindow | FixedRegion:
        """`say` is told what a person must do or know.

        Raises `TwoframeError` if the window is not found, or where no game can be watched in this way, or no keys can
        pass between its program and us.
        """
        if sys.platform == "linux":
            _check_display(self.region)
        target = self._open(say)
        if sys.platform == "win32" and target.window_id is not None:
            from agent.keyboard.windows_rights import require_rights_over

            require_rights_over(target.window_id)
        return target

    def _open(self, say: Callable[[str], None]) -> FollowedWindow | FixedRegion:
        if self.pick:
            return open_picked_window(self.window, say)
        if self.window is not None:
            return open_window(self.window)
        if self.region is not None:
            return FixedRegion(self.region)
        if self.title is not None:
            return open_recorded_window(self.title, self.marks, say)
        raise UsageError("found neither --window nor --region, expected where the game is; name its window's title")


def _check_display(region: Box | None) -> None:
    """Xwayland has pixels of windows only, and one with a screen of its own does not tell who has the focus."""
    from agent.x11 import ROOTFUL, is_rootful, is_xwayland  # what only Linux has

    if not is_xwayland():
        return
    if is_rootful():
        raise TwoframeError(f"display: {ROOTFUL}")
    if region is not None:
        raise TwoframeError(
            f"--region: found {region} of a Wayland session, where a game can be seen by its window only, expected a "
            "window; name it (--window TITLE)"
        )


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

"""Is the game in front, whole on the screen, and does nobody pause? Asked once a tick, to record and to play alike."""

from dataclasses import dataclass
from typing import Literal

from agent.frames import Box
from agent.live.hotkeys import Switches
from agent.live.picture_size import PictureSize
from agent.screen.grab import Screen
from agent.screen.target import Target

Shut = Literal[
    "closed", "gone", "paused", "unfocused", "grabbed", "minimized", "hidden", "off screen", "reshaped", "covered"
]

HIDDEN_SHARE = 0.1  # of the picture, from which on it is no longer the game's

REASONS: dict[Shut, str] = {
    "closed": "the window was closed",
    "gone": "the window is gone",
    "paused": "paused by hotkey",
    "unfocused": "the window is unfocused",
    "grabbed": "another program has grabbed the keyboard (a menu, a locked screen)",
    "minimized": "the window is minimized",
    "hidden": "the window is not shown",
    "off screen": "the window is partly off the screen",
    "covered": "another window lies over the game",
    "reshaped": "the window is of another shape",
}


@dataclass(frozen=True, slots=True)
class Look:
    """`shut` is None where the game may be recorded and played now, else why not. `box` is where its pixels are.

    `cover` is the title of a window that hides a part of the picture, however small, `news` what a person should know
    of its size now.
    """

    shut: Shut | None
    box: Box
    cover: str | None = None
    is_region: bool = False
    news: str | None = None

    @property
    def kind(self) -> str:
        """Why it is shut, for people: one of `REASONS`, or the same of a region; "" where it is not."""
        if self.shut is None:
            return ""
        return REASONS[self.shut].replace("window", "region") if self.is_region else REASONS[self.shut]

    @property
    def reason(self) -> str:
        """The same, with the name of what covers the game."""
        return f"{self.kind}: {self.cover!r}" if self.shut == "covered" else self.kind


class FocusGate:
    """Looks at the game for a loop, and tells the `switches` whether it has the focus: hotkeys count only then."""

    def __init__(self, target: Target, screen: Screen, switches: Switches) -> None:
        self._target = target
        self._screen = screen
        self._switches = switches
        self._size = PictureSize()

    def begin(self, box: Box) -> None:
        """A picture of another shape than `box` is refused from now on."""
        self._size.begin(box)

    def look(self) -> Look:
        """Raises `TwoframeError` if the display has gone."""
        view = self._target.look()
        self._switches.focused = view.state == "focused"
        if view.state == "closed":
            return Look("closed", view.box)
        if self._switches.paused:
            return Look("paused", view.box)
        if view.state != "focused":
            return Look(view.state, view.box)
        news = self._size.seen(view.box)
        self._screen.aim(self._target.window_id)
        if self._screen.is_hidden():
            return Look("hidden", view.box, news=news)
        if not self._screen.holds(view.box):
            return Look("off screen", view.box, is_region=self._target.title is None, news=news)
        if self._size.is_reshaped:
            return Look("reshaped", view.box, news=news)
        if view.cover is None or self._screen.is_of_window:
            return Look(None, view.box, news=news)
        return Look("covered" if view.cover.share >= HIDDEN_SHARE else None, view.box, view.cover.title, news=news)

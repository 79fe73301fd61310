"""Is the game in front, whole on the screen, and does nobody pause? Asked once a tick, to record and to play alike."""

from dataclasses import dataclass
from typing import Literal

from agent.frames import Box
from agent.live.hotkeys import Switches
from agent.screen.grab import Screen
from agent.screen.target import Target

Shut = Literal["closed", "paused", "unfocused", "grabbed", "minimized", "off screen", "covered"]

HIDDEN_SHARE = 0.1  # of the picture, from which on it is no longer the game's

REASONS: dict[Shut, str] = {
    "closed": "the window was closed",
    "paused": "paused by hotkey",
    "unfocused": "the window is unfocused",
    "grabbed": "another program has grabbed the keyboard (a menu, a locked screen)",
    "minimized": "the window is minimized",
    "off screen": "the window is partly off the screen",
    "covered": "another window lies over the game",
}


@dataclass(frozen=True, slots=True)
class Look:
    """`shut` is None where the game may be recorded and played now, else why not. `box` is where its pixels are.

    `cover` is the title of a window that lies over a part of the game, however small.
    """

    shut: Shut | None
    box: Box
    cover: str | None = None
    is_region: bool = False

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
        if not self._screen.holds(view.box):
            return self.off_screen(view.box)
        if view.cover is None:
            return Look(None, view.box)
        return Look("covered" if view.cover.share >= HIDDEN_SHARE else None, view.box, view.cover.title)

    def off_screen(self, box: Box) -> Look:
        """What is to be seen at `box` is not wholly on the screen."""
        return Look("off screen", box, is_region=self._target.title is None)

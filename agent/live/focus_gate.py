"""Is the game in front, whole on the screen, and does nobody pause? Asked once a tick, to record and to play alike."""

from dataclasses import dataclass
from typing import Literal

from agent.frames import Box
from agent.live.hotkeys import Switches
from agent.screen.grab import Screen
from agent.screen.target import Target

Shut = Literal["closed", "paused", "unfocused", "minimized", "off screen"]

REASONS: dict[Shut, str] = {
    "closed": "the window was closed",
    "paused": "paused by hotkey",
    "unfocused": "the window is unfocused",
    "minimized": "the window is minimized",
    "off screen": "the window is partly off the screen",
}


@dataclass(frozen=True, slots=True)
class Look:
    """`shut` is None where the game may be recorded and played now, else why not. `box` is where its pixels are."""

    shut: Shut | None
    box: Box


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
        return Look(None if self._screen.holds(view.box) else "off screen", view.box)

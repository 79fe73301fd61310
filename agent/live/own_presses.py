"""Whether what this program presses is heard as what a program pressed: else nobody could tell it from a person."""

from collections.abc import Collection

from agent.errors import TwoframeError
from agent.keys import KeyEvent

TAKEN_FOR_A_PERSON = (
    "found that keys pressed here come back as if a person had pressed them (Xwayland with its EI portal does that), "
    "expected them told apart; play in an X11 session, or under a compositor without that portal (sway)"
)
_OFTEN = 3  # a person may be a moment quicker than our own press, with the same key: once


class OwnPresses:
    """The listener's thread tells `hear` each event with the keys that are pressed here now; the loop calls `check`."""

    def __init__(self) -> None:
        self._are_known = False
        self._taken_for_persons = 0

    def hear(self, event: KeyEvent, pressing: Collection[str]) -> None:
        if self._are_known or not event.down or event.found or event.key not in pressing:
            return
        if event.injected is False:
            self._taken_for_persons += 1
        else:
            self._are_known = True

    def check(self) -> None:
        """Raises `TwoframeError` if they are taken for a person's."""
        if not self._are_known and self._taken_for_persons >= _OFTEN:
            raise TwoframeError(f"keyboard: {TAKEN_FOR_A_PERSON}")

"""What the person asks of a live loop by hotkey or signal, and which keys these are."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from agent.actions import ActionSet
from agent.errors import TwoframeError
from agent.keys import KeyEvent
from agent.keys import key as named_key


@dataclass(frozen=True, slots=True)
class Hotkeys:
    """The keys that steer a command while the game has the focus."""

    pause: str = "f9"
    takeover: str = "f8"
    quit: str = "f10"

    @classmethod
    def parse(cls, texts: Sequence[str], actions: ActionSet) -> "Hotkeys":
        """From `pause=f9 takeover=f8 quit=f10`, any of them. Raises `TwoframeError` for a key of the action set."""
        names = [field.name for field in fields(cls)]
        given = {}
        for text in texts:
            name, equals, key = text.partition("=")
            if name not in names or not equals:
                raise TwoframeError(f"--hotkeys: found {text!r}, expected {'=KEY, '.join(names)}=KEY")
            given[name] = named_key(key).name
        hotkeys = cls(**given)
        chosen = [getattr(hotkeys, name) for name in names]
        if len(set(chosen)) < len(chosen):
            raise TwoframeError(f"--hotkeys: found {', '.join(chosen)}, expected three different keys")
        if taken := [key for key in chosen if key in actions.keys]:
            raise TwoframeError(
                f"--hotkeys: found {', '.join(taken)} in the actions too, expected other keys; "
                "choose with --hotkeys pause=KEY takeover=KEY quit=KEY"
            )
        return hotkeys

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(slots=True)
class Switches:
    """Set by other threads, read by the loop.

    Hotkeys count while the game is `focused`: in another window they mean something else.
    """

    paused: bool = False
    taken_over: bool = False
    ended: bool = False
    focused: bool = False

    def end(self) -> None:
        self.ended = True

    def hear(self, event: KeyEvent, hotkeys: Hotkeys) -> None:
        """One press of a hotkey flips its switch; one that was pressed elsewhere and is found held does not."""
        if not (event.down and self.focused) or event.found:
            return
        if event.key == hotkeys.pause:
            self.paused = not self.paused
        elif event.key == hotkeys.takeover:
            self.taken_over = not self.taken_over
        elif event.key == hotkeys.quit:
            self.end()

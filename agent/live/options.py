"""What the command lines share: where the game is, the hotkeys, and rates."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from agent.actions import ActionSet
from agent.errors import TwoframeError, UsageError
from agent.frames import Box
from agent.keys import key as named_key
from agent.recording.format import MAX_FPS
from agent.screen.window import FixedRegion, Target, open_window


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


def check_rate(fps: float) -> None:
    """Raise `TwoframeError` for a rate that no recording can have."""
    if not 0 < fps <= MAX_FPS:
        raise TwoframeError(f"--fps: found {fps:g}, expected more than 0 and at most {MAX_FPS:g}")


def check_one_place(window: str | None, region: str | None) -> None:
    """Raise `UsageError` for a window and a region together."""
    if window is not None and region is not None:
        raise UsageError("found --window and --region, expected one of them; leave one out")


def open_target(window: str | None, region: Box | None) -> Target:
    """The window with that title, or the region. Raises `TwoframeError` if there is no such window."""
    if window is not None:
        return open_window(window)
    if region is None:
        raise UsageError("found neither --window nor --region, expected where the game is; name its window's title")
    return FixedRegion(region)

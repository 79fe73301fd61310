"""What `collect` can be told: its flags, their help, and whether they can be meant."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent.actions import ActionSet
from agent.errors import TwoframeError, UsageError, raise_if_any, usage
from agent.frames import Box, Color, FrameSpec, parse_size
from agent.live.devices import check_one_place
from agent.live.hotkeys import Hotkeys
from agent.recording.format import MAX_FPS
from collect.disturbance import rate_beyond

DESCRIPTION = """Record a game while you play it: its picture and the keys you hold.

Start the game, then type for instance

    collect runs/monday --window "My Game" --keys left=a forward=w right=d

and play. F9 pauses and goes on, F10 or Ctrl-C ends. Recording also pauses while the game's window does not
have the focus. Only the keys named with --keys are ever stored."""


@dataclass(frozen=True, slots=True)
class CollectOptions:
    out: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="OUT", help_behavior_hint="")] = None
    """New folder for the recording; an existing one is never overwritten."""
    window: Annotated[str | None, tyro.conf.arg(metavar="TITLE", help_behavior_hint="")] = None
    """Title of the game's window, or a part of it that no other window has."""
    region: Annotated[str | None, tyro.conf.arg(metavar="LEFT,TOP,WIDTH,HEIGHT", help_behavior_hint="")] = None
    """Instead of a window: a fixed part of the screen, in pixels. Keys then count whatever has the focus."""
    keys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY")] = ("left=a", "forward=w", "right=d")
    """The actions to learn, each with its key, its keys (jump=w+space) or none (rest=)."""
    default: Annotated[str | None, tyro.conf.arg(metavar="NAME", help_behavior_hint="")] = None
    """The action when no key is held: the one without keys, else the middle one, unless named here."""
    fps: Annotated[float, tyro.conf.arg(metavar="HZ")] = 20.0
    """Frames a second; `play` will decide as often."""
    size: Annotated[str, tyro.conf.arg(metavar="WIDTHxHEIGHT")] = "160x120"
    """Size of the stored frames. `train --size` can make them smaller later, never larger."""
    crop: Annotated[str | None, tyro.conf.arg(metavar="LEFT,TOP,WIDTH,HEIGHT", help_behavior_hint="")] = None
    """Part of the window to record, in pixels of the window. Leave out what shows the keys (a steering bar)."""
    color: Color = "gray"
    """Store gray or rgb frames."""
    duration_s: Annotated[float | None, tyro.conf.arg(metavar="S", help_behavior_hint="")] = None
    """Seconds of play to record, pauses not counted. Without it: until F10 or Ctrl-C."""
    countdown_s: Annotated[float, tyro.conf.arg(metavar="S")] = 3.0
    """Seconds before recording starts, to click into the game."""
    disturb: Annotated[float, tyro.conf.arg(metavar="RATE")] = 0.0
    """So many times a minute, press a wrong action for a moment: you correct it, and the agent learns how to get
    back. What was pressed is not learned, only what you hold. 30 is a good start, 60 the most; 0 for never."""
    hotkeys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY", help_behavior_hint="")] = ()
    """Other hotkeys, e.g. pause=f7 quit=f12."""
    check: bool = False
    """Record nothing: find out whether this machine can record and press keys, and what to do if not."""
    json: bool = False
    """With --check: print the findings as JSON."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of one recording, read and found sound."""

    out: Path
    actions: ActionSet
    hotkeys: Hotkeys
    size: tuple[int, int]
    crop: Box | None
    region: Box | None

    @classmethod
    def of(cls, options: CollectOptions) -> "Plan":
        """Raises `UsageError` for what cannot be meant, before anything is opened."""
        with usage():
            if options.out is None:
                raise UsageError("OUT: found nothing, expected a new folder for the recording; see collect --help")
            check_one_place(options.window, options.region)
            if options.window is None and options.region is None:
                raise UsageError("found neither --window nor --region, expected where the game is; see collect --help")
            check_rate(options.fps)
            if options.countdown_s < 0 or (options.duration_s is not None and options.duration_s <= 0):
                raise UsageError("--duration-s, --countdown-s: found a negative time, expected seconds")
            raise_if_any(rate_beyond("--disturb", options.disturb))
            if options.disturb and options.region:
                raise UsageError(
                    "--disturb: found --region, expected --window: keys go only to a window that is watched"
                )
            if options.disturb and sys.platform == "darwin":
                raise UsageError("--disturb: found macOS, where nothing tells its keys from yours; leave it out")
            actions = ActionSet.parse(options.keys, options.default)
            if not actions.keys:
                raise UsageError("--keys: found no key, expected at least one; name them like left=a")
            plan = cls(
                out=options.out,
                actions=actions,
                hotkeys=Hotkeys.parse(options.hotkeys, actions),
                size=parse_size(options.size),
                crop=Box.parse(options.crop, "--crop") if options.crop else None,
                region=Box.parse(options.region, "--region") if options.region else None,
            )
            FrameSpec(*plan.size, options.color)
        return plan


def check_rate(fps: float) -> None:
    """Raise `TwoframeError` for a rate that no recording can have."""
    if not 0 < fps <= MAX_FPS:
        raise TwoframeError(f"--fps: found {fps:g}, expected more than 0 and at most {MAX_FPS:g}")

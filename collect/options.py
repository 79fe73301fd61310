"""What `collect` can be told: its flags, their help, and whether they can be meant."""

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import tyro

from agent.actions import ActionSet
from agent.command_line.flags import Group
from agent.errors import TwoframeError, UsageError, raise_if_any, usage
from agent.frames import Box, Color, FrameSpec, parse_size
from agent.live.game_profile import GameProfile
from agent.live.hotkeys import Hotkeys
from agent.live.place import Place, check_one_place
from agent.recording.format import MAX_FPS
from collect.disturbance import rate_beyond

DESCRIPTION = """Record a game while you play it: its picture and the keys you hold.
  collect runs/monday                 asks for all that it must know
  collect runs/monday --window "My Game" --keys left=a forward=w right=d
  collect --check                     can this machine record and press keys?

Start the game first, and click into it when the recording begins.
  F9     pauses and goes on; leaving the game's window pauses, too
  F10    ends the recording, as Ctrl-C does

Only the keys named with --keys are ever stored."""

KEYS = ("left=a", "forward=w", "right=d")
KEYS_HINT = f"(default: asked in a terminal, else {' '.join(KEYS)})"
PICTURE = Group("picture")
OTHER = Group("other")
CHECK = Group("check")
NO_PROFILE = GameProfile()


@dataclass(frozen=True, slots=True)
class CollectOptions:
    out: Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")] = None
    """New folder for the recording; an existing one is never overwritten."""
    window: Annotated[str | None, tyro.conf.arg(metavar="TITLE")] = None
    """Title of the game's window, or a part of it that no other has; or its id, or "focused": the one that you click
    into."""
    keys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY", help_behavior_hint=KEYS_HINT)] = KEYS
    """The actions to learn, each with its key, its keys (jump=w+space) or none (rest=)."""
    disturb: Annotated[float, tyro.conf.arg(metavar="RATE")] = 0.0
    """Press a wrong key RATE times a minute, to learn how you get back. 60 is good, and the most; 10 where each costs a
    life."""
    duration_s: Annotated[float | None, tyro.conf.arg(metavar="S")] = None
    """End after S seconds of play, pauses not counted."""

    fps: Annotated[float, PICTURE, tyro.conf.arg(metavar="HZ")] = 20.0
    """Frames a second; play decides as often."""
    size: Annotated[str, PICTURE, tyro.conf.arg(metavar="WIDTHxHEIGHT")] = "160x120"
    """Size of the stored frames; train can make them smaller, never larger."""
    crop: Annotated[str | None, PICTURE, tyro.conf.arg(metavar="L,T,W,H")] = None
    """Part of the window to record: left,top,width,height in pixels. Leave out what shows the keys, e.g. a steering
    bar."""
    color: Annotated[Color, PICTURE, tyro.conf.arg(metavar="gray|rgb")] = "gray"
    """Store gray frames, or rgb ones."""
    pack: Annotated[bool, PICTURE] = False
    """Pack the frames once the recording has ended: several times smaller, without loss, as by recordings pack."""

    default: Annotated[str | None, OTHER, tyro.conf.arg(metavar="NAME")] = None
    """The action when no key is held; without it the one without keys, else the middle one."""
    game: Annotated[Path | None, OTHER, tyro.conf.arg(metavar="PROFILE")] = None
    """File that says all this of a game, as collect offers to write it. Flags win over it."""
    pick: Annotated[bool, OTHER] = False
    """Choose the game's window by a click on it."""
    region: Annotated[str | None, OTHER, tyro.conf.arg(metavar="L,T,W,H")] = None
    """Instead of --window: a part of the screen, left,top,width,height in pixels. Keys then count whatever has the
    focus."""
    countdown_s: Annotated[float, OTHER, tyro.conf.arg(metavar="S")] = 3.0
    """Seconds before recording begins, to click into the game."""
    hotkeys: Annotated[tuple[str, ...], OTHER, tyro.conf.arg(metavar="NAME=KEY")] = ()
    """Other hotkeys, e.g. pause=f7 quit=f12."""

    check: Annotated[bool, CHECK] = False
    """Record nothing: tell whether this machine can, and what to do if not."""
    json: Annotated[bool, CHECK] = False
    """Print what --check finds as JSON."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The options of one recording, read and found sound."""

    out: Path
    actions: ActionSet
    hotkeys: Hotkeys
    size: tuple[int, int]
    crop: Box | None
    crop_of: tuple[int, int] | None
    place: Place

    @classmethod
    def of(cls, options: CollectOptions, profile: GameProfile = NO_PROFILE) -> "Plan":
        """`options` hold what `profile` says and no flag overruled; it tells beside what no flag can.

        Raises `UsageError` for what cannot be meant, before anything is opened.
        """
        with usage():
            if options.out is None:
                raise UsageError("OUT: found nothing, expected a new folder for the recording; see collect --help")
            place = place_of(options, profile)
            if place is None:
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
                raise UsageError(
                    "--disturb: found macOS, where it is untried whether its keys are told from yours; leave it out"
                )
            actions = ActionSet.parse(options.keys, options.default)
            if not actions.keys:
                raise UsageError("--keys: found no key, expected at least one; name them like left=a")
            plan = cls(
                out=options.out,
                actions=actions,
                hotkeys=Hotkeys.parse(options.hotkeys, actions),
                size=parse_size(options.size),
                crop=Box.parse(options.crop, "--crop") if options.crop else None,
                crop_of=profile.crop_size if options.crop == profile.crop else None,
                place=place,
            )
            FrameSpec(*plan.size, options.color)
        return plan


def place_of(options: CollectOptions, profile: GameProfile) -> Place | None:
    """Where the flags say that the game is, else the profile; None where neither does. Raises `TwoframeError`."""
    check_one_place(options.window, options.region, pick=options.pick)
    region = Box.parse(options.region, "--region") if options.region else None
    if options.window is None and region is None and not options.pick and profile.title is None:
        return None
    return Place(options.window, options.pick, region, profile.title, profile.marks)


def flags_of(options: CollectOptions) -> list[str]:
    """The words of a command line that means the same, `collect` left out; what is as it comes is left out too."""
    words = [str(options.out)]
    for field in fields(options):
        value = getattr(options, field.name)
        if field.name == "out" or (value == field.default and field.name != "keys"):
            continue
        flag = f"--{field.name.replace('_', '-')}"
        if isinstance(value, tuple):
            words += [flag, *value]
        elif value is True:
            words.append(flag)
        else:
            text = repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
            words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
    return words


def check_rate(fps: float) -> None:
    """Raise `TwoframeError` for a rate that no recording can have."""
    if not 0 < fps <= MAX_FPS:
        raise TwoframeError(f"--fps: found {fps:g}, expected more than 0 and at most {MAX_FPS:g}")

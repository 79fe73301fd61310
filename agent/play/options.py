"""What `play` can be told: its flags, their help, and whether they can be meant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent.command_line.flags import Group
from agent.errors import UsageError, usage
from agent.frames import Box
from agent.live.place import check_one_place
from agent.machine import usable_cpus

DESCRIPTION = """Let a policy play: it looks at the game's window and presses the keys.
  play POLICY                           start the game first, then click into it
  play POLICY --check                   will it play here? if not, what to do?
  play POLICY --shadow                  you play; would it do the same?
  play POLICY --record runs/monday-2    keep your corrections, learn from both:
  train runs/monday runs/monday-2 --out BETTER

It presses keys only while the game's window has the focus; none stays down.
  the game's keys    are yours at once; it goes on a second after you let go
  F8                 hands you the keys until you press it again
  F9, F10            pauses and goes on; ends, as Ctrl-C does"""

CONTROL = Group("control")
OTHER = Group("other")
CHECK = Group("check")


@dataclass(frozen=True, slots=True)
class PlayOptions:
    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """Folder made by train."""
    window: Annotated[str | None, tyro.conf.arg(metavar="TITLE", help_behavior_hint="(default: as recorded)")] = None
    """Title of the game's window, or a unique part of it; or its id, or "focused": the one that you click into."""
    record: Annotated[Path | None, tyro.conf.arg(metavar="OUT")] = None
    """Record it all in this new folder: the picture, the keys, and who had them. train then learns what you did in it,
    not what the agent did."""
    preview: bool = False
    """Show what the policy sees and how sure it is, in a small window."""
    duration_s: Annotated[float | None, tyro.conf.arg(metavar="S")] = None
    """End after S seconds."""

    shadow: Annotated[bool, CONTROL] = False
    """You play; the policy presses nothing and tells how often it agrees."""
    no_touch: Annotated[bool, CONTROL] = False
    """Pressing the game's keys does not give them to you; only F8 does."""
    hotkeys: Annotated[tuple[str, ...], CONTROL, tyro.conf.arg(metavar="NAME=KEY")] = ()
    """Other hotkeys, e.g. pause=f7 takeover=f6 quit=f12."""

    game: Annotated[Path | None, OTHER, tyro.conf.arg(metavar="PROFILE")] = None
    """File that says which window the game is, and its hotkeys; made by collect. Flags win over it."""
    pick: Annotated[bool, OTHER] = False
    """Choose the game's window by a click on it."""
    region: Annotated[str | None, OTHER, tyro.conf.arg(metavar="L,T,W,H")] = None
    """Instead of --window: a part of the screen, left,top,width,height in pixels. Keys then go to whatever has the
    focus."""
    report: Annotated[Path | None, OTHER, tyro.conf.arg(metavar="FILE.json")] = None
    """Write what was measured into this file."""
    threads: Annotated[int | None, OTHER, tyro.conf.arg(metavar="N", help_behavior_hint="(default: measured)")] = None
    """Cores for the network; the game needs its own."""

    check: Annotated[bool, CHECK] = False
    """Do not play: tell whether this machine can, and what to do if not."""
    json: Annotated[bool, CHECK] = False
    """Print what --check finds as JSON."""

    def checked_region(self) -> Box | None:
        """The part of the screen given. Raises `UsageError` for options that cannot be meant."""
        with usage():
            check_one_place(self.window, self.region, pick=self.pick)
            if self.duration_s is not None and self.duration_s <= 0:
                raise UsageError(f"--duration-s: found {self.duration_s:g}, expected seconds")
            if self.threads is not None and not 1 <= self.threads <= usable_cpus():
                raise UsageError(f"--threads: found {self.threads}, expected 1 to {usable_cpus()}, the usable cores")
            if self.json and not self.check:
                raise UsageError("--json: found it without --check, expected both; --report writes down a rollout")
            return Box.parse(self.region, "--region") if self.region else None

"""What `play` can be told: its flags, their help, and whether they can be meant."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent.errors import UsageError, usage
from agent.frames import Box
from agent.live.devices import check_one_place
from agent.machine import usable_cpus

DESCRIPTION = """Let a policy play: it looks at the game's window and presses the keys.

Start the game, then type

    play POLICY

and click into the game. To correct the agent, just press the game's keys: it lets go at once, and has them back when
you have left them alone for a second. F8 hands the keys to you until you press it again, F9 pauses and goes on, F10
or Ctrl-C ends. Keys are held only while the game's window has the focus; when play ends, however it ends, none stays
down.

Other ways to use it:

    play POLICY --check                   will it play here? files, pixels, keyboard, latency, each with its remedy
    play POLICY --shadow                  you play, it only says how often it would have done the same
    play POLICY --record runs/monday-2    keep your corrections, then: train runs/monday runs/monday-2 --out BETTER"""


@dataclass(frozen=True, slots=True)
class PlayOptions:
    policy: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="POLICY")]
    """Folder made by `train`."""
    window: Annotated[str | None, tyro.conf.arg(metavar="TITLE", help_behavior_hint="")] = None
    """Title of the game's window, or a part of it that no other window has. As recorded, unless given."""
    region: Annotated[str | None, tyro.conf.arg(metavar="LEFT,TOP,WIDTH,HEIGHT", help_behavior_hint="")] = None
    """Instead of a window: a fixed part of the screen, in pixels. Keys then go to whatever has the focus."""
    duration_s: Annotated[float | None, tyro.conf.arg(metavar="S", help_behavior_hint="")] = None
    """Seconds to play. Without it: until F10 or Ctrl-C."""
    shadow: bool = False
    """You play, the policy only decides and presses nothing; the live line says how often it agrees with you."""
    record: Annotated[Path | None, tyro.conf.arg(metavar="OUT", help_behavior_hint="")] = None
    """Keep everything as a recording in this new folder: the picture, the keys, who had them (you or the agent) and
    what the policy said. `train OLD... OUT --out NEW` then learns from what you did in it, not from the agent."""
    no_touch: bool = False
    """Do not give you the keys when you press one of the game's keys; only F8 does then."""
    preview: bool = False
    """Show what the model sees and how sure it is of each action, in a small window beside the game."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json", help_behavior_hint="")] = None
    """Write what was measured into this file."""
    hotkeys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY", help_behavior_hint="")] = ()
    """Other hotkeys, e.g. pause=f7 takeover=f6 quit=f12."""
    threads: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")] = None
    """Cores for the network. Without it, a moment's measurement chooses the fewest that are fast, of at most half of
    the cores: the game needs its own."""
    check: bool = False
    """Do not play: find out whether this machine can play this policy, and what to do if not."""
    json: bool = False
    """With --check: print the findings as JSON."""

    def checked_region(self) -> Box | None:
        """The part of the screen given. Raises `UsageError` for options that cannot be meant."""
        with usage():
            check_one_place(self.window, self.region)
            if self.duration_s is not None and self.duration_s <= 0:
                raise UsageError(f"--duration-s: found {self.duration_s:g}, expected seconds")
            if self.threads is not None and not 1 <= self.threads <= usable_cpus():
                raise UsageError(f"--threads: found {self.threads}, expected 1 to {usable_cpus()}, the usable cores")
            if self.json and not self.check:
                raise UsageError("--json: found it without --check, expected both; --report writes down a rollout")
            return Box.parse(self.region, "--region") if self.region else None

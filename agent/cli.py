"""`play POLICY`: look at the game and press its keys, as the policy learned it."""

import gc
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.errors import TwoframeError, UsageError, run_command, usage
from agent.frames import Box
from agent.json_files import write_json
from agent.key_holder import KeyHolder
from agent.keyboard import KeyListener
from agent.live_line import LiveLine, say
from agent.live_loop import Holder, LiveLoop, NoHolder, Rollout
from agent.options import Hotkeys, check_one_place, open_target
from agent.pacing import Pacer
from agent.play_report import live_text, report, summary
from agent.policy import Policy, usable_cpus
from agent.policy_format import PolicyMeta
from agent.screen import Screen
from agent.signals import ending_signals
from agent.switches import Switches

DESCRIPTION = """Let a policy play: it looks at the game's window and presses the keys.

Start the game, then type

    play POLICY

and click into the game. F9 pauses and goes on, F8 hands the keys to you and back, F10 or Ctrl-C ends.
Keys are held only while the game's window has the focus; when play ends, however it ends, none stays down."""


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
    """Decide, but press nothing."""
    report: Annotated[Path | None, tyro.conf.arg(metavar="FILE.json", help_behavior_hint="")] = None
    """Write what was measured into this file."""
    hotkeys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY", help_behavior_hint="")] = ()
    """Other hotkeys, e.g. pause=f7 takeover=f6 quit=f12."""
    threads: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """Cores for the network. One is enough for most; a game needs its cores too."""


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options = tyro.cli(
            PlayOptions, prog="play", description=DESCRIPTION, args=argv, config=(tyro.conf.FlagCreatePairsOff,)
        )
        return play(options, Console())

    return run_command(command)


def play(options: PlayOptions, console: Console) -> int:
    """Play until the end asked for. Raises `TwoframeError`; no key stays down."""
    region = _checked_region(options)
    policy = Policy.load(options.policy, threads=options.threads)
    meta = policy.meta
    with usage():
        hotkeys = Hotkeys.parse(options.hotkeys, meta.actions)
    if policy.pixel_difference:
        say(console, f"warning: this machine prepares pixels up to {policy.pixel_difference} grey levels differently")
    switches = Switches()
    rollout = Rollout(len(meta.actions))
    with ExitStack() as stack:
        title = options.window if options.window or region else meta.window
        target = open_target(title, None if title else region or meta.region)
        screen = stack.enter_context(Screen())
        screen.grab(_on_screen(screen, target.look().box))  # the first grab sets mss up
        listener = stack.enter_context(KeyListener(hotkeys.keys, lambda event: switches.hear(event, hotkeys)))
        stack.enter_context(ending_signals(switches.end))
        holder: Holder = NoHolder()
        if not options.shadow:
            holder = stack.enter_context(KeyHolder(meta.actions.keys, window_id=target.window_id))
        say(console, _greeting(options, meta, target.title, hotkeys))
        pacer = Pacer(meta.fps)
        with LiveLine(lambda: live_text(rollout, pacer, meta), console) as line:
            loop = LiveLoop(target, screen, policy, holder, pacer, switches, rollout, line.note, lambda: listener.error)
            gc.freeze()
            gc.disable()  # the loop makes no circles; a collection would cost a tick
            try:
                loop.run(options.duration_s)
            finally:
                gc.enable()
    if options.report:
        _write_report(options.report, rollout, pacer, meta)
    for text in summary(rollout, pacer, meta, policy.pixel_difference):
        say(console, text)
    return 0


def _checked_region(options: PlayOptions) -> Box | None:
    with usage():
        check_one_place(options.window, options.region)
        if options.duration_s is not None and options.duration_s <= 0:
            raise UsageError(f"--duration-s: found {options.duration_s:g}, expected seconds")
        if not 1 <= options.threads <= usable_cpus():
            raise UsageError(f"--threads: found {options.threads}, expected 1 to {usable_cpus()}, the usable cores")
        return Box.parse(options.region, "--region") if options.region else None


def _on_screen(screen: Screen, box: Box) -> Box:
    if not screen.holds(box):
        raise TwoframeError(f"found the game at {box}, expected it wholly on the screen ({screen.bounds}); move it")
    return box


def _greeting(options: PlayOptions, meta: PolicyMeta, title: str | None, hotkeys: Hotkeys) -> str:
    where = title or "a region of the screen (no window to watch: keys go to whatever has the focus)"
    doing = "watching (pressing nothing)" if options.shadow else "playing"
    return (
        f"{doing} {where} at {meta.fps:g} fps with {meta.actions}; {hotkeys.pause} pauses, "
        f"{hotkeys.takeover} hands over, {hotkeys.quit} or Ctrl-C ends"
    )


def _write_report(path: Path, rollout: Rollout, pacer: Pacer, meta: PolicyMeta) -> None:
    try:
        write_json(path, report(rollout, pacer, meta))
    except OSError as error:
        raise TwoframeError(f"{path}: found {error.strerror or error}, expected a place to write the report") from None

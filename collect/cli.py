"""`collect OUT --window TITLE --keys left=a forward=w right=d`: record the screen and the keys of a game."""

import gc
import math
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.actions import ActionSet
from agent.errors import TwoframeError, UsageError, raise_if_any, run_command, usage
from agent.frames import Box, Color, FrameSpec, parse_size
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.live.options import Hotkeys, check_one_place, check_rate, open_target
from agent.live.switches import Switches
from agent.live_line import LiveLine, say
from agent.machine import versions
from agent.pacing import Pacer
from agent.recording.format import Meta, pixels_digest
from agent.recording.journal import Journal
from agent.recording.key_log import KeyLog
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter, require_new_folder
from agent.screen.grab import Screen
from agent.screen.window import Target
from agent.signals import ending_signals
from collect.disturbance import Disturbance, rate_beyond
from collect.recorder import Progress, Recorder
from collect.summary import disturbance_lines, live_text, receipt, summary

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


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options = tyro.cli(
            CollectOptions, prog="collect", description=DESCRIPTION, args=argv, config=(tyro.conf.FlagCreatePairsOff,)
        )
        if options.check:
            return check(options, Console())
        return collect(options, Plan.of(options), Console())

    return run_command(command)


def check(options: CollectOptions, console: Console) -> int:
    """Tell part by part what this machine can do; 0 if all is well, else 1."""
    from agent.check.machine import check_machine, tell  # brings the key holder, which no recording waits for

    with usage():
        spec = FrameSpec(*parse_size(options.size), options.color)
        check_rate(options.fps)
    return tell(check_machine(spec, options.fps, options.out or Path()), console, as_json=options.json)


def collect(options: CollectOptions, plan: Plan, console: Console) -> int:
    """Record one game into `plan.out`. Raises `TwoframeError`; what was recorded till then is on disk."""
    require_new_folder(plan.out)
    switches = Switches()
    with ExitStack() as stack:
        target = open_target(options.window, plan.region)
        screen = stack.enter_context(Screen())
        box = target.look().box
        if not screen.holds(box):
            raise TwoframeError(
                f"{'--region' if target.title is None else 'window'}: found {box}, expected a place wholly on the "
                f"screen ({screen.bounds}); move or shrink it"
            )
        spec = FrameSpec(*plan.size, options.color, plan.crop, (box.width, box.height) if plan.crop else None)
        screen.grab(box)  # the first grab sets mss up

        key_log = KeyLog()
        keys = (*plan.actions.keys, plan.hotkeys.pause, plan.hotkeys.quit)
        disturbance = _disturbance(options, plan, target, stack) if options.disturb else None

        def hear(event: KeyEvent) -> None:
            if event.key in plan.hotkeys.keys:
                switches.hear(event, plan.hotkeys)
            elif not (disturbance and disturbance.is_own(event)):
                key_log.heard(event)

        listener = stack.enter_context(KeyListener(keys, hear))
        key_log.held_at_start(listener.held_at_start & set(plan.actions.keys))
        stack.enter_context(ending_signals(switches.end))
        _countdown(options.countdown_s, switches, console)
        if switches.ended:
            raise TwoframeError("found the recording ended before it began, expected some play; start it again")

        meta = _meta(options, plan, target, spec, box)
        writer = RecordingWriter(plan.out, meta, ["control"] if disturbance else [])
        journal = stack.enter_context(Journal(writer, plan.actions))
        progress = Progress()
        line = LiveLine(lambda: live_text(progress, journal, plan.actions), console)
        pacer = Pacer(options.fps)
        recorder = Recorder(
            target, screen, spec, journal, key_log, listener, pacer, switches, progress, line.note, disturbance
        )
        say(
            console,
            f"recording {target.title or f'the region {box}'} at {options.fps:g} fps, {spec}; "
            f"{plan.hotkeys.pause} pauses, {plan.hotkeys.quit} or Ctrl-C ends",
        )
        gc.freeze()  # what lives till the end need not be looked through again between frames
        with line:
            recorder.run(options.duration_s)
        journal.close()
    recording = Recording.open(plan.out)
    disturbed = disturbance_lines(recording, disturbance) if disturbance else []
    for text in (*summary(recording, progress, journal, options.fps), *disturbed, *receipt(recording)):
        say(console, text)
    return 0


def _disturbance(options: CollectOptions, plan: Plan, target: Target, stack: ExitStack) -> Disturbance:
    from agent.keyboard.key_holder import KeyHolder  # a process that no other recording waits for

    holder = stack.enter_context(KeyHolder(plan.actions.keys, window_id=target.window_id))
    return Disturbance(plan.actions, holder, options.disturb)


def _countdown(seconds: float, switches: Switches, console: Console) -> None:
    end_s = time.monotonic() + seconds
    while (left_s := end_s - time.monotonic()) > 0 and not switches.ended:
        say(console, f"recording starts in {math.ceil(left_s)} s: click into the game")
        time.sleep(min(1.0, left_s))


def _meta(options: CollectOptions, plan: Plan, target: Target, spec: FrameSpec, box: Box) -> Meta:
    return Meta(
        frame=spec,
        keys=plan.actions.keys,
        actions=plan.actions,
        fps=options.fps,
        window=target.title,
        region=box,
        source="demonstration",
        started_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        versions=versions(["mss", "pynput"]),
        pixels=pixels_digest([spec]),
    )

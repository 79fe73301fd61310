"""`collect OUT --window TITLE --keys left=a forward=w right=d`: record the screen and the keys of a game."""

import gc
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import tyro
from rich.console import Console

from agent.command_line.flags import FLAGS
from agent.errors import TwoframeError, run_command, usage
from agent.frames import Box, FrameSpec, parse_size
from agent.keys import KeyEvent
from agent.live.devices import Devices
from agent.live.game_profile import GameProfile
from agent.live.place import count_down
from agent.live_line import LiveLine, say, unhurried_console
from agent.pacing import Pacer
from agent.recording.format import begun_now
from agent.recording.journal import Journal
from agent.recording.key_log import KeyLog
from agent.recording.packing import pack
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter, require_new_folder
from agent.signals import ending_signals
from collect.disturbance import Disturbance
from collect.options import DESCRIPTION, KEYS, NO_PROFILE, CollectOptions, Plan, check_rate, place_of
from collect.recorder import Progress, Recorder
from collect.recordings.pack import told
from collect.summary import disturbance_lines, live_text, receipt, summary

UNTOLD = ("\0",)  # keys that no command line can hold


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options, profile, keys_told = read(argv)
        if options.check:
            return check(options, profile, Console())
        with usage():
            is_told = keys_told and place_of(options, profile) is not None
        if not is_told:
            from collect.questions import person, start  # brings what no recording waits for

            if person.is_there():
                options = start.ask(options, profile, Console(highlight=False), keys_told=keys_told)
        plan = Plan.of(options, profile)
        with unhurried_console() as console:
            return collect(options, plan, console)

    return run_command(command)


def read(argv: Sequence[str] | None) -> tuple[CollectOptions, GameProfile, bool]:
    """The flags, over what the profile says that they name; that profile; and whether either told the keys.

    Raises `TwoframeError` for a profile that is none.
    """

    def parsed(default: CollectOptions) -> CollectOptions:
        return tyro.cli(
            CollectOptions, prog="collect", description=DESCRIPTION, args=argv, default=default, registry=FLAGS
        )

    untold = CollectOptions(keys=UNTOLD)
    options, profile = parsed(untold), NO_PROFILE
    if options.game is not None:
        profile = GameProfile.read(options.game)
        options = parsed(replace(untold, **profile.flags()))
    if options.keys == UNTOLD:
        return replace(options, keys=KEYS), profile, False
    return options, profile, True


def check(options: CollectOptions, profile: GameProfile, console: Console) -> int:
    """Tell part by part what this machine can do; 0 if all is well, else 1."""
    from agent.check.machine import check_machine, tell  # brings the key holder, which no recording waits for

    with usage():
        spec = FrameSpec(*parse_size(options.size), options.color)
        check_rate(options.fps)
        place = place_of(options, profile)
    return tell(check_machine(spec, options.fps, options.out or Path(), place), console, as_json=options.json)


def collect(options: CollectOptions, plan: Plan, console: Console) -> int:
    """Record one game into `plan.out`. Raises `TwoframeError`; what was recorded till then is on disk."""
    require_new_folder(plan.out)

    def tell(text: str) -> None:
        say(console, text)

    with ExitStack() as stack:
        place = plan.place
        if place.waits_for_focus:
            count_down(options.countdown_s, "recording", tell)
        devices = stack.enter_context(Devices(place, tell))
        switches = devices.switches
        _spec(options, plan, devices.box)  # a crop that cannot be is told before the countdown
        disturbance = None
        if options.disturb:
            disturbance = Disturbance(plan.actions, devices.hold(plan.actions.keys), options.disturb)
        key_log = KeyLog()

        def hear(event: KeyEvent) -> None:
            if event.key in plan.hotkeys.keys:
                switches.hear(event, plan.hotkeys)
            elif not (disturbance and disturbance.is_own(event)):
                key_log.heard(event)

        listener = devices.listen((*plan.actions.keys, plan.hotkeys.pause, plan.hotkeys.quit), hear)
        key_log.held_at_start(listener.held_at_start & set(plan.actions.keys))
        stack.enter_context(ending_signals(switches.end))
        if not place.waits_for_focus:
            count_down(options.countdown_s, "recording", tell, lambda: switches.ended)
        if switches.ended:
            raise TwoframeError("found the recording ended before it began, expected some play; start it again")

        target, box = devices.target, devices.begin()
        spec = _spec(options, plan, box)
        meta = begun_now("demonstration", spec, plan.actions, options.fps, target.title, target.marks, box)
        writer = RecordingWriter(plan.out, meta, ["control"] if disturbance else [])
        journal = stack.enter_context(Journal(writer, plan.actions))
        progress = Progress()
        line = LiveLine(lambda: live_text(progress, journal, plan.actions), console)
        pacer = Pacer(options.fps)
        recorder = Recorder(
            devices, spec, journal, key_log, listener, pacer, progress, line.note, plan.actions, disturbance
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
    if not journal.frame_count:
        raise TwoframeError(
            f"{plan.out}: found no frame to record, expected some play; nothing was written: click into the game "
            "when it begins, and start again"
        )
    if options.pack:
        for text in pack_at_the_end(plan.out):
            say(console, text)
    recording = Recording.open(plan.out)
    disturbed = disturbance_lines(recording, disturbance) if disturbance else []
    for text in (*summary(recording, progress, journal, options.fps), *disturbed, *receipt(recording)):
        say(console, text)
    return 0


def pack_at_the_end(folder: Path) -> Iterator[str]:
    """Pack the recording that has ended, and tell it in lines; where that cannot be, it stays as it is."""
    yield "packing the frames; Ctrl-C leaves them as they are"
    try:
        sizes = pack(folder)
    except TwoframeError as error:
        yield f"warning: not packed: {error}"
    except KeyboardInterrupt:
        yield "not packed: interrupted"
    else:
        assert sizes  # `collect` writes plain arrays
        yield f"packed: {told(sizes)}"


def _spec(options: CollectOptions, plan: Plan, box: Box) -> FrameSpec:
    crop_of = plan.crop_of or (box.width, box.height)
    return FrameSpec(*plan.size, options.color, plan.crop, crop_of if plan.crop else None)

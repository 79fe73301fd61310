"""One rollout from its options to its summary: opens the devices, wires them to the live loop, tells how it went."""

import gc
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from agent.errors import TwoframeError, UsageError, usage
from agent.frames import Box
from agent.json_files import write_json
from agent.keyboard.key_sink import NoKeys
from agent.keys import KeyEvent
from agent.live.devices import Devices
from agent.live.game_profile import GameProfile
from agent.live.hotkeys import Hotkeys
from agent.live.picture_size import differs_in_shape
from agent.live.place import Place, count_down
from agent.live_line import LiveLine, say
from agent.pacing import Pacer
from agent.play.control import Control
from agent.play.live_loop import LiveLoop
from agent.play.long_holds import LongHolds
from agent.play.options import PlayOptions
from agent.play.preview import Preview
from agent.play.report import live_text, report, summary
from agent.play.rollout import Rollout
from agent.play.rollout_recording import RolloutRecording, receipt
from agent.policy.format import PolicyMeta
from agent.policy.step import Policy
from agent.recording.writer import require_new_folder
from agent.signals import ending_signals

FOCUS_COUNTDOWN_S = 3.0  # to click into the game, for `--window focused`


def play(options: PlayOptions, region: Box | None, profile: GameProfile, console: Console) -> int:
    """Play until the end asked for. Raises `TwoframeError`; no key stays down, and what was recorded is whole."""
    if options.record:
        require_new_folder(options.record)
    policy = Policy.load(options.policy, threads=options.threads)
    meta = policy.meta
    with usage():
        hotkeys = Hotkeys.parse(options.hotkeys or profile.hotkeys, meta.actions)
        if options.record and not meta.actions.keys:
            raise UsageError("--record: found a policy without any key, expected some to record; leave it out")
    if policy.pixel_difference:
        say(console, f"warning: this machine prepares pixels up to {policy.pixel_difference} grey levels differently")
    place = place_of(options, region, profile, meta)

    def tell(text: str) -> None:
        say(console, text)

    rollout = Rollout(
        len(meta.actions),
        shift_ticks=round(meta.label_shift_ms * meta.fps / 1000),
        long_holds=LongHolds(() if options.shadow else meta.longest_holds_s),  # a shadow run holds nothing
    )
    pacer = Pacer(meta.fps)
    try:
        if place.waits_for_focus:
            count_down(FOCUS_COUNTDOWN_S, "play", tell)
        with Devices(place, tell) as devices:
            if devices.target.title is not None and differs_in_shape(devices.box, meta.region):
                tell(
                    f"warning: the window is {devices.box.width}x{devices.box.height}, recorded was "
                    f"{meta.region.width}x{meta.region.height}: its picture looks other than what was learned"
                )
            _rollout(options, devices, policy, hotkeys, rollout, pacer, console)
    except TwoframeError:
        _tell_receipt(options, rollout, console)  # what was recorded till then is whole
        raise
    if options.report:
        _write_report(options.report, report(rollout, pacer, policy, shadow=options.shadow))
    for text in summary(rollout, pacer, policy, shadow=options.shadow):
        say(console, text)
    _tell_receipt(options, rollout, console)
    return 0


def place_of(options: PlayOptions, region: Box | None, profile: GameProfile, meta: PolicyMeta) -> Place:
    """Where the options say that the game is, else where the profile has it, else where the policy's recording had it.

    A region counts before a profile, for it is a flag.
    """
    if profile.title is not None:
        return Place(options.window or None, options.pick, region, profile.title, profile.marks)
    if not (region or options.window or options.pick or meta.window):
        region = meta.region
    return Place(options.window or None, options.pick, region, meta.window, meta.window_marks)


def _rollout(
    options: PlayOptions,
    devices: Devices,
    policy: Policy,
    hotkeys: Hotkeys,
    rollout: Rollout,
    pacer: Pacer,
    console: Console,
) -> None:
    meta, title, switches = policy.meta, devices.target.title, devices.switches
    with ExitStack() as stack:
        holder = NoKeys() if options.shadow else devices.hold(meta.actions.keys)
        control = Control(holder, switches, hotkeys, touch=not options.no_touch, shadow=options.shadow)
        recording: RolloutRecording | None = None

        def hear(event: KeyEvent) -> None:
            control.hear(event)  # first: it may take the keys from the agent
            if recording and event.key not in hotkeys.keys:
                recording.heard(event)

        listener = devices.listen((*meta.actions.keys, *hotkeys.keys), hear)
        held_at_start = listener.held_at_start - set(hotkeys.keys)
        control.held_at_start(held_at_start)
        if options.record:
            recording = stack.enter_context(RolloutRecording(options.record, meta, devices.target, devices.box))
            recording.held_at_start(held_at_start)
        stack.enter_context(ending_signals(switches.end))

        def live() -> str:
            return live_text(rollout, pacer, meta, recording.frame_count if recording else None, shadow=options.shadow)

        def check() -> None:
            if listener.error:
                raise listener.error
            control.check()

        say(console, _greeting(options, meta, title, hotkeys))
        line = stack.enter_context(LiveLine(live, console))
        watcher = stack.enter_context(Preview(meta, devices.box, line.note)) if options.preview else None
        loop = LiveLoop(
            devices.gate,
            devices.screen,
            policy,
            control,
            pacer,
            switches,
            rollout,
            line.note,
            check,
            recording=recording,
            watcher=watcher,
            shadow=options.shadow,
        )
        gc.freeze()
        gc.disable()  # the loop collects what a tick left behind when the tick is done
        try:
            loop.run(options.duration_s)
        finally:
            gc.enable()
            rollout.dropped = recording.dropped if recording else 0


def _greeting(options: PlayOptions, meta: PolicyMeta, title: str | None, hotkeys: Hotkeys) -> str:
    where = title or "a region of the screen (no window to watch: keys go to whatever has the focus)"
    how = f"{where} at {meta.fps:g} fps with {meta.actions}"
    ends = f"{hotkeys.pause} pauses, {hotkeys.quit} or Ctrl-C ends"
    if options.shadow:
        return f"watching you play {how}, pressing nothing; {ends}"
    touch = "press one of these keys to take over, or " if not options.no_touch else ""
    return f"playing {how}; {touch}{hotkeys.takeover} to have the keys until you press it again; {ends}"


def _tell_receipt(options: PlayOptions, rollout: Rollout, console: Console) -> None:
    if options.record and (options.record / "meta.json").is_file():
        for text in receipt(options.record, rollout.dropped):
            say(console, text)
    elif options.record:
        say(console, f"nothing was written to {options.record}: found no frame with the game in front")


def _write_report(path: Path, measured: dict[str, object]) -> None:
    try:
        write_json(path, measured)
    except OSError as error:
        raise TwoframeError(f"{path}: found {error.strerror or error}, expected a place to write the report") from None

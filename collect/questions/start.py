"""`collect OUT` at a terminal, without the game's window or its keys: asks for all that is not told, then begins."""

from dataclasses import replace
from pathlib import Path
from typing import cast

from rich.console import Console

from agent.actions import ActionSet
from agent.command_line.terminal import begun, typed
from agent.errors import TwoframeError, usage
from agent.frames import Color, FrameSpec, parse_size
from agent.live.devices import Devices
from agent.live.game_profile import MAX_TEXT, GameProfile, free_path
from agent.live.hotkeys import Hotkeys
from agent.live.place import Place
from agent.recording.window_marks import WindowMarks
from agent.recording.writer import require_new_folder
from collect.options import CollectOptions, Plan, check_rate, flags_of, place_of
from collect.questions.keys import hear_keys, open_look, which_names
from collect.questions.person import Person
from collect.questions.picture import Drawn, drawn_by
from collect.questions.proposals import Measured, measure, proposed_size
from collect.questions.window import told_window, which_window

_USUAL = CollectOptions()
_SOME_PLACE = Place(window="\0")  # that no window is called
_SOME_KEYS = ("something=f24", "nothing=")
_SOME_ACTIONS = ActionSet.parse(_SOME_KEYS)


def ask(options: CollectOptions, profile: GameProfile, console: Console, *, keys_told: bool) -> CollectOptions:
    """`options` with what the person says of the game; what was told by flags or by `profile` is not asked again.

    Nothing is written but the profile that the person asks for, after the last question. Raises `TwoframeError`.
    """
    place = _checked(options, profile, keys_told=keys_told).place
    out, is_placed = cast(Path, options.out), place != _SOME_PLACE
    require_new_folder(out)
    person = Person(console)
    hotkeys = Hotkeys.parse(options.hotkeys, _SOME_ACTIONS)
    person.tell("You are asked what to record, and then it begins. Enter takes what stands in [ ]; Ctrl-C leaves.")
    if not is_placed:
        place = Place(window=which_window(person))
    elif options.pick or place.waits_for_focus:
        place = Place(window=told_window(person, options.window, pick=options.pick))
    options = replace(options, window=place.window, pick=False)

    while True:
        names = () if keys_told else which_names(hotkeys, options.default, person)
        with Devices(place, person.tell) as devices:
            title, marks = devices.target.title, devices.target.marks
            if not keys_told:
                anew = f" {hotkeys.pause} begins anew with the keys, after a menu or a wrong one."
                is_heard = any("=" not in name for name in names)
                person.tell(f"Now go to the game, and play.{anew if is_heard else ''}")
                options = replace(options, keys=hear_keys(names, devices, hotkeys, person))
            person.tell("  stay in the game for two seconds: its picture is taken, and the time for that measured")
            measured = measure(devices, lambda: open_look(devices), person.tell)
        person.ring()
        person.tell("  done; come back to this terminal (by Alt+Tab, if the game holds the mouse)")
        person.forget_typed()
        if keys_told or person.agrees(f"{' '.join(options.keys)}: is that right?"):
            break

    options = _picture(options, profile, measured, person)
    kept = _profile(options, place.window, title, marks, measured)
    path = free_path(out.parent, kept.title or "game")
    is_kept = person.agrees(f"Keep these answers for other times, in {path}?", default=False)
    if is_kept:
        kept.write(path)
    person.tell("The same without questions, with a new folder for each recording:")
    person.tell(f"  {begun('collect')} {typed(*flags_of(options))}")
    if place.window is not None and place.window != title and place.window.startswith("0x"):
        person.tell("  (that id holds until the game ends; its title is not its alone, or no text to type)")
    if is_kept:
        person.tell(f"  {begun('collect')} {typed('OUT', '--game', path)}")
    return options


def _checked(options: CollectOptions, profile: GameProfile, *, keys_told: bool) -> Plan:
    """The plan, with stand-ins for what is asked. Raises `UsageError` for what cannot be meant, before any question."""
    with usage():
        if place_of(options, profile) is None:
            options = replace(options, window=_SOME_PLACE.window)
    if not keys_told:
        options = replace(options, keys=_SOME_KEYS, default=None)
    return Plan.of(options, profile)


def _picture(options: CollectOptions, profile: GameProfile, measured: Measured, person: Person) -> CollectOptions:
    """Crop, size, color and rate, but those told."""
    if measured.is_still:
        what = "stood still" if measured.picture[:, :, :3].any() else "was black"
        person.tell(
            f"  warning: the picture {what} all the while; if the game did move, run it in a window or borderless, not "
            "in exclusive full screen"
        )
    height, width = measured.picture.shape[:2]
    is_sized = options.size != _USUAL.size
    drawn = Drawn()
    if options.crop is None and person.agrees("Look at what is recorded, and cut out a part of it with the mouse?"):
        size = parse_size(options.size) if is_sized else None
        drawn = drawn_by(person, measured.picture, options.color, size)
        options = replace(options, crop=str(drawn.crop) if drawn.crop else None)
    if not is_sized:
        part = (drawn.crop.width, drawn.crop.height) if drawn.crop else (width, height)
        proposed = "x".join(map(str, proposed_size(part, drawn.smallest)))
        options = replace(options, size=person.answer("Size of the recorded pictures", _size, proposed))
    if options.color == _USUAL.color:
        question = "gray, or rgb where colours alone tell things apart"
        options = replace(options, color=person.answer(question, _color, options.color))
    if options.fps == _USUAL.fps:
        person.tell(
            "Pictures a second, and later decisions: 15 are enough for driving, 30 for quick games; here "
            f"{measured.holds_hz:g} can be held."
        )
        options = replace(options, fps=person.answer("Pictures a second", _rate, f"{measured.rate_hz:g}"))
    spec = FrameSpec(*parse_size(options.size), options.color)
    person.tell(f"  {spec}, about {spec.width * spec.height * spec.channels * options.fps * 60 / 1e6:.0f} MB a minute")
    return options


def _profile(
    options: CollectOptions, window: str | None, title: str | None, marks: WindowMarks, measured: Measured
) -> GameProfile:
    height, width = measured.picture.shape[:2]
    is_title = window is not None and title is not None and window in title
    name = (window if is_title else title) or None
    return GameProfile(
        title=name and name[:MAX_TEXT],
        window_class=marks.window_class if name else None,
        program=marks.program[:MAX_TEXT] if name and marks.program else None,
        keys=options.keys,
        default=options.default,
        size=options.size,
        color=options.color,
        fps=options.fps,
        crop=options.crop,
        crop_of=f"{width}x{height}" if options.crop else None,
        hotkeys=options.hotkeys,
    )


def _size(text: str) -> str:
    FrameSpec(*parse_size(text))
    return text


def _color(text: str) -> Color:
    return FrameSpec(2, 2, cast(Color, text.lower())).color  # which checks it


def _rate(text: str) -> float:
    try:
        rate_hz = float(text)
    except ValueError:
        raise TwoframeError(f"found {text[:20]!r}, expected a number such as 20") from None
    check_rate(rate_hz)
    return rate_hz

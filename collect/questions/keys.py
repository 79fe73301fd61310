"""What can be done in the game, and the keys for it: names are typed, keys are pressed in the game and heard."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from agent.actions import ActionSet
from agent.errors import TwoframeError
from agent.keys import KEYS, key
from agent.live.devices import Devices
from agent.live.focus_gate import Look
from agent.live.hotkeys import Hotkeys
from agent.pacing import clock_ns
from agent.recording.key_log import Change, KeyLog
from collect.questions.person import Person

NONE = "none"
LOOK_S = 0.02
SILENCE_S = 15.0
# Keys that no game is played with, and that some systems or keyboards lack. They can still be typed: `jump=f13`.
_UNUSUAL = (
    *(f"f{n}" for n in range(13, 25)),
    *("numpad_equals", "numpad_comma", "ro", "yen", "henkan", "muhenkan", "katakana_hiragana", "hangul", "hanja"),
    *(name for name in KEYS if name.startswith(("volume_", "media_"))),
)
HEARD = tuple(name for name in KEYS if name not in _UNUSUAL)


def which_names(hotkeys: Hotkeys, default: str | None, person: Person) -> tuple[str, ...]:
    """The actions as `NAME`, whose keys are to be heard, or `NAME=KEY` as typed; two or more."""
    person.tell("What do you do in the game? Name each in a word, such as: left right jump")
    while True:
        names = person.answer("Their names, with a space between", partial(_names, hotkeys))
        question = "Is holding no key at all a choice, too?"
        if not any(name.endswith("=") for name in names) and person.agrees(question):
            names = (*names, f"{NONE}=")
        try:
            actions = ActionSet.parse(_with_keys(names), default)
        except TwoframeError as error:
            person.tell(f"  {error}")
            continue
        if not any(name.endswith("=") for name in names):
            person.tell(f"  holding no key will count as {actions.names[actions.default]} (--default names another)")
        return names


def _names(hotkeys: Hotkeys, text: str) -> tuple[str, ...]:
    """Checks what can be checked before the keys are known."""
    names = tuple(f"{NONE}=" if name == NONE else name for name in text.replace(",", " ").split())
    if not names:
        raise TwoframeError("found nothing, expected one name at least, such as: left right jump")
    has_none = any(name.endswith("=") for name in names)
    ActionSet.parse(_with_keys(names if has_none or len(names) > 1 else (*names, f"{NONE}=")))
    for name, _, keys in (name.partition("=") for name in names):
        if why := _kept(_chord_of(keys), hotkeys):
            raise TwoframeError(f"{name}: its chord {why}; name other keys")
    return names


def _with_keys(names: Iterable[str]) -> list[str]:
    """The same with some key for each that has none yet, all of them different."""
    names = list(names)
    typed = {text for name in names for text in name.partition("=")[2].split("+")}
    free = (name for name in KEYS if name not in typed)
    return [name if "=" in name else f"{name}={next(free, '')}" for name in names]


class Chords:
    """Makes chords of key changes: all keys that went down before all were up again."""

    def __init__(self) -> None:
        self._chord: set[str] = set()
        self._held: set[str] = set()

    def lost(self) -> None:
        """The game is not looked at: what was begun there is forgotten. What is let go of later is no chord."""
        self._chord.clear()
        self._held.clear()

    def changed(self, change: Change) -> frozenset[str] | None:
        """The chord that is ended by this change; None where none is."""
        if change.down:
            self._chord.add(change.key)
            self._held.add(change.key)
        else:
            self._held.discard(change.key)
        if self._held:
            return None
        chord = frozenset(self._chord)
        self._chord.clear()
        return chord or None


def hear_keys(names: Sequence[str], devices: Devices, hotkeys: Hotkeys, person: Person) -> tuple[str, ...]:
    """`NAME=KEY` for each name, by what is pressed in the game. Raises `TwoframeError` if its window is closed."""
    told = {name: keys for name, equals, keys in (each.partition("=") for each in names) if equals}
    waiting = [name for name in names if "=" not in name]
    heard = dict(told)
    pressed = _pressed(devices, person)
    next(pressed)  # it hears from now on
    while unheard := [name for name in waiting if name not in heard]:
        name = unheard[0]
        person.tell(f"  {name}: press its keys in the game, together if there are several")
        chord = _next_of(pressed, name, person)
        keys = "+".join(sorted(chord))
        if keys == hotkeys.pause:  # what a menu wanted, or a wrong key, was taken for one of these
            person.tell("  from the beginning")
            heard = dict(told)
        elif why := _refused(chord, heard, hotkeys):
            person.tell(f"  {keys} {why}")
        else:
            person.tell(f"  {name} = {keys}")
            heard[name] = keys
            person.ring()
    return tuple(f"{name}={heard[name]}" for name in (each.partition("=")[0] for each in names))


def _next_of(pressed: Iterator[frozenset[str] | None], name: str, person: Person) -> frozenset[str]:
    """The next chord; the person is reminded now and then."""
    remind_s = time.monotonic() + SILENCE_S
    for chord in pressed:
        if chord is not None:
            return chord
        if time.monotonic() > remind_s:
            remind_s = time.monotonic() + SILENCE_S
            person.tell(f"  (no key was heard yet for {name})")
    raise AssertionError  # it never ends


def open_look(devices: Devices) -> Look:
    """One look at the game. Raises `TwoframeError` if its window was closed."""
    look = devices.gate.look()
    if look.shut == "closed":
        raise TwoframeError(
            "window: found it closed meanwhile, expected the game to run on; nothing was written: start both again"
        )
    return look


def _pressed(devices: Devices, person: Person) -> Iterator[frozenset[str] | None]:
    """Each chord as it ends; None for a look that found none. Only what is pressed in the game counts."""
    log, chords = KeyLog(), Chords()
    listener = devices.listen(HEARD, log.heard)
    log.held_at_start(listener.held_at_start)
    shut: str | None = "not looked at yet"
    while True:
        time.sleep(LOOK_S)
        if listener.error:
            raise listener.error
        look, before = open_look(devices), shut
        shut = look.shut
        if shut:
            log.discard(clock_ns())
            chords.lost()
            if shut != before:
                person.tell(f"  ({look.reason}: click into the game)")
            yield None
            continue
        changes = log.confirm(clock_ns())
        if before:
            yield None  # what is held now was pressed elsewhere
            continue
        ended = [chord for change in changes if (chord := chords.changed(change))]
        yield from ended
        if not ended:
            yield None


def _chord_of(keys: str) -> frozenset[str]:
    """Of `w+space` as typed."""
    return frozenset(key(text).name for text in keys.split("+") if text)


def _kept(chord: frozenset[str], hotkeys: Hotkeys) -> str | None:
    taken = [name for name in hotkeys.keys if name in chord]
    return f"holds {', '.join(taken)}, which pauses, ends or takes over (--hotkeys names others)" if taken else None


def _refused(chord: frozenset[str], heard: Mapping[str, str], hotkeys: Hotkeys) -> str | None:
    if why := _kept(chord, hotkeys):
        return why
    same = next((name for name, keys in heard.items() if _chord_of(keys) == chord), None)
    return f"is {same} already" if same else None

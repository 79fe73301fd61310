"""Which window the game is: one of a list, or the one that is clicked into."""

from contextlib import closing
from functools import partial

from agent.errors import TwoframeError
from agent.live.place import count_down
from agent.screen.target import Listed
from agent.screen.window import FOCUSED, listed_windows, open_picked_window, open_window, words_for
from collect.questions.person import Person

COUNTDOWN_S = 4.0


def which_window(person: Person) -> str:
    """What `--window` says for the game's window. Raises `TwoframeError` where no window can be looked at."""
    while True:
        windows = listed_windows()[::-1]  # the topmost first
        person.tell("Which window is the game?")
        for number, window in enumerate(windows, 1):
            person.tell(f"  {number}  {_told(window)}")
        if not windows:
            person.tell("  (none is open: start the game, then press Enter)")
        question = "Its number, or Enter: then click into the game"
        chosen = person.answer(question, partial(_number, windows))
        try:
            window = chosen or _clicked(person)
            words = words_for(window.number)
        except TwoframeError as error:
            person.tell(f"  {error}")
            continue
        person.tell(f"  the game is {_told(window)}")
        return words


def told_window(person: Person, text: str | None, *, pick: bool) -> str:
    """The same for a window that a flag leaves to a click or to the focus. Raises `TwoframeError`."""
    if not pick:
        return words_for(_clicked(person).number)
    with closing(open_picked_window(text, person.tell)) as target:
        return words_for(target.window_id or 0)


def _clicked(person: Person) -> Listed:
    count_down(COUNTDOWN_S, "looking", person.tell)
    with closing(open_window(FOCUSED)) as target:
        number = target.window_id or 0
    return next((window for window in listed_windows() if window.number == number), Listed(number, ""))


def _number(windows: list[Listed], text: str) -> Listed | None:
    if not text:
        return None
    if not (text.isdecimal() and 1 <= int(text[:9]) <= len(windows)):
        expected = f"a number from 1 to {len(windows)}, or Enter" if windows else "Enter"
        raise TwoframeError(f"found {text[:20]!r}, expected {expected}")
    return windows[int(text) - 1]


def _told(window: Listed) -> str:
    size = f"{window.box.width}x{window.box.height}" if window.box else ""
    return ", ".join(filter(None, (repr(window.title), size, window.program)))

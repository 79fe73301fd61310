"""Is the game where it is looked for, and do a person's keys reach it? Part of `--check` when a game is named."""

import sys
from dataclasses import replace

from agent.check.finding import Finding
from agent.live.focus_gate import HIDDEN_SHARE
from agent.live.place import Place
from agent.screen.followed import FollowedWindow
from agent.screen.grab import Screen
from agent.screen.target import NoSuchWindow, View

_STATES = {
    "focused": "has the focus",
    "grabbed": "has the focus",  # the line on the keyboard says the rest
    "unfocused": "click into it when it is to be recorded or played",
    "minimized": "minimized",
}


def game(place: Place) -> Finding:
    """Where the game is now and what lies over it. One that is known from a recording alone need not be open.

    Raises `TwoframeError` where the game is not found.
    """
    if place.pick or place.waits_for_focus:
        return Finding("game", ok=True, found="is chosen by a click when recording or playing begins")
    told: list[str] = []
    try:
        target = place.open(told.append)
    except NoSuchWindow:
        if not place.is_recorded:
            raise
        text = f"no window like the recorded {place.title!r} is open; with the game started, this line tells of it"
        return Finding("game", ok=True, found=text)
    try:
        view = target.look()
        with Screen() as screen:
            screen.aim(target.window_id)
            bounds, is_whole = screen.bounds, screen.holds(view.box)
            if screen.is_of_window:
                view = replace(view, cover=None)  # it is not in the picture
    finally:
        target.close()
    box = view.box
    if isinstance(target, FollowedWindow):
        marks = ", ".join(filter(None, (target.marks.program, target.marks.window_class)))
        where = f"{target.title!r}{f' ({marks})' if marks else ''} {box.width}x{box.height} at {box.left},{box.top}"
    else:
        where = f"the region {view.box}: no window is watched, keys count and go wherever the focus is"
    if not is_whole and view.state != "minimized":  # then it is nowhere
        return Finding(
            "game", ok=False, found=f"{where}, beyond the screen ({bounds})", remedy="move it wholly onto the screen"
        )
    if isinstance(target, FollowedWindow):
        where += f"; {_STATES.get(view.state, view.state)}"
    return _covered(view, "; ".join((where, *told)))


def _covered(view: View, text: str) -> Finding:
    if view.state == "minimized":
        return Finding("game", ok=False, found=text, remedy="bring it back to the screen")
    if view.cover is None:
        return Finding("game", ok=True, found=text)
    text += f"; {view.cover.title!r} lies over it and hides {view.cover.share:.0%}"
    is_hidden = view.cover.share >= HIDDEN_SHARE and view.state != "unfocused"  # else it comes to the front by a click
    return Finding("game", ok=not is_hidden, found=text, remedy="move away what lies over it")


def grab() -> Finding:
    """Whether another program has the keyboard to itself now. Raises `TwoframeError` without a display."""
    if sys.platform == "darwin":
        from agent.macos.focus import keyboard_is_taken

        if keyboard_is_taken():
            text = "some program reads a password; while it does, no other hears keys, and nothing is recorded"
            remedy = "answer or close what asks for it; in Terminal's menu, turn off Secure Keyboard Entry"
            return Finding("grab", ok=False, found=text, remedy=remedy)
        return Finding("grab", ok=True, found="no program reads a password now")
    if sys.platform != "linux":
        return Finding("grab", ok=True, found="no program can grab the keyboard here")
    from agent.x11 import close_display, connect, keyboard_is_grabbed, x_errors

    display = connect()
    try:
        with x_errors("display"):
            is_grabbed = keyboard_is_grabbed(display, display.screen().root.id)
    finally:
        close_display(display)
    if is_grabbed is not False:
        text = "another program has grabbed the keyboard; while it has, nothing is recorded and no key pressed"
        return Finding("grab", ok=False, found=text, remedy="close its menu, unlock the screen")
    return Finding("grab", ok=True, found="no other program has grabbed the keyboard")

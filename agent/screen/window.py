"""The game's window on this system: by its title, its id, the focus or a click, or as it was recorded."""

import sys
from collections.abc import Callable, Sequence

from agent.errors import TwoframeError
from agent.recording.window_marks import WindowMarks
from agent.screen.followed import FollowedWindow
from agent.screen.target import Desktop, Listed, NoSuchWindow

FOCUSED = "focused"  # what --window says for the window that has the focus
PICK_S = 60.0


def open_window(text: str) -> FollowedWindow:
    """The window that `text` means: its title, its id, `focused`, a part of its title that no other has.

    The first of these that is one. Never the terminal of this command. Raises `TwoframeError` that lists the windows
    there are, or the candidates.
    """
    desktop = _desktop()
    try:
        windows = _listed(desktop)
        if not any(window.title == text for window in windows):
            if text == FOCUSED:
                return FollowedWindow(desktop, _with_focus(desktop), None)
            if window := _by_id(desktop, text):
                return FollowedWindow(desktop, window, None)
        return FollowedWindow(desktop, chosen(text, windows), text)
    except BaseException:
        desktop.close()
        raise


def open_picked_window(text: str | None, say: Callable[[str], None]) -> FollowedWindow:
    """The window that a person clicks on, one that has `text` in its title where that is given.

    Raises `TwoframeError`.
    """
    desktop = _desktop()
    try:
        say("click on the game's window")
        number = desktop.clicked(PICK_S)
        window = None if number is None else desktop.described(number)
        if window is None:
            raise TwoframeError(
                f"--pick: found no click on a window in {PICK_S:g} s, expected one; start it again{_of_wayland()}"
            )
        if not _without_terminal([window]):
            raise TwoframeError("--pick: found a click on the terminal of this command, expected one on the game")
        if text is not None and text not in window.title:
            raise TwoframeError(f"--pick: found {window}, expected one with {text!r} in its title; correct --window")
        say(f"picked {window}")
        return FollowedWindow(desktop, window, text)
    except BaseException:
        desktop.close()
        raise


def open_recorded_window(title: str, marks: WindowMarks, say: Callable[[str], None]) -> FollowedWindow:
    """The window that a recording was made of: by the title that was asked for then, or by its class and program.

    `say` is told where only one of the two fits. Raises `TwoframeError` as `open_window` does.
    """
    desktop = _desktop()
    try:
        window, doubt = recorded(title, marks, _listed(desktop))
        if doubt:
            say(doubt)
        return FollowedWindow(desktop, window, marks.asked)
    except BaseException:
        desktop.close()
        raise


def chosen(text: str, windows: Sequence[Listed]) -> Listed:
    """The window titled `text`, else the only one whose title contains it. Raises `TwoframeError`."""
    exact = [window for window in windows if window.title == text]
    return _only(text, exact or [window for window in _without_terminal(windows) if text in window.title], windows)


def recorded(title: str, marks: WindowMarks, windows: Sequence[Listed]) -> tuple[Listed, str | None]:
    """The window that was recorded, and what is doubtful about it. Raises `TwoframeError`."""
    text = marks.asked or title
    others = _without_terminal(windows)
    titled = [window for window in windows if window.title == text or (text in window.title and window in others)]
    alike = [w for w in others if marks.program and (w.program, w.window_class) == (marks.program, marks.window_class)]
    fitting = [window for window in titled if window in alike] or titled or alike
    window = _only(text, [window for window in fitting if window.title == text] or fitting, windows)
    if not titled:
        return window, f"warning: no window is titled {text!r}; taking {window}, of the same program"
    if marks.program and window not in alike:
        return window, f"warning: {window} is not of the program that was recorded, {marks.program}"
    return window, None


def listed_windows() -> list[Listed]:
    """All windows but this command's terminal, the topmost last where the system tells. Raises `TwoframeError`."""
    desktop = _desktop()
    try:
        return _without_terminal(_listed(desktop))
    finally:
        desktop.close()


def words_for(number: int) -> str:
    """What `open_window` takes for that window: its title where that means this one alone, else its id.

    Raises `TwoframeError`.
    """
    desktop = _desktop()
    try:
        windows = _listed(desktop)
    finally:
        desktop.close()
    title = next((window.title for window in windows if window.number == number), "")
    is_plain = title == title.strip() and title.isprintable() and title != FOCUSED
    try:
        return title if title and is_plain and chosen(title, windows).number == number else f"{number:#x}"
    except TwoframeError:  # several have it
        return f"{number:#x}"


def numbered_titles() -> list[tuple[int, str]]:
    """Number and title of all windows but this command's terminal. Raises `TwoframeError`."""
    desktop = _desktop()
    try:
        return desktop.titles()
    finally:
        desktop.close()


def window_titles() -> list[str]:
    """The titles of all windows but this command's terminal. Raises `TwoframeError`."""
    return [title for _, title in numbered_titles()]


def _only(text: str, fitting: Sequence[Listed], windows: Sequence[Listed]) -> Listed:
    if not fitting:
        there = ", ".join(sorted(repr(window.title) for window in windows if window.title)) or "none"
        raise NoSuchWindow(
            f"window: found {there}; expected one titled {text!r}; start the game or correct --window{_of_wayland()}"
        )
    if len(fitting) > 1:
        candidates = ", ".join(sorted(map(str, fitting)))
        raise TwoframeError(
            f"window: found {len(fitting)} that match {text!r}: {candidates}; expected one; "
            f"choose by its id, such as --window {fitting[0].number:#x}, or by a click: --pick"
        )
    return fitting[0]


def _of_wayland() -> str:
    """What to do beside, where windows may be none of X11."""
    if sys.platform != "linux":
        return ""
    from agent.x11 import is_xwayland

    try:
        if not is_xwayland():
            return ""
    except TwoframeError:
        return ""  # a display that has gone says so at the next step
    return (
        " (a native Wayland window is not found: start the game with SDL_VIDEODRIVER=x11, Qt's QT_QPA_PLATFORM=xcb, "
        "GTK's GDK_BACKEND=x11 or Proton's PROTON_ENABLE_WAYLAND=0)"
    )


def _listed(desktop: Desktop) -> list[Listed]:
    described = [desktop.described(number) for number, _ in desktop.titles()]
    return [window for window in described if window]


def _by_id(desktop: Desktop, text: str) -> Listed | None:
    """The window whose id `text` is, in either notation; None where it is none."""
    try:
        number = int(text, 16 if text.lower().startswith("0x") else 10)
    except ValueError:
        return None
    if not 0 < number < 1 << 64 or (sys.platform == "linux" and number >= 1 << 32):
        return None
    return desktop.described(desktop.window_of(number) or number)


def _with_focus(desktop: Desktop) -> Listed:
    focus = desktop.focused()
    number = None if focus is None else desktop.window_of(focus)
    window = None if number is None else desktop.described(number)
    if window is None or not _without_terminal([window]):
        raise TwoframeError(
            "window: found no window but the terminal of this command with the focus, expected the game; "
            f"click into it in the countdown{_of_wayland()}"
        )
    return window


def _without_terminal(windows: Sequence[Listed]) -> list[Listed]:
    """Without those of the programs that started this one, beside what the desktop leaves out by itself."""
    if sys.platform == "linux":
        from agent.screen.x11_owner import processes_above
    elif sys.platform == "win32":
        from agent.screen.win32.desktop import processes_above
    elif sys.platform == "darwin":
        from agent.screen.macos_window import processes_above
    else:
        return list(windows)
    above = processes_above()
    return [window for window in windows if window.pid not in above]


def _desktop() -> Desktop:
    # Here, not above: each imports what only its system has.
    if sys.platform == "linux":
        from agent.screen.x11_window import X11Desktop

        return X11Desktop()
    if sys.platform == "win32":
        from agent.screen.win32.desktop import WindowsDesktop

        return WindowsDesktop()
    if sys.platform == "darwin":
        from agent.screen.macos_window import MacDesktop

        return MacDesktop()
    raise TwoframeError(f"window: found the system {sys.platform}, expected Linux with X11, Windows or macOS")

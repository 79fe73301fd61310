"""A window, and the one that its program makes in its place: for full screen, for another resolution."""

from collections.abc import Callable

from agent.pacing import clock_ns
from agent.recording.window_marks import WindowMarks
from agent.screen.target import Desktop, Listed, Target, View, WindowClosed, WindowMinimized

NEW_WINDOW_S = 5.0  # so long a program may be without a window that is to be followed
_SEARCH_NS = 100_000_000


class FollowedWindow:
    """`window` of `desktop`, which this takes over. `marks` tell by what it is known again another day.

    The window that follows it is a new one of the same program, has the same class, and in its title what was asked
    for; with the same title, or the only one. `look` never goes over to it unnoticed: in between it has been `gone` at
    least once.
    """

    def __init__(
        self,
        desktop: Desktop,
        window: Listed,
        asked: str | None,
        clock_ns: Callable[[], int] = clock_ns,
    ) -> None:
        self._desktop = desktop
        self._clock_ns = clock_ns
        self._asked = asked
        self._take(desktop.target(window.number), window)
        self.marks = WindowMarks(asked, window.window_class, window.program)

    @property
    def title(self) -> str | None:
        return self._target.title

    @property
    def window_id(self) -> int | None:
        return self._target.window_id

    def look(self) -> View:
        view = self._target.look()
        # What has been gone is looked at anew, even if there is a window of that number again: it may be anybody's.
        return view if view.state != "closed" and self._gone_ns is None else self._look_for_another(view)

    def close(self) -> None:
        self._desktop.close()

    def _take(self, target: Target, window: Listed) -> None:
        self._target = target
        self._window = window
        self._gone_ns: int | None = None
        self._search_ns = 0
        self._closed = False
        self._others = {number for number, _ in self._desktop.titles()} - {window.number}

    def _look_for_another(self, view: View) -> View:
        now_ns = self._clock_ns()
        if self._gone_ns is None:
            self._gone_ns = now_ns
            self._closed = self._desktop.has_ended(self._window)
        elif not self._closed and now_ns >= self._search_ns:
            self._search_ns = now_ns + _SEARCH_NS
            if self._goes_over():
                return self._target.look()
            self._closed = now_ns - self._gone_ns > NEW_WINDOW_S * 1e9 or self._desktop.has_ended(self._window)
        return View("closed" if self._closed else "gone", view.box)

    def _goes_over(self) -> bool:
        numbers = [number for number, _ in self._desktop.titles() if number not in self._others]
        new = [window for number in numbers if (window := self._desktop.described(number)) and self._follows(window)]
        new = [window for window in new if window.title == self._window.title] or new
        if len(new) != 1:
            return False
        try:
            self._take(self._desktop.target(new[0].number), new[0])
        except (WindowClosed, WindowMinimized):
            return False  # another one may come still, or this one be shown
        return True

    def _follows(self, new: Listed) -> bool:
        old = self._window
        if old.pid is None or new.pid is None:
            same = new.program == old.program
        else:
            same = new.pid == old.pid
        return same and new.window_class == old.window_class and (self._asked is None or self._asked in new.title)

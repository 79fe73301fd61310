"""Keeping frames and keys back until the game is seen in front again: what came in between gets into no recording."""

from agent.arrays import Array
from agent.frames import Image
from agent.recording.journal import Journal
from agent.recording.key_log import Change, KeyLog


class ConfirmedJournal:
    """A journal for a loop that looks at the game once a tick and then takes a frame.

    A frame is handed over only when the next look still finds the game in front: nothing that covered it for a moment,
    and no key typed elsewhere, gets into the recording. Times are on the loop's clock, the recording's begin at
    `start_ns`. Keys are heard by the `key_log`, on the listener's thread; the rest is called by the loop.
    """

    def __init__(self, journal: Journal, key_log: KeyLog, start_ns: int) -> None:
        self._journal = journal
        self._key_log = key_log
        self._start_ns = start_ns
        self._newest: tuple[Image, int, dict[str, Array]] | None = None

    def frame(self, frame: Image, captured_ns: int, **extras: Array) -> None:
        """The frame of this tick (H, W, C) uint8, grabbed at `captured_ns`. For `extras` see the writer."""
        self._newest = (frame, captured_ns - self._start_ns, extras)

    def confirm(self, now_ns: int) -> bool:
        """The game is in front now, and was when the newest frame was taken; True if keys changed since."""
        changes = self._key_log.confirm(now_ns)
        self._note(changes)
        if self._newest:  # after its events: the journal's thread may take what is there at any moment
            frame, captured_ns, extras = self._newest
            self._journal.frame(frame, captured_ns, **extras)
        self._settle(now_ns)
        return bool(changes)

    def discard(self, now_ns: int) -> bool:
        """The game is not in front now: the newest frame and keys are dropped; True if keys were held till then."""
        changes = self._key_log.discard(now_ns)
        self._note(changes)
        self._settle(now_ns)
        return bool(changes)

    def _note(self, changes: list[Change]) -> None:
        for change in changes:
            self._journal.event(change.time_ns - self._start_ns, change.key, change.down)

    def _settle(self, now_ns: int) -> None:
        self._newest = None
        self._journal.settle(now_ns - self._start_ns)
        if self._journal.error:
            raise self._journal.error

"""The key holder: a small process that holds the keys it is told to, and lets go of them whenever it hears nothing.

`agent.keyboard.key_holder` starts it. On stdin it reads words, one per line: a deadline (`agent.pacing.clock_ns`) and
the whole set of keys to hold until then, with the window that they are for (`DEADLINE@WINDOW KEY KEY...`); `*KEY` is
one that a person holds, for systems that do not show it to whoever presses. On stdout it says `ready`, whether the
game's window lacks the focus (`refused`, `pressed`), and after words, and again and again while it holds keys, how many
words it has done in all and how many keys are down (`heard WORDS KEYS`). What ends it goes to stderr, one line.
"""

import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from types import FrameType
from typing import Protocol

from agent.command_line.terminal import is_gone
from agent.errors import KeysRefused, TwoframeError
from agent.keyboard.emitter import Emitter, open_emitter
from agent.keys import MODIFIERS
from agent.pacing import clock_ns

FOCUS_CHECK_S = 0.01
BEAT_S = 0.05  # so often it says that it is alive while it holds keys
LONGEST_EXPIRY_S = 1.0
_ERROR_EXIT = 1


class Words(Protocol):
    """Where the words come from."""

    def read(self, timeout_s: float | None) -> bytes | None:
        """What has come within `timeout_s` (None: however long it takes); None at the end of file or a signal."""
        ...


class ExpiringKeys:
    """Holds keys: `hear` gives it words, `look_after` lets go of what has expired or may not be held any more.

    After either, `answer` says what came of it.
    """

    def __init__(
        self,
        keys: Collection[str],
        window_id: int | None,
        emitter: Emitter,
        say: Callable[[str], None],
        clock_ns: Callable[[], int] = clock_ns,
    ) -> None:
        self._keys = frozenset(keys)
        self._window_id = window_id
        self._emitter = emitter
        self._say = say
        self._clock_ns = clock_ns
        self._held: frozenset[str] = frozenset()
        self._deadline_ns = 0
        self._refused = False
        self._rest = b""
        self._words = 0
        self._answer = ""
        self._answered_ns = 0

    @property
    def patience_s(self) -> float | None:
        """How long `look_after` can wait when no word comes; None where nothing is held."""
        if not self._held:
            return None
        left_s = (self._deadline_ns - self._clock_ns()) / 1e9
        if left_s <= 0:  # the system has refused the release: it is asked again
            return FOCUS_CHECK_S
        return min(left_s, BEAT_S if self._window_id is None else FOCUS_CHECK_S)

    def hear(self, received: bytes) -> None:
        """Do what the newest whole word says. Raises `TwoframeError` for one that cannot be meant.

        Of older words that came with it, one thing counts: a key that one of them lets go of goes up, if only to be
        pressed again. The game may have lost it, when a person let go of the same key.
        """
        *words, self._rest = (self._rest + received).split(b"\n")
        if len(self._rest) > 4096:
            raise TwoframeError(f"key holder: found a word of {len(self._rest)} bytes, expected at most 4096")
        self._words += len(words)
        if words:
            *older, (deadline_ns, window_id, keys, persons) = [self._parsed(word) for word in words]
            self._emitter.person_holds(persons)
            for _, _, before, _ in older:
                self._release(self._held - before)
            self._hold(deadline_ns, window_id, keys)

    def look_after(self) -> None:
        """Let go when the words have expired or the window has lost the focus."""
        if not self._held:
            return
        if self._clock_ns() >= self._deadline_ns:
            self._release(self._held)
        elif self._window_id is not None and not self._emitter.is_focused(self._window_id):
            self._release(self._held)
            self._tell(refused=True)

    def answer(self) -> None:
        """Say how many words were done and how many keys are held, if there is something new or a beat is due."""
        answer, now_ns = f"heard {self._words} {len(self._held)}", self._clock_ns()
        if answer != self._answer or (self._held and now_ns - self._answered_ns >= BEAT_S * 1e9):
            self._answer, self._answered_ns = answer, now_ns
            self._say(answer)

    def release_all(self) -> None:
        """Let go of everything that this may have pressed, even if a press failed half-way.

        Raises `TwoframeError` if the system does not take it.
        """
        if self._held:
            self._emitter.release(_in_order(self._held)[::-1])

    def _parsed(self, word: bytes) -> tuple[int, int | None, frozenset[str], frozenset[str]]:
        """The deadline, the window, the keys to hold, and those that a person holds."""
        when, *names = word.decode("utf-8", "replace").split(" ")
        deadline, at, window = when.partition("@")
        persons = frozenset(name[1:] for name in names if name.startswith("*"))
        keys = frozenset(name for name in names if name and not name.startswith("*"))
        now_ns = self._clock_ns()
        if not deadline.isdecimal() or (at and not window.isdecimal()) or not keys | persons <= self._keys:
            raise TwoframeError(
                f"key holder: found the word {word[:80]!r}, expected a time and some of {', '.join(sorted(self._keys))}"
            )
        if int(deadline) - now_ns > LONGEST_EXPIRY_S * 1e9:
            raise TwoframeError(
                f"key holder: found a word for the next {(int(deadline) - now_ns) / 1e9:.1f} s, "
                f"expected at most {LONGEST_EXPIRY_S:g} s"
            )
        return int(deadline), int(window) if at else self._window_id, keys, persons

    def _hold(self, deadline_ns: int, window_id: int | None, keys: frozenset[str]) -> None:
        if window_id != self._window_id:
            self._release(self._held)  # they went down in the window before
            self._window_id = window_id
        if self._clock_ns() >= deadline_ns:
            keys = frozenset()  # the newest word has expired: the older ones have too
        self._deadline_ns = deadline_ns
        self._release(self._held - keys)
        wanted = keys - self._held
        if not wanted:
            return
        before = self._held
        self._held |= keys  # before the press: whatever fails in it, these get released
        if self._emitter.press(_in_order(wanted), self._window_id):
            self._tell(refused=False)
        else:
            self._held = before
            self._release(before)
            self._tell(refused=True)

    def _release(self, keys: frozenset[str]) -> None:
        if keys:
            with suppress(KeysRefused):  # the screen is locked: they stay held here, and are tried again
                self._emitter.release(_in_order(keys)[::-1])
                self._held -= keys

    def _tell(self, *, refused: bool) -> None:
        if refused != self._refused:
            self._refused = refused
            self._say("refused" if refused else "pressed")


def _in_order(keys: Collection[str]) -> list[str]:
    """As people press chords, modifiers first: a game may ask at the press of w whether Shift is down."""
    return sorted(keys, key=lambda key: (key not in MODIFIERS, key))


def run(holder: ExpiringKeys, words: Words) -> None:
    """Hold keys until the words end. Leaves with no key held, if the system lets it."""
    try:
        while (received := words.read(holder.patience_s)) is not None:
            if received:
                holder.hear(received)
            holder.look_after()
            holder.answer()
    finally:
        holder.release_all()


class PosixWords:
    """Words on stdin; SIGTERM, SIGINT and SIGHUP end them."""

    def __init__(self) -> None:
        self._signalled, signal_end = os.pipe()
        if sys.platform != "win32":
            os.set_blocking(signal_end, False)
            signal.set_wakeup_fd(signal_end)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, _wake)

    def read(self, timeout_s: float | None) -> bytes | None:
        ready, _, _ = select.select([sys.stdin.fileno(), self._signalled], [], [], timeout_s)
        if self._signalled in ready:
            return None
        return (os.read(sys.stdin.fileno(), 1 << 16) or None) if ready else b""


def _wake(number: int, frame: FrameType | None) -> None:
    """The signal has written to the pipe that `PosixWords.read` watches: nothing more to do, and no call broken."""


class ThreadWords:
    """Words on stdin where a pipe cannot be waited for with a timeout (Windows); Ctrl-Break ends them."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), lambda number, frame: self._queue.put(None))
        threading.Thread(target=self._pump, name="words", daemon=True).start()

    def read(self, timeout_s: float | None) -> bytes | None:
        try:
            received = self._queue.get(timeout=timeout_s)
            while received is not None and not self._queue.empty():
                more = self._queue.get()
                received = None if more is None else received + more
            return received
        except queue.Empty:
            return b""

    def _pump(self) -> None:
        while received := os.read(sys.stdin.fileno(), 1 << 16):
            self._queue.put(received)
        self._queue.put(None)


def main(window: str, *keys: str) -> int:
    """`window` is the id of the game's window until a word names another, or empty; `keys` all that may be pressed."""
    # stdout is for our words alone: libraries print too (python-xlib about a missing .Xauthority).
    said = os.dup(sys.stdout.fileno())
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def say(text: str) -> None:
        os.write(said, f"{text}\n".encode())

    try:
        emitter = open_emitter(keys)
        holder = ExpiringKeys(keys, int(window) if window else None, emitter, say)
        words = ThreadWords() if sys.platform == "win32" else PosixWords()
        say(f"ready {clock_ns()}")
        run(holder, words)
        emitter.close()
    except OSError as error:
        if not is_gone(error):
            raise
        return 0  # the loop went while we told it something; the keys are up
    except TwoframeError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return _ERROR_EXIT
    return 0

"""Holding keys for the live loop: through a small process that lets go of them when the loop falls silent.

with KeyHolder(["a", "d"], window_id=window.window_id) as holder:
    holder.hold({"a"})  # again before 0.2 s are over, or a goes up
"""

import errno
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from agent.child_process import by_line, end_of, last_words, own_group, start_child
from agent.command_line.terminal import is_gone
from agent.errors import TwoframeError
from agent.keyboard.emitter import open_emitter
from agent.keyboard.key_holder_process import LONGEST_EXPIRY_S
from agent.keyboard.silence import HUNG_S, NAP_S, CoreTime, Silence
from agent.keys import key as key_named
from agent.pacing import clock_ns

READY_TIMEOUT_S = 10.0
_END_TIMEOUT_S = 1.0
_PROCESS = "agent.keyboard.key_holder_process"


class KeyHolderDied(TwoframeError):  # noqa: N818 (it is the event that matters)
    """The key holder has ended by itself, or hung and was ended. The keys it held have been released."""


class KeyHolder:
    """The key holder's process, as the loop sees it. Presses `keys` and no others.

    With a `window_id`, it presses only while that window has the focus, and lets go when the focus leaves. Where the
    game may make its window anew, `window_id` is a function that tells the id of the newest. `persons` tells the keys
    that a person is heard to hold, which are left to them. Both are asked for each word.
    Raises `TwoframeError` if it cannot be started. For one thread at a time, except `close`.

    While the process does not answer, its keys are let go of from here, and no word asks it for any; if it answers
    again soon enough, all goes on. If not, it is ended.
    """

    def __init__(
        self,
        keys: Iterable[str],
        *,
        window_id: int | Callable[[], int | None] | None,
        persons: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._keys = frozenset(key_named(name).name for name in keys)
        self._refused = False
        self._closing = False
        self._death = ""
        self._hung = False
        self._silence = Silence()
        self._child_ns: int | None = None
        self._ready = threading.Event()  # or ended
        self._ended = threading.Event()
        self._window_id = window_id if callable(window_id) else lambda: window_id
        self._persons = persons
        window = self._window()
        # Ctrl-C and Ctrl-Z in the terminal are for the loop; the holder must live to let go.
        self._process = start_child(_PROCESS, window, *sorted(self._keys), **own_group())
        self._stdin = end_of(self._process.stdin)
        try:
            # Ours, for when the holder cannot release them any more. Opened now: later it might fail.
            self._emitter = open_emitter(self._keys)
        except BaseException:
            self._process.kill()
            with self._process:  # waits for its end and closes the pipes
                raise
        self._emitting = threading.Lock()
        self._writing = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="key holder", daemon=True)
        self._watcher.start()
        self._patience = threading.Thread(target=self._see_that_it_answers, name="key holder's silence", daemon=True)
        self._patience.start()
        try:
            _never_block(self._stdin.fileno())
            self._wait_until_ready()
        except BaseException:
            self.close()
            raise

    @property
    def focus_refused(self) -> bool:
        """Whether it last did not press, or let go, because the game's window had not the focus."""
        return self._refused

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        """Hold exactly `keys` for `expiry_s` (at most 1 s) from now, or until the next call. Never blocks.

        Raises `KeyHolderDied` if the process has ended; by then all keys have been released.
        """
        if self._closing:
            raise RuntimeError("the key holder is closed")
        if not self._keys.issuperset(keys) or not 0 < expiry_s <= LONGEST_EXPIRY_S:
            raise ValueError(f"cannot hold {sorted(keys)} for {expiry_s} s, only {sorted(self._keys)} for up to 1 s")
        deadline_ns = clock_ns() + round(expiry_s * 1e9)
        if not self._send(deadline_ns, keys):
            self._ended.wait(_END_TIMEOUT_S)
            raise KeyHolderDied(self._death or "key holder: found it deaf, expected it to listen; play again")

    def release(self) -> None:
        """Hold nothing. If the process has ended, that is so already."""
        if not self._closing:
            self._send(clock_ns(), ())

    def close(self) -> None:
        """Release all keys and end the process; idempotent. Returns when they are up."""
        with self._writing:
            if not self._closing:
                self._closing = True
                self._stdin.close()
                self._silence.asked()
        self._watcher.join()  # who does not answer to this is ended
        self._patience.join()
        self._emitter.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _window(self) -> str:
        window_id = self._window_id()
        return "" if window_id is None else str(window_id)

    def _send(self, deadline_ns: int, keys: Collection[str]) -> bool:
        """False if nobody listens any more."""
        if self._silence.is_long:
            keys = ()  # they are up, and when it answers again it must know that
        window = self._window()
        names = [*keys, *(f"*{name}" for name in self._keys.intersection(self._persons()))]
        word = f"{deadline_ns}{'@' if window else ''}{window} {' '.join(names)}\n"
        if self._ended.is_set():
            return False
        with self._writing:
            return self._closing or self._write(word.encode())

    def _write(self, word: bytes) -> bool:
        try:
            os.write(self._stdin.fileno(), word)
            self._silence.asked()
        except BlockingIOError:
            pass  # the holder is late by thousands of words: newer ones follow, and what it holds expires
        except OSError as error:
            if is_gone(error):
                return False
            if sys.platform != "win32" or error.errno != errno.ENOSPC:  # Windows' word for what blocks elsewhere
                raise
        return True

    def _wait_until_ready(self) -> None:
        begun_ns = clock_ns()
        if not self._ready.wait(READY_TIMEOUT_S):
            raise TwoframeError(
                f"key holder: found it not ready after {READY_TIMEOUT_S:g} s, expected a fraction of a second; "
                "close other programs and try again"
            )
        if self._child_ns is None:
            raise TwoframeError(self._death)
        if not begun_ns - 60e9 < self._child_ns < clock_ns() + 1e9:
            raise TwoframeError(
                "key holder: found its clock differs from ours, expected one clock for all processes; "
                "report this with your system and its version"
            )

    def _watch(self) -> None:
        """Follow what the process says; when it ends, see that no key stays down."""
        with end_of(self._process.stderr) as complained, by_line(end_of(self._process.stdout)) as said:
            for line in said:
                word, _, value = line.decode().strip().partition(" ")
                if word == "ready":
                    self._child_ns = int(value)
                    self._ready.set()
                elif word == "heard":
                    self._silence.heard(*map(int, value.split()))
                else:
                    self._refused = word == "refused"
            status = self._process.wait()
            reason = last_words(complained, f"key holder: found it ended with status {status}")
        if self._hung:
            reason = f"key holder: found no answer for {HUNG_S:g} s, expected one at once"
        was_ready = self._child_ns is not None
        if was_ready and (self._hung or not (self._closing and status == 0)):
            try:
                self._let_go()
                reason += "; its keys are released, play again"
            except TwoframeError as error:
                reason += f"; its keys may be down: {error}"
        self._death = reason
        self._ended.set()
        self._ready.set()

    def _see_that_it_answers(self) -> None:
        """Let go of its keys while it does not, and end it if it does not for long."""
        core_time = CoreTime(self._process.pid)
        while not self._ended.wait(NAP_S):
            if not core_time.is_kept_waiting():
                self._silence.napped()
            if self._silence.is_long:
                with suppress(TwoframeError):  # tried again after the next nap, and told by who sees the end
                    self._let_go()
                if self._silence.is_final:
                    self._hung = True
                    self._process.kill()  # ends one that is stopped, too
                else:
                    self._send(clock_ns(), ())

    def _let_go(self) -> None:
        """Release all keys from here. Raises `TwoframeError` if the system does not take it."""
        with self._emitting:
            self._emitter.person_holds(self._keys.intersection(self._persons()))
            self._emitter.release(self._keys)


def _never_block(pipe: int) -> None:
    if sys.platform == "win32" and sys.version_info < (3, 12):  # where os.set_blocking does not know pipes
        import ctypes
        import msvcrt

        pipe_nowait = ctypes.c_ulong(1)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(pipe))
        if not ctypes.windll.kernel32.SetNamedPipeHandleState(handle, ctypes.byref(pipe_nowait), None, None):
            raise ctypes.WinError()
    else:
        os.set_blocking(pipe, False)

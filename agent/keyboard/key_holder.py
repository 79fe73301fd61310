"""Holding keys for the live loop: through a small process that lets go of them when the loop falls silent.

with KeyHolder(["a", "d"], window_id=window.window_id) as holder:
    holder.hold({"a"})  # again before 0.2 s are over, or a goes up
"""

import errno
import os
import sys
import threading
from collections.abc import Callable, Collection, Iterable
from types import TracebackType
from typing import Self

from agent.child_process import end_of, last_words, own_group, start_child
from agent.errors import TwoframeError
from agent.keyboard.emitter import open_emitter
from agent.keyboard.key_holder_process import LONGEST_EXPIRY_S
from agent.keys import key as key_named
from agent.pacing import clock_ns

READY_TIMEOUT_S = 10.0
HUNG_S = 1.0  # a process that has not read a word for so long while the loop went on
_CLOSE_TIMEOUT_S = 1.0
_PROCESS = "agent.keyboard.key_holder_process"


class KeyHolderDied(TwoframeError):  # noqa: N818 (it is the event that matters)
    """The key holder has ended by itself. The keys it held have been released."""


class KeyHolder:
    """The key holder's process, as the loop sees it. Presses `keys` and no others.

    With a `window_id`, it presses only while that window has the focus, and lets go when the focus leaves. Where the
    game may make its window anew, `window_id` is a function that tells the id of the newest. `persons` tells the keys
    that a person is heard to hold, which are left to them. Both are asked for each word.
    Raises `TwoframeError` if it cannot be started. For one thread, except `close`.
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
        self._heard_ns = self._asked_ns = 0
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
        self._watcher = threading.Thread(target=self._watch, name="key holder", daemon=True)
        self._watcher.start()
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
            self._ended.wait(_CLOSE_TIMEOUT_S)
            raise KeyHolderDied(self._death or "key holder: found it deaf, expected it to listen; play again")

    def release(self) -> None:
        """Hold nothing. If the process has ended, that is so already."""
        if not self._closing:
            self._send(clock_ns(), ())

    def close(self) -> None:
        """Release all keys and end the process; idempotent. Returns when they are up."""
        if not self._closing:
            self._closing = True
            self._stdin.close()
        self._watcher.join(_CLOSE_TIMEOUT_S)
        if self._watcher.is_alive():
            self._process.kill()
            self._watcher.join()
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
        window = self._window()
        names = [*keys, *(f"*{name}" for name in self._keys.intersection(self._persons()))]
        word = f"{deadline_ns}{'@' if window else ''}{window} {' '.join(names)}\n"
        if self._ended.is_set():
            return False
        if not self._is_heard():
            self._hung = True
            self._process.kill()  # which the watcher notices: it releases the keys
            return False
        try:
            os.write(self._stdin.fileno(), word.encode())
        except BlockingIOError:
            pass  # the holder is late by thousands of words: newer ones follow, and what it holds expires
        except BrokenPipeError:
            return False
        except OSError as error:
            if sys.platform != "win32" or error.errno not in (errno.ENOSPC, errno.EINVAL):
                raise
            return error.errno == errno.ENOSPC  # Windows: full; EINVAL is its broken pipe
        return True

    def _is_heard(self) -> bool:
        """Whether the process reads its words; on Linux, where a pipe tells what is unread."""
        now_ns = clock_ns()
        was_away = now_ns - self._asked_ns > HUNG_S * 1e9 / 2  # it may be that all was asleep, not the process alone
        self._asked_ns = now_ns
        if was_away or not _unread(self._stdin.fileno()):
            self._heard_ns = now_ns
        return now_ns - self._heard_ns <= HUNG_S * 1e9

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
        with end_of(self._process.stdout) as said, end_of(self._process.stderr) as complained:
            for line in said:
                word, _, value = line.decode().strip().partition(" ")
                if word == "ready":
                    self._child_ns = int(value)
                    self._ready.set()
                else:
                    self._refused = word == "refused"
            status = self._process.wait()
            reason = last_words(complained, f"key holder: found it ended with status {status}")
        if self._hung:
            reason = f"key holder: found it hung for {HUNG_S:g} s, expected it to read its words"
        was_ready = self._child_ns is not None
        if was_ready and not (self._closing and status == 0):
            try:
                self._emitter.person_holds(self._keys.intersection(self._persons()))
                self._emitter.release(self._keys)
                reason += "; its keys are released, play again"
            except TwoframeError as error:
                reason += f"; its keys may be down: {error}"
        self._death = reason
        self._ended.set()
        self._ready.set()


def _unread(pipe: int) -> int:
    """The bytes written to `pipe` that nobody has read yet."""
    if sys.platform != "linux":
        return 0
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


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

"""A listener in a process of its own, for systems where who listens holds up every key until it has looked at it.

There a program that is suspended would delay all keys of the machine, and the release of those that it held. This
process has nothing else to do. On its first line it says `held KEY...`, or what is wrong; then one line for each event.
It ends with its stdin.
"""

import importlib
import os
import queue
import sys
import threading
from collections.abc import Callable

from agent.child_process import by_line, end_of, last_words, own_group, start_child
from agent.errors import TwoframeError
from agent.keys import KeyEvent

_END_TIMEOUT_S = 1.0
_INJECTED = {"1": True, "0": False, "-": None}
_LETTER = {injected: letter for letter, injected in _INJECTED.items()}


class ListenerProcess:
    """A `Backend` that is another: `backend` names its class, as `module:class`."""

    def __init__(
        self,
        backend: str,
        keys: tuple[str, ...],
        changed: Callable[[KeyEvent, int], None],
        failed: Callable[[TwoframeError], None],
    ) -> None:
        self._arguments = (backend, *keys)
        self._changed = changed
        self._failed = failed
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="keyboard", daemon=True)

    def start(self) -> frozenset[str]:
        self._process = start_child(__name__, *self._arguments, **own_group())
        self._said = by_line(end_of(self._process.stdout))
        what, *held = self._said.readline().decode().split() or ["", ""]
        if what != "held":
            raise TwoframeError(self._end())
        self._thread.start()
        return frozenset(held)

    def close(self) -> None:
        if self._closing or self._thread.ident is None:
            return
        self._closing = True
        end_of(self._process.stdin).close()
        if threading.current_thread() is not self._thread:
            self._thread.join(_END_TIMEOUT_S)
            if self._thread.is_alive():  # it hangs, and all keys wait for it
                self._process.kill()
                self._thread.join()

    def _run(self) -> None:
        try:
            for line in self._said:
                time_ns, key, down, injected, source = line.decode().split()
                if self._closing:
                    continue  # to its end
                self._changed(KeyEvent(int(time_ns), key, down == "1", _INJECTED[injected]), int(source))
        except BaseException as error:
            # A defect, of `on_event` for one: the thread ends with its traceback, and the loop must know.
            self._failed(TwoframeError(f"keyboard: the listener ended by {type(error).__name__}: {error}"))
            raise
        finally:
            complaint = self._end()
        if not self._closing:
            self._failed(TwoframeError(complaint))

    def _end(self) -> str:
        """Wait for its end, which comes with that of its stdin; gives what it complained of."""
        with self._process, self._said:
            end_of(self._process.stdin).close()
            return last_words(
                end_of(self._process.stderr),
                "keyboard: the listener ended by itself, expected it to go on; start again",
            )


def main(backend: str, *keys: str) -> int:
    """The process: `backend` as above."""
    module, _, name = backend.partition(":")
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()  # whoever is slow in reading delays no key

    def changed(event: KeyEvent, source: int) -> None:
        lines.put(f"{event.time_ns} {event.key} {event.down:d} {_LETTER[event.injected]} {source}\n")

    def write() -> None:
        while line := lines.get():
            sys.stdout.write(line)
            sys.stdout.flush()

    def fail(error: TwoframeError) -> None:
        print(" ".join(str(error).split()), file=sys.stderr, flush=True)
        os._exit(1)  # the other thread waits for stdin, and cannot be woken everywhere

    try:
        listener = getattr(importlib.import_module(module), name)(keys, changed, fail)
        held = listener.start()
    except TwoframeError as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    sys.stdout.write(f"{' '.join(('held', *sorted(held)))}\n")
    sys.stdout.flush()
    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    sys.stdin.read()
    listener.close()
    lines.put("")
    writer.join()
    return 0

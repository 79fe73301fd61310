"""Does any key stay down? `python -m bench.keys_up [--quick] [--session xvfb|xwayland|both] [--json FILE]`.

On a display of its own `play` holds w and shift in a window that redraws at 60 Hz. At random moments something happens
to it, 20 times each; from then on the X server is asked which keys are down, about a thousand times a second for
half a second. Counted is the time until it says for good that none is; the bar is 0.3 s. When the focus is stolen, in a
Wayland session by a native window, the thief tells what it gets: presses that are no autorepeat (there may be none),
autorepeat (for 30 ms at most), releases (one a key).
"""

import itertools
import math
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from Xlib.display import Display

from agent.check.probe_window import WindowKey
from agent.keys import key
from agent.pacing import clock_ns
from bench.keys_up.thieves import NativeThief, Thief, XThief
from bench.live import Rows, add_session_flags, counter_window, in_sessions, make_policy, running, wait_until
from bench.table import Bench, bench_options, show
from games.window.wayland_keyboard import WaylandKeyboard
from games.window.xvfb_keyboard import XvfbKeyboard

UP_WITHIN_S = 0.3
WATCHED_S = 0.5
AUTOREPEAT_S = 0.03
AT_ONCE_NS = 5_000_000
REPEAT_DELAY_S = 0.66  # of an X server, unless told otherwise
HELD = ("w", "shift")
PERSONS = "a"  # what the person presses who takes over by touch
BACK_S = 5.0
STALLS = 5  # so often a busy machine may have kept `play` waiting just then
FAULT = "raised by the bench"


class Faulty:
    """`play` in which an exception is raised wherever it is when SIGUSR1 comes: `python -m bench.keys_up --faulty`."""

    @staticmethod
    def play(argv: list[str]) -> int:
        from agent.play.cli import main as play

        def fail(number: int, _frame: object) -> None:
            raise RuntimeError(FAULT)

        signal.signal(signal.SIGUSR1, fail)
        return play(argv)


class Server:
    """The X server, asked which keys are down."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._codes = {name: key(name).x_keycode for name in (*HELD, PERSONS)}

    def down(self, but: Collection[str] = ()) -> set[str]:
        keymap = self._display.query_keymap()
        return {name for name, c in self._codes.items() if name not in but and keymap[c // 8] >> (c % 8) & 1}

    def up_after_s(self, happen: Callable[[], Any], but: Collection[str] = ()) -> float:
        """Seconds from `happen` until the answer from which on no key was down; infinite if that never came."""
        begun_s = time.perf_counter()
        happen()
        up_s = math.inf
        while (now_s := time.perf_counter()) < begun_s + WATCHED_S:
            if self.down(but):
                up_s = math.inf
            elif up_s == math.inf:
                up_s = time.perf_counter()
            time.sleep(max(0.0, now_s + 0.001 - time.perf_counter()))
        return up_s - begun_s


class Account:
    """What a window got of one key since the focus came to it.

    X tells autorepeat as a release and a press at once; `presses` and `releases` are what remains.
    """

    def __init__(self, keys: list[WindowKey], since_ns: int) -> None:
        self.repeated_s = 0.0
        repeats = 0
        for before, after in itertools.pairwise(keys):
            if after.down and not before.down and after.time_ns - before.time_ns < AT_ONCE_NS:
                repeats += 1
                self.repeated_s = (after.time_ns - since_ns) / 1e9
        self.presses = sum(k.down for k in keys) - repeats
        self.releases = sum(not k.down for k in keys) - repeats


@dataclass(slots=True)
class Event:
    """One kind of thing that happens, and how long keys stayed down each time."""

    name: str
    took_s: list[float] = field(default_factory=list)
    got: str = "-"
    failures: int = 0

    def row(self) -> dict[str, Any]:
        late = sum(s > UP_WITHIN_S for s in self.took_s) + self.failures
        return {
            "what happens": self.name,
            "times": len(self.took_s),
            "median s": sorted(self.took_s)[len(self.took_s) // 2],
            "worst s": max(self.took_s),
            "not up in time": late,
            "the other window got": self.got,
        }


class Events:
    """All events on one display, each `times`."""

    def __init__(self, server: Server, policy: Path, log: Path, times: int) -> None:
        self._server = server
        self._policy = policy
        self._log = log
        self._times = times
        self._moments = random.Random(0)

    def ending(
        self, name: str, happen: Callable[[subprocess.Popen[str]], Any], status: int, *, faulty: bool = False
    ) -> Event:
        """Each time a new `play`, which this ends with `status`."""
        event = Event(name)
        for _ in range(self._times):
            with self.playing(faulty=faulty) as process:
                event.took_s.append(self._server.up_after_s(lambda: happen(process)))
                said = process.communicate(timeout=10)[0]
            if process.returncode != status or (faulty and FAULT not in said):
                raise SystemExit(f"play: found exit {process.returncode} after {name}, expected {status}: {said}")
        return event

    def closing(self) -> Event:
        event = Event("the game's window closed")
        for _ in range(self._times):
            with counter_window(self._log) as window, self.playing():
                event.took_s.append(self._server.up_after_s(window.terminate))
        return event

    def interrupting(
        self,
        name: str,
        process: subprocess.Popen[str],
        happen: Callable[[], Any],
        undo: Callable[[], Any],
        but: Collection[str] = (),
    ) -> Event:
        """The same `play` goes on afterwards: it must hold its keys again."""
        event = Event(name)
        for _ in range(self._times):
            self._wait_while_held(process)
            event.took_s.append(self._server.up_after_s(happen, but))
            undo()
        return event

    def stealing(self, process: subprocess.Popen[str], thief: Thief) -> Event:
        """Another window takes the focus, and keeps account of what comes."""
        event = Event("focus stolen")
        presses, repeated_s, releases = 0, 0.0, 0
        for _ in range(self._times):
            thief.give_back()
            self._wait_while_held(process)
            thief.got()  # while it opened, or before it gave the focus back
            stolen_ns = clock_ns()
            event.took_s.append(self._server.up_after_s(thief.steal))
            keys = thief.got()
            for name in HELD:
                account = Account([k for k in keys if k.name == name], stolen_ns)
                presses += account.presses
                repeated_s = max(repeated_s, account.repeated_s)
                releases = max(releases, account.releases)
        event.failures = presses + (releases > 1) + (repeated_s > AUTOREPEAT_S)
        thief.give_back()
        event.got = f"{presses} presses, autorepeat for {repeated_s * 1000:.0f} ms, {releases} release a key at most"
        return event

    @contextmanager
    def playing(self, *, faulty: bool = False) -> Iterator[subprocess.Popen[str]]:
        command = ("bench.keys_up", "--faulty") if faulty else ("agent",)
        try:
            with running(*command, self._policy, "--window", "Counter") as process:
                self._wait_while_held(process)
                yield process
        finally:
            wait_until(lambda: not self._server.down(), "the release of all keys")

    def _wait_while_held(self, process: subprocess.Popen[str]) -> None:
        """Until keys are held, and from there to a random moment: in half the cases they have begun to repeat."""
        for _ in range(STALLS):
            wait_until(lambda: process.poll() is not None or self._server.down() == set(HELD), "a held key")
            time.sleep(self._moments.uniform(0, 2 * REPEAT_DELAY_S))
            if (down := self._server.down()) == set(HELD):
                return
        raise SystemExit(f"play: found {down} held, expected {HELD}; exit {process.poll()}")


def holder_of(process: subprocess.Popen[str]) -> int:
    """The key holder's process among the children of `play`."""
    for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if b"key_holder_process" in Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise SystemExit("play has no key holder")


def signalled(number: signal.Signals) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: process.send_signal(number)


def to_group(number: signal.Signals) -> Callable[[subprocess.Popen[str]], None]:
    return lambda process: os.killpg(process.pid, number)


def measure(policy: Path, log: Path, times: int, *, in_wayland: bool) -> list[Event]:
    compositor = Path(os.environ["WAYLAND_DISPLAY"]) if in_wayland else None
    with ExitStack() as opened:
        person = WaylandKeyboard(compositor) if compositor else XvfbKeyboard((PERSONS, "f8", "f9"))
        opened.callback(person.close)
        connection = opened.enter_context(closing(Display()))
        server = Server(connection)
        bench = Events(server, policy, log, times)

        def tap(name: str) -> None:
            person.press([name])
            person.release([name])

        def stop_touching() -> None:
            person.release([PERSONS])
            time.sleep(0.1)
            end_s = time.monotonic() + BACK_S
            while not server.down() and time.monotonic() < end_s:
                time.sleep(0.02)

        events = []
        with counter_window(log):
            for name, happen, status in (
                ("SIGKILL", signalled(signal.SIGKILL), -signal.SIGKILL),
                ("SIGTERM", signalled(signal.SIGTERM), 0),
                ("Ctrl-C to the group", to_group(signal.SIGINT), 0),
                ("SIGKILL of the key holder", lambda process: os.kill(holder_of(process), signal.SIGKILL), 1),
                ("SIGSTOP of the key holder", lambda process: os.kill(holder_of(process), signal.SIGSTOP), 1),
            ):
                events.append(bench.ending(name, happen, status))
            events.append(bench.ending("an exception in the loop", signalled(signal.SIGUSR1), 1, faulty=True))
            with bench.playing() as play:
                for name, number, group in (
                    ("SIGSTOP", signal.SIGSTOP, signalled),
                    ("SIGTSTP (Ctrl-Z) to the group", signal.SIGTSTP, to_group),
                ):
                    happen, undo = group(number), group(signal.SIGCONT)
                    events.append(bench.interrupting(name, play, lambda: happen(play), lambda: undo(play)))  # noqa: B023
                for name, hotkey in (("pause (F9)", "f9"), ("takeover (F8)", "f8")):
                    events.append(bench.interrupting(name, play, lambda: tap(hotkey), lambda: tap(hotkey)))  # noqa: B023
                touch = bench.interrupting(
                    "takeover by touch", play, lambda: person.press([PERSONS]), stop_touching, but=(PERSONS,)
                )
                with NativeThief(log.parent) if in_wayland else XThief(connection, HELD) as thief:
                    events += [touch, bench.stealing(play, thief)]
        events.append(bench.closing())
    return events


def measured(times: int, *, in_wayland: bool) -> Rows:
    with tempfile.TemporaryDirectory() as folder:
        keys = ["--keys", "left=a", f"forward={'+'.join(HELD)}", "right=d"]
        policy = make_policy(Path(folder) / "policy", "--always", *keys)
        return [event.row() for event in measure(policy, Path(folder) / "log", times, in_wayland=in_wayland)]


def main(argv: Sequence[str] | None = None) -> int:
    options = bench_options(__doc__, argv, add_session_flags)
    rows = in_sessions(options, lambda: measured(3 if options.quick else 20, in_wayland=options.inside))
    show(Bench("keys_up", f"seconds until every key is up, bar {UP_WITHIN_S} s", rows), options.json)
    return 1 if any(row["not up in time"] for row in rows) and not options.inside else 0


if __name__ == "__main__":
    sys.exit(Faulty.play(sys.argv[2:]) if sys.argv[1:2] == ["--faulty"] else main())

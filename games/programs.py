"""Running a command of ours from a script: begun beside it, watched, and ended in order, or by force if it does not."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError

ROOT = Path(__file__).resolve().parent.parent
START_S = 60.0  # for a window to open, for `play` to begin
ENDING_S = 15.0
POLL_S = 0.1
QUIET = {"PYTHONUNBUFFERED": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1", "SDL_AUDIODRIVER": "dummy"}
BOX = "╭╮╰╯│─ "  # what is around a message of a command about its flags
HELP = "For full helptext"


def start(
    module: str, *arguments: object, env: Mapping[str, str] | None = None, as_job: bool = False, **options: Any
) -> subprocess.Popen[Any]:
    """`python -m MODULE ARGUMENTS`, with nothing to read and in `env`, or that of this process.

    Ctrl-C in the terminal is for the script, which then ends its programs. With `as_job` it is in the session of the
    script, as a shell starts it: Ctrl-Z stops it only there. `options` go to `subprocess.Popen`.
    """
    given = os.environ if env is None else env
    paths = os.pathsep.join(filter(None, (str(ROOT), given.get("PYTHONPATH"))))
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, arguments)],
        env={**given, **QUIET, "PYTHONPATH": paths},
        stdin=subprocess.DEVNULL,
        **_own_group(as_job=as_job),
        **options,
    )


def _own_group(*, as_job: bool) -> dict[str, Any]:
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"process_group": 0} if as_job else {"start_new_session": True}


def end(*processes: subprocess.Popen[Any], number: signal.Signals = signal.SIGTERM) -> None:
    """All in order, by the signal `number`, and those that do not end by force."""
    running = [process for process in processes if process.poll() is None]
    if sys.platform == "win32":
        number = signal.CTRL_BREAK_EVENT  # the only one that reaches another group
    for process in running:
        try:
            process.send_signal(number)
        except OSError:  # on Windows, where we share no console with it
            process.kill()
    for process in running:
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(
    module: str, *arguments: object, until: Callable[[], bool] | None = None, beside: Collection["Program"] = ()
) -> None:
    """To its end, its output passing through. Once `until()` it has reason to end; later it is ended like Ctrl-C.

    Raises `TwoframeError` if it fails, and as soon as one of those `beside` it has.
    """
    process = start(module, *arguments)
    try:
        while process.poll() is None and not (until and until()):
            for other in beside:
                other.check()
            time.sleep(POLL_S)
        try:
            process.wait(ENDING_S)
        except subprocess.TimeoutExpired:
            end(process, number=signal.SIGINT)
    finally:
        end(process)
    if process.returncode:
        raise TwoframeError(f"{module}: found exit status {process.returncode}, expected 0; what it said is above")


class Program:
    """A running module of ours, its output in `log`."""

    def __init__(self, module: str, *arguments: object, log: Path, env: Mapping[str, str] | None = None) -> None:
        self.module = module
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            self.process = start(module, *arguments, env=env, stdout=output, stderr=subprocess.STDOUT)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for its end. Raises `TwoframeError` if it fails or does not end in time."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise TwoframeError(f"{self.module}: found it still running, expected its end; see {self.log}") from None
        self.check()

    def wait_until(self, happened: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Raises `TwoframeError` if it fails before, ends, or `timeout_s` pass."""
        end_s = time.monotonic() + timeout_s
        while not happened():
            self.check()
            if self.process.poll() is not None or time.monotonic() > end_s:
                raise TwoframeError(f"{self.module}: found no {what}, expected it by now; see {self.log}")
            time.sleep(POLL_S)

    def check(self) -> None:
        """Raises `TwoframeError` if it has failed."""
        if self.process.poll() not in (None, 0):
            raise self.failure()

    def failure(self) -> TwoframeError:
        told = last_said(self.log)
        return TwoframeError(f"{self.module}: found that it ended ({told}), expected it to work; see {self.log}")


@contextmanager
def program(module: str, *arguments: object, log: Path, env: Mapping[str, str] | None = None) -> Iterator[Program]:
    """Ended at the exit."""
    running = Program(module, *arguments, log=log, env=env)
    try:
        yield running
    finally:
        end(running.process)


def last_said(log: Path) -> str:
    """The last line of a log that says something."""
    lines = [line.strip(BOX) for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    said = [line for line in lines if line and not line.startswith(HELP)]
    return said[-1] if said else "it said nothing"

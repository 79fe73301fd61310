"""What tests share: a virtual display of their own, windows on it, the commands as a user runs them.

The tests run in several processes at once (pytest-xdist), and each has a display of its own. On Windows and macOS those
run that need none of it.
"""

from __future__ import annotations

import importlib.util
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import settings

from agent.child_process import end_of

if TYPE_CHECKING or sys.platform == "linux":
    import fcntl

    from games.window.display import VirtualDisplay
    from games.window.wayland_session import NoWayland, WaylandSession

ROOT = Path(__file__).parent.parent
T = TypeVar("T")
Start = Callable[..., subprocess.Popen[str]]
MadeOnce = Callable[[str, Callable[[Path], object]], Path]

DESKTOP = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY")
# For what is over as soon as it has happened: no machine is so busy that it takes longer, and only where something is
# wrong does a test wait for it.
PATIENCE_S = 120.0
NEEDS_TK = pytest.mark.skipif(
    importlib.util.find_spec("_tkinter") is None,
    reason="Python without Tk; to run these tests: sudo apt install python3-tk",
)
NAP_S = 0.01
# Files whose tests one process runs, one after the other: of the first the ports that it found free, and the second
# looks whether anything was written.
TOGETHER = ("tests/train/test_train_workers.py", "tests/experiments/test_search.py")
# Files whose tests with the same parameter one process runs: they share what is begun for it.
TOGETHER_BY_PARAMETER = ("tests/agent/test_window_managers.py",)
MARKED_BY = {
    "display": {"display", "desktop", "wine", "start_windows", "wayland"},
    "training": {"policy", "sound", "searched"},
}

# What a test starts gets Ctrl-C as from a terminal: a shell's background job (`make test &`) would have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.platform != "win32":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup would have the end of a terminal ignored


# How long an example may take says something about the machine, not about the code.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

# Networks this small gain nothing from threads, and several tests train at once. Who asks for more gets them.
for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(name, "1")

# Whatever a test forgets to say, it never reaches the desktop of whoever runs it.
for name in DESKTOP:
    os.environ.pop(name, None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is told by the fixtures, and begin with what takes longest: else one process ends long after all."""
    for item in items:
        used = getattr(item, "fixturenames", ())
        for mark, fixtures in MARKED_BY.items():
            if fixtures.intersection(used):
                item.add_marker(mark)
    items.sort(key=seconds_of, reverse=True)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Each test goes to the process that is free, in the order above."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        # Not xdist's own groups: what its version 3.8 does for them is lost on pytest 9.2.
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            if file in TOGETHER_BY_PARAMETER:
                return file + nodeid.partition("[")[2]
            return file if file in TOGETHER else nodeid

    return Scheduling(config, log)


def seconds_of(item: pytest.Item) -> float:
    slow = item.get_closest_marker("slow")
    return float(slow.args[0]) if slow else 0.0


@pytest.fixture(scope="session")
def display() -> Iterator[VirtualDisplay]:
    with VirtualDisplay() as virtual:
        yield virtual


@pytest.fixture(scope="session")
def wayland() -> Iterator[WaylandSession]:
    """A Wayland session; programs are started in it by `start(..., on=wayland)`."""
    try:
        session = WaylandSession()
    except NoWayland as error:
        pytest.skip(str(error))
    with session:
        yield session


@pytest.fixture(params=["openbox", "no window manager"])
def desktop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualDisplay]:
    """A display of the test's own, which this process looks at; with a window manager and without."""
    with VirtualDisplay(window_manager=request.param == "openbox") as virtual:
        monkeypatch.setenv("DISPLAY", virtual.name)
        monkeypatch.delenv("WINDOWID", raising=False)
        yield virtual


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> MadeOnce:
    """`made_once(name, make)`: a folder that `make` filled, once for all processes that run these tests."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        base = base.parent  # each process has a folder of its own in it

    def made_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = base / name, base / f"{name}.made"
        with (base / f"{name}.lock").open("w") as lock:
            if sys.platform == "linux":  # elsewhere one process runs them all
                fcntl.flock(lock, fcntl.LOCK_EX)  # whoever comes later waits here
            if not done.exists():
                make(folder)
                done.touch()
        return folder

    return made_once


@pytest.fixture(scope="session")
def policy(made_once: MadeOnce) -> Path:
    """A policy that was really trained to play the window Counter; beside it the `recording` that it learned from."""
    from played import train_policy  # it needs this module

    return made_once("trained", train_policy) / "policy"


@pytest.fixture
def start(display: VirtualDisplay, tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m MODULE ARGS...` on the virtual display; what still runs at the end is killed.

    `said` may be a file for what it prints, to be read while it runs.
    """
    processes: list[subprocess.Popen[str]] = []

    def start(
        *arguments: object,
        on: VirtualDisplay | WaylandSession = display,
        cwd: Path = ROOT,
        said: int | IO[str] = subprocess.PIPE,
    ) -> subprocess.Popen[str]:
        environment = {**on.env, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
        words = [*(["-m"] if str(arguments[0])[0] != "-" else []), *map(str, arguments)]
        command = [*on.inside, sys.executable, *words]
        process = subprocess.Popen(command, env=environment, cwd=cwd, stdout=said, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def wine() -> Iterator[VirtualDisplay]:
    """A display for programs under Wine, whose environment its `env` is; what still runs at the end is ended."""
    if sys.platform != "linux":
        pytest.skip("needs a keyboard and windows of Linux beside those of Windows")
    from windows_python import EXE, environment, is_made, own_prefix

    if not is_made():
        pytest.skip("no Windows' Python under Wine; to run these tests: make test-windows")
    with VirtualDisplay() as display, own_prefix() as prefix:
        display.env = environment(display.env, prefix)
        # Wine ends with the last program, and begins anew in seconds: one waits there all the while. It is the first,
        # so that Wine's own programs hold its pipes open, and not those of a test.
        waiting = "import ctypes; ctypes.windll.user32.GetDesktopWindow(); print('up', flush=True); input()"
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        with subprocess.Popen(["wine", str(EXE), "-c", waiting], env=display.env, **pipes) as program:
            assert b"up" in end_of(program.stdout).readline()
            yield display
            subprocess.run(["wineserver", "-k"], env=display.env, capture_output=True, check=False)


@pytest.fixture
def start_windows(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Starts Windows' `python -m MODULE ARGS...`: under Wine, where paths become Windows' own, or on Windows itself.

    What it prints comes as one, or goes to `said`: a file, or the end of a terminal, which is its own then and whose
    Ctrl-C reaches it. What still runs at the end is killed.
    """
    from windows_python import EXE, windows_path

    under_wine = sys.platform == "linux"
    env_of_all = request.getfixturevalue("wine").env if under_wine else dict(os.environ)
    python = ["wine", str(EXE)] if under_wine else [sys.executable]
    as_windows = windows_path if under_wine else str
    with ExitStack() as reading_on, ExitStack() as killing:  # all are killed before the first is waited for

        def start(*arguments: object, said: IO[str] | int | None = None, **env: str) -> subprocess.Popen[str]:
            words = [as_windows(word) if isinstance(word, Path) else str(word) for word in arguments]
            command = [*python, *(["-m"] if words[0][0] != "-" else []), *words]
            environment = {**env_of_all, "PYTHONPATH": as_windows(ROOT), "PYTHONUNBUFFERED": "1", **env}
            ends: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            if isinstance(said, int):
                command, ends = ["setsid", "--ctty", *command], dict.fromkeys(ends, said)
            elif said is not None and not under_wine:
                ends["stdout"] = said
            elif said is not None:  # through a program of ours: Wine's Pythons take pipes and terminals, not files
                writing = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=said)
                reading_on.callback(writing.communicate)
                ends["stdout"] = writing.stdin
            process = subprocess.Popen(
                command, env=environment, cwd=ROOT, **ends, stderr=subprocess.STDOUT, text=True, errors="replace"
            )
            reading_on.callback(process.communicate)
            killing.callback(process.kill)
            return process

        yield start


@pytest.fixture
def counter(start: Start, display: VirtualDisplay, tmp_path: Path) -> Iterator[Path]:
    """The log of a window titled Counter, 640x360, that has the focus and logs what it shows and hears."""
    log = tmp_path / "truth.jsonl"
    process = start("games.window.counter", log, "--size", "640x360")
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5, "the window")
    yield log
    process.terminate()
    process.wait(PATIENCE_S)


@pytest.fixture
def windows_counter(start_windows: Start, tmp_path: Path) -> Iterator[Path]:
    """As `counter`, a window of Windows under Wine."""
    log = tmp_path / "truth-windows.jsonl"
    process = start_windows("games.window.counter", log, "--size", "640x360")
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5, "the window")
    yield log
    process.kill()
    process.wait(PATIENCE_S)


@pytest.fixture
def said(tmp_path: Path) -> Iterator[IO[str]]:
    """A file for what a program says."""
    with (tmp_path / "said").open("w+") as file:
        yield file


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB; only root can make one."""
    if sys.platform != "linux":
        pytest.skip("mounts a tmpfs")
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def wait_for(happened: Callable[[], T], what: str, *, within_s: float = math.inf, patience_s: float = PATIENCE_S) -> T:
    """Wait until `happened()`, and give what it gave; fails naming `what` when it does not.

    `within_s` is a time that the product promises. It is counted in naps of this process and not on the clock: while
    the machine keeps all programs waiting, a nap takes as much longer as what the test waits for.
    """
    end_s = time.monotonic() + patience_s
    naps = 0
    while not (answer := happened()):
        assert time.monotonic() < end_s, f"{what} did not come within {patience_s:g} s"
        assert naps * NAP_S < within_s, f"{what} did not come within {within_s:g} s"
        time.sleep(NAP_S)
        naps += 1
    return answer


def so_far(said: IO[str]) -> str:
    """What a program has said into its file."""
    return Path(said.name).read_text()


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Status, stdout and stderr of a program that ends by itself."""
    out, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, out, err


def focused_title(display: VirtualDisplay) -> str | None:
    """Of the window that gets the keys."""
    with display.connection() as connection:
        focus = connection.get_input_focus().focus
        if isinstance(focus, int):  # none
            return None
        title = focus.get_full_text_property(connection.intern_atom("_NET_WM_NAME"))
        return title if title is None else str(title)


def without_display() -> dict[str, str]:
    """The environment of a machine without a screen."""
    return {name: value for name, value in os.environ.items() if name not in DESKTOP} | {"PYTHONPATH": str(ROOT)}

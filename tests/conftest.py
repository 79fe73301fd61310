"""What tests share: a virtual display of their own, windows on it, the commands as a user runs them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from games.window.display import VirtualDisplay

ROOT = Path(__file__).parent.parent
Start = Callable[..., subprocess.Popen[str]]

# What a test starts gets Ctrl-C as from a terminal: a shell's background job (`make test &`) would have it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def display() -> Iterator[VirtualDisplay]:
    with VirtualDisplay() as virtual:
        yield virtual


@pytest.fixture
def start(display: VirtualDisplay, tmp_path: Path) -> Iterator[Start]:
    """Starts `python -m MODULE ARGS...` on the virtual display; what still runs at the end is killed."""
    processes: list[subprocess.Popen[str]] = []

    def start(*arguments: object, on: VirtualDisplay = display, cwd: Path = ROOT) -> subprocess.Popen[str]:
        environment = {**on.env, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
        command = [sys.executable, *(["-m"] if str(arguments[0])[0] != "-" else []), *map(str, arguments)]
        process = subprocess.Popen(
            command, env=environment, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def counter(start: Start, display: VirtualDisplay, tmp_path: Path) -> Iterator[Path]:
    """The log of a window titled Counter, 640x360, that has the focus and logs what it shows and hears."""
    log = tmp_path / "truth.jsonl"
    process = start("games.window.counter", log, "--size", "640x360")
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5, "the window")
    yield log
    process.terminate()
    process.wait(5)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 1 MB; only root can make one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a tmpfs is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def wait_for(happened: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
    """Wait until `happened()`; fails naming `what` when it does not."""
    end_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < end_s, f"{what} did not come within {timeout_s:g} s"
        time.sleep(0.02)


def without_display() -> dict[str, str]:
    """The environment of a machine without a screen."""
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "WAYLAND_SOCKET", "XAUTHORITY")
    return {name: value for name, value in os.environ.items() if name not in hidden} | {"PYTHONPATH": str(ROOT)}

"""The viewer of Rerun: a window, or a page in the browser, that shows one file."""

import importlib.util
import os
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

from rich.console import Console

from agent.child_process import last_words, own_group
from agent.errors import TwoframeError
from agent.live_line import say
from agent.signals import ending_signals

ANALYTICS = "Rerun tells its makers how it is used until you type: rerun analytics disable"
HERE = "127.0.0.1"  # by itself it would let every machine of the network look


def show(file: Path, console: Console, *, web: bool) -> None:
    """Show `file` until its window is closed, or Ctrl-C. Raises `TwoframeError` if the viewer gives up.

    The folder of `file` is one that is deleted afterwards.
    """
    command = [str(_program()), str(file), "--bind", HERE]
    if web:
        page, server = _free_port(), _free_port()
        command += ["--web-viewer", "--web-viewer-port", str(page), "--port", str(server)]
        command += ["--server-memory-limit", "50%"]  # what is beyond it would be missing
        address = f"http://{HERE}:{page}?url=rerun%2Bhttp%3A%2F%2F{HERE}%3A{server}%2Fproxy"
        say(console, f"showing it in the browser, Ctrl-C ends; {ANALYTICS}")
        say(console, address)
    else:
        command += ["--port", "auto"]
        say(console, f"showing it in a window, close that to end; {ANALYTICS}")
    ended = threading.Event()
    with tempfile.TemporaryFile() as complaints:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": complaints, "stderr": complaints}
        # What it keeps aside for itself it leaves there when it is ended.
        aside = os.environ | dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(file.parent))
        with subprocess.Popen(command, **pipes, **own_group(), env=aside) as viewer:

            def end() -> None:
                ended.set()
                viewer.terminate()

            with ending_signals(end):
                status = viewer.wait()
        if status and not ended.is_set():
            complaints.seek(0)
            said = last_words(complaints, f"status {status}")
            raise TwoframeError(
                f"rerun: found that its viewer gave up ({said[:200]}), expected it to show; use --save FILE.rrd "
                "and open that elsewhere, or --web"
            )


def _program() -> Path:
    """The viewer itself and not the script that starts it, which would leave it behind when it is ended."""
    package = importlib.util.find_spec("rerun_cli")
    folders = [Path(place) for place in (package.submodule_search_locations or ())] if package else []
    places = ("Rerun.app/Contents/MacOS/Rerun", "rerun.exe", "rerun")
    for program in (folder / place for folder in folders for place in places):
        if program.is_file():
            return program
    raise TwoframeError('found no viewer in the package of Rerun, expected one; pip install "twoframe[view]" again')


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HERE, 0))
        return int(probe.getsockname()[1])

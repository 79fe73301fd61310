"""Starting a process of our own beside the loop, and the ends of its pipes."""

import io
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, cast

_ROOT = Path(__file__).resolve().parent.parent

# -P and the path first: an agent.py where the user stands must not be taken for ours.
_BOOTSTRAP = """import importlib, sys
for said in filter(None, (sys.stdout, sys.stderr)):
    said.reconfigure(encoding="utf-8")  # whatever the locale: so it is read
sys.path.insert(0, sys.argv.pop(1))
from agent.command_line.real_pixels import count_real_pixels
count_real_pixels()
sys.exit(importlib.import_module(sys.argv.pop(1)).main(*sys.argv[1:]))"""


def start_child(module: str, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    """Call `main(*arguments)` of `module` in a new Python, with unbuffered pipes at its ends.

    `options` go to `subprocess.Popen`.
    """
    command = [sys.executable, "-P", "-c", _BOOTSTRAP, str(_ROOT), module, *arguments]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, bufsize=0, **pipes | options)


def own_group() -> dict[str, Any]:
    """Options of a child that Ctrl-C and Ctrl-Z in the terminal must not reach."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def end_of(pipe: IO[bytes] | None) -> IO[bytes]:
    """Our end of a pipe that `start_child` made."""
    assert pipe is not None
    return pipe


def by_line(pipe: IO[bytes]) -> io.BufferedReader:
    """Our end of a pipe, to be read by line: by itself it asks the system for every byte. Closes it when closed."""
    return io.BufferedReader(cast("io.RawIOBase", pipe))


def no_tk(error: ImportError) -> str:
    """What a child that wants a window of Tk says where Python came without it."""
    return f"found no tkinter ({error}), expected Python with Tk; sudo apt install python3-tk"


def last_words(complaints: IO[bytes], otherwise: str) -> str:
    """The last line that a child that has ended wrote to its stderr, or `otherwise`."""
    lines = complaints.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else otherwise

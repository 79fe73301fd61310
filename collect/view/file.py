"""The file that the viewer opens, `.rrd`: it is whole, or not there."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import rerun as rr

from agent.arrays import Ints
from agent.errors import TwoframeError
from agent.quiet import kept_back
from collect.view.contents import send
from collect.view.layout import layout
from collect.view.runs import Run

APPLICATION = "twoframe"


def write(path: Path, runs: Sequence[Run], shown: Callable[[Run, int], None]) -> list[Ints | None]:
    """Write `runs` into the new file `path`; `shown` is told of each how many frames are sent.

    Gives for each the actions that its policy would do, as `send` does. Raises `TwoframeError`, and OSError if the disk
    is full; then there is no file. All of it is in memory before, for where Rerun writes a file itself and the disk is
    full, it waits without end.
    """
    aside = path.with_name(f"{path.name}.new")
    _begin(aside)  # which says what is wrong with the place before the work is done
    aside.unlink()
    with kept_back():
        would, content = _made(runs, shown)
    _begin(aside)
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return would


def _begin(file: Path) -> None:
    """Make an empty `file`; another's is left alone. Raises `TwoframeError`."""
    try:
        file.open("xb").close()
    except OSError as error:
        raise TwoframeError(f"{file}: found {error.strerror or error}, expected a place for a new file") from None


def _made(runs: Sequence[Run], shown: Callable[[Run, int], None]) -> tuple[list[Ints | None], bytes]:
    rr.set_strict_mode(True)  # else what it cannot take is a warning
    stream = rr.RecordingStream(APPLICATION, send_properties=False)
    made = stream.binary_stream()
    stream.send_recording_name(", ".join(run.name for run in runs)[:80])
    stream.send_blueprint(layout(runs))
    would = [send(stream, run, partial(shown, run)) for run in runs]
    return would, made.read() or b""  # once: each time ends the file

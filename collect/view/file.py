"""The file that the viewer opens, `.rrd`: whole, or an error that says why not."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import rerun as rr
from rerun.chunk import RrdReader

from agent.arrays import Ints
from agent.errors import TwoframeError
from agent.quiet import kept_back
from collect.view.contents import send
from collect.view.layout import layout
from collect.view.runs import Run

APPLICATION = "twoframe"


def write(path: Path, runs: Sequence[Run], shown: Callable[[Run, int], None]) -> list[Ints | None]:
    """Write `runs` into the new file `path`; `shown` is told of each how many frames are sent.

    Gives for each the actions that its policy would do, as `send` does. Raises `TwoframeError`, and leaves none then.
    """
    aside = path.with_name(f"{path.name}.new")
    try:
        aside.open("xb").close()  # says what is wrong with the place; another's file stays
    except OSError as error:
        raise TwoframeError(f"{aside}: found {error.strerror or error}, expected a place for a new file") from None
    try:
        with kept_back():  # of a full disk Rerun writes something
            would = _filled(aside, runs, shown)
        if would is None:
            raise TwoframeError(
                f"{path}: found no whole file after writing it (is the disk full?), expected one; free some space"
            )
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
    return would


def _filled(path: Path, runs: Sequence[Run], shown: Callable[[Run, int], None]) -> list[Ints | None] | None:
    """As `write`; None if the file is not whole."""
    rr.set_strict_mode(True)  # else what it cannot take is a warning
    stream = rr.RecordingStream(APPLICATION, send_properties=False)
    try:
        stream.save(path)
        stream.send_recording_name(", ".join(run.name for run in runs)[:80])
        stream.send_blueprint(layout(runs))
        would = [send(stream, run, partial(shown, run)) for run in runs]
        stream.flush()
        stream.disconnect()
    except RuntimeError:  # all that Rerun raises for a disk that takes nothing more
        return None
    return would if _holds(path, runs) else None


def _holds(path: Path, runs: Sequence[Run]) -> bool:
    """Whether every frame of `runs` can be read back."""
    try:
        pictures = dict.fromkeys((f"{run.root}/picture" for run in runs), 0)
        for chunk in RrdReader(path).store().stream():
            if chunk.entity_path in pictures and not chunk.is_static:
                pictures[chunk.entity_path] += chunk.num_rows
    except (OSError, ValueError, RuntimeError):
        return False
    return list(pictures.values()) == [len(run.recording) + run.goes_away for run in runs]

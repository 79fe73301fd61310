"""Files and folders that are there whole, or not at all: made aside, in the same folder, and renamed at the end."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from agent.errors import TwoframeError
from agent.recording.writer import require_new_folder


@contextmanager
def whole_folder(out: Path) -> Iterator[Path]:
    """An empty folder to fill, which becomes `out`. Raises `TwoframeError` unless `out` is new or an empty folder."""
    require_new_folder(out)
    with _aside(out) as aside:
        made = aside / "made"
        made.mkdir()
        yield made
        if out.is_dir():
            out.rmdir()  # empty, as seen above; Windows renames onto no folder
        made.rename(out)


@contextmanager
def whole_file(out: Path) -> Iterator[Path]:
    """A path to write to, with the name of `out`, which becomes `out`; a file that was there is replaced."""
    if out.is_dir():
        raise TwoframeError(f"{out}: found a folder, expected a file; choose another name")
    with _aside(out) as aside:
        yield aside / out.name
        (aside / out.name).replace(out)


def require_room(folder: Path, size_bytes: int, remedy: str) -> None:
    """Raise `TwoframeError` unless the disk of `folder` has room for so much."""
    free = shutil.disk_usage(folder).free
    if size_bytes > free:
        raise TwoframeError(
            f"{folder.parent.parent}: found {free / 1e6:.0f} MB free on the disk, expected room for pictures of "
            f"{size_bytes / 1e6:.0f} MB; {remedy}"
        )


@contextmanager
def _aside(out: Path) -> Iterator[Path]:
    """A folder beside `out` that goes again, whatever happens, and so do the parents that were made for it."""
    lacking = [parent for parent in out.absolute().parents if not parent.exists()]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=f".{out.name[:40]}-", dir=out.parent))
    except OSError as error:
        raise TwoframeError(f"{out}: found {error.strerror or error}, expected a place to write to") from None
    try:
        yield aside
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):  # something is in there now
            for parent in lacking:
                parent.rmdir()

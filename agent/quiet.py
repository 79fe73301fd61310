"""Keeping back what C++ libraries write to stderr although nobody asked."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from agent.errors import TwoframeError, shortage


@contextmanager
def kept_back() -> Iterator[None]:
    """Inside, what any code writes to the file descriptor of stderr is kept back; a defect brings it out.

    Some messages are written before any log level is read (on import), or around it (by the converter), so
    that settings alone do not silence them. With TWOFRAME_TRACEBACK set nothing is kept back.
    """
    if os.environ.get("TWOFRAME_TRACEBACK"):
        yield
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with _somewhere() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except Exception as error:
            if not isinstance(error, TwoframeError) and shortage(error) is None:  # those take one line, and say all
                with suppress(OSError):
                    sys.stderr.flush()
                kept.seek(0)
                os.write(stderr, kept.read())
            raise
        finally:
            with suppress(OSError):  # no room for it: it comes out where stderr goes then
                sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def _somewhere() -> IO[bytes]:
    """A file to keep it in; where there is no room for one it is lost."""
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return Path(os.devnull).open("w+b")


def silence_libraries() -> None:
    """From now on only Python writes to stderr, to the end of the process; not so with TWOFRAME_TRACEBACK set."""
    if os.environ.get("TWOFRAME_TRACEBACK"):
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)

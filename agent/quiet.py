"""Keeping back what C++ libraries write to stderr although nobody asked."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from agent.errors import TwoframeError


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
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except TwoframeError:  # says all there is to say, in one line
            raise
        except Exception:
            sys.stderr.flush()
            kept.seek(0)
            os.write(stderr, kept.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(stderr, 2)
            os.close(stderr)


def silence_libraries() -> None:
    """From now on only Python writes to stderr, to the end of the process; not so with TWOFRAME_TRACEBACK set."""
    if os.environ.get("TWOFRAME_TRACEBACK"):
        return
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors=sys.stderr.errors, buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)

"""pynput as it is on another system: its own code for Windows or macOS, on whatever stands for that system here."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import pytest


@contextmanager
def pynput_for(backend: str, modules: Mapping[str, ModuleType] | None = None) -> Iterator[None]:
    """Within this, `import pynput` gives a pynput that took this system for `backend` ("win32" or "darwin").

    `modules` are the system's own, which it imports. The pynput from before, if any, is back afterwards.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in _loaded():
            patch.delitem(sys.modules, name)
        for name, module in (modules or {}).items():
            patch.setitem(sys.modules, name, module)
        # pynput/_util/__init__.py, backend(): these come before sys.platform.
        patch.setitem(os.environ, "PYNPUT_BACKEND_KEYBOARD", backend)
        patch.setitem(os.environ, "PYNPUT_BACKEND_MOUSE", "dummy")
        try:
            yield
        finally:
            for name in _loaded():
                del sys.modules[name]


def _loaded() -> list[str]:
    return [name for name in sys.modules if name.partition(".")[0] == "pynput"]

"""This machine: the versions installed on it, the cores that may be used."""

import os
import platform
import sys
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Version by name for this Python, the platform and those of `packages` that are installed."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in ("twoframe", "numpy", "opencv-python", *packages):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def usable_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def find_cpp_run_time() -> None:
    """Let LiteRT and TensorFlow find Microsoft's C++ run time on Windows; to be called before they are imported.

    The package msvc-runtime puts it beside the scripts, where Windows looks for none of a venv's libraries.
    """
    if sys.platform == "win32":
        try:
            files = metadata.files("msvc-runtime") or []
        except metadata.PackageNotFoundError:
            return  # installed for all programs, it is found anyway
        for folder in {Path(str(file.locate())).resolve().parent for file in files if file.name == "msvcp140.dll"}:
            if folder.is_dir():
                os.add_dll_directory(str(folder))

"""This machine: the versions installed on it, the cores that may be used."""

import os
import platform
from collections.abc import Iterable
from importlib import metadata


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

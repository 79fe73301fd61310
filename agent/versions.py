"""The versions that a recording or a policy was made with."""

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

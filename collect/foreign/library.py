"""The libraries that only other formats need, and the one line that says how to get them."""

import importlib
from typing import Any

from agent.errors import TwoframeError


def library(name: str) -> Any:
    """The module `name` of the extra `formats`. Raises `TwoframeError` where it is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name.partition(".")[0]:
            raise
        raise TwoframeError(
            f"found no package {error.name}, expected it for this format; pip install 'twoframe[formats]'"
        ) from None

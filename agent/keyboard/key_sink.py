"""Where a loop sends the keys it wants held."""

from collections.abc import Collection
from typing import Protocol


class KeySink(Protocol):
    """Who presses: the key holder, or nobody (`--shadow`)."""

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None: ...

    def release(self) -> None: ...


class NoKeys:
    """Presses nothing."""

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        pass

    def release(self) -> None:
        pass

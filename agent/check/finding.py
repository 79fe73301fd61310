"""What a check found of one part of the machine, and what to do about it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from agent.errors import TwoframeError


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of the machine: `remedy` says what to do where it is not `ok`."""

    part: str
    ok: bool
    found: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{'ok   ' if self.ok else 'WRONG'} {self.part}: {self.found}{'' if self.ok else f'; {self.remedy}'}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def found(part: str, look: Callable[[], Finding]) -> Finding:
    """What `look` finds; its error is a finding too, and what follows the last semicolon in it the remedy."""
    try:
        return look()
    except TwoframeError as error:
        what, _, remedy = str(error).rpartition("; ")
        return Finding(part, ok=False, found=what or str(error), remedy=remedy if what else "see README")

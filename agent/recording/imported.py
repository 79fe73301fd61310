"""What a recording that came from another program's format says of that, and of what it does not know."""

from dataclasses import dataclass
from typing import Any

from agent.errors import TwoframeError

# What may be missing of an imported recording, and how a person is told.
LOSSES = {
    "times": "times are computed from a rate, not measured",
    "key_events": "keys are known at pictures only, so presses between two are missing",
    "pixels": "pictures were coded with loss before they came here",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """`source` is the format it came from, such as `lerobot`; `losses` are among `LOSSES`."""

    source: str
    losses: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "; ".join([f"from {self.source}", *(LOSSES[loss] for loss in self.losses)])

    def to_json(self) -> dict[str, Any]:
        return {"from": self.source, "losses": list(self.losses)}

    @classmethod
    def from_json(cls, value: Any) -> "Imported | None":
        """None, as in recordings of our own. Raises `TwoframeError` for anything that `to_json` cannot have written."""
        if value is None:
            return None
        told = value if isinstance(value, dict) else {}
        source, losses = told.get("from"), told.get("losses")
        known = isinstance(losses, list) and all(isinstance(loss, str) and loss in LOSSES for loss in losses)
        if not (isinstance(source, str) and known):
            raise TwoframeError(f"imported: found {str(value)[:60]}, expected from and losses ({', '.join(LOSSES)})")
        return cls(source[:40], tuple(map(str, losses or ())))

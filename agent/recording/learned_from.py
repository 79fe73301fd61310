"""A recording known again by what it holds, wherever it has gone; and how a policy tells which ones it learned from."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.errors import TwoframeError
from agent.json_files import check_types
from agent.recording.reader import Recording


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """A recording that a policy was learned from: where it lay as seen from the policy's folder, what it is, and the
    frames, from the first to before the last, that were kept to judge by and never learned."""

    folder: str
    digest: str
    judged: tuple[tuple[int, int], ...]

    def to_json(self) -> dict[str, Any]:
        return {"folder": self.folder, "digest": self.digest, "judged": [list(part) for part in self.judged]}

    @classmethod
    def from_json(cls, value: Any) -> "LearnedFrom":
        """Raises `TwoframeError` for anything that `to_json` cannot have written."""
        if not isinstance(value, dict):
            raise TwoframeError(f"recordings: found {str(value)[:40]!r}, expected recordings")
        check_types(value, {"folder": str, "digest": str, "judged": list})
        for part in value["judged"]:
            is_pair = isinstance(part, list) and len(part) == 2 and all(type(frame) is int for frame in part)
            if not (is_pair and 0 <= part[0] < part[1]):
                raise TwoframeError(f"judged: found {str(part)[:40]}, expected two frames, the first before the last")
        return cls(value["folder"], value["digest"], tuple((first, stop) for first, stop in value["judged"]))


def recording_digest(recording: Recording) -> str:
    """Of what a recording holds, wherever it lies: its times, its keys, and its pixels here and there."""
    meta = recording.meta
    digest = hashlib.sha256(repr((meta.frame, meta.keys, meta.fps, meta.source, len(recording))).encode())
    for array in (recording.captured_ns, recording.key_events, recording.control):
        if array is not None:
            digest.update(np.ascontiguousarray(array).tobytes())
    for t in np.linspace(0, len(recording) - 1, 16 if len(recording) else 0).astype(int):
        digest.update(np.asarray(recording.frames[t]).tobytes())
    return digest.hexdigest()

"""What `meta.json` of a recording says, and the dtypes and values of the arrays beside it."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import numpy as np

from agent.actions import ActionSet
from agent.errors import TwoframeError, raise_if_any
from agent.frames import Box, FrameSpec, contract_patterns, prepare
from agent.json_files import check_types, check_version
from agent.keys import key as named_key
from agent.machine import versions
from agent.recording.imported import Imported
from agent.recording.window_marks import NO_MARKS, WindowMarks

FORMAT_VERSION = 1
PACKED_VERSION = 2  # the same, with packed frames
KEY_EVENT = np.dtype([("time_ns", "<i8"), ("key", "u1"), ("down", "?")])
MAX_FPS = 1000.0
PERSON = 1  # in control.npy
AGENT = 0

Source = Literal["demonstration", "rollout"]


@dataclass(frozen=True, slots=True)
class Meta:
    """What `meta.json` holds. `keys` are the watched keys, the columns of `keys.npy`."""

    frame: FrameSpec
    keys: tuple[str, ...]
    actions: ActionSet
    fps: float
    window: str | None
    region: Box
    source: Source
    started_utc: str
    versions: dict[str, str]
    pixels: str
    complete: bool = False
    window_marks: WindowMarks = NO_MARKS
    imported: Imported | None = None

    def __post_init__(self) -> None:
        problems = []
        if not (math.isfinite(self.fps) and 0 < self.fps <= MAX_FPS):
            problems.append(f"fps: found {self.fps}, expected more than 0 and at most {MAX_FPS:g}")
        if not set(self.actions.keys) <= set(self.keys):
            problems.append("keys: found actions on keys that are not watched, expected watched ones")
        if len(set(self.keys)) < len(self.keys) or not 1 <= len(self.keys) <= 255:
            problems.append(f"keys: found {len(self.keys)}, expected 1 to 255, each once")
        if self.source not in ("demonstration", "rollout"):
            problems.append(f"source: found {self.source!r}, expected demonstration or rollout")
        raise_if_any(problems)

    def to_json(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "frame": self.frame.to_json(),
            "keys": list(self.keys),
            "actions": self.actions.to_json(),
            "fps": self.fps,
            "window": self.window,
            "window_marks": self.window_marks.to_json(),
            "region": self.region.to_json(),
            "source": self.source,
            "started_utc": self.started_utc,
            "versions": self.versions,
            "pixels": self.pixels,
            "complete": self.complete,
            **({"imported": self.imported.to_json()} if self.imported else {}),
        }

    @classmethod
    def from_json(cls, value: Any) -> "Meta":
        """Raises `TwoframeError` for anything that `to_json` cannot have written."""
        check_version(value, "recording", FORMAT_VERSION, PACKED_VERSION)
        typed = {
            "keys": list,
            "fps": (int, float),
            "window": (str, type(None)),
            "source": str,
            "started_utc": str,
            "versions": dict,
            "pixels": str,
            "complete": bool,
        }
        check_types(value, typed)
        if not all(isinstance(key, str) and named_key(key).name == key for key in value["keys"]):
            raise TwoframeError("keys: found something that is not the name of a key, expected names")
        return cls(
            frame=FrameSpec.from_json(value.get("frame")),
            keys=tuple(value["keys"]),
            actions=ActionSet.from_json(value.get("actions")),
            fps=float(value["fps"]),
            window=value["window"],
            region=Box.from_json(value.get("region")),
            source=value["source"],
            started_utc=value["started_utc"],
            versions={str(name): str(version) for name, version in value["versions"].items()},
            pixels=value["pixels"],
            complete=value["complete"],
            window_marks=WindowMarks.from_json(value.get("window_marks")),
            imported=Imported.from_json(value.get("imported")),
        )


def begun_now(
    source: Source,
    frame: FrameSpec,
    actions: ActionSet,
    fps: float,
    window: str | None,
    marks: WindowMarks,
    region: Box,
    libraries: Sequence[str] = (),
) -> Meta:
    """What is known of a recording when it begins; versions are told of `libraries` too, beside mss and pynput."""
    return Meta(
        frame=frame,
        keys=actions.keys,
        actions=actions,
        fps=fps,
        window=window,
        region=region,
        source=source,
        started_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        versions=versions(["mss", "pynput", *libraries]),
        pixels=pixels_digest([frame]),
        window_marks=marks,
    )


def pixels_digest(specs: Sequence[FrameSpec]) -> str:
    """A digest of the contract's patterns prepared by all `specs` in turn: equal on machines that see alike."""
    digest = hashlib.sha256()
    for image in contract_patterns():
        for spec in specs:
            image = prepare(image, spec)
        digest.update(image.tobytes())
    return digest.hexdigest()


def completed(meta: Meta) -> Meta:
    """`meta` of a recording that ended in order."""
    return replace(meta, complete=True)

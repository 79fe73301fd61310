"""What `policy.json` holds: all that `play` must know beside the network, and the pixel contract."""

import base64
import hashlib
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agent.actions import ActionSet
from agent.errors import TwoframeError, raise_if_any
from agent.frames import Box, FrameSpec, Image, contract_patterns, pixel_difference, prepare
from agent.json_files import check_types, check_version, read_json
from agent.recording.format import MAX_FPS
from agent.recording.learned_from import LearnedFrom
from agent.recording.window_marks import NO_MARKS, WindowMarks

FORMAT_VERSION = 1
MODEL_FILE = "model.keras"
STEP_FILE = "policy.tflite"
ATTENTION_FILE = "attention.tflite"  # only of encoders that have attention maps; play never opens it
SETTINGS_FILE = "policy.json"
MAX_FRAMES = 64
MAX_FEATURES = 1 << 20
MAX_APART = 1000
MAX_BUFFER = 1 << 26  # numbers in the rolling buffer
MAX_GREY_LEVELS = 2  # a larger difference of prepared pixels is refused


@dataclass(frozen=True, slots=True)
class Spacing:
    """The spacing of neighbouring frames seen in training, in nanoseconds: 1st, 50th and 99th percentile."""

    low_ns: int
    median_ns: int
    high_ns: int


@dataclass(frozen=True, slots=True)
class PolicyMeta:
    """`recorded` is how the screen was recorded, `frame` what the model sees of that: `play` applies both in order.

    `frames_per_window` is the N of a window, `apart` how many ticks lie from each to the next, `feature_size` the D
    of the encoder, `patterns` the prepared patterns of the pixel contract, `digests` SHA-256 by file name.
    `recordings` are what it was learned from, `longest_holds_s` (A,) for how long each action was held there without a
    change at most; none in a policy of an older train. `cut_difference` is the mean difference from one frame to the
    next, in grey levels, above which the picture was cut; infinite where nothing of the kind was recorded. Raises
    `TwoframeError` naming every problem.
    """

    recorded: FrameSpec
    frame: FrameSpec
    actions: ActionSet
    fps: float
    spacing: Spacing
    frames_per_window: int
    feature_size: int
    apart: int
    label_shift_ms: float
    window: str | None
    region: Box
    training: dict[str, Any]
    metrics: dict[str, Any]
    versions: dict[str, str]
    patterns: tuple[bytes, ...]
    digests: dict[str, str]
    window_marks: WindowMarks = NO_MARKS
    recordings: tuple[LearnedFrom, ...] = ()
    longest_holds_s: tuple[float, ...] = ()
    cut_difference: float = math.inf

    def __post_init__(self) -> None:
        problems = []
        if not (math.isfinite(self.fps) and 0 < self.fps <= MAX_FPS):
            problems.append(f"fps: found {self.fps}, expected more than 0 and at most {MAX_FPS:g}")
        if not 1 <= self.frames_per_window <= MAX_FRAMES:
            problems.append(f"frames: found {self.frames_per_window}, expected 1 to {MAX_FRAMES}")
        if not 1 <= self.apart <= MAX_APART:
            problems.append(f"apart: found {self.apart}, expected 1 to {MAX_APART}")
        if not 1 <= self.feature_size <= MAX_FEATURES:
            problems.append(f"feature size: found {self.feature_size}, expected 1 to {MAX_FEATURES}")
        if not problems and (self.frames_per_window - 1) * self.apart * self.feature_size > MAX_BUFFER:
            problems.append(
                f"frames, apart, feature size: found {self.frames_per_window}, {self.apart} and {self.feature_size}, "
                "expected less"
            )
        if not 0 < self.spacing.low_ns <= self.spacing.median_ns <= self.spacing.high_ns:
            problems.append("spacing: found values out of order, expected low <= median <= high")
        if len(self.longest_holds_s) not in (0, len(self.actions)) or not all(
            math.isfinite(seconds) and seconds >= 0 for seconds in self.longest_holds_s
        ):
            problems.append("longest_holds_s: found something else, expected seconds for each action")
        if not self.cut_difference > 0:
            problems.append(f"cut_difference: found {self.cut_difference}, expected more than 0")
        raise_if_any(problems)

    def prepare(self, image: Image) -> Image:
        """From the grabbed window (H, W, 4) BGRA to what the model sees, uint8 of shape `self.frame.shape`."""
        return prepare(prepare(image, self.recorded), self.frame)

    def pixel_contract(self) -> int:
        """The largest difference, in grey levels, between the patterns prepared here and those of the training."""
        worst = 0
        for image, packed in zip(contract_patterns(), self.patterns, strict=True):
            here = self.prepare(image)
            there = np.frombuffer(_unpacked(packed, here.size), np.uint8).reshape(here.shape)
            worst = max(worst, pixel_difference(here, there))
        return worst

    def to_json(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "recorded": self.recorded.to_json(),
            "frame": self.frame.to_json(),
            "actions": self.actions.to_json(),
            "fps": self.fps,
            "spacing_ns": [self.spacing.low_ns, self.spacing.median_ns, self.spacing.high_ns],
            "frames": self.frames_per_window,
            "feature_size": self.feature_size,
            "apart": self.apart,
            "label_shift_ms": self.label_shift_ms,
            "window": self.window,
            "window_marks": self.window_marks.to_json(),
            "region": self.region.to_json(),
            "training": self.training,
            "recordings": [recording.to_json() for recording in self.recordings],
            "longest_holds_s": [round(seconds, 3) for seconds in self.longest_holds_s],
            "cut_difference": None if math.isinf(self.cut_difference) else round(self.cut_difference, 3),
            "metrics": self.metrics,
            "versions": self.versions,
            "patterns": [base64.b64encode(packed).decode() for packed in self.patterns],
            "digests": self.digests,
        }

    @classmethod
    def from_json(cls, value: Any) -> "PolicyMeta":
        """Raises `TwoframeError` for anything that `to_json` cannot have written."""
        check_version(value, "policy", FORMAT_VERSION)
        typed = {
            "fps": (int, float),
            "spacing_ns": list,
            "frames": int,
            "feature_size": int,
            "apart": int,
            "label_shift_ms": (int, float),
            "window": (str, type(None)),
            "training": dict,
            "metrics": dict,
            "versions": dict,
            "patterns": list,
            "digests": dict,
        }
        check_types(value, typed)
        recordings = value.get("recordings", [])
        if not isinstance(recordings, list):
            raise TwoframeError("recordings: found something else, expected a list of recordings")
        longest = value.get("longest_holds_s", [])
        if not isinstance(longest, list) or not all(type(seconds) in (int, float) for seconds in longest):
            raise TwoframeError("longest_holds_s: found something else, expected seconds for each action")
        cut = value.get("cut_difference")
        if cut is not None and type(cut) not in (int, float):
            raise TwoframeError("cut_difference: found something else, expected grey levels")
        spacing, packed = value["spacing_ns"], value["patterns"]
        if len(spacing) != 3 or not all(type(ns) is int for ns in spacing):
            raise TwoframeError("spacing_ns: found something else, expected three numbers")
        try:
            patterns = tuple(base64.b64decode(text, validate=True) for text in packed)
        except (ValueError, TypeError):
            raise TwoframeError("patterns: found something else, expected base64 texts") from None
        if len(patterns) != len(contract_patterns()):
            raise TwoframeError(f"patterns: found {len(patterns)}, expected {len(contract_patterns())}")
        return cls(
            recorded=FrameSpec.from_json(value.get("recorded")),
            frame=FrameSpec.from_json(value.get("frame")),
            actions=ActionSet.from_json(value.get("actions")),
            fps=float(value["fps"]),
            spacing=Spacing(*spacing),
            frames_per_window=value["frames"],
            feature_size=value["feature_size"],
            apart=value["apart"],
            label_shift_ms=float(value["label_shift_ms"]),
            window=value["window"],
            region=Box.from_json(value.get("region")),
            training=value["training"],
            metrics=value["metrics"],
            versions=value["versions"],
            patterns=patterns,
            digests=value["digests"],
            window_marks=WindowMarks.from_json(value.get("window_marks")),
            recordings=tuple(LearnedFrom.from_json(recording) for recording in recordings),
            longest_holds_s=tuple(map(float, longest)),
            cut_difference=math.inf if cut is None else float(cut),
        )


def packed_patterns(recorded: FrameSpec, frame: FrameSpec) -> tuple[bytes, ...]:
    """The contract's patterns prepared by both specs in order, compressed: what `PolicyMeta.patterns` holds."""
    return tuple(zlib.compress(prepare(prepare(image, recorded), frame).tobytes(), 9) for image in contract_patterns())


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_policy_meta(folder: Path) -> PolicyMeta:
    """The settings of the policy in `folder`, after its files were found whole.

    Raises `TwoframeError` if a file is missing or was altered since the training.
    """
    if not (folder / SETTINGS_FILE).is_file():
        raise TwoframeError(f"{folder}: found no {SETTINGS_FILE}, expected a policy folder made by train")
    try:
        meta = PolicyMeta.from_json(read_json(folder / SETTINGS_FILE))
    except TwoframeError as error:
        raise TwoframeError(f"{folder / SETTINGS_FILE}: {error}") from None
    problems = []
    for name in (MODEL_FILE, STEP_FILE):
        path = folder / name
        if not path.is_file():
            problems.append(f"{path}: found no file, expected the one that train wrote; copy the whole folder again")
        elif file_digest(path) != meta.digests.get(name):
            problems.append(f"{path}: found an altered file, expected the one that train wrote; copy or train again")
    raise_if_any(problems)
    return meta


def _unpacked(packed: bytes, size: int) -> bytes:
    """At most `size` bytes are ever unpacked, whatever the text claims to hold."""
    try:
        content = zlib.decompressobj().decompress(packed, size + 1)
    except zlib.error:
        content = b""
    if len(content) != size:
        raise TwoframeError(f"patterns: found {len(content)} pixels, expected {size}; train again")
    return content

"""Frames: how a grabbed image becomes what the model sees, and the rolling buffer of the last few.

`prepare` is the one way from pixels to a frame. `collect` applies it to the screen, `train` to recorded
frames and `play` to both in that order, so that what the model sees live is, byte for byte, what it was
trained on.
"""

from dataclasses import dataclass
from typing import Any, Literal, cast

import cv2
import numpy as np

from agent.arrays import Array, Floats, Levels
from agent.errors import TwoframeError, raise_if_any

Color = Literal["gray", "rgb"]
Interpolation = Literal["area", "linear", "nearest"]
Image = Levels

MAX_SIDE = 4096
LEAST_SIDE = 2  # of a frame that is recorded or learned from: a single row or column is no picture
_INTERPOLATION = {"area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR, "nearest": cv2.INTER_NEAREST}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels; `left` and `top` may be negative on a second screen."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def parse(cls, text: str, what: str) -> "Box":
        """From `LEFT,TOP,WIDTH,HEIGHT`; `what` names the option in the error."""
        try:
            left, top, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise TwoframeError(f"{what}: found {text!r}, expected LEFT,TOP,WIDTH,HEIGHT in pixels") from None
        if width < 1 or height < 1:
            raise TwoframeError(f"{what}: found {width}x{height}, expected a width and height of at least 1")
        return cls(left, top, width, height)

    def __str__(self) -> str:
        return f"{self.left},{self.top},{self.width},{self.height}"

    def to_json(self) -> list[int]:
        return [self.left, self.top, self.width, self.height]

    @classmethod
    def from_json(cls, value: Any) -> "Box":
        if not (isinstance(value, list) and len(value) == 4 and all(type(v) is int for v in value)):
            raise TwoframeError(f"box: found {str(value)[:60]}, expected [left, top, width, height]")
        return cls(*value)


@dataclass(frozen=True, slots=True)
class FrameSpec:
    """What a frame is: `prepare` makes uint8 (height, width, channels) of it.

    `crop` is in pixels of an image of `crop_of` (width, height) and scales with the image: after a window
    was resized the same part of it is cut out. Raises `TwoframeError` naming every problem.
    """

    width: int
    height: int
    color: Color = "gray"
    crop: Box | None = None
    crop_of: tuple[int, int] | None = None
    interpolation: Interpolation = "area"

    def __post_init__(self) -> None:
        problems = []
        if not (1 <= self.width <= MAX_SIDE and 1 <= self.height <= MAX_SIDE):
            problems.append(f"size: found {self.width}x{self.height}, expected 1x1 to {MAX_SIDE}x{MAX_SIDE}")
        if self.color not in ("gray", "rgb"):
            problems.append(f"color: found {self.color!r}, expected gray or rgb")
        if self.interpolation not in _INTERPOLATION:
            problems.append(f"interpolation: found {self.interpolation!r}, expected area, linear or nearest")
        if (self.crop is None) != (self.crop_of is None):
            problems.append("crop: found a crop without the size it is meant for, expected both or neither")
        if self.crop and self.crop_of:
            width, height = self.crop_of
            inside = (
                self.crop.left >= 0
                and self.crop.top >= 0
                and self.crop.width >= 1
                and self.crop.height >= 1
                and self.crop.left + self.crop.width <= width
                and self.crop.top + self.crop.height <= height
            )
            if not inside:
                problems.append(
                    f"crop: found {self.crop}, expected a part of the {width}x{height} image; choose a smaller one"
                )
        raise_if_any(problems)

    @property
    def channels(self) -> int:
        return 1 if self.color == "gray" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.height, self.width, self.channels)

    def __str__(self) -> str:
        crop = f" of {self.crop}" if self.crop else ""
        return f"{self.width}x{self.height} {self.color}{crop}"

    def to_json(self) -> dict[str, Any]:
        return {
            "width": self.width,
            "height": self.height,
            "color": self.color,
            "crop": self.crop.to_json() if self.crop else None,
            "crop_of": list(self.crop_of) if self.crop_of else None,
            "interpolation": self.interpolation,
        }

    @classmethod
    def from_json(cls, value: Any) -> "FrameSpec":
        """Raises `TwoframeError` for anything that `to_json` cannot have written."""
        try:
            width, height, crop, crop_of = value["width"], value["height"], value["crop"], value["crop_of"]
            color, interpolation = value["color"], value["interpolation"]
        except (KeyError, TypeError, IndexError):
            raise TwoframeError("frame spec: found something else, expected width, height, color, crop") from None
        sides = [width, height] + (crop_of if isinstance(crop_of, list) else [])
        if any(type(side) is not int for side in sides) or (crop_of is not None and len(sides) != 4):
            raise TwoframeError("frame spec: found sizes that are not whole numbers, expected pixels")
        return cls(
            width,
            height,
            color,
            None if crop is None else Box.from_json(crop),
            None if crop_of is None else cast(tuple[int, int], tuple(crop_of)),
            interpolation,
        )


def parse_size(text: str) -> tuple[int, int]:
    """Width and height of `160x120`. Raises `TwoframeError`."""
    width, x, height = text.partition("x")
    if not (x and width.isdecimal() and height.isdecimal()):
        raise TwoframeError(f"--size: found {text!r}, expected WIDTHxHEIGHT such as 160x120")
    if min(int(width), int(height)) < LEAST_SIDE:
        raise TwoframeError(f"--size: found {text!r}, expected at least {LEAST_SIDE}x{LEAST_SIDE}")
    return int(width), int(height)


def prepare(image: Image, spec: FrameSpec) -> Image:
    """One frame: uint8 (spec.height, spec.width, spec.channels), 0..255, contiguous, never a view of `image`.

    `image` is uint8 (H, W, 4) BGRA from the screen, or a frame: (H, W, 1) gray or (H, W, 3) RGB. The order
    is crop, color, resize. Gray is made before the resize, on one channel: a third of the time.
    Raises `TwoframeError` if rgb is wanted of a gray frame.
    """
    height, width, channels = image.shape
    if spec.crop and spec.crop_of:
        left, top, right, bottom = _scaled(spec.crop, spec.crop_of, (width, height))
        image = image[top:bottom, left:right]
    if spec.color == "gray":
        if channels == 4:
            flat = cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY)
        elif channels == 3:
            flat = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        else:
            flat = image[:, :, 0]
        frame = _resized(flat, spec)[:, :, None]
    else:
        if channels == 1:
            raise TwoframeError("color: found gray frames, expected rgb ones; record with --color rgb")
        frame = _resized(image, spec)
        if channels == 4:
            frame = cv2.cvtColor(frame, cv2.COLOR_BGRA2RGB)
    result = cast(Image, np.ascontiguousarray(frame))
    return result.copy() if np.shares_memory(result, image) else result


def _resized(image: Array, spec: FrameSpec) -> Array:
    if image.shape[:2] == (spec.height, spec.width):
        return image
    return cv2.resize(image, (spec.width, spec.height), interpolation=_INTERPOLATION[spec.interpolation])


def _scaled(crop: Box, of: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The crop's left, top, right, bottom in an image of `size`; at least one pixel each way."""
    x, y = size[0] / of[0], size[1] / of[1]
    left, top = min(round(crop.left * x), size[0] - 1), min(round(crop.top * y), size[1] - 1)
    right = max(left + 1, min(round((crop.left + crop.width) * x), size[0]))
    bottom = max(top + 1, min(round((crop.top + crop.height) * y), size[1]))
    return left, top, right, bottom


class RollingFrames:
    """The newest frame and the features of those before: each live frame is encoded once, when it arrives.

    A window is `frames` of them, each `apart` frames after the one before. `features` is what the policy's step wants
    of the earlier ones, oldest first.
    """

    def __init__(self, frames: int, feature_size: int, apart: int = 1) -> None:
        self._size = frames
        self._apart = apart
        self._earlier = np.zeros((1, max((frames - 1) * apart, 1), feature_size), np.float32)
        self._seen = 0
        self.newest: Image | None = None

    @property
    def features(self) -> Floats:
        """(1, N-1, D) float32: features of the window's frames before the one being decided on."""
        return self._earlier[:, :: self._apart][:, : self._size - 1]

    @property
    def is_full(self) -> bool:
        """Whether the frames pushed so far make a window together with the newest."""
        return self._seen > (self._size - 1) * self._apart

    def push(self, frame: Image, features: Floats) -> None:
        """Take `frame` with its features (1, D) in; the oldest one leaves."""
        self.newest = frame
        self._earlier[:, :-1] = self._earlier[:, 1:]
        self._earlier[:, -1] = features
        self._seen += 1

    def stand(self, features: Floats) -> None:
        """As if the picture with these features (1, D) had stood still all the time: after a cut the older ones show
        something else."""
        self._earlier[:] = features

    def clear(self) -> None:
        """Forget all frames: after a stall or a pause the older ones are no neighbours any more."""
        self._seen = 0
        self._earlier[:] = 0
        self.newest = None


def pixel_difference(one: Image, other: Image) -> int:
    """The largest difference of two frames of one shape, in grey levels (0..255)."""
    return int(cv2.absdiff(one, other).max())


def mean_difference(one: Image, other: Image) -> float:
    """The mean difference of two frames of one shape, in grey levels (0..255)."""
    return float(cv2.norm(one, other, cv2.NORM_L1)) / one.size


def contract_patterns(seed: int = 20) -> list[Image]:
    """Images (H, W, 4) uint8 BGRA whose prepared form is stored with a policy: the pixel contract.

    A gradient shows an exchanged color or axis, noise a changed interpolation, a checkerboard a shifted crop.
    """
    height, width = 180, 320
    y, x = np.mgrid[0:height, 0:width]
    gradient = np.stack([x % 256, y % 256, (x + 2 * y) % 256, np.full_like(x, 255)], axis=2)
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, 4))
    checks = np.repeat((((x // 7 + y // 5) % 2) * 255)[:, :, None], 4, axis=2)
    return [image.astype(np.uint8) for image in (gradient, noise, checks)]

"""Which size and rate are proposed: by how small things are, and by what the machine holds beside the game."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from agent.frames import FrameSpec, Image, prepare
from agent.live.devices import Devices
from agent.live.focus_gate import Look
from agent.pacing import Pacer, clock_ns
from agent.screen.grab import OffScreen

MEASURED_S = 2.0
RATES_HZ = (60.0, 30.0, 20.0, 15.0, 10.0, 5.0)
USUAL_HZ = 20.0
# Of 160x120, which is right for most games, and of 240x180 and 320x240 for smaller things (docs/your-own-game.md).
AREAS = (160 * 120, 240 * 180, 320 * 240)
# Of a thing in the frame: `compact` tells places within one to two ("How much of Pong" in experiments/LOG.md).
LEAST_PIXELS = 3.0
_STEP = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """`picture` is the last one grabbed, uint8 (H, W, 4) BGRA; `took_ms` says how long each took to grab and prepare;
    `is_still` whether all of them were the same."""

    picture: Image
    took_ms: tuple[float, ...]
    is_still: bool

    @property
    def holds_hz(self) -> float:
        """The highest usual rate at which half of the time is left over for the game and the network in 19 of 20."""
        slow_ms = float(np.percentile(self.took_ms, 95))
        return next((rate_hz for rate_hz in RATES_HZ if slow_ms <= 500 / rate_hz), RATES_HZ[-1])

    @property
    def rate_hz(self) -> float:
        return min(USUAL_HZ, self.holds_hz)


def measure(devices: Devices, look: Callable[[], Look], tell: Callable[[str], None]) -> Measured:
    """Grab and prepare as a recording does, until that was done for two seconds while the game could be looked at."""
    spec, pacer = FrameSpec(160, 120), Pacer(USUAL_HZ)
    took_ms: list[float] = []
    picture: Image | None = None
    is_still, told = True, False
    while picture is None or len(took_ms) < MEASURED_S * USUAL_HZ:
        pacer.wait()
        seen = look()
        if seen.shut:
            if not told:
                tell(f"  ({seen.reason}: click into the game, to see what is recorded)")
            told = True
            continue
        begun_ns = clock_ns()
        try:
            image = devices.screen.grab(seen.box)
        except OffScreen:  # since the look
            continue
        prepare(image, spec)
        took_ms.append((clock_ns() - begun_ns) / 1e6)
        is_still = is_still and (picture is None or np.array_equal(picture, image))
        picture = image.copy()
    return Measured(picture, tuple(took_ms), is_still)


def proposed_size(part: tuple[int, int], smallest: tuple[int, int] | None) -> tuple[int, int]:
    """Width and height of frames of a part of the window, of its shape: as small as `smallest` things in it allow."""
    sizes = [_of_area(part, area) for area in AREAS]
    if smallest is None:
        return sizes[0]
    return next((size for size in sizes if pixels_left(smallest, part, size) >= LEAST_PIXELS), sizes[-1])


def pixels_left(thing: tuple[int, int], part: tuple[int, int], size: tuple[int, int]) -> float:
    """How many pixels wide or high, whichever is less, a thing in that part of the window is in a frame."""
    return min(thing[0] * size[0] / part[0], thing[1] * size[1] / part[1])


def _of_area(part: tuple[int, int], area: int) -> tuple[int, int]:
    """Of about that area and the shape of `part`, never larger than it; whole multiples of 8."""
    scale = min(1.0, (area / (part[0] * part[1])) ** 0.5)
    width, height = (max(_STEP, round(side * scale / _STEP) * _STEP) for side in part)
    return width, height

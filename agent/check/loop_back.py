"""How long from a change on the screen to a key in a window? Measured around the parts that `play` is made of.

A window of our own changes its grey; the screen is grabbed, prepared and given to the policy, the key holder presses
or releases a key, and the window tells when it got it. What the policy decides does not matter here.
"""

import random
import time
from dataclasses import dataclass

import numpy as np

from agent.arrays import Doubles
from agent.check.probe_window import ProbeWindow
from agent.errors import TwoframeError
from agent.frames import Box, RollingFrames
from agent.keyboard.key_holder import KeyHolder
from agent.pacing import clock_ns
from agent.policy.step import Policy
from agent.screen.grab import Screen

STAGES = ("grab", "prepare", "model", "key")
LEAST_CHANGE = 8.0  # grey levels of the frame's mean; the window's two greys are 24 apart
LEAST_SIDE = 64  # pixels of the window
WARM_UP = 5  # rounds before any is counted
GAP_S = (0.02, 0.1)  # between rounds; a held key expires after 0.2 s
TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class LoopBack:
    """A row per round, in milliseconds: `stages_ms` (n, 4) as `STAGES` has them, `total_ms` (n,) from the change on
    the screen to the key in the window."""

    stages_ms: Doubles
    total_ms: Doubles

    @property
    def slowest(self) -> str:
        return STAGES[int(np.median(self.stages_ms, axis=0).argmax())]

    def __str__(self) -> str:
        """Median and, in brackets, worst."""
        stages = ", ".join(
            f"{name} {np.median(ms):.1f} ({ms.max():.1f})" for name, ms in zip(STAGES, self.stages_ms.T, strict=True)
        )
        total = self.total_ms
        return f"from the screen to the key in {np.median(total):.1f} ms (worst {total.max():.1f}): {stages}"


def measure(policy: Policy, key: str, *, rounds: int) -> LoopBack:
    """Open a window where the game was recorded, and let it change `rounds` times.

    `key` is pressed and released in it. Raises `TwoframeError` if a change is not seen or a key does not arrive.
    """
    with Screen() as screen, ProbeWindow(_place(policy.meta.region, screen), [key]) as window:
        screen.aim(window.window_id)
        if not screen.holds(window.box):
            raise TwoframeError(f"window: found ours at {window.box}, expected it wholly on the screen; try again")
        with KeyHolder([key], window_id=window.window_id) as holder:
            return _measured(policy, screen, window, holder, key, rounds)


def _place(recorded: Box, screen: Screen) -> Box:
    """Where the game was recorded, so that as much is grabbed; on a smaller screen what there is."""
    least = Box(recorded.left, recorded.top, max(recorded.width, LEAST_SIDE), max(recorded.height, LEAST_SIDE))
    if screen.holds(least):
        return least
    whole = screen.bounds
    return Box(whole.left, whole.top, min(least.width, whole.width), min(least.height, whole.height))


def _measured(
    policy: Policy, screen: Screen, window: ProbeWindow, holder: KeyHolder, key: str, rounds: int
) -> LoopBack:
    frames = RollingFrames(policy.meta.frames_per_window, policy.meta.feature_size, policy.meta.apart)
    moments = random.Random(0)
    stages_ns, total_ns = [], []
    before = float(policy.meta.prepare(screen.grab(window.box)).mean())
    for n in range(WARM_UP + rounds):
        bright = n % 2 == 0
        shown_ns = window.show(bright=bright)
        while True:
            begun_ns = clock_ns()
            image = screen.grab(window.box)
            grabbed_ns = clock_ns()
            frame = policy.meta.prepare(image)
            prepared_ns = clock_ns()
            mean = float(frame.mean())
            if abs(mean - before) >= LEAST_CHANGE:
                break
            if begun_ns - shown_ns > TIMEOUT_S * 1e9:
                raise TwoframeError(
                    f"found that a window's change from grey to grey is not seen within {TIMEOUT_S:g} s; move other "
                    "windows (one that stays on top?) from the place where the game was recorded"
                )
        before = mean
        looked_ns = clock_ns()
        features, _ = policy.step(frame, frames.features)
        frames.push(frame, features)
        decided_ns = clock_ns()
        holder.hold({key} if bright else set())
        key_ns = _arrived(window, down=bright)
        if n >= WARM_UP:
            ends = (begun_ns, grabbed_ns, prepared_ns, looked_ns, decided_ns, key_ns)
            grab, prepare, _, model, hold = np.diff(ends)
            stages_ns.append((grab, prepare, model, hold))
            total_ns.append(key_ns - shown_ns)
        time.sleep(moments.uniform(*GAP_S))
    return LoopBack(np.array(stages_ns) / 1e6, np.array(total_ns) / 1e6)


def _arrived(window: ProbeWindow, *, down: bool) -> int:
    """When the key came that was sent just now."""
    end_s = time.monotonic() + TIMEOUT_S
    while (key := window.next_key(max(0.0, end_s - time.monotonic()))) is not None:
        if key.down == down:
            return key.time_ns
    raise TwoframeError(
        f"found that the {'press' if down else 'release'} of a key did not reach our window; leave it the focus, and "
        "see what 'keyboard' says"
    )

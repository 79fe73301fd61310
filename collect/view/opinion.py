"""What a policy says of a recording: what it would do at each frame, and where it looks."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from agent.arrays import Floats, Ints
from agent.errors import TwoframeError
from agent.frames import RollingFrames, prepare
from agent.policy.attention import Attention
from agent.policy.step import Policy, stand_after_cut
from agent.recording.format import PERSON
from agent.recording.reader import Recording

RATE_TOLERANCE = 0.1


class Opinion(NamedTuple):
    """`probabilities` (A,) of the policy's actions, `maps` (K, h, w) of its attention or None; of one frame."""

    probabilities: Floats
    maps: Floats | None


class Adviser:
    """The policy in a folder, asked about recordings. Raises `TwoframeError` if there is none that can be used."""

    def __init__(self, folder: Path) -> None:
        self.policy = Policy.load(folder, threads=None)
        self.meta = self.policy.meta
        self.attention = Attention.load(folder, self.meta)
        self.folder = folder

    def refusal(self, recording: Recording) -> str | None:
        """Why the policy can say nothing of `recording`; None if it can."""
        found, expected = recording.meta.frame, self.meta.recorded
        if found != expected:
            return (
                f"{recording.folder}: found pictures {found}, expected {expected} as those that {self.folder} was "
                "learned from"
            )
        return None

    def notes(self, recording: Recording) -> list[str]:
        """What is to be known of what the policy says of `recording`."""
        notes = []
        apart_s, seen_s = self.meta.apart / self.meta.fps, self.frames_apart(recording) / recording.rate_hz
        if self.meta.frames_per_window > 1 and abs(seen_s / apart_s - 1) > RATE_TOLERANCE:
            notes.append(
                f"{recording.folder}: found {recording.rate_hz:g} frames a second, so the policy sees frames "
                f"{seen_s * 1000:.0f} ms apart and not {apart_s * 1000:.0f} as it learned; what it says is less good"
            )
        if missing := [key for key in self.meta.actions.keys if key not in recording.meta.keys]:
            notes.append(
                f"{recording.folder}: found no key {', '.join(missing)} among those recorded, which actions of the "
                "policy need; how often the two agree is not told"
            )
        return notes

    def frames_apart(self, recording: Recording) -> int:
        """How many recorded frames lie from one frame of the policy's window to the next."""
        return max(1, round(self.meta.apart / self.meta.fps * recording.rate_hz))

    def says(self, recording: Recording) -> Iterator[Opinion | None]:
        """Of each frame in turn; None of those that have too few before them: at the start, and after a gap."""
        meta = self.meta
        rolling = RollingFrames(meta.frames_per_window, meta.feature_size, self.frames_apart(recording))
        for recorded, follows_gap in zip(recording.frames, recording.gap_before(), strict=True):
            if follows_gap:
                rolling.clear()
            frame = prepare(np.asarray(recorded), meta.frame)
            stand_after_cut(self.policy, frame, rolling)
            earlier = rolling.features.copy()
            features, probabilities = self.policy.step(frame, earlier)
            rolling.push(frame, features)
            if not rolling.is_full:
                yield None
                continue
            maps = self.attention.maps(frame, earlier).copy() if self.attention else None
            yield Opinion(probabilities.copy(), maps)

    def agreement(self, recording: Recording, decided: Ints) -> str | None:
        """How often the `decided` actions (T,), -1 where there is none, are what the person did, in words.

        A policy says what is held `label_shift_ms` later, and is compared with that. None where the person had not the
        keys, or has others than the policy's actions need.
        """
        meta = self.meta
        if not set(meta.actions.keys) <= set(recording.meta.keys):
            return None
        shift_ns = round(meta.label_shift_ms * 1e6)
        held = recording.held_at(recording.captured_ns + shift_ns)
        done = meta.actions.actions_of(held, recording.meta.keys)
        counts = decided >= 0
        if recording.meta.source == "rollout" and recording.control is not None:
            counts &= recording.control == PERSON
        if not counts.any():
            return None
        same = float((done == decided)[counts].mean())
        return f"would do as the person did in {same:.0%} of {int(counts.sum())} frames"


def decided(opinion: Opinion | None) -> int:
    """The action decided for, -1 for none."""
    return -1 if opinion is None else int(opinion.probabilities.argmax())


def looked_at(maps: Floats) -> Floats:
    """(h, w) in 0..1: how much the policy looks at each place, 1 where `maps` (K, h, w) give as much as one has in all.

    Raises `TwoframeError` for maps that are no shares.
    """
    looked = maps.sum(axis=0)
    if not (np.isfinite(looked).all() and looked.min() >= 0):
        raise TwoframeError("policy: found attention maps that are no shares, expected such; train again")
    shown: Floats = np.minimum(looked, np.float32(1))
    return shown

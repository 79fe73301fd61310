"""Which frames of a recording are kept to judge by, remembered from one training to those that go on from it.

What a policy forgets shows only where it has never learned; and each training that goes on would else draw anew, and
judge by what the one before had learned.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np

from train.dataset.dataset import Dataset
from train.dataset.frame_windows import Split, Stretch, split, stretches_of

Parts = tuple[tuple[int, int], ...]  # of one recording: from a frame to before another


class Draw(NamedTuple):
    """What nobody has judged by yet: some of it is to be drawn with this seed, from all of a `group` together."""

    group: str
    seed: int


def split_remembered(dataset: Dataset, judged: Sequence[Parts | Draw], *, frames: int) -> Split:
    """For each recording what of it is kept to judge by, or how to draw that; the rest, but for guards on both sides,
    is for training. Recordings of one group are neighbours.

    Raises `TwoframeError` where those of a group have no windows.
    """
    training: list[Stretch] = []
    validation: list[Stretch] = []
    guards = [0]
    for how, group in groupby(range(len(judged)), key=lambda i: judged[i]):
        numbers = list(group)
        for first, stop in [(numbers[0], numbers[-1] + 1)] if isinstance(how, Draw) else [(i, i + 1) for i in numbers]:
            part = dataset.part(first, stop)
            if isinstance(how, Draw):
                drawn = split(part, frames=frames, seed=how.seed, every_action=False)
            else:
                drawn = split_at(part, how, frames=frames)
            offset = int(dataset.starts[first])
            training += [Stretch(start + offset, stop + offset) for start, stop in drawn.training]
            validation += [Stretch(start + offset, stop + offset) for start, stop in drawn.validation]
            guards.append(drawn.guard)
    return Split(tuple(training), tuple(validation), max(guards))


def split_at(dataset: Dataset, judged: Parts, *, frames: int) -> Split:
    """`judged` to judge by, the rest to learn from, with the guards of `split` between the two."""
    is_validation, is_near = np.zeros(len(dataset), np.bool_), np.zeros(len(dataset), np.bool_)
    widest = 0
    for start, stop in judged:
        guard = max((frames - 1) * dataset.widest_apart, min(round(dataset.meta.fps), (stop - start) // 4))
        is_validation[start:stop] = True
        is_near[max(0, start - guard) : stop + guard] = True
        widest = max(widest, guard)
    return Split(
        stretches_of(dataset.gap_before, ~is_near), stretches_of(dataset.gap_before, is_validation), guard=widest
    )


def judged_parts(dataset: Dataset, drawn: Split) -> tuple[Parts, ...]:
    """Of each recording the frames that `drawn` keeps to judge by; a gap within them parts nothing here."""
    result = []
    for first, stop in zip(dataset.starts[:-1].tolist(), dataset.starts[1:].tolist(), strict=True):
        parts: list[tuple[int, int]] = []
        for stretch in drawn.validation:
            if first <= stretch.start < stop:
                start, end = stretch.start - first, stretch.stop - first
                if parts and parts[-1][1] == start:
                    start = parts.pop()[0]
                parts.append((start, end))
        result.append(tuple(parts))
    return tuple(result)

"""Is a recording enough to learn from? Its figures, and what to do where they are not as those that were learned from.

How much play it takes is measured in experiments/LOG.md, on games of our own:

- `LEAST_MINUTES`: the car with three keys was driven (0.91 of the way from random keys to its driver) from one minute,
  as nothing else was ("Half an hour of car3 live", 2026-11-25).
- `MINUTES`: the lander landed from five minutes and not from two ("More play makes the lander", 2026-11-25, and "Five
  minutes of play are enough for the lander", 2026-11-27).
- `USUAL_MINUTES`: what the agents of docs/results.md learned from.
- `LEAST_BEGUN`: in that minute of the car the rarest action was begun 26 times, in the lander's five 169 times
  (`python -m games.lockstep_record car3 RECORDING --seconds 60 --disturb 30`, then `recordings info RECORDING`).
- `STANDING`: where more of the pictures equal the one before, `train` warns too: that is no game that is played.
"""

import math
from dataclasses import dataclass

import numpy as np

from agent.recording.reader import Recording

LEAST_MINUTES = 1.0
MINUTES = 5.0
USUAL_MINUTES = 10.0
LEAST_BEGUN = 25
RARE_SHARE = 0.02
STANDING = 0.9
_COMPARED = 1000  # pairs of neighbouring pictures


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one recording: what it is judged by. `begun`, `shares` and `names` are in the order of the actions.

    `minutes` are those of play, gaps left out; `alike` is the share of the pictures that equal the one
    before, 0..1; `unpressed` are the actions of which some key was never pressed.
    """

    minutes: float
    names: tuple[str, ...]
    begun: tuple[int, ...]
    shares: tuple[float, ...]
    changes: int
    alike: float
    unpressed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, recording: Recording) -> "Figures":
        actions, gaps = recording.meta.actions, recording.gap_before()
        labels = actions.actions_of(recording.keys, recording.meta.keys)
        is_begun = gaps.copy()
        is_begun[1:] |= labels[1:] != labels[:-1]
        neighbours = np.flatnonzero(~gaps)
        some = neighbours[np.linspace(0, len(neighbours) - 1, min(len(neighbours), _COMPARED)).astype(int)]
        alike = [np.array_equal(recording.frames[t], recording.frames[t - 1]) for t in some]
        counts = np.bincount(labels, minlength=len(actions))
        return cls(
            minutes=len(neighbours) / recording.measured_hz / 60,
            names=actions.names,
            begun=tuple(np.bincount(labels[is_begun], minlength=len(actions)).tolist()),
            shares=tuple((counts / max(len(labels), 1)).tolist()),
            changes=int((is_begun & ~gaps).sum()),
            alike=float(np.mean(alike)) if alike else 0.0,
            unpressed=frozenset(a.name for a in actions.actions if not a.keys <= recording.pressed),
        )

    @property
    def rare(self) -> tuple[str, ...]:
        """The actions that are hardly learned, but those of which it is known that their keys were never pressed."""
        every = zip(self.names, self.begun, self.shares, strict=True)
        return tuple(
            name
            for name, begun, share in every
            if name not in self.unpressed and (begun < LEAST_BEGUN or share < RARE_SHARE)
        )


def figures_line(figures: Figures) -> str:
    begun = ", ".join(f"{name} {times}" for name, times in zip(figures.names, figures.begun, strict=True))
    a_minute = figures.changes / figures.minutes if figures.minutes else 0.0
    return (
        f"begun: {begun} times; {a_minute:.0f} changes of action a minute; {figures.alike:.0%} of the pictures equal "
        "the one before"
    )


def verdict(figures: Figures) -> str:
    """In one line: enough to begin with, or what is missing and what to do."""
    missing = []
    minutes = round(figures.minutes, 1)
    if minutes < MINUTES:
        for_whom = "enough for the easiest of games alone" if minutes >= LEAST_MINUTES else "for no game enough"
        more = math.ceil(MINUTES - minutes)
        missing.append(f"{minutes} minutes are {for_whom}, record {more} more (train takes several recordings)")
    if figures.rare:
        each = ", ".join(figures.rare)
        missing.append(
            f"{each} begun under {LEAST_BEGUN} times or held under {RARE_SHARE:.0%} of the time: play where you need "
            f"{'it' if len(figures.rare) == 1 else 'them'}, or learn without (train --keys)"
        )
    if figures.alike > STANDING:
        missing.append("the picture mostly stands still, look at it (recordings video)")
    if missing:
        return f"not enough yet: {'; '.join(missing)}"
    better = "" if minutes >= USUAL_MINUTES else f"; {USUAL_MINUTES:.0f} are what our own figures are of"
    return f"enough to begin with: {minutes} minutes, with each action often enough{better}"

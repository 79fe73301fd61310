"""What a person can do next, from what a training measured of itself: at most three lines, none where all is well."""

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from train.metrics import Scores, share
from train.report.gains import Worth, is_worse

MOST = 3
FEW = 8  # changes of action, or windows of one: of fewer a share says nothing
TOO_RARE = 0.01  # of what was played: in ten minutes a handful of windows judge such an action


@dataclass(frozen=True, slots=True)
class Figures:
    """What advice goes by. `names` and `played` (shares of what is learned, 0..1) in the order of the actions;
    `scores` are those of the weights that are kept; `losses` those of training and validation, epoch by epoch, and
    `best_accuracy` that of validation after the epoch of its lowest loss; `limit` is the flag that set the end of the
    training, if one did; `never_pressed` tells of keys in words; `gains` is of a training that went on from a
    policy."""

    names: tuple[str, ...]
    played: tuple[float, ...]
    scores: Scores
    repeats: float
    losses: Sequence[tuple[float, float]]
    best_accuracy: float
    limit: str = ""
    never_pressed: str = ""
    gains: dict[str, Worth] | None = None

    @property
    def held_accuracy(self) -> float:
        """Accuracy where the action does not change."""
        scores = self.scores
        held = scores.windows - scores.changes
        right_at_changes = scores.change_accuracy * scores.changes if scores.changes else 0.0
        return (scores.accuracy * scores.windows - right_at_changes) / held if held else float("nan")


def advice(figures: Figures) -> Iterator[str]:
    """What weighs most comes first."""
    said = (about(figures) for about in _ABOUT)
    for line in [line for line in said if line][:MOST]:
        yield f"advice: {line}"


def about_keys(figures: Figures) -> str:
    text = figures.never_pressed
    return f"{text}: leave its action out with --keys, or record again with the right key" if text else ""


def about_nothing_seen(figures: Figures) -> str:
    """It tells the actions apart hardly better than without looking."""
    recalls = [recall for recall in figures.scores.recalls if not math.isnan(recall)]
    if len(recalls) < 2 or figures.scores.windows < FEW:
        return ""
    mean, guessed = statistics.fmean(recalls), 1 / len(recalls)
    if not mean < guessed + 0.25 * (1 - guessed):
        return ""
    return (
        f"it knows the actions apart in {share(mean)}, guessing would in {share(guessed)}: record more minutes, and "
        "larger pictures where what decides is small (collect --size); look at report/worst.png"
    )


def about_repeating(figures: Figures) -> str:
    if figures.scores.changes < FEW or not figures.repeats > 0.5:
        return ""
    return (
        f"it repeats more than it looks: where the action changes it says the old one in {share(figures.repeats)}; "
        "crop what shows the keys, record with wrong keys (collect --disturb 60), correct it (play --record)"
    )


def about_changes(figures: Figures) -> str:
    scores, held = figures.scores, figures.held_accuracy
    if scores.changes < FEW or about_repeating(figures):
        return ""
    if not (scores.change_accuracy < 0.65 and scores.change_accuracy < held - 0.1):
        return ""
    return (
        f"right at changes of action in {share(scores.change_accuracy)}, elsewhere in {share(held)}: the worst moments "
        "are in report/worst.png, more play like these helps"
    )


def about_rare_actions(figures: Figures) -> str:
    """The least recognised of the actions that were hardly played; of one played so little that its recall says
    nothing, that."""
    scores = figures.scores
    counts = [sum(row) for row in scores.confusion]
    recalls = [0.0 if math.isnan(recall) else recall for recall in scores.recalls]
    rare = [
        (recall, name, part, count)
        for name, part, recall, count in zip(figures.names, figures.played, recalls, counts, strict=True)
        if 0 < part < 0.05 and recall < 0.5 and (count >= FEW or part < TOO_RARE)
    ]
    if not rare:
        return ""
    recall, name, part, count = min(rare)
    if count < FEW:
        return (
            f"{name} is {share(part)} of what was played, too little to tell whether it was learned: record more of "
            "the moments that need it"
        )
    return (
        f"{name} is {share(part)} of what was played, and it is recognised in {share(recall)}: record more of the "
        "moments that need it"
    )


def about_knowing_by_heart(figures: Figures) -> str:
    """It was right more often before. A validation loss that rises says less: half of all trainings end so, among them
    some that play as well as was shown, as they get surer of themselves, where they are wrong, too
    (experiments/LOG.md)."""
    training, validation = figures.losses[-1]
    lowest = min(loss for _, loss in figures.losses)
    before, after = figures.best_accuracy, figures.scores.accuracy
    if not (validation > 1.5 * training and validation > 1.1 * lowest and after < before - 0.01):
        return ""
    return (
        f"it knows its recordings by heart: right in {share(after)} where it did not learn, in {share(before)} before; "
        "more minutes of play help, more epochs do not"
    )


def about_learning_on(figures: Figures) -> str:
    """Its loss still fell when the training came to its end, though its learning rate did so too."""
    validation = [loss for _, loss in figures.losses]
    if not figures.limit or len(validation) < 3:
        return ""
    before = validation[-1 - max(1, len(validation) // 3)]
    if not (validation[-1] == min(validation) and validation[-1] < 0.95 * before and validation[-1] > 0.1):
        return ""
    return (
        f"it was still learning at the end: the validation loss fell from {before:.2f} to {validation[-1]:.2f}; give "
        f"it more {figures.limit}, or the machine for itself"
    )


def about_going_on(figures: Figures) -> str:
    """What a training that went on from a policy lost."""
    if not figures.gains:
        return ""
    before, after = figures.gains["before"], figures.gains["after"]
    if is_worse(before, after, "new"):
        return "it got worse on the new recordings: keep the policy that it started from, or record more like these"
    if is_worse(before, after, "old") and after["old"]["accuracy"] < before["old"]["accuracy"] - 0.02:
        return "it forgot some of what it knew: learn more of that beside with a larger --keep-share"
    return ""


_ABOUT: tuple[Callable[[Figures], str], ...] = (
    about_keys,
    about_nothing_seen,
    about_going_on,
    about_repeating,
    about_changes,
    about_rare_actions,
    about_knowing_by_heart,
    about_learning_on,
)

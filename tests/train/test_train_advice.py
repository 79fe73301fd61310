"""What `train` advises in the end: each fault is told in a line that a person can act on, and a sound training none."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import meta, write_recording
from training import SIZE

from train.cli import main
from train.metrics import Scores
from train.report.advice import MOST, Figures, advice

SCORES = Scores(
    windows=400,
    changes=60,
    accuracy=0.86,
    change_accuracy=0.75,
    macro_f1=0.8,
    recalls=(0.8, 0.9, 0.8),
    confusion=((80, 20, 0), (20, 180, 0), (0, 20, 80)),
)
SOUND = Figures(
    names=("left", "forward", "right"),
    played=(0.25, 0.5, 0.25),
    scores=SCORES,
    repeats=0.2,
    losses=[(0.7, 0.6), (0.5, 0.45), (0.4, 0.42), (0.36, 0.41), (0.35, 0.41), (0.34, 0.41)],
    best_accuracy=0.86,
    limit="--epochs",
)
SURER = [(0.7, 0.65), (0.5, 0.55), (0.45, 0.6), (0.41, 0.67)]  # of itself, so that what is wrong costs more
GAINS = {
    "before": {"new": {"loss": 0.9, "accuracy": 0.5}, "old": {"loss": 0.3, "accuracy": 0.9}},
    "after": {"new": {"loss": 0.5, "accuracy": 0.7}, "old": {"loss": 0.31, "accuracy": 0.9}},
}
FAULTS = {
    "a key that nobody pressed": (
        replace(SOUND, never_pressed="w was never pressed"),
        "w was never pressed: leave its action out with --keys",
    ),
    "nothing seen": (
        replace(SOUND, scores=replace(SCORES, recalls=(0.1, 1.0, 0.0))),
        "it knows the actions apart in 36.7 %, guessing would in 33.3 %: record more minutes",
    ),
    "a copycat": (
        replace(SOUND, repeats=0.64, scores=replace(SCORES, change_accuracy=0.3)),
        "it repeats more than it looks: where the action changes it says the old one in 64.0 %",
    ),
    "changes missed": (
        replace(SOUND, scores=replace(SCORES, accuracy=0.8225, change_accuracy=0.61)),
        "right at changes of action in 61.0 %, elsewhere in 86.0 %: the worst moments are in report/worst.png",
    ),
    "an action hardly played": (
        replace(SOUND, played=(0.01, 0.7, 0.29), scores=replace(SCORES, recalls=(0.2, 0.9, 0.8))),
        "left is 1.0 % of what was played, and it is recognised in 20.0 %",
    ),
    "an action too rare to be judged": (  # as the brake of a driver who brakes twice in ten minutes
        replace(
            SOUND,
            played=(0.004, 0.7, 0.296),
            scores=replace(SCORES, recalls=(0.0, 0.9, 0.8), confusion=((0, 6, 0), (20, 180, 0), (0, 20, 80))),
        ),
        "left is 0.4 % of what was played, too little to tell whether it was learned",
    ),
    "an action too rare to be in the validation": (
        replace(
            SOUND,
            played=(0.002, 0.7, 0.298),
            scores=replace(SCORES, recalls=(float("nan"), 0.9, 0.8), confusion=((0, 0, 0), (20, 180, 0), (0, 20, 80))),
        ),
        "left is 0.2 % of what was played, too little to tell whether it was learned",
    ),
    "known by heart": (
        replace(SOUND, losses=SURER, best_accuracy=0.84, scores=replace(SCORES, accuracy=0.82)),
        "it knows its recordings by heart: right in 82.0 % where it did not learn, in 84.0 % before",
    ),
    "still learning": (
        replace(SOUND, losses=[(0.9, 0.9), (0.8, 0.8), (0.7, 0.7), (0.6, 0.6)], limit="--max-minutes"),
        "it was still learning at the end: the validation loss fell from 0.70 to 0.60; give it more --max-minutes",
    ),
    "worse on the new": (
        replace(SOUND, gains={**GAINS, "after": {**GAINS["after"], "new": {"loss": 1.0, "accuracy": 0.5}}}),
        "it got worse on the new recordings",
    ),
    "the old forgotten": (
        replace(SOUND, gains={**GAINS, "after": {**GAINS["after"], "old": {"loss": 0.5, "accuracy": 0.8}}}),
        "it forgot some of what it knew",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_one_line_that_a_person_can_act_on(fault: str) -> None:
    figures, said = FAULTS[fault]
    (line,) = advice(figures)
    assert line.startswith(f"advice: {said}")


NOTHING_TO_SAY = {
    "sound": SOUND,
    "gained": replace(SOUND, gains=GAINS),
    "stopped": replace(SOUND, losses=[(0.9, 0.9), (0.8, 0.8), (0.7, 0.7), (0.6, 0.6)], limit=""),
    "learned to the last bit": replace(SOUND, losses=[(0.4, 0.01), (0.01, 0.002), (0.01, 0.001)]),
    # So end some that play as well as was shown; or the weights of the best epoch are kept.
    "surer and right more often": replace(SOUND, losses=SURER, best_accuracy=0.83),
    "surer at an end that is not kept": replace(SOUND, losses=SURER),
    # Of so few moments a share says nothing.
    "few changes": replace(SOUND, repeats=0.64, scores=replace(SCORES, changes=3, change_accuracy=0.3)),
    "no changes": replace(SOUND, repeats=float("nan"), scores=replace(SCORES, changes=0, change_accuracy=float("nan"))),
    "a very rare action that is known": replace(
        SOUND,
        played=(0.004, 0.7, 0.296),
        scores=replace(SCORES, confusion=((5, 1, 0), (20, 180, 0), (0, 20, 80))),
    ),
    "a rare action in few places": replace(
        SOUND,
        played=(0.01, 0.7, 0.29),
        scores=replace(SCORES, recalls=(0.2, 0.9, 0.8), confusion=((1, 3, 0), (20, 180, 0), (0, 20, 80))),
    ),
}


@pytest.mark.parametrize("case", NOTHING_TO_SAY)
def test_where_all_is_well_nothing_is_advised(case: str) -> None:
    assert list(advice(NOTHING_TO_SAY[case])) == []


def test_of_many_faults_the_weightiest_are_told() -> None:
    figures = replace(
        SOUND,
        never_pressed="w was never pressed",
        repeats=0.7,
        played=(0.01, 0.7, 0.29),
        scores=replace(SCORES, change_accuracy=0.2, recalls=(0.2, 0.9, 0.8)),
        losses=SURER,
        best_accuracy=0.9,
    )
    said = list(advice(figures))
    assert len(said) == MOST
    assert ["w was never" in said[0], "repeats more" in said[1], "left is 1.0 %" in said[2]] == [True] * 3


@pytest.mark.training
@pytest.mark.slow(12)
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
def test_a_recording_that_shows_what_was_done_makes_a_copycat_and_it_is_told(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The picture shows the key that is held, as a game's own display of it does, and nothing of what comes next."""
    rng = np.random.default_rng(0)
    keys = [key for _ in range(220) for key in "ad"[int(rng.integers(2))] * int(rng.integers(3, 7))]
    frames = []
    for key in keys:
        frame = rng.integers(20, 40, (SIZE[1], SIZE[0], 1)).astype(np.uint8)
        frame[:, slice(4, 8) if key == "a" else slice(24, 28)] = 220
        frames.append(frame)
    recording = write_recording(tmp_path / "rec", frames, keys, described=meta(size=SIZE))
    told = ["--keys", "left=a", "right=d", "--label-shift-ms", "50", "--epochs", "2"]
    quick = ["--max-minutes", "60", "--shift", "0", "--apart-ms", "0"]
    assert main([str(recording), "--out", str(tmp_path / "policy"), *told, *quick]) == 0
    said = [line for line in capfd.readouterr().out.splitlines() if line.startswith("advice: ")]
    assert any(line.startswith("advice: it repeats more than it looks") for line in said)
    assert len(said) <= MOST

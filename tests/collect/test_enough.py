"""Whether a recording is enough to learn from, in three lines, after recording and in `recordings info`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import meta, write_recording

from agent.actions import ActionSet
from agent.recording.reader import Recording
from collect.enough import LEAST_BEGUN, Figures, verdict
from collect.recordings.cli import main

GOOD = Figures(
    minutes=10.0,
    names=("left", "forward", "right"),
    begun=(40, 80, 40),
    shares=(0.1, 0.8, 0.1),
    changes=160,
    alike=0.0,
)


def test_figures_are_of_play_and_count_what_was_begun(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (12, 16, 1)).astype(np.uint8) for _ in range(120)]
    frames[50] = frames[49]
    keys = (["a"] * 10 + [""] * 10) * 3 + ["d"] * 60
    times_ns = [round(t * 5e7) + (10**10 if t >= 60 else 0) for t in range(120)]  # a pause of ten seconds
    recording = Recording.open(write_recording(tmp_path / "rec", frames, keys, times_ns=times_ns))
    figures = Figures.of(recording)
    assert (figures.names, figures.begun) == (("left", "forward", "right"), (3, 3, 1))
    assert figures.changes == 5  # that at the pause is nobody's
    assert figures.minutes == pytest.approx(118 / 20 / 60)
    assert figures.shares == (0.25, 0.25, 0.5)
    assert figures.alike == pytest.approx(1 / 118)
    assert figures.unpressed == {"forward"}  # w was not pressed, holding nothing is forward too


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, "enough to begin with: 10.0 minutes, with each action often enough"),
        ({"minutes": 5.0}, "enough to begin with: 5.0 minutes, with each action often enough; 10 are what"),
        ({"minutes": 4.9}, "not enough yet: 4.9 minutes are enough for the easiest of games alone, record 1 more"),
        ({"minutes": 0.4}, "not enough yet: 0.4 minutes are for no game enough, record 5 more"),
        ({"begun": (LEAST_BEGUN - 1, 80, 40)}, "not enough yet: left begun under 25 times"),
        ({"shares": (0.01, 0.8, 0.19)}, "not enough yet: left begun under 25 times or held under 2%"),
        ({"alike": 0.95}, "not enough yet: the picture mostly stands still"),
        ({"begun": (0, 80, 40), "shares": (0.0, 0.8, 0.2), "unpressed": frozenset({"left"})}, "enough to begin with"),
    ],
)
def test_the_verdict_says_what_is_missing_and_what_to_do(changed: dict[str, object], told: str) -> None:
    assert verdict(replace(GOOD, **changed)).startswith(told)  # type: ignore[arg-type]


def test_info_tells_it_of_what_a_person_played_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [np.full((12, 16, 1), t, np.uint8) for t in range(60)]
    keys = ["a"] * 20 + [""] * 20 + ["d"] * 20
    write_recording(tmp_path / "played", frames, keys)
    write_recording(tmp_path / "rollout", frames, keys, described=meta(source="rollout"))
    write_recording(tmp_path / "silent", frames, [""] * 60, described=meta(actions=ActionSet.parse(["a=a", "b=b"])))
    told = []
    for name in ("played", "rollout", "silent"):
        assert main(["info", str(tmp_path / name)]) == 0
        told.append(capsys.readouterr().out)
    assert "begun: left 1, forward 1, right 1 times; 41 changes of action a minute; 0% of the pictures equal" in told[0]
    assert "not enough yet: 0.0 minutes are for no game enough" in told[0]
    assert "hardly learned" not in told[0]
    assert all("begun" not in text for text in told[1:])
    assert "warning: found no key pressed" in told[2]

"""The search for better training: honest intervals, what is made is kept, what goes wrong is said in one line."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ale_py", reason="pip install -e '.[bench]'")

from agent.errors import TwoframeError, UsageError
from agent.recording.reader import Recording
from experiments.intervals import (
    SAME,
    Estimate,
    Interval,
    difference_of,
    mean_of,
    normalised_of,
    resampled_means,
    sd_of_episodes,
    verdict,
)
from experiments.search import Plan, main, parsed, seeds_of
from experiments.search_results import plot, rows_of
from experiments.search_runs import Conditions, Programs, Runs, Variant
from games.catalogue import GAMES
from games.programs import last_said

CONDITIONS = Conditions((1,), delay_ms=15.0, max_frames=100, disturb=12.0, disturbed=False, reaction_ms=0.0)
MINUTES = 1 / 3


def test_equal_values_have_an_interval_without_width() -> None:
    value, (low, high) = mean_of(np.full((3, 10), 7.1))
    assert (value, low, high) == pytest.approx((7.1, 7.1, 7.1))
    scores = np.random.default_rng(1).normal(size=(3, 10))
    assert difference_of(scores, scores) == (0.0, (0.0, 0.0))
    assert verdict(difference_of(scores, scores)) == SAME


def test_a_clear_difference_shows_in_both_directions() -> None:
    random = np.random.default_rng(2)
    first, better = random.normal(100, 20, (3, 10)), random.normal(200, 20, (3, 10))
    up, down = difference_of(better, first), difference_of(first, better)
    assert up.interval.low > 50 and verdict(up) == "better"
    assert down.interval.high < -50 and verdict(down) == "worse"
    assert up.interval.low < up.value < up.interval.high


def test_noise_around_nothing_is_no_difference() -> None:
    noise = np.random.default_rng(3).normal(size=(2, 5))
    both = np.concatenate([noise, -noise])
    assert verdict(difference_of(100 + both, np.full_like(both, 100))) == SAME


def test_pairs_show_what_hard_and_easy_episodes_would_hide() -> None:
    random = np.random.default_rng(4)
    first = np.tile(random.normal(0, 1000, 10), (3, 1))
    assert verdict(difference_of(first + random.normal(5, 2, (3, 10)), first)) == "better"
    assert mean_of(first).interval.low < 0 < mean_of(first).interval.high


def test_an_interval_of_one_training_seed_is_that_of_its_episodes() -> None:
    scores = np.random.default_rng(5).normal(size=(1, 200))
    low, high = mean_of(scores).interval
    assert high - low == pytest.approx(2 * 1.96 * scores.std() / 200**0.5, rel=0.05)


def test_more_training_seeds_do_not_average_out_the_luck_of_the_episodes() -> None:
    episodes = np.random.default_rng(6).normal(size=(1, 10))
    assert resampled_means(np.tile(episodes, (50, 1))).std() == pytest.approx(episodes.std() / 10**0.5, rel=0.05)


def test_a_bad_training_seed_widens_the_interval() -> None:
    low, high = mean_of(np.array([[0.0] * 10, [90.0] * 10, [90.0] * 10])).interval
    assert (low, high) == pytest.approx((0, 90))


def test_normalised_is_0_as_the_floor_and_1_as_the_best_in_every_resample() -> None:
    floor, best = np.arange(10.0), 100 + np.arange(10.0) ** 2
    for scores, expected in ((floor, 0.0), (best, 1.0), ((floor + best) / 2, 0.5)):
        found = normalised_of(np.tile(scores, (3, 1)), floor, best)
        assert found is not None
        assert (found.value, *found.interval) == pytest.approx((expected,) * 3)


def test_players_too_close_to_tell_normalise_nothing() -> None:
    noise = np.random.default_rng(7).normal(size=10)
    assert normalised_of(np.ones((2, 10)), noise, -noise) is None
    assert normalised_of(np.ones((2, 10)), np.zeros(10), np.zeros(10)) is None


def test_sd_of_episodes_is_not_that_of_training_seeds() -> None:
    assert sd_of_episodes(np.array([[0.0, 2.0], [100.0, 102.0]])) == pytest.approx(2**0.5)
    assert sd_of_episodes(np.ones((3, 1))) == 0.0


def kept(*scores: float) -> dict[str, Any]:
    return {"episodes": [{"seed": 1 + place, "return": score} for place, score in enumerate(scores)]}


def test_a_row_tells_the_worst_episode_and_the_difference_to_the_first() -> None:
    agents = {"plain": [kept(10, 20), kept(30, 5)], "new": [kept(110, 120), kept(130, 105)]}
    plain, new = rows_of("lander", 2.0, agents, {"random": kept(0, 0), "scripted": kept(200, 200)}, [3, 4])
    assert plain.worst == {"score": 5.0, "training_seed": 4, "episode_seed": 2}
    assert plain.means == {3: 15.0, 4: 17.5}
    assert plain.difference is None and plain.verdict is None
    assert new.difference == Estimate(100.0, Interval(100.0, 100.0)) and new.verdict == "better"
    assert new.normalised is not None and new.normalised.value == pytest.approx(116.25 / 200)
    assert json.loads(json.dumps(new.to_json()))["difference"] == {"value": 100.0, "interval": [100.0, 100.0]}


@pytest.mark.parametrize("minutes", [(10.0,), (1.0, 10.0)])
def test_the_picture_is_drawn_for_one_and_for_several_minutes(minutes: Sequence[float], tmp_path: Path) -> None:
    players = {"random": kept(0, 0), "scripted": kept(200, 200)}
    agents = {"plain": [kept(10, 20), kept(30, 5)], "new": [kept(110, 120), kept(130, 105)]}
    rows = [row for m in minutes for row in rows_of("lander", m, agents, players, [3, 4])]
    plot(rows, {"lander": players}, [GAMES["lander"]], tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 5000


def test_a_variant_is_a_name_and_flags_and_flags_may_hold_equals_signs() -> None:
    assert Variant.parse("plain=") == Variant("plain", ())
    assert Variant.parse("two sides=--mirror left=right --epochs 3").flags == (
        "--mirror",
        "left=right",
        "--epochs",
        "3",
    )


def test_seeds_are_numbers_and_ranges_in_order() -> None:
    assert seeds_of("--training-seeds", ["7", "1..3"]) == (1, 2, 3, 7)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--games", "chess"], "expected one of car3, car5, pong, lander, catch, gates, breakout, freeway, skiing"),
        (["--variant", "--frames 1"], "expected NAME=FLAGS"),
        (["--variant", "frames"], "expected NAME=FLAGS"),
        (["--variant", "a='"], "expected flags of `train`"),
        (["--variant", "a=--seed 3"], "found --seed"),
        (["--variant", "plain=--frames 1"], "--variant: found 'plain' twice"),
        (["--games", "pong", "pong"], "--games: found 'pong' twice"),
        (["--training-seeds", "one"], "--training-seeds: found 'one', expected numbers"),
        (["--training-seeds", "1", "0..2"], "found 1 twice"),
        (["--episode-seeds", "9..1"], "expected a range that goes up"),
        (["--episode-seeds", "1000"], "found 1000, expected less than 1000"),
        (["--minutes", "0", "--jobs", "0"], "--jobs: found 0, expected more than 0; --minutes: found 0"),
        (["--minutes", "nan"], "--minutes: found nan"),
        (["--recording", "pong"], "--recording: found 'pong', expected GAME=FOLDER"),
        (["--recording", "pong=nowhere"], "nowhere"),
        (["--json", "nowhere/x.json"], "found no folder nowhere"),
        (["--plot", "x.doc"], "expected the name of a PNG file"),
    ],
)
def test_wrong_usage_is_said_in_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    variants = ["--variant=--frames 1"] if arguments == ["--variant", "--frames 1"] else arguments
    assert main(["--variant", "plain=", *variants]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_minutes_and_seeds_are_taken_in_order_and_have_defaults() -> None:
    plan = Plan.of(parsed(["--variant", "one frame=--frames 1", "--games", "pong", "--minutes", "5", "1"]))
    assert plan.minutes == (1.0, 5.0)
    assert plan.training_seeds == (0, 1, 2) and plan.conditions.episode_seeds == tuple(range(1, 11))


class Asked(Programs):
    """Runs nothing and remembers the arguments."""

    def run(self, log: Path, module: str, *arguments: object) -> float:
        self.arguments = list(map(str, arguments))
        return 1.0


def test_a_variants_flags_and_the_training_seed_go_to_train(tmp_path: Path) -> None:
    asked = Asked(threads=1)
    recording = tmp_path / "r" / "recording"
    runs = Runs(tmp_path, CONDITIONS, asked, {})
    policy, _ = runs.policy(GAMES["pong"], recording, ("--frames", "1"), 4)
    assert asked.arguments == [str(recording), "--out", str(policy), "--frames", "1", "--seed", "4"]
    others = [
        runs.policy(GAMES["pong"], recording, flags, seed)[0] for flags, seed in (((), 4), (("--frames", "1"), 5))
    ]
    assert len({policy, *others}) == 3


def test_a_log_is_told_by_what_it_says_last(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("\n╭─ Wrong ──╮\n│ Unrecognized: --join │\n│ ── │\n│ For full helptext, run x │\n╰────╯\n", "utf-8")
    assert last_said(log) == "Unrecognized: --join"
    log.write_text("")
    assert last_said(log) == "it said nothing"


def test_no_program_begins_when_the_search_is_over(tmp_path: Path) -> None:
    programs = Programs(threads=1)
    programs.end()
    with pytest.raises(TwoframeError, match="its end"):
        programs.run(tmp_path / "x.log", "this")


def search(out: Path, *more: object) -> int:
    given = ["--games", "lander", "--minutes", MINUTES, "--disturb", "12", "--training-seeds", "0"]
    given += ["--episode-seeds", "1", "--max-frames", "100", "--out", out, *more]
    return main(list(map(str, given)))


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search that was really made, its figures in `figures.json`."""
    out = tmp_path_factory.mktemp("search")
    variants = ("--variant", "plain=--epochs 1", "--variant", "again=--epochs  1")
    assert search(out, *variants, "--json", out / "figures.json", "--plot", out / "figures.png") == 0
    return out


def test_a_search_trains_plays_and_compares(searched: Path) -> None:
    figures = json.loads((searched / "figures.json").read_text())
    plain, again = figures["rows"]
    assert list(plain["scores"]) == ["0"] and plain["scores"] == again["scores"]
    assert again["verdict"] == SAME and again["difference"]["value"] == 0
    assert plain["runs"]["0"]["episodes"][0]["frames"] <= 100 and plain["runs"]["0"]["train_s"] > 0
    assert (Path(plain["runs"]["0"]["policy"]) / "policy.json").exists()
    assert set(figures["players"]["lander"]) == {"scripted", "random"}
    assert (searched / "figures.png").exists()


def test_what_was_made_is_taken_from_there(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = {path: path.stat().st_mtime_ns for path in searched.rglob("*.log")}
    assert len(list(searched.rglob("train.log"))) == 1  # the same flags under two names
    assert search(searched, "--variant", "other name=--epochs 1") == 0
    assert {path: path.stat().st_mtime_ns for path in searched.rglob("*.log")} == logs
    assert "other name" in capsys.readouterr().out


def test_fewer_minutes_are_the_beginning_of_the_recording(searched: Path) -> None:
    runs = Runs(searched, CONDITIONS, Programs(threads=1), {})
    both = runs.recordings(GAMES["lander"], [MINUTES, 0.1])
    short, whole = (Recording.open(both[minutes]) for minutes in (0.1, MINUTES))
    assert len(short) == 6 * GAMES["lander"].record_fps < len(whole)
    assert (short.frames == whole.frames[: len(short)]).all()
    assert (short.keys == whole.keys[: len(short)]).all()


def test_a_recording_of_ones_own_is_learned_from(searched: Path) -> None:
    made = Runs(searched, CONDITIONS, Programs(threads=1), {}).recordings(GAMES["lander"], [MINUTES])[MINUTES]
    runs = Runs(searched, CONDITIONS, Programs(threads=1), {"lander": made})
    taken = runs.recordings(GAMES["lander"], [0.1, MINUTES])
    assert taken[MINUTES] == made and len(Recording.open(taken[0.1])) == 6 * GAMES["lander"].record_fps
    with pytest.raises(TwoframeError, match="expected 10 as --minutes says"):
        runs.recordings(GAMES["lander"], [10])


def test_a_recording_that_no_game_is_named_for_is_told(searched: Path) -> None:
    made = Runs(searched, CONDITIONS, Programs(threads=1), {}).recordings(GAMES["lander"], [MINUTES])[MINUTES]
    with pytest.raises(UsageError, match="--recording lander: found none of --games"):
        Plan.of(parsed(["--variant", "plain=", "--games", "pong", "--recording", f"lander={made}"]))


def test_a_training_that_fails_is_told_with_its_log(searched: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert search(searched, "--variant", "x=--no-such-flag") == 1
    error = capsys.readouterr().err
    assert "no-such-flag" in error and "train.log" in error and error.count("\n") == 1

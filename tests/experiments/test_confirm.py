"""Live play and lockstep side by side: how alike they rank, and what is refused before anything plays."""

from pathlib import Path

import numpy as np
import pytest

from experiments.confirm import main, plot, spearman
from games.catalogue import GAMES


def test_the_same_order_correlates_by_1_and_the_opposite_by_minus_1() -> None:
    live = np.array([10.0, -300.0, 250.0, 90.0])
    assert spearman(live, live**3) == pytest.approx(1)
    assert spearman(live, -live) == pytest.approx(-1)


def test_equal_means_share_their_rank() -> None:
    # Ranks 1.5 1.5 3 4 against 1 2 3 4: Pearson's correlation of these by hand.
    assert spearman(np.array([5.0, 5.0, 7.0, 9.0]), np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(4.5 / 22.5**0.5)


def test_where_all_are_alike_nothing_is_ranked() -> None:
    assert spearman(np.array([-21.0, -21.0]), np.array([1.0, 2.0])) is None


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    scores = np.arange(6.0).reshape(3, 2)
    plot(GAMES["lander"], scores, scores + 1, tmp_path / "agree.png")
    assert (tmp_path / "agree.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lander", "one"], "POLICY: found 1"),
        (["lander", "one", "one"], "POLICY: found 1"),
        (["lander", "one", "two", "--episodes", "0"], "--episodes: found 0"),
        (["lander", "one", "two", "--json", "nowhere/x.json"], "found no folder nowhere"),
        (["chess", "one", "two"], "chess"),
    ],
)
def test_wrong_usage_is_said_in_one_line(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_folder_that_is_no_policy_is_told_before_anything_plays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert main(["lander", str(tmp_path / "one"), str(tmp_path / "two"), "--out", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not (tmp_path / "out").exists()

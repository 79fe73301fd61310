"""Whether a game is the same in a mirror: which actions would be swapped, and what a training finds."""

import json
from pathlib import Path

import numpy as np
import pytest
from recordings import meta, write_recording
from training import KEYS, SIZE

from agent.actions import ActionSet
from train.cli import main
from train.fitting.history import History
from train.fitting.mirror import opposite, tells_enough

LEARNED = ["--max-minutes", "60", "--epochs", "3", "--shift", "0", "--apart-ms", "0", "--label-shift-ms", "0"]


@pytest.mark.parametrize(
    ("actions", "mirror"),
    [
        ("left=a none= right=d", (2, 1, 0)),
        ("left=a forward=w right=d brake=s", (2, 1, 0, 3)),
        ("right=right left=left", (1, 0)),
        ("rest= go=left back=right turn=a other=d", (0, 2, 1, 4, 3)),
        ("on=w left=w+a right=w+d", (0, 2, 1)),
        ("on=w left=w+a right=d", ()),
        ("left=a jump=space", ()),
        ("up=up none= down=down", ()),
        ("both=a+d none=", ()),
    ],
)
def test_opposite_keys_tell_which_actions_a_mirror_swaps(actions: str, mirror: tuple[int, ...]) -> None:
    assert opposite(ActionSet.parse(actions.split())) == mirror


def test_enough_is_told_of_mirrored_pictures_only_by_who_knows_something() -> None:
    assert tells_enough(1.0, plain=0.4, mirrored=0.6)
    assert tells_enough(1.0, plain=0.4, mirrored=0.3)
    assert not tells_enough(1.0, plain=0.4, mirrored=0.8)
    assert not tells_enough(1.0, plain=0.4, mirrored=3.0)
    assert not tells_enough(1.0, plain=0.9, mirrored=0.9)
    assert not tells_enough(1.0, plain=1.5, mirrored=1.2)
    assert not tells_enough(1.0, plain=float("nan"), mirrored=0.3)


def thirds(folder: Path, keys: list[str]) -> Path:
    """A bar that wanders, and the key for each third of the picture where it may be."""
    rng = np.random.default_rng(3)
    frames, held, x = [], [], 0
    for t in range(2000):
        if t % 6 == 0:
            x = int(rng.integers(0, SIZE[0] - 4))
        frame = rng.integers(20, 40, (SIZE[1], SIZE[0], 1)).astype(np.uint8)
        frame[:, x : x + 4] = 220
        frames.append(frame)
        held.append(keys[3 * x // (SIZE[0] - 4)])
    return write_recording(folder, frames, held, described=meta(size=SIZE))


@pytest.mark.training
@pytest.mark.slow(40)
@pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")
@pytest.mark.parametrize(
    ("keys", "told", "is_mirrored"),
    [
        (KEYS[::-1], [], True),
        (["w", "a", "d"], [], False),
        (KEYS[::-1], ["--mirror", "none"], False),
    ],
    ids=["alike", "with a side", "told not to"],
)
def test_a_game_without_a_side_is_learned_in_the_mirror_too(
    keys: list[str], told: list[str], is_mirrored: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "policy"
    assert main([str(thirds(tmp_path / "rec", keys)), "--out", str(out), *LEARNED, *told]) == 0
    assert ("in mirrored pictures too: from here on it learns them as well" in capfd.readouterr().out) == is_mirrored
    policy = json.loads((out / "policy.json").read_text())
    assert policy["metrics"]["mirrored"] == is_mirrored
    assert policy["training"]["mirror"] == told[1:]


def test_what_was_found_in_the_mirror_is_kept_with_the_history() -> None:
    for mirror in (None, (), (2, 1, 0)):
        kept = json.loads(json.dumps(History(mirror=mirror).to_json()))
        assert History.from_json(kept).mirror == mirror
    kept.pop("mirror")
    assert History.from_json(kept).mirror is None  # that of an older train

"""A policy that goes on learning (`train --from`): from its weights, by its spec, judged by what it never learned."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from conftest import ROOT, MadeOnce
from recordings import meta, write_recording
from training import SIZE, bar_frames, bar_recording

from agent.actions import ActionSet
from agent.errors import TwoframeError
from agent.recording.learned_from import LearnedFrom
from train.cli import main
from train.dataset.batches import Augmentation, Batches, Rehearsal
from train.dataset.frame_windows import Split, stretches_of
from train.dataset.remembered import judged_parts
from train.fitting.history import History
from train.metrics import score
from train.options import TrainOptions
from train.prepared_dataset import PreparedDataset, described, prepare_dataset
from train.sources import find_sources
from train.starting_policy import StartingPolicy

pytestmark = [
    pytest.mark.training,
    # Keras 3.15 converts its variables to numpy 2 arrays that way.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
QUICK = ["--max-minutes", "60", "--shift", "0", "--apart-ms", "0"]


def inverted(folder: Path, t: int = 300, seed: int = 7) -> Path:
    """A dark bar on bright ground: the same game in a picture that the first policy never saw."""
    frames, keys = bar_frames(t, seed)
    return write_recording(folder, [255 - frame for frame in frames], keys, described=meta(size=SIZE))


@pytest.fixture(scope="session")
def place(made_once: MadeOnce) -> Path:
    """`first` is a policy of the recordings in `runs`; `new` is a recording that it does not know."""
    return made_once("place", learn_first)


def learn_first(place: Path) -> None:
    bar_recording(place / "runs" / "one", 500)
    bar_recording(place / "runs" / "two", 500, seed=2)
    inverted(place / "new")
    assert main([str(place / "runs"), "--out", str(place / "first"), "--epochs", "2", "--seed", "3", *QUICK]) == 0


def settings(policy: Path) -> dict[str, Any]:
    return json.loads((policy / "policy.json").read_text())


def normalised_with(policy: Path) -> list[float]:
    """Mean and variance that the network takes off every picture."""
    with (
        zipfile.ZipFile(policy / "model.keras") as archive,
        h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights,
    ):
        layer = weights["layers/functional/layers/normalization/vars"]
        return [float(layer[name][0]) for name in ("0", "1")]


@pytest.mark.slow(30)
def test_a_policy_learns_new_recordings_and_says_what_it_gained_and_forgot(
    place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "second"
    script = ROOT / "tests" / "eventful_training.py"
    arguments = (place / "new", "--from", place / "first", "--out", out, "--epochs", 3, "--max-minutes", 60)
    stopped = subprocess.run(
        [sys.executable, *map(str, (script, "signal", int(signal.SIGINT), *arguments))],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert stopped.returncode == 130, stopped.stderr
    assert "as it is, on those it knew: loss 0." in stopped.stdout
    capfd.readouterr()
    before_it_stopped = settings(out)["metrics"]["gains"]["before"]
    page = out / "report" / "index.html"
    assert f"<code>train --out {out} --resume</code>" in page.read_text(encoding="utf-8")
    moved = shutil.copytree(place / "first", tmp_path / "moved")
    assert main(["--out", str(out), "--resume", "--from", str(moved)]) == 0
    said = capfd.readouterr().out
    assert "on the new recordings it gained: loss" in said
    assert "on those it knew it" in said
    shown = page.read_text(encoding="utf-8")
    assert "On the new recordings it gained: loss" in shown
    assert "--resume" not in shown

    first, second = settings(place / "first"), settings(out)
    before, after = (second["metrics"]["gains"][when] for when in ("before", "after"))
    assert before == before_it_stopped
    judged = first["metrics"]["validation"]
    for name in ("windows", "changes", "accuracy", "change_accuracy", "confusion"):
        assert before["old"][name] == judged[name]  # the same windows, and the very network
    assert after["new"]["loss"] < 0.5 * before["new"]["loss"]
    assert after["new"]["accuracy"] > before["new"]["accuracy"]
    assert normalised_with(out) == normalised_with(place / "first")
    assert second["actions"] == first["actions"]
    for name in ("frame", "recorded", "fps", "apart", "label_shift_ms", "feature_size"):
        assert second[name] == first[name]
    assert second["training"]["shift"] == 0.0  # as the policy was learned
    by_digest = {one["digest"]: one["judged"] for one in second["recordings"]}
    assert len(by_digest) == 3
    assert all(by_digest[one["digest"]] == one["judged"] for one in first["recordings"])


def start_of(place: Path, *recordings: Path, **told: object) -> tuple[TrainOptions, StartingPolicy]:
    start = StartingPolicy.read(place / "first")
    given = TrainOptions(recordings, place / "next", start=place / "first")
    return replace(start.defaults(given), **told), start


def prepared_of(place: Path, tmp_path: Path, *recordings: Path, **told: object) -> PreparedDataset:
    options, start = start_of(place, *recordings, **told)
    return prepare_dataset(options, tmp_path, None, start)


def judged_by_name(prepared: PreparedDataset) -> dict[str, tuple[tuple[int, int], ...]]:
    parts = judged_parts(prepared.dataset, prepared.split)
    return {each.folder.name: part for each, part in zip(prepared.sources.recordings, parts, strict=True)}


def test_more_of_the_same_recordings_is_judged_by_what_was_never_learned(place: Path, tmp_path: Path) -> None:
    first = prepare_dataset(StartingPolicy.read(place / "first").options, tmp_path)
    again = prepared_of(place, tmp_path, place / "runs", seed=11)
    assert judged_by_name(again) == judged_by_name(first)
    assert not set(again.training.tolist()) & set(first.validation.tolist())
    assert again.is_new is not None and not again.is_new.any()


def test_recordings_that_a_policy_knew_are_found_beside_it_and_kept(place: Path, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(place, moved)
    prepared = prepared_of(moved, tmp_path, moved / "new")
    assert [each.folder.name for each in prepared.sources.recordings] == ["new", "one", "two"]
    assert {part: judged_by_name(prepared)[part] for part in ("one", "two")} == judged_by_name(
        prepare_dataset(StartingPolicy.read(place / "first").options, tmp_path)
    )
    starts = prepared.dataset.starts
    assert prepared.is_new is not None and prepared.is_new.sum() == starts[1] == 300
    assert prepared.rehearsal == Rehearsal(300, 1300, 0.5)

    shutil.rmtree(moved / "runs" / "one")
    options, start = start_of(moved, moved / "new")
    left = find_sources(options, start)
    assert [each.folder.name for each in left.kept] == ["two"]
    assert any("runs/one: found no such recording any more" in note and "--keep" in note for note in left.notes)
    elsewhere = find_sources(replace(options, keep=(place / "runs",)), start)
    assert [each.folder.name for each in elsewhere.kept] == ["one", "two"]
    judge_only = prepared_of(moved, tmp_path, moved / "new", keep_share=0.0)
    assert judge_only.training.max() < 300 < judge_only.validation.max()


def test_a_policy_of_an_older_train_keeps_what_is_named_and_judges_it_as_it_was(place: Path, tmp_path: Path) -> None:
    older = tmp_path / "older"
    shutil.copytree(place, older)
    told = settings(older / "first")
    del told["recordings"]
    for name in ("start", "keep", "keep_share"):
        del told["training"][name]
    (older / "first" / "policy.json").write_text(json.dumps(told))
    options, start = start_of(older, older / "new")
    assert any("does not tell what it was learned from" in note for note in find_sources(options, start).notes)
    named = prepared_of(older, tmp_path, older / "new", keep=(older / "runs",))
    first = judged_by_name(prepare_dataset(StartingPolicy.read(place / "first").options, tmp_path))
    assert {name: judged_by_name(named)[name] for name in first} == first


def test_a_few_corrections_without_every_action_are_learned(place: Path, tmp_path: Path) -> None:
    frames, _ = bar_frames(12, 5)
    short = write_recording(tmp_path / "short", frames, ["a"] * 12, described=meta(size=SIZE))
    prepared = prepared_of(place, tmp_path, short)
    assert judged_by_name(prepared)["short"] == ()
    assert set(range(2, 11)) <= set(prepared.training.tolist())
    alone = prepared_of(place, tmp_path, bar_left(tmp_path), keep_share=0.0)
    assert any("forward, right is nowhere in what is learned" in line for line in described(alone))


def bar_left(tmp_path: Path) -> Path:
    frames, _ = bar_frames(200, 5)
    return write_recording(tmp_path / "left", frames, ["a"] * 200, described=meta(size=SIZE))


def test_an_epoch_learns_all_that_is_new_and_a_part_of_the_old_drawn_anew(place: Path, tmp_path: Path) -> None:
    prepared = prepared_of(place, tmp_path, place / "new", keep_share=0.25)
    batches = Batches(
        prepared.dataset,
        prepared.split.training,
        np.ones(len(prepared.dataset), np.float32),
        frames=2,
        run_frames=3,
        batch_windows=32,
        rehearsal=prepared.rehearsal,
    )
    new = set(prepared.training[prepared.training < 300].tolist())
    drawn = []
    for epoch in (1, 2):
        ends = [end for batch in batches.shuffled([0, epoch], Augmentation()) for end in batch.ends.ravel().tolist()]
        seen = {end for end in ends if end >= 0}
        assert {end for end in seen if end < 300} == new
        old = {end for end in seen if end >= 300}
        # Runs are drawn whole, of two windows or, at an end, of one.
        assert 0.15 < len(old) / len(seen) < 0.35
        drawn.append(old)
        assert len(list(batches.shuffled([0, epoch], Augmentation()))) - batches.steps() in (-1, 0, 1)
    assert drawn[0] != drawn[1]


def test_recordings_to_judge_by_are_new_beside_what_the_policy_was_judged_by(place: Path, tmp_path: Path) -> None:
    judge = inverted(tmp_path / "judge", 100, seed=9)
    prepared = prepared_of(place, tmp_path, place / "new", validate=(judge,))
    judged = judged_by_name(prepared)
    assert (judged["new"], judged["judge"]) == ((), ((0, 100),))
    assert judged["one"] and judged["two"]
    assert prepared.is_new is not None
    assert prepared.is_new[prepared.dataset.starts[3] :].all() and not prepared.is_new[300:1300].any()


def test_the_end_is_kept_unless_it_is_worse_than_before_on_what_is_new() -> None:
    from train.training import epoch_to_keep  # TensorFlow takes seconds to start

    history = History(before={"new": {"loss": 0.5}, "old": {"loss": 0.3}})
    for loss in (0.4, 0.6):
        history.step, truth = 1, np.array([0, 1])
        history.end_epoch(loss, score(truth, truth, np.zeros(2, bool), 2), 1.0)
    best, end = history.epochs
    assert epoch_to_keep(end, history, {"new": {"loss": 0.45}, "old": {"loss": 0.9}}) is end
    assert epoch_to_keep(end, history, {"new": {"loss": 0.55}, "old": {"loss": 0.2}}) is best
    assert epoch_to_keep(end, replace(history, before={}), {}) is end


def test_what_was_judged_is_told_by_recording_across_its_gaps(place: Path, tmp_path: Path) -> None:
    dataset = prepared_of(place, tmp_path, place / "new").dataset
    gaps = dataset.gap_before.copy()
    gaps[310] = True
    kept = np.zeros(len(dataset), np.bool_)
    kept[5:20] = kept[305:315] = kept[799:803] = True
    drawn = Split((), stretches_of(gaps, kept), 0)
    assert judged_parts(dataset, drawn) == (((5, 20),), ((5, 15), (499, 500)), ((0, 3),))


def unfit(case: str, place: Path, folder: Path) -> tuple[list[object], str]:
    """A training that cannot go on from `first`, and what must be said of it."""
    frames, keys = bar_frames(200, 1)
    new, first = place / "new", place / "first"
    if case == "no policy":
        return [new, "--from", place / "runs"], "runs: found no policy.json, expected a policy folder made by train"
    if case == "an altered network":
        shutil.copytree(first, folder / "altered")
        (folder / "altered" / "model.keras").write_bytes(b"nothing")
        return [new, "--from", folder / "altered"], "model.keras: found an altered file"
    if case == "a smaller picture":
        small = write_recording(folder / "small", [frame[:12] for frame in frames], keys)
        said = "small: found frames 32x12 gray, expected 32x24 gray as the policy has them; record with --size 32x24"
        return [small, "--from", first], said
    if case == "other actions":
        described = meta(size=SIZE, actions=ActionSet.parse(["left=a", "right=d", "rest="]))
        other = write_recording(
            folder / "other", frames, [{"w": ""}.get(key, key) for key in keys], described=described
        )
        said = "other: found actions left=a right=d rest=, expected left=a forward=w right=d as the policy has them"
        return [other, "--from", first], said
    if case == "another rate":
        slow = write_recording(folder / "slow", frames, keys, described=meta(size=SIZE, fps=6.0))
        return [slow, "--from", first], "slow: found 6 frames a second, the policy has 20"
    flags = {
        "another size": (["--size", "16x12"], "--size: found 16x12, expected 32x24 as"),
        "other keys": (["--keys", "left=a", "right=d"], "--keys: found left=a right=d, expected left=a forward=w"),
        "another encoder": (["--encoder", "alexnet"], "--encoder: found alexnet, expected compact as"),
        "more frames": (["--frames", "3"], "--frames: found 3, expected 2 as"),
    }
    told, said = flags[case]
    return [new, "--from", first, *told], said


@pytest.mark.parametrize(
    ("case", "status"),
    [
        ("no policy", 1),
        ("an altered network", 1),
        ("a smaller picture", 1),
        ("other actions", 1),
        ("another rate", 1),
        ("another size", 2),
        ("other keys", 2),
        ("another encoder", 2),
        ("more frames", 2),
    ],
)
def test_what_the_network_cannot_take_is_refused_in_one_line(
    case: str, status: int, place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments, said = unfit(case, place, tmp_path)
    assert main([str(argument) for argument in (*arguments, "--out", tmp_path / "out")]) == status
    error = capfd.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "out").exists()


def test_what_a_policy_has_may_be_told_again(place: Path) -> None:
    options, start = start_of(place, place / "new", size="32x24", keys=("left=a", "forward=w", "right=d"), color="gray")
    assert start.with_its_network(options) == start_of(place, place / "new")[0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--keep", "there"], "--keep, --keep-share: found no --from"),
        (["--from", "there", "--keep-share", "1"], "--keep-share: found 1, expected 0 to less than 1"),
    ],
)
def test_old_recordings_without_a_policy_are_wrong_usage(
    arguments: list[str], said: str, place: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(place / "new"), "--out", str(tmp_path / "out"), *arguments]) == 2
    assert said in capfd.readouterr().err


def test_what_a_policy_tells_of_its_recordings_is_read_with_distrust() -> None:
    odd = [3, {}, {"folder": "x", "digest": "y", "judged": [[3, 3]]}, {"folder": "x", "digest": "y", "judged": [5]}]
    for one in odd:
        with pytest.raises(TwoframeError):
            LearnedFrom.from_json(one)

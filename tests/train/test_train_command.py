"""`train` as a user runs it: small recordings in, a policy that plays out, and one line for what is wrong."""

import json
import math
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from recordings import empty_recording, meta, write_recording
from rich.console import Console
from training import SIZE, bar_frames, bar_recording

from agent.frames import RollingFrames, mean_difference
from agent.policy.step import Policy, decide
from agent.recording.window_marks import WindowMarks
from collect.recordings.overview.command import List
from train.cli import main
from train.options import TrainOptions
from train.prepared_dataset import cut_difference, drop, prepare_dataset
from train.starting_policy import StartingPolicy

pytestmark = [
    pytest.mark.training,
    # Keras 3.15 converts its variables to numpy 2 arrays that way.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]
# Time for all epochs, however busy the machine. Neighbouring frames: the bar turns too often for a longer view back.
QUICK = ["--max-minutes", "60", "--batch", "32", "--shift", "0", "--apart-ms", "0"]

MARKS = WindowMarks("Bar", "bar", "python3 bar.py")


def accuracy_at_play(policy: Policy, t: int = 200, seed: int = 99) -> float:
    """On a bar it never saw, frame by frame as `play` does."""
    frames, keys = bar_frames(t, seed)
    rolling = RollingFrames(policy.meta.frames_per_window, policy.meta.feature_size, policy.meta.apart)
    right = []
    for frame, key in zip(frames, keys, strict=True):
        probabilities = decide(policy, frame, rolling)
        if rolling.is_full:
            right.append("awd"[probabilities.argmax()] == key)
    return float(np.mean(right))


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bar_recording(tmp_path_factory.mktemp("recordings") / "rec", 900, marks=MARKS)


@pytest.mark.slow(22)
def test_two_frames_show_what_one_cannot(recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    accuracies, advised = {}, {}
    for frames, epochs in ((1, 3), (2, 8)):
        out = tmp_path / f"policy{frames}"
        assert main([str(recording), "--out", str(out), "--frames", str(frames), "--epochs", str(epochs), *QUICK]) == 0
        accuracies[frames] = accuracy_at_play(Policy.load(out, threads=1))
        said = capfd.readouterr()
        assert said.err == ""
        advised[frames] = "advice: " in said.out
    assert accuracies[2] > 0.9
    assert accuracies[1] < 0.6
    assert advised == {1: True, 2: False}

    parts = ("actions played: left", "'repeat the last action' is right in", "samples/s", "recall of right")
    for part in (*parts, "it still says the old one in", "without its earlier frames it decides otherwise in"):
        assert part in said.out
    assert said.out.rstrip().endswith(f"next: play {tmp_path / 'policy2'}")

    out = tmp_path / "policy2"
    files = ["attention.tflite", "model.keras", "policy.json", "policy.tflite"]
    assert sorted(path.name for path in out.iterdir()) == [*files, "report"]
    pictures = ["confusion.png", "curves.png", "timeline.png", "worst.png"]
    assert (
        sorted(path.name for path in (out / "report").iterdir())
        == [*pictures[:2], "index.html", "metrics.json", "tensorboard"] + pictures[2:]
    )
    page = out / "report" / "index.html"
    assert f"pictures and figures on a page: {page}\n" in said.out
    shown = page.read_text(encoding="utf-8")
    for part in (
        f"What {out} learned",
        "<dd>Game</dd>",
        str(recording),
        "all 8 epochs done",
        "of epoch 8",
        "50 ms apart",
    ):
        assert part in shown
    assert "advice" in (tmp_path / "policy1" / "report" / "index.html").read_text(encoding="utf-8")
    assert scalars(out / "report" / "tensorboard" / "validation")["loss"][-1] > 0
    policy = json.loads((out / "policy.json").read_text())
    assert WindowMarks.from_json(policy["window_marks"]) == MARKS
    copycat = policy["metrics"]["copycat"]
    assert copycat["repeats_at_changes"] < 0.1  # it looks
    assert copycat["earlier_frames"]["the newest instead"]["otherwise"] > 0.3
    assert copycat["earlier_frames"]["from elsewhere"]["accuracy"] < 0.7
    assert json.loads((tmp_path / "policy1" / "policy.json").read_text())["metrics"]["copycat"]["earlier_frames"] == {}
    assert policy["metrics"]["litert"]["same"] >= 0.99
    assert policy["metrics"]["litert"]["largest_difference"] < 0.1
    assert policy["spacing_ns"] == [50_000_000] * 3
    assert Policy.load(out, threads=1).meta.cut_difference == math.inf  # nothing is cut in it
    assert policy["training"]["seed"] == 0
    assert "repeat the last action" in policy["metrics"]["baselines"]

    console = Console(force_terminal=True, width=200)
    assert List((recording,), policies=(tmp_path,)).run(console) == 0
    listed = capfd.readouterr().out
    assert f"learned by {tmp_path / 'policy1'}" in listed and f"learned by {out}" in listed


@pytest.mark.slow(12)
def test_what_a_cut_of_the_picture_is_stands_in_the_policy(recording: Path, tmp_path: Path) -> None:
    frames, keys = bar_frames(600, 7)
    frames = [frame // 4 for frame in frames]
    for night in (slice(50, 90), slice(150, 190), slice(250, 290)):
        frames[night] = [255 - frame for frame in frames[night]]
    moved = max(mean_difference(one, other) for one, other in pairwise(frames[:50]))
    paused_ns = (
        np.arange(600) + 20 * np.searchsorted([50, 90, 150, 190, 250, 290], np.arange(600), "right")
    ) * 50_000_000
    cut, policy = tmp_path / "cut", tmp_path / "policy"
    write_recording(cut, frames, keys, described=meta(size=SIZE))
    write_recording(tmp_path / "apart", frames, keys, described=meta(size=SIZE), times_ns=paused_ns)

    def found_in(learned: Path) -> float:
        return cut_difference(prepare_dataset(TrainOptions((learned,), tmp_path / "out", apart_ms=0), tmp_path))

    found = found_in(cut)
    for difference in (found, found_in(tmp_path / "apart")):
        assert moved < difference < mean_difference(frames[49], frames[50])
    assert found_in(recording) == math.inf
    assert main([str(cut), "--out", str(policy), "--epochs", "1", *QUICK]) == 0
    told = Policy.load(policy, threads=1).meta.cut_difference
    assert told == round(found, 3)
    again = TrainOptions((recording,), tmp_path / "out", start=policy, keep_share=0)
    prepared = prepare_dataset(again, tmp_path, start=StartingPolicy.read(policy))
    assert cut_difference(prepared) == told  # nothing is cut here, but the game is the same


def test_cuts_are_few_and_stand_out() -> None:
    moves = np.linspace(0.2, 0.9, 1000)
    assert 0.9 < drop(np.append(moves, [5.0, 4.0, 30.0])) < 4.0
    assert drop(np.append(moves, [5.0, 4.0])) == math.inf  # two may be anything
    assert drop(np.append(moves, [2.0, 2.4, 2.6])) == math.inf  # as great as that moves may become
    assert drop(np.append(moves, np.full(100, 30.0))) == math.inf  # half a minute of it is no cut
    assert drop(np.append(moves / 100, [0.5] * 5)) == math.inf  # a lamp that blinks
    assert drop(np.zeros(0)) == drop(np.zeros(3)) == drop(np.zeros(1000)) == math.inf


@pytest.mark.slow(20)
def test_how_late_the_keys_are_is_found_unless_it_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    recording = bar_recording(tmp_path / "rec", 2000, late=3)
    found, told = tmp_path / "found", tmp_path / "told"
    assert main([str(recording), "--out", str(found), "--epochs", "3", *QUICK]) == 0
    said = capfd.readouterr().out
    policy = Policy.load(found, threads=1)
    assert policy.meta.label_shift_ms == 25 + 6 + 120  # the middle of a decision, latency, and the nearest to 150 ms
    assert "pictures tell best what is held 151 ms later: from here on it learns that" in said
    assert accuracy_at_play(policy) > 0.9  # it plays as the bar moves, not three frames late
    metrics = json.loads((found / "report" / "metrics.json").read_text())
    assert metrics["validation"]["accuracy"] > 0.9 > metrics["epochs"][0]["scores"]["accuracy"]

    late = ["--epochs", "1", "--label-shift-ms", "31", *QUICK]
    assert main([str(recording), "--out", str(told), *late]) == 0
    assert "pictures tell best" not in capfd.readouterr().out
    assert Policy.load(told, threads=1).meta.label_shift_ms == 31


def test_a_policy_may_see_less_and_do_other_things_than_was_recorded(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy"
    told = ["--crop", "0,4,32,16", "--size", "16x8", "--keys", "left=a", "stay=", "right=d", "--epochs", "1", *QUICK]
    assert main([str(recording), "--out", str(out), *told]) == 0
    policy = Policy.load(out, threads=1)
    assert policy.meta.recorded.shape == (24, 32, 1)
    assert policy.meta.frame.shape == (8, 16, 1)
    assert policy.meta.actions.names == ("left", "stay", "right")


@pytest.mark.slow(8)
def test_recordings_of_other_rates_and_sizes_make_one_policy(recording: Path, tmp_path: Path) -> None:
    frames, keys = bar_frames(300, 3)
    large = [np.repeat(np.repeat(frame, 2, axis=0), 2, axis=1) for frame in frames]
    other = write_recording(tmp_path / "other", large, keys, described=meta(size=(64, 48), fps=60.0), came_hz=40.0)
    out = tmp_path / "policy"
    told = ["--size", "32x24", "--weights", "float32", "--epochs", "1", "--max-minutes", "60"]
    assert main([str(other), str(recording), "--out", str(out), *told]) == 0
    policy = Policy.load(out, threads=1)
    assert policy.meta.recorded.shape == policy.meta.frame.shape == (24, 32, 1)
    assert (policy.meta.fps, policy.meta.apart) == (20, 2)
    assert policy.meta.spacing.median_ns == 50_000_000
    litert = json.loads((out / "policy.json").read_text())["metrics"]["litert"]
    assert litert["largest_difference"] < 1e-3  # LiteRT is shown the same windows as Keras, of either recording


def scalars(folder: Path) -> dict[str, list[float]]:
    """What TensorBoard would draw of the event files in `folder`."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    events.Reload()
    return {
        tag: [float(np.frombuffer(event.tensor_proto.tensor_content, np.float32)[0]) for event in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


@pytest.mark.slow(6)
def test_a_mirror_strided_frames_and_recordings_to_judge_by(recording: Path, tmp_path: Path) -> None:
    out, judge = tmp_path / "policy", bar_recording(tmp_path / "judge", 200, seed=5)
    told = ["--validate", str(judge), "--mirror", "left=right", "--stride", "2", "--erase", "0.1"]
    told += ["--weights", "float16", "--epochs", "2", *QUICK]
    assert main([str(recording), "--out", str(out), *told]) == 0
    policy = json.loads((out / "policy.json").read_text())
    assert policy["fps"] == 10
    assert policy["spacing_ns"] == [100_000_000] * 3
    assert policy["metrics"]["training_windows"] == 896  # held 65 ms later: not known of the last two
    assert policy["metrics"]["validation"]["windows"] == 196
    assert policy["metrics"]["litert"]["weights"] == "float16"
    assert policy["metrics"]["litert"]["same"] >= 0.99
    Policy.load(out, threads=1)


def test_bfloat16_trains_and_what_it_learned_is_exported_as_float32(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy"
    told = ["--precision", "bfloat16", "--weights", "float32", "--epochs", "1", *QUICK]
    environment = dict(os.environ)
    if "ONEDNN_MAX_CPU_ISA" in environment:
        # TensorFlow asks the processor for bfloat16 and oneDNN this variable; where the two disagree it aborts. No
        # processor is like that: there oneDNN is left out.
        environment["TF_ENABLE_ONEDNN_OPTS"] = "0"
    command = [sys.executable, "-m", "train", recording, "--out", out, *told]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    litert = json.loads((out / "policy.json").read_text())["metrics"]["litert"]
    assert litert["largest_difference"] < 0.05


def bad(case: str, recording: Path, folder: Path) -> tuple[list[object], str]:
    """The arguments of one bad input, made in `folder`, and what must be said of it."""
    frames, keys = bar_frames(60, 0)
    empty = empty_recording(folder / "empty", described=meta(size=SIZE))
    straight = write_recording(folder / "straight", frames, ["w"] * 60, described=meta(size=SIZE))
    other = write_recording(folder / "other", [frame[:12] for frame in frames], keys, described=meta(size=(32, 12)))
    short = write_recording(folder / "short", frames[:6], ["a", "w", "d"] * 2, described=meta(size=SIZE))
    full = folder / "full"
    full.mkdir()
    (full / "thing").touch()
    out = folder / "out"
    return {
        "no recording": ([folder / "nothing", "--out", out], "nothing: found no recording"),
        "an empty recording": ([empty, "--out", out], "empty: found no frames"),
        "an action never played": ([straight, "--out", out], "found no frame with the action left, right"),
        "different frames": ([recording, other, "--out", out], "other: found frames 32x12 gray, expected 32x24 gray"),
        "too short": ([short, "--out", out], "found too few windows"),
        "no window": ([short, "--out", out, "--frames", "5"], "no 5 in a row"),
        "output in use": ([recording, "--out", full], "full: found a folder that is not empty"),
        "judged by itself": ([recording, "--validate", recording, "--out", out], "rec among what is learned from"),
        "keys not recorded": ([recording, "--out", out, "--keys", "left=j", "right=l"], "that were not recorded"),
    }[case]


@pytest.mark.parametrize(
    "case",
    [
        "no recording",
        "an empty recording",
        "an action never played",
        "different frames",
        "too short",
        "no window",
        "output in use",
        "keys not recorded",
        "judged by itself",
    ],
)
def test_bad_input_is_one_line(case: str, recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments, said = bad(case, recording, tmp_path)
    assert main([str(argument) for argument in arguments]) == (2 if case == "judged by itself" else 1)
    error = capfd.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--frames", "0"], "--frames: found 0"),
        (["--size", "640x480"], "--size: found 640x480"),
        (["--size", "32x1"], "--size: found '32x1', expected at least 2x2"),
        (["--crop", "0,0,1,24"], "--crop: found 1x24, expected at least 2x2"),
        (["--color", "rgb"], "--color: found rgb"),
        (["--max-minutes", "0", "--drop-older", "2"], "--max-minutes: found 0"),
        (["--learning-rate", "nan"], "--learning-rate: found nan"),
        (["--keys", "left"], "found 'left', expected NAME=KEY"),
        (["--mirror", "left=up"], "--mirror: found 'left=up', expected two of left, forward, right"),
        (["--mirror", "left=right", "right=forward"], "swapped already"),
        (["--stride", "0"], "--stride: found 0"),
    ],
)
def test_wrong_usage_exits_with_2(
    recording: Path, tmp_path: Path, arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(recording), "--out", str(tmp_path / "out"), *arguments]) == 2
    error = capfd.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_ends_in_one_line(
    recording: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main([str(recording), "--out", str(tmp_path / "out"), "--learning-rate", "1e30"]) == 1
    error = capfd.readouterr().err
    assert error.startswith("error: loss: found no number (NaN) in epoch 1")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_help_and_errors_never_wait_for_tensorflow(tmp_path: Path) -> None:
    code = (
        "import sys; from train.cli import main\n"
        f"status = main([{str(tmp_path)!r}, '--out', {str(tmp_path / 'out')!r}])\n"
        "print(status, [name for name in ('tensorflow', 'keras', 'mss', 'pynput') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1 []"
    helped = subprocess.run([sys.executable, "-m", "train", "--help"], capture_output=True, text=True, check=True)
    assert "--max-minutes" in helped.stdout
    assert subprocess.run([sys.executable, "-m", "train", "--nonsense"], capture_output=True).returncode == 2

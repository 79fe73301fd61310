"""What train makes of recordings, before any network: labels, windows, the split, batches of runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import empty_recording, meta, write_recording
from training import SIZE, bar_frames, bar_recording

from agent.actions import ActionSet
from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec, prepare
from agent.recording.packing import pack
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from train.dataset.batches import DROPPED, Augmentation, Batches, Share, ahead, augment, sizes_to_judge
from train.dataset.dataset import Dataset, channel_statistics, open_dataset, previous_actions
from train.dataset.frame_windows import Stretch, frame_window_weights, frame_windows_of, split, split_off, stretches_of
from train.options import TrainOptions
from train.prepared_dataset import described, prepare_dataset, scrolls

PERIOD_NS = 50_000_000
_TOLD = {"frames": 2, "run_frames": 9, "batch_windows": 32}


def opened(*folders: Path, room: Path, **changed: object) -> Dataset:
    settings = {"actions": None, "frame_of": lambda recorded: recorded, "shift_ms": 0.0, "stride": 1, **changed}
    return open_dataset([Recording.open(folder) for folder in folders], room=room, **settings)  # type: ignore[arg-type]


def synthetic(gaps: list[int], t: int, labels: np.ndarray | None = None, apart: int = 1) -> Dataset:
    """A dataset of `t` tiny frames that hold their number, with gaps before the frames `gaps`."""
    frames = np.zeros((t, 2, 2, 1), np.uint8)
    frames[:, 0, 0, 0] = np.arange(t) % 256
    gap_before = np.zeros(t, bool)
    gap_before[[0, *gaps]] = True
    labels = np.arange(t) // 7 % 3 if labels is None else labels
    described = meta(size=(2, 2))
    return Dataset(
        sources=(frames,),
        starts=np.array([0, t]),
        labels=labels,
        previous=previous_actions(labels, gap_before, 1),
        gap_before=gap_before,
        is_target=np.ones(t, bool),
        is_correction=np.zeros(t, bool),
        captured_ns=np.arange(t) * PERIOD_NS,
        actions=described.actions,
        meta=described,
        frame=described.frame,
        apart=apart,
    )


def test_a_packed_recording_is_learned_from_as_the_plain_one_and_leaves_nothing(tmp_path: Path) -> None:
    folder, room = bar_recording(tmp_path / "rec", 200, 0), tmp_path / "room"
    room.mkdir()
    options = TrainOptions((folder,), tmp_path / "policy")
    plain = prepare_dataset(options, room)
    smaller = prepare_dataset(replace(options, size="24x18"), room)
    frames, small = np.array(plain.dataset.sources[0]), np.array(smaller.dataset.sources[0])
    digests = plain.digest(), smaller.digest()
    del plain, smaller
    pack(folder)
    packed, packed_smaller = prepare_dataset(options, room), prepare_dataset(replace(options, size="24x18"), room)
    assert np.array_equal(packed.dataset.sources[0], frames)
    assert np.array_equal(packed_smaller.dataset.sources[0], small)
    assert (packed.digest(), packed_smaller.digest()) == digests
    # As quick as a plain one for its reader: an array in a mapped file.
    assert isinstance(packed.dataset.sources[0].base, np.memmap)
    assert list(room.iterdir()) == []


def test_the_label_is_the_action_held_at_the_frame(tmp_path: Path) -> None:
    frames, keys = bar_frames(60, 0)
    write_recording(tmp_path / "rec", frames, keys, described=meta(size=SIZE))
    dataset = opened(tmp_path / "rec", room=tmp_path)
    assert dataset.labels.tolist() == ["awd".index(key) for key in keys]
    assert dataset.previous[0] == -1
    assert dataset.previous[1:].tolist() == dataset.labels[:-1].tolist()
    assert dataset.is_target.all()


def test_a_label_shift_takes_later_keys_and_never_those_behind_a_gap(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "rec", meta()) as writer:
        writer.key_event(0, "a", down=True)
        writer.key_event(5 * PERIOD_NS, "a", down=False)
        writer.key_event(5 * PERIOD_NS, "d", down=True)
        for t in [*range(10), *range(100, 110)]:
            writer.append(np.zeros((12, 16, 1), np.uint8), t * PERIOD_NS)
    dataset = opened(tmp_path / "rec", room=tmp_path, shift_ms=100.0, actions=ActionSet.parse(["left=a", "right=d"]))
    assert dataset.labels[:10].tolist() == [0] * 3 + [1] * 7
    assert dataset.is_target.tolist() == ([True] * 8 + [False] * 2) * 2


def test_untold_the_label_is_what_is_held_in_the_middle_of_a_decision(tmp_path: Path) -> None:
    frames, keys = bar_frames(60, 0)
    write_recording(tmp_path / "rec", frames, keys, described=meta(size=SIZE))
    assert opened(tmp_path / "rec", room=tmp_path, shift_ms=None).shift_ms == 25 + 6  # of 50 ms, and the latency
    assert opened(tmp_path / "rec", room=tmp_path, shift_ms=None, stride=3).shift_ms == 75 + 6
    assert opened(tmp_path / "rec", room=tmp_path, shift_ms=0.0).shift_ms == 0


def test_the_longest_hold_of_each_action_ends_at_a_change_a_gap_and_the_agents_keys(tmp_path: Path) -> None:
    keys = ["a"] * 3 + ["w"] * 5 + ["a"] * 8 + ["d"] * 2
    times_ms = [50 * t + 2000 * (t >= 11) for t in range(len(keys))]  # a gap within the second "a"
    folder = write_recording(
        tmp_path / "a", [np.zeros((12, 16, 1), np.uint8)] * len(keys), keys, times_ns=[ms * 10**6 for ms in times_ms]
    )
    dataset = opened(folder, room=tmp_path)
    assert dataset.longest_holds_s() == pytest.approx((0.25, 0.25, 0.1))
    agents = replace(dataset, is_target=np.arange(len(keys)) != 5)
    assert agents.longest_holds_s() == pytest.approx((0.25, 0.1, 0.1))


def test_a_shifted_label_is_the_persons_too(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "rec", meta(source="rollout"), extras=["control"]) as writer:
        for t, key in enumerate("awd" * 10):
            writer.key_event(t * PERIOD_NS, key, down=True)
            writer.append(np.zeros((12, 16, 1), np.uint8), t * PERIOD_NS, control=np.array(10 <= t < 25, np.uint8))
            writer.key_event(t * PERIOD_NS + 1, key, down=False)
    dataset = opened(tmp_path / "rec", room=tmp_path, shift_ms=100.0)
    assert np.flatnonzero(dataset.is_target).tolist() == list(range(10, 23))
    assert (dataset.is_correction == dataset.is_target).all()


def test_only_what_a_person_did_is_learned(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "rec", meta(source="rollout"), extras=["control"]) as writer:
        for t, key in enumerate("awd" * 10):
            writer.key_event(t * PERIOD_NS, key, down=True)
            control = np.array(t >= 15, np.uint8)
            writer.append(np.zeros((12, 16, 1), np.uint8), t * PERIOD_NS, control=control)
            writer.key_event(t * PERIOD_NS + 1, key, down=False)
    dataset = opened(tmp_path / "rec", room=tmp_path)
    assert dataset.is_target.tolist() == [False] * 15 + [True] * 15
    windows = frame_windows_of(dataset, [Stretch(0, 30)], 2)
    assert windows.tolist() == list(range(15, 30))  # frame 14, which the agent played, serves as context


def test_under_a_disturbance_what_the_person_held_is_learned(tmp_path: Path) -> None:
    is_disturbed = np.arange(30) % 10 >= 7
    with RecordingWriter(tmp_path / "rec", meta(), extras=["control"]) as writer:
        for t, key in enumerate("awd" * 10):
            writer.key_event(t * PERIOD_NS, key, down=True)
            writer.append(
                np.zeros((12, 16, 1), np.uint8), t * PERIOD_NS, control=np.array(not is_disturbed[t], np.uint8)
            )
            writer.key_event(t * PERIOD_NS + 1, key, down=False)
    dataset = opened(tmp_path / "rec", room=tmp_path)
    assert dataset.is_target.all()
    assert dataset.labels.tolist() == [0, 1, 2] * 10
    assert not dataset.is_correction.any()
    skipped = opened(tmp_path / "rec", room=tmp_path, skip_disturbed=True)
    assert (skipped.is_target == ~is_disturbed).all()


def test_a_recording_of_a_picture_that_stands_still_is_told(tmp_path: Path) -> None:
    frames, keys = bar_frames(400, 0)
    warned = {}
    for name, shown in (("moving", frames), ("standing", [frames[0]] * len(frames))):
        write_recording(tmp_path / name, shown, keys, described=meta(size=SIZE))
        for count in (1, 2):
            options = TrainOptions((tmp_path / name,), out=tmp_path / "policy", frames=count)
            said = "\n".join(described(prepare_dataset(options, tmp_path)))
            warned[name, count] = "warning: in 100.0 % of the windows the picture stands still" in said
    assert warned == {("moving", 1): False, ("moving", 2): False, ("standing", 1): True, ("standing", 2): True}


def test_a_picture_that_moves_as_a_whole_is_told_from_things_that_move_before_a_still_one(tmp_path: Path) -> None:
    _, keys = bar_frames(400, 0)
    background = np.random.default_rng(1).integers(20, 200, (24, 32, 1)).astype(np.uint8)
    scrolling = [np.roll(background, t, axis=1) for t in range(400)]
    ball, paused = [background.copy() for _ in range(400)], [np.roll(background, t // 10, axis=1) for t in range(400)]
    for t, frame in enumerate(ball):
        frame[t % 20 : t % 20 + 2, t % 30 : t % 30 + 2] = 255
    blinking = [frame if t % 40 else 255 - frame for t, frame in enumerate(ball)]
    for name, shown, expected in (
        ("scrolling", scrolling, True),
        ("ball", ball, False),
        ("paused", paused, False),
        ("blinking", blinking, False),
    ):
        write_recording(tmp_path / name, shown, keys, described=meta(size=SIZE))
        prepared = prepare_dataset(TrainOptions((tmp_path / name,), out=tmp_path / "policy"), tmp_path)
        assert scrolls(prepared) == expected, name


def test_frames_are_prepared_again_for_a_smaller_spec(tmp_path: Path) -> None:
    bar_recording(tmp_path / "rec", 300)
    small = FrameSpec(10, 8, "gray", Box(2, 2, 20, 16), SIZE)
    recorded = opened(tmp_path / "rec", room=tmp_path)
    dataset = opened(tmp_path / "rec", room=tmp_path, frame_of=lambda _: small)
    assert dataset.frame == small
    for t in (0, 150, 299):
        assert (dataset.sources[0][t] == prepare(recorded.sources[0][t], small)).all()
    assert [path.name for path in tmp_path.iterdir()] == ["rec"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"size": (16, 12)}, "found frames 16x12 gray, expected 32x24 gray"),
        ({"fps": 15.0}, "found 20 frames a second, most have 15, expected two of them about 67 ms apart"),
        (
            {"actions": ActionSet.parse(["left=a", "forward=w", "right=e"])},
            "found actions left=a forward=w right=e, expected left=a",
        ),
        ({"actions": ActionSet.parse(["port=a", "forward=w", "right=d"])}, "found actions port=a"),
    ],
)
def test_recordings_that_do_not_belong_together_are_named(
    tmp_path: Path, changed: dict[str, object], said: str
) -> None:
    bar_recording(tmp_path / "one", 60)
    other = meta(**{"size": SIZE, **changed})  # type: ignore[arg-type]
    shape = (other.frame.height, other.frame.width, 1)
    keys = list(other.keys)
    write_recording(tmp_path / "two", [np.zeros(shape, np.uint8)] * 60, keys * 20, described=other)
    with pytest.raises(TwoframeError) as error:
        opened(tmp_path / "one", tmp_path / "two", room=tmp_path)
    assert said in str(error.value)
    assert "train them apart" in str(error.value)


def test_an_empty_recording_and_an_action_never_played_are_refused(tmp_path: Path) -> None:
    empty_recording(tmp_path / "empty", described=meta(size=SIZE))
    with pytest.raises(TwoframeError, match="empty: found no frames"):
        opened(tmp_path / "empty", room=tmp_path)
    frames, _ = bar_frames(60, 0)
    write_recording(tmp_path / "straight", frames, ["w"] * 30 + ["a"] * 30, described=meta(size=SIZE))
    with pytest.raises(TwoframeError, match="found no frame with the action right"):
        opened(tmp_path / "straight", room=tmp_path)


def test_window_never_spans_two_recordings_or_a_gap(tmp_path: Path) -> None:
    one, two = bar_recording(tmp_path / "one", 50, 1), bar_recording(tmp_path / "two", 40, 2)
    dataset = opened(one, two, room=tmp_path)
    whole = stretches_of(dataset.gap_before, np.ones(90, bool))
    assert whole == (Stretch(0, 50), Stretch(50, 90))
    assert frame_windows_of(dataset, whole, 3).tolist() == [*range(2, 50), *range(52, 90)]

    gapped = synthetic([10, 30, 31], 50)
    whole = stretches_of(gapped.gap_before, np.ones(50, bool))
    assert [tuple(stretch) for stretch in whole] == [(0, 10), (10, 30), (30, 31), (31, 50)]
    assert frame_windows_of(gapped, whole, 2).tolist() == [*range(1, 10), *range(11, 30), *range(32, 50)]


@settings(max_examples=30)
@given(
    t=st.integers(60, 1500),
    gaps=st.lists(st.integers(1, 59), max_size=5, unique=True),
    frames=st.integers(1, 4),
    run_frames=st.integers(1, 9),
    batch_windows=st.integers(1, 70),
    apart=st.integers(1, 4),
    seed=st.integers(0, 5),
)
def test_an_epoch_holds_every_window_once_with_its_own_frames(
    t: int, gaps: list[int], frames: int, run_frames: int, batch_windows: int, apart: int, seed: int
) -> None:
    dataset = synthetic(gaps, t, apart=apart)
    whole = stretches_of(dataset.gap_before, np.ones(t, bool))
    windows = frame_windows_of(dataset, whole, frames)
    weights = np.ones(t, np.float32)
    batches = Batches(dataset, whole, weights, frames=frames, run_frames=run_frames, batch_windows=batch_windows)
    judging = Batches(dataset, whole, weights, frames=frames, **sizes_to_judge(frames, batch_windows))
    epochs = ((batches, batches.in_order()), (batches, batches.shuffled([seed], Augmentation())))
    for dealt, epoch in (*epochs, (judging, judging.in_order())):
        seen = []
        for batch in epoch:
            assert batch.frames.shape[:2] == (dealt.runs, dealt.run_frames)
            for run, j in np.argwhere(batch.ends >= 0):
                end = batch.ends[run, j]
                seen.append(end)
                window = batch.frames[run, j : j + frames, 0, 0, 0]
                assert window.tolist() == [(end - i * apart) % 256 for i in reversed(range(frames))]
                assert batch.labels[run, j] == dataset.labels[end]
            assert (batch.weights[batch.ends < 0] == 0).all()
            assert batch.weights.sum() == pytest.approx(1)
        assert sorted(seen) == windows.tolist()


@settings(max_examples=30)
@given(t=st.integers(150, 4000), frames=st.integers(1, 4), seed=st.integers(0, 9))
def test_the_split_keeps_a_guard_between_training_and_validation(t: int, frames: int, seed: int) -> None:
    dataset = synthetic([], t)
    drawn = split(dataset, frames=frames, seed=seed)
    assert drawn == split(dataset, frames=frames, seed=seed)
    training = {i for start, stop in drawn.training for i in range(start, stop)}
    validation = {i for start, stop in drawn.validation for i in range(start, stop)}
    near = {i + offset for i in validation for offset in range(-drawn.guard, drawn.guard + 1)}
    assert drawn.guard >= frames - 1
    assert not training & near
    assert 0.08 < len(validation) / t < 0.2
    assert len(training) / t > 0.7


def test_a_split_without_windows_or_without_an_action_is_refused() -> None:
    with pytest.raises(TwoframeError, match="no 3 in a row"):
        split(synthetic(list(range(1, 60)), 60), frames=3, seed=0)
    rare = np.zeros(500, np.int64)
    rare[:250] = 1
    rare[250] = 2  # one frame cannot be on both sides: it is learned from, or there is nothing to learn
    drawn = split(synthetic([], 500, rare), frames=2, seed=0)
    assert 250 in frame_windows_of(synthetic([], 500, rare), drawn.training, 2)


def sides_of(t: int, rare: list[int], seed: int) -> tuple[bool, bool]:
    """Whether the action held at the frames `rare` alone is learned from, and whether it is judged by."""
    labels = np.arange(t) // 7 % 2
    labels[rare] = 2
    dataset = synthetic([], t, labels, apart=2)
    drawn = split(dataset, frames=2, seed=seed)
    training, validation = (frame_windows_of(dataset, part, 2) for part in (drawn.training, drawn.validation))
    assert len(validation) > 0
    return bool((dataset.labels[training] == 2).any()), bool((dataset.labels[validation] == 2).any())


@pytest.mark.parametrize(
    ("t", "rare", "sides"),
    [
        (9000, [*range(4000, 4012)], (True, False)),  # one place, shorter than a guard: it cannot be on both sides
        (9000, [*range(4000, 4030)], (True, True)),
        (9000, [*range(4000, 4010), *range(7000, 7010)], (True, True)),
        (9000, [4000, 4100], (True, True)),
        (500, [100, 101, 400, 401], (True, True)),
        (300, [299], (True, False)),
        (60, [20, 50], (True, True)),
    ],
)
def test_whether_a_rare_action_is_learned_and_judged_is_no_matter_of_the_seed(
    t: int, rare: list[int], sides: tuple[bool, bool]
) -> None:
    assert {sides_of(t, rare, seed) for seed in range(40)} == {sides}


@settings(max_examples=60)
@given(
    t=st.integers(8, 200),
    rare=st.lists(st.integers(0, 199), min_size=1, max_size=4),
    gaps=st.lists(st.integers(1, 199), max_size=3, unique=True),
)
def test_what_there_is_decides_whether_it_can_be_learned_from_not_the_seed(
    t: int, rare: list[int], gaps: list[int]
) -> None:
    labels = np.zeros(t, np.int64)
    labels[::3] = 1
    labels[[place % t for place in rare]] = 2
    dataset = synthetic([gap for gap in gaps if gap < t], t, labels, apart=2)
    outcomes = set()
    for seed in range(12):
        try:
            drawn = split(dataset, frames=2, seed=seed)
        except TwoframeError as error:
            outcomes.add(str(error))
            continue
        outcomes.add("accepted")
        training = dataset.labels[frame_windows_of(dataset, drawn.training, 2)]
        assert set(training.tolist()) == {0, 1, 2}
        assert len(frame_windows_of(dataset, drawn.validation, 2)) > 0
    assert len(outcomes) == 1


def test_rare_actions_and_changes_weigh_more() -> None:
    labels = np.array([0] * 80 + [1] * 20 + [0] * 100)
    dataset = synthetic([], 200, labels)
    windows = frame_windows_of(dataset, [Stretch(0, 200)], 2)
    weights = frame_window_weights(dataset, windows, balance=1.0, change=3.0, correction=1.0)
    assert weights[windows].mean() == pytest.approx(1)
    assert weights[80] / weights[81] == pytest.approx(3)
    assert weights[81] / weights[10] == pytest.approx(179 / 20)
    plain = frame_window_weights(dataset, windows, balance=0.0, change=1.0, correction=5.0)
    assert plain[windows] == pytest.approx(1)
    corrected = replace(dataset, is_correction=np.arange(200) >= 150)
    weights = frame_window_weights(corrected, windows, balance=0.0, change=1.0, correction=5.0)
    assert weights[150] / weights[149] == pytest.approx(5)


@pytest.mark.parametrize("workers", [2, 3])
def test_the_shares_of_all_workers_are_the_whole_batch(workers: int) -> None:
    dataset = synthetic([40, 90], 300)
    weights = np.linspace(0, 2, 300).astype(np.float32)
    told = {"frames": 2, "run_frames": 5, "batch_windows": 24, "parts": workers}
    drawn = Augmentation(brightness=0.3, erase=0.5, drop_older=0.3, mirror=(2, 1, 0))
    stretches = stretches_of(dataset.gap_before, np.ones(300, bool))
    alone = Batches(dataset, stretches, weights, **told)
    shared = [Batches(dataset, stretches, weights, **told, share=Share(i, workers)) for i in range(workers)]
    for whole, *parts in zip(alone.shuffled([1], drawn), *(one.shuffled([1], drawn) for one in shared), strict=True):
        for name in ("frames", "labels", "weights", "ends"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            assert (joined == getattr(whole, name)).all(), name
        dropped = np.concatenate([part.older_from == DROPPED for part in parts])
        assert (dropped == (whole.older_from == DROPPED)).all()
        assert {part.windows for part in parts} == {whole.windows}


def test_an_epoch_goes_on_where_it_was_left() -> None:
    batches = Batches(synthetic([], 300), [Stretch(0, 300)], np.ones(300, np.float32), **_TOLD)  # type: ignore[arg-type]
    drawn = Augmentation(brightness=0.3, drop_older=0.3, swap_older=0.3)
    whole = list(batches.shuffled([7, 2], drawn))
    rest = list(batches.shuffled([7, 2], drawn, first=3))
    assert len(rest) == len(whole) - 3
    for one, other in zip(rest, whole[3:], strict=True):
        assert all((a == b).all() for a, b in zip(one[:5], other[:5], strict=True))


def test_an_augmentation_is_drawn_once_per_run() -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
    for _ in range(20):
        run = np.repeat(image[None], 5, axis=0)
        augment(run, rng, Augmentation(brightness=0.2, shift=0.1))
        assert (run == run[0]).all()
        assert (run != image).any()


def test_older_frames_are_dropped_and_swapped_as_often_as_asked() -> None:
    dataset = synthetic([], 1000)
    batches = Batches(dataset, [Stretch(0, 1000)], np.ones(1000, np.float32), frames=2, run_frames=8, batch_windows=64)
    lent = [batch.older_from for batch in batches.shuffled([0], Augmentation(drop_older=0.25, swap_older=0.25))]
    own = np.arange(lent[0].size).reshape(lent[0].shape)
    assert np.mean([(one == DROPPED).mean() for one in lent]) == pytest.approx(0.25, abs=0.05)
    assert np.mean([(one == own).mean() for one in lent]) == pytest.approx(0.5, abs=0.06)


def test_a_mirrored_run_has_the_actions_of_the_mirror() -> None:
    frames = np.zeros((1000, 2, 2, 1), np.uint8)
    frames[:, :, 0] = 200  # bright on the left, where `left` is played
    dataset = replace(synthetic([], 1000, np.zeros(1000, np.int64)), sources=(frames,))
    batches = Batches(dataset, [Stretch(0, 1000)], np.ones(1000, np.float32), **_TOLD)  # type: ignore[arg-type]
    seen = {0: 0, 2: 0}
    for batch in batches.shuffled([0], Augmentation(mirror=(2, 1, 0))):
        for run, labels in enumerate(batch.labels):
            if (batch.ends[run] >= 0).all():
                seen[int(labels[0])] += 1
                assert (batch.frames[run, :, 0, 0, 0] == (200 if labels[0] == 0 else 0)).all()
    assert min(seen.values()) > 0.3 * sum(seen.values())


def test_erasing_blots_out_one_rectangle_for_the_whole_run() -> None:
    rng = np.random.default_rng(0)
    run = np.repeat(rng.integers(0, 256, (1, 24, 32, 1)).astype(np.uint8), 5, axis=0)
    erased = run.copy()
    augment(erased, rng, Augmentation(erase=1.0))
    changed = (erased != run).any(axis=(0, 3))
    assert (erased == erased[0]).all()
    assert 0.01 < changed.mean() < 0.25
    assert len(np.unique(erased[0][changed])) == 1


def test_recordings_to_judge_by_are_not_learned_from(tmp_path: Path) -> None:
    folders = [bar_recording(tmp_path / name, 200, seed=i) for i, name in enumerate("ab")]
    dataset = opened(*folders, room=tmp_path)
    drawn = split_off(dataset, 200, frames=2)
    assert drawn.training == (Stretch(0, 200),)
    assert drawn.validation == (Stretch(200, 400),)


def test_every_nth_frame_is_a_slower_policy(tmp_path: Path) -> None:
    dataset = opened(bar_recording(tmp_path / "rec", 100), room=tmp_path, stride=3)
    assert dataset.fps == pytest.approx(20 / 3)
    assert dataset.spacing(np.arange(10, 100)).median_ns == 3 * PERIOD_NS
    assert dataset.previous[3:].tolist() == dataset.labels[:-3].tolist()
    assert (dataset.previous[:3] == -1).all()


def test_frames_of_a_window_further_apart_do_not_slow_the_policy_down(tmp_path: Path) -> None:
    recording = bar_recording(tmp_path / "rec", 100)
    assert [opened(recording, room=tmp_path, apart_ms=ms).apart for ms in (0, 60, 80, 150)] == [1, 1, 2, 3]
    dataset = opened(recording, room=tmp_path, stride=2, apart_ms=220)
    assert (dataset.fps, dataset.stride, dataset.apart) == (10, 2, 4)
    assert frame_windows_of(dataset, [Stretch(0, 100)], 3).tolist() == list(range(8, 100))


def test_recordings_with_other_actions_fit_together_when_told_what_to_learn(tmp_path: Path) -> None:
    own = bar_recording(tmp_path / "own", 100)
    other = bar_recording(tmp_path / "other", 100, actions=ActionSet.parse(["l=a", "up=w", "r=d", "both=a+d"]))
    with pytest.raises(TwoframeError, match=r"other: found actions .* expected left=a .* --keys"):
        opened(own, other, room=tmp_path)
    both = opened(own, other, room=tmp_path, actions=ActionSet.parse(["left=a", "stay=", "right=d"]))
    assert len(both) == 200


def test_what_fails_while_gathering_ahead_is_raised_where_it_is_wanted() -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield from ()
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(ahead(broken()))


def test_channel_statistics_are_those_of_the_frames(tmp_path: Path) -> None:
    dataset = opened(bar_recording(tmp_path / "rec", 100), room=tmp_path)
    mean, deviation = channel_statistics(dataset, np.arange(100))
    frames = dataset.sources[0].astype(np.float64)
    assert mean == pytest.approx(frames.mean(axis=(0, 1, 2)), abs=1e-3)
    assert deviation == pytest.approx(frames.std(axis=(0, 1, 2)), abs=1e-2)

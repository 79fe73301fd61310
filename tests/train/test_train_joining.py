"""Recordings that differ in rate, picture or default action: what is meant is learned, what cannot be is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recordings import meta, write_recording
from training import SIZE, bar_frames, bar_recording

from agent.actions import ActionSet
from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec, Image, prepare
from agent.policy.format import MAX_GREY_LEVELS
from agent.recording.window_marks import NO_MARKS, WindowMarks
from agent.recording.writer import RecordingWriter
from train.dataset.batches import Batches
from train.dataset.dataset import Dataset
from train.dataset.frame_windows import frame_windows_of, stretches_of
from train.options import TrainOptions
from train.prepared_dataset import described, prepare_dataset

ASKED_HZ = 60.0
SECOND_NS = 1_000_000_000


def dataset_of(*recordings: Path, **options: object) -> Dataset:
    """As `train` opens it."""
    room = recordings[0].parent
    return prepare_dataset(TrainOptions(recordings, out=room / "policy", **options), room).dataset  # type: ignore[arg-type]


def apart_ms(dataset: Dataset) -> np.ndarray:
    """The time between the two frames of every window that is learned from, as the batches hold them."""
    whole = stretches_of(dataset.gap_before, np.ones(len(dataset), bool))
    numbers = np.arange(len(dataset)).view(np.uint8).reshape(-1, 1, 8, 1)  # in place of the pictures
    sources = tuple(np.split(numbers, dataset.starts[1:-1]))
    numbered = replace(dataset, sources=sources, frame=FrameSpec(8, 1))
    weights = np.ones(len(dataset), np.float32)
    found = []
    for batch in Batches(numbered, whole, weights, frames=2, run_frames=3, batch_windows=32).in_order():
        for run, j in np.argwhere(batch.ends >= 0):
            earlier, newest = dataset.captured_ns[batch.frames[run, j : j + 2].reshape(2, 8).view(np.int64).ravel()]
            found.append((newest - earlier) / 1e6)
    assert len(found) == len(frame_windows_of(dataset, whole, 2))
    return np.array(found)


def steady(t: int, hz: float) -> np.ndarray:
    return np.arange(t) * round(1e9 / hz)


def with_pauses_and_stalls(t: int, hz: float) -> np.ndarray:
    """Every 40 frames a pause of two seconds, and in between a frame that comes three periods late."""
    spacing = np.full(t, round(1e9 / hz))
    spacing[20::40] *= 4
    spacing[::40] = 2 * SECOND_NS
    return np.cumsum(spacing)


def by_the_beat_of_a_screen(t: int, hz: float) -> np.ndarray:
    """A grab that waits for the next picture of a screen of 60 Hz: now one, now two of its beats later."""
    return np.ceil(np.arange(t) * 60.0 / hz).astype(np.int64) * round(1e9 / 60.0)


@pytest.mark.parametrize("hz", [20.0, 45.0])
@pytest.mark.parametrize("times_of", [steady, with_pauses_and_stalls, by_the_beat_of_a_screen])
def test_a_rate_that_was_not_held_is_learned_and_played_as_it_came(hz: float, times_of, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    frames, keys = bar_frames(600, 0)
    asked = meta(size=SIZE, fps=ASKED_HZ)
    recording = write_recording(tmp_path / "rec", frames, keys, described=asked, times_ns=times_of(600, hz))
    dataset = dataset_of(recording)
    assert dataset.fps == pytest.approx(hz, rel=0.01)
    assert dataset.shift_ms == pytest.approx(1000 / hz / 2 + 6, rel=0.01)
    played_ms = 1000 * dataset.apart / dataset.fps  # `play` takes its frames exactly one period apart
    assert apart_ms(dataset).mean() == pytest.approx(played_ms, rel=0.02)
    assert played_ms == pytest.approx(110, abs=1000 / hz / 2)
    assert f"frames a second, {ASKED_HZ:g} were asked for" in " ".join(dataset.notes)


def test_a_rate_that_was_held_is_the_one_asked_for_to_the_last_digit(tmp_path: Path) -> None:
    jitter = np.random.default_rng(0).uniform(-0.3, 0.3, 600)
    frames, keys = bar_frames(600, 0)
    for name, hz in (("exact", 20.0), ("nearly", 20.5), ("jittery", 20.0)):
        times_ns = ((np.arange(600) + 1 + (jitter if name == "jittery" else 0)) * 1e9 / hz).astype(np.int64)
        write_recording(tmp_path / name, frames, keys, described=meta(size=SIZE), times_ns=times_ns)
        dataset = dataset_of(tmp_path / name)
        assert (dataset.fps, dataset.apart, dataset.shift_ms, dataset.notes) == (20.0, 2, 31.0, ()), name


def test_recordings_of_unequal_rates_are_learned_the_same_time_apart(tmp_path: Path) -> None:
    many = bar_recording(tmp_path / "many", 2000, came_hz=45.0, fps=ASKED_HZ)
    few = bar_recording(tmp_path / "few", 300, 1, came_hz=18.0, fps=ASKED_HZ)
    for order in ((many, few), (few, many)):
        dataset = dataset_of(*order)
        assert (dataset.fps, dataset.apart) == (45.0, 5)  # 111 ms
        assert np.unique(apart_ms(dataset).round(1)).tolist() == [111.1]
        notes = [note for note in dataset.notes if note.startswith("warning: ")]
        assert len(notes) == 1
        assert f"{few}: found 18 frames a second, most recordings have 45, and so will play" in notes[0]


def test_what_was_done_before_is_looked_for_the_same_time_before(tmp_path: Path) -> None:
    slow, fast = bar_recording(tmp_path / "slow", 600), bar_recording(tmp_path / "fast", 300, 1, fps=60.0)
    dataset = dataset_of(slow, fast)
    assert dataset.fps == 20
    assert dataset.previous[1:600].tolist() == dataset.labels[:599].tolist()
    assert (dataset.previous[600:603] == -1).all()
    assert dataset.previous[603:].tolist() == dataset.labels[600:-3].tolist()
    assert dataset.spacing(np.arange(900)).median_ns == pytest.approx(SECOND_NS / 20, rel=1e-6)


def test_rates_that_share_no_time_apart_are_refused_with_one_that_they_share(tmp_path: Path) -> None:
    one, two = bar_recording(tmp_path / "one", 400), bar_recording(tmp_path / "two", 300, 1, fps=15.0)
    with pytest.raises(TwoframeError, match=r"two: found 15 frames a second, most have 20, .* --apart-ms 200 fits all"):
        dataset_of(one, two)
    assert apart_ms(dataset_of(one, two, apart_ms=200.0)) == pytest.approx(200, rel=0.01)
    assert len(dataset_of(one, two, frames=1)) == 700  # a single frame lies apart from none


def test_holding_nothing_is_what_each_recording_says_it_is(tmp_path: Path) -> None:
    actions = ActionSet.parse(["left=a", "forward=w", "right=d"])
    frames, keys = bar_frames(300, 0)
    keys[::2] = [""] * 150
    one = write_recording(tmp_path / "one", frames, keys, described=meta(size=SIZE, actions=actions))
    other = write_recording(
        tmp_path / "other", frames, keys, described=meta(size=SIZE, actions=replace(actions, default=2))
    )
    alone = [dataset_of(recording, label_shift_ms=0.0) for recording in (one, other)]
    dataset = dataset_of(one, other, label_shift_ms=0.0)
    assert dataset.labels.tolist() == [*alone[0].labels, *alone[1].labels]
    assert dataset.labels[[0, 300]].tolist() == [1, 2]
    (note,) = dataset.notes
    assert f"{other}: holding nothing is right there and forward in {one}" in note
    told = dataset_of(one, other, keys=("left=a", "forward=w", "right=d"), label_shift_ms=0.0)
    assert told.labels[[0, 300]].tolist() == [1, 1]
    assert told.notes == ()


def key_lines(*recordings: Path, **options: object) -> list[str]:
    return [note for note in dataset_of(*recordings, **options).notes if "never pressed" in note]


def test_a_key_that_nobody_ever_pressed_is_told_where_the_default_action_hides_it(tmp_path: Path) -> None:
    frames, keys = bar_frames(300, 0)
    heard = write_recording(tmp_path / "heard", frames, keys, described=meta(size=SIZE))
    hidden = write_recording(
        tmp_path / "hidden", frames, [key.replace("w", "") for key in keys], described=meta(size=SIZE)
    )
    assert key_lines(heard) == []
    (line,) = key_lines(hidden)
    assert line.startswith("warning: w was never pressed (holding nothing counts as forward, so it is not missed), but")
    (line,) = key_lines(heard, hidden)
    assert line.startswith(f"warning: {hidden}: w was never pressed there, as it was in others")
    assert key_lines(heard, hidden, keys=("left=a", "rest=", "right=d")) == []  # no action has it
    assert key_lines(hidden, keys=("left=a", "rest=", "right=d")) == []


def test_what_the_agent_pressed_in_a_rollout_was_not_heard_of_a_person(tmp_path: Path) -> None:
    frames, keys = bar_frames(300, 0)
    hidden = write_recording(
        tmp_path / "hidden", frames, [key.replace("w", "") for key in keys], described=meta(size=SIZE)
    )
    with RecordingWriter(tmp_path / "rollout", meta(size=SIZE, source="rollout"), extras=["control"]) as writer:
        writer.key_event(0, "w", down=True)
        for t in range(100):
            writer.append(frames[t], t * SECOND_NS // 20, control=np.array(0, np.uint8))
    (line,) = key_lines(hidden, tmp_path / "rollout")
    assert line.startswith("warning: w was never pressed (")


def screens(t: int, width: int = 640, height: int = 480) -> list[Image]:
    """Pictures of a game as they are grabbed, (H, W, 4) uint8 BGRA: sharp edges, none of them on a pixel's border."""
    rng = np.random.default_rng(0)
    pictures = []
    for _ in range(t):
        picture = np.full((height, width, 4), 90, np.uint8)
        for _ in range(30):
            left, top = int(rng.integers(0, width)), int(rng.integers(0, height))
            picture[top : top + int(rng.integers(3, 90)), left : left + int(rng.integers(3, 90))] = rng.integers(
                0, 256, 4
            )
        pictures.append(picture)
    return pictures


def recorded(folder: Path, pictures: Sequence[Image], spec: FrameSpec) -> Path:
    frames = [prepare(picture, spec) for picture in pictures]
    keys = ["a", "w", "d"] * (len(frames) // 3)
    return write_recording(folder, frames, keys, described=replace(meta(), frame=spec))


WHOLE = FrameSpec(160, 120)
LARGER = FrameSpec(320, 240)
PART = FrameSpec(160, 90, "gray", Box(0, 0, 640, 360), (640, 480))
PART_OF_A_LARGER_WINDOW = FrameSpec(160, 90, "gray", Box(0, 0, 1280, 720), (1280, 960))


@pytest.mark.parametrize(
    ("specs", "told", "remedy"),
    [
        ((LARGER, WHOLE), {"size": "160x120"}, "--size 160x120"),
        ((WHOLE, LARGER), {"size": "96x72"}, "--size 160x120"),
        ((WHOLE, LARGER), {"crop": "8,0,120,90"}, "--size 160x120"),
        ((WHOLE, PART), {"crop": "0,0,160,90"}, "--crop 0,0,160,90"),
        ((LARGER, PART), {"crop": "0,0,160,90", "size": "80x45"}, "--crop 0,0,160,90"),
        ((FrameSpec(320, 240, "rgb"), WHOLE), {"size": "160x120", "color": "gray"}, "--size 160x120 --color gray"),
    ],
)
def test_play_sees_what_was_learned_from_recordings_of_unequal_pictures(
    specs: tuple[FrameSpec, FrameSpec], told: dict[str, str], remedy: str, tmp_path: Path
) -> None:
    pictures = screens(90)
    folders = [recorded(tmp_path / name, pictures, spec) for name, spec in zip("ab", specs, strict=True)]
    with pytest.raises(
        TwoframeError, match=f"b: found frames .* as in .*a; train them apart or make all alike with {remedy}"
    ):
        dataset_of(*folders)
    dataset = dataset_of(*folders, **told)
    for source in dataset.sources:
        for picture, frame in zip(pictures, source, strict=True):
            seen = prepare(prepare(picture, dataset.meta.frame), dataset.frame)  # as `play` does
            assert np.abs(seen.astype(int) - frame).max() <= MAX_GREY_LEVELS
    assert "as play sees it" in " ".join(dataset.notes)
    assert "softer" not in " ".join(dataset.notes)


def test_a_size_that_is_no_whole_multiple_is_said_to_look_a_little_otherwise(tmp_path: Path) -> None:
    pictures = screens(90)
    folders = [
        recorded(tmp_path / name, pictures, FrameSpec(*size)) for name, size in (("a", (160, 120)), ("b", (200, 150)))
    ]
    (note,) = dataset_of(*folders, size="80x60").notes
    assert f"{folders[1]}: its frames 200x150 gray are made into 160x120 gray" in note
    assert "edges come out a little softer than in play" in note


def test_the_same_part_of_a_window_of_another_size_needs_no_word(tmp_path: Path) -> None:
    folders = [
        recorded(tmp_path / "small", screens(90), PART),
        recorded(tmp_path / "large", screens(90, 1280, 960), PART_OF_A_LARGER_WINDOW),
    ]
    dataset = dataset_of(*folders)
    assert len(dataset) == 180
    assert dataset.notes == ()


@pytest.mark.parametrize(
    "other",
    [
        FrameSpec(160, 100),  # another shape
        FrameSpec(160, 90, "gray", Box(0, 40, 640, 360), (640, 480)),  # neither shows all that the other shows
    ],
)
def test_pictures_that_cannot_be_made_alike_are_refused(other: FrameSpec, tmp_path: Path) -> None:
    expected = WHOLE if other.crop is None else PART
    folders = [recorded(tmp_path / name, screens(30), spec) for name, spec in (("a", expected), ("b", other))]
    with pytest.raises(TwoframeError, match=r"b: found frames .* as in .*a; train them apart or record again"):
        dataset_of(*folders, size="80x45", crop="0,0,160,90")


def test_a_frame_of_one_row_or_column_is_refused_at_once(tmp_path: Path) -> None:
    for size in ((16, 1), (1, 16)):
        folder = tmp_path / f"{size[0]}x{size[1]}"
        write_recording(folder, [np.zeros((size[1], size[0], 1), np.uint8)] * 60, ["a", "w", "d"] * 20)
        with pytest.raises(TwoframeError, match=rf"found frames {size[0]}x{size[1]} gray, expected at least 2x2"):
            dataset_of(folder)
    sound = bar_recording(tmp_path / "sound", 60)
    for told in ({"size": "16x1"}, {"crop": "0,0,1,16"}):
        with pytest.raises(TwoframeError, match="expected at least 2x2"):
            dataset_of(sound, **told)
    assert dataset_of(sound, size="2x2").frame.shape == (2, 2, 1)


def test_what_is_done_with_recordings_that_differ_is_told_before_the_training(tmp_path: Path) -> None:
    recording = bar_recording(tmp_path / "rec", came_hz=45.0, fps=ASKED_HZ)
    said = list(described(prepare_dataset(TrainOptions((recording,), out=tmp_path / "policy"), tmp_path)))
    assert said[0] == (
        f"{recording}: found 45 frames a second, 60 were asked for; it is learned and played as they came"
    )
    assert "at 45 fps" in said[1]


def test_the_marks_of_the_window_are_those_of_the_first_recording_that_has_some(tmp_path: Path) -> None:
    old = bar_recording(tmp_path / "old", 60)
    racer = bar_recording(tmp_path / "racer", 60, marks=WindowMarks("Racer", "Racer", "racer"))
    walker = bar_recording(tmp_path / "walker", 60, marks=WindowMarks(None, "Walker", "walker"))
    assert dataset_of(old).meta.window_marks == NO_MARKS
    assert dataset_of(old, racer, walker).meta.window_marks.asked == "Racer"
    assert dataset_of(walker, racer).meta.window_marks.program == "walker"

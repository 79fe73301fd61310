"""`recordings trim`: what stays is as it was recorded, and what was cut out is a gap."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import meta, write_recording

from agent.errors import TwoframeError
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from collect.recordings.cli import main
from collect.recordings.copies import trim
from collect.recordings.cuts import parse_cuts
from train.dataset.dataset import open_dataset
from train.dataset.frame_windows import frame_windows_of, stretches_of

MS = 1_000_000
SIZE = (16, 12)
PAUSES = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A minute of 20 frames a second, each of its own grey level and a little."""
    frames = [np.full((12, 16, 1), t // 5, np.uint8) for t in range(1200)]
    return write_recording(tmp_path / "rec", frames, ["a"] * 300 + [""] * 300 + ["d"] * 600)


def number(frame: np.ndarray) -> int:
    """Which frame of `any_recording` it is."""
    return int(frame[0, 0, 0]) + 256 * int(frame[0, 1, 0])


@st.composite
def any_recording(draw: st.DrawFn) -> tuple[list[int], list[tuple[int, int, bool]]]:
    """Times of frames, about 50 ms apart but for `PAUSES`, and key events at any time; in nanoseconds."""
    spacings = draw(st.lists(st.integers(49, 51), min_size=20, max_size=80))
    for t in draw(st.lists(st.integers(0, 19), max_size=PAUSES)):
        spacings[t] = 300
    times = np.cumsum([draw(st.integers(0, 200)), *spacings]) * MS
    last_ms = int(times[-1]) // MS
    events = []
    for at_ms in sorted(draw(st.lists(st.integers(0, last_ms + 50), max_size=40))):
        key = draw(st.integers(0, 2))
        events.append((at_ms * MS, key, not held(events, at_ms * MS)[key]))
    return times.tolist(), events


def held(events: list[tuple[int, int, bool]], at_ns: int) -> list[bool]:
    """The plain model: all that happened up to then, one after the other."""
    down = [False, False, False]
    for time_ns, key, is_down in events:
        if time_ns <= at_ns:
            down[key] = is_down
    return down


@given(st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stays_is_as_it_was_and_each_cut_is_a_gap(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    times_ns, events = data.draw(any_recording())
    borders = data.draw(st.lists(st.integers(0, times_ns[-1] // (10 * MS)), min_size=2, max_size=8, unique=True))
    edges = sorted(borders)[: len(borders) // 2 * 2]
    cuts = [(start * 10 * MS, end * 10 * MS) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    room = tmp_path_factory.mktemp("trim")
    whole = recorded(room / "whole", times_ns, events)
    try:
        texts = [f"{start / 1e9:.2f}:{end / 1e9:.2f}" for start, end in cuts]
        trim(whole, room / "part", range(len(whole)), parse_cuts(texts))
    except TwoframeError as error:
        stay = [t for t in times_ns if not any(start <= t < end for start, end in cuts)]
        is_empty = [not any(start <= t < end for t in times_ns) for start, end in cuts]
        assert ("with frames in it" in str(error)) == any(is_empty)
        if not any(is_empty):  # then most of what is left is gaps, though each cut took four frames more
            assert len(stay) <= (4 + 1 + 1) * len(cuts) + 2 * PAUSES + 1
        assert not (room / "part").exists()
        return
    part = Recording.open(room / "part")
    kept = [number(frame) for frame in part.frames]
    zero_ns = times_ns[kept[0]]

    assert kept == sorted(set(kept))
    assert (part.captured_ns + zero_ns).tolist() == [times_ns[t] for t in kept]  # times stay true
    assert not any(start <= times_ns[t] < end for t in kept for start, end in cuts)
    for (start_ns, end_ns), (next_ns, _) in zip(cuts, [*cuts[1:], (2**62, 0)], strict=True):
        after = [t for t in range(len(times_ns)) if times_ns[t] >= end_ns and times_ns[t] < next_ns]
        more = [t not in kept for t in after]
        assert not any(more[3:])  # a cut takes three frames more at most, the next ones
        assert more == sorted(more, reverse=True)
        before = [t for t in kept if times_ns[t] < start_ns]
        behind = [t for t in kept if times_ns[t] >= end_ns]
        if before and behind:
            assert part.gap_before()[kept.index(behind[0])]
    assert part.control is not None and part.control.tolist() == [t % 2 for t in kept]
    assert part.keys.tolist() == [held(events, times_ns[t]) for t in kept]
    between = [ns for t, u in pairwise(kept) if u == t + 1 for ns in range(times_ns[t], times_ns[u], 10 * MS)]
    is_held = part.held_at(np.array([ns - zero_ns for ns in between], np.int64))
    assert is_held.tolist() == [held(events, ns) for ns in between]
    assert not any(start < int(ns) + zero_ns < end for ns in part.key_events["time_ns"] for start, end in cuts)


def recorded(folder: Path, times_ns: list[int], events: list[tuple[int, int, bool]]) -> Recording:
    described = meta(size=SIZE)
    with RecordingWriter(folder, described, ["control"]) as writer:
        for time_ns, key, down in events:
            writer.key_event(time_ns, described.keys[key], down=down)
        for t, time_ns in enumerate(times_ns):
            frame = np.zeros((SIZE[1], SIZE[0], 1), np.uint8)
            frame[0, :2, 0] = t % 256, t // 256
            writer.append(frame, time_ns, control=np.array(t % 2, np.uint8))
    return Recording.open(folder)


def test_two_pieces_are_taken_out_at_once_and_no_window_of_frames_crosses_them(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "part"
    assert main(["trim", str(folder), "--out", str(out), "--cut", "40:50", "--cut", "12.5:14"]) == 0
    part = Recording.open(out)
    assert len(part) == 1200 - 30 - 200
    assert part.captured_ns[-1] == 59_950 * MS
    assert np.flatnonzero(part.gap_before()).tolist() == [0, 250, 770]
    dataset = open_dataset(
        [part], actions=None, frame_of=lambda frame: frame, shift_ms=None, stride=1, room=tmp_path, apart_ms=100
    )
    stretches = stretches_of(dataset.gap_before, np.ones(len(part), np.bool_))
    ends = set(frame_windows_of(dataset, stretches, 2).tolist())
    # Two frames lie in a window; of the last one before a cut nobody knows what was held a moment later.
    assert {248, 252, 768, 772} < ends
    assert ends.isdisjoint({249, 250, 251, 769, 770, 771})


@pytest.mark.parametrize(("start", "end"), [("0", "20"), ("45", "60"), ("59.9", "60")])
def test_a_cut_at_the_beginning_or_the_end_is_left_off(start: str, end: str, folder: Path, tmp_path: Path) -> None:
    assert main(["trim", str(folder), "--out", str(tmp_path / "part"), "--cut", f"{start}:{end}"]) == 0
    part, whole = Recording.open(tmp_path / "part"), Recording.open(folder)
    first, last = (400, 1200) if start == "0" else (0, int(float(start) * 20))
    assert (part.frames == whole.frames[first:last]).all()
    assert part.captured_ns[0] == 0
    assert part.gap_before().sum() == 1
    assert part.keys[0].tolist() == whole.keys[first].tolist()


WRONG: dict[str, tuple[list[str], int, str]] = {
    "overlapping": (["5:9", "8.5:10"], 2, "found 5:9 and 8.5:10, which overlap"),
    "twice the same": (["5:9", "5:9"], 2, "found 5:9 and 5:9, which overlap"),
    "empty": (["5:5"], 2, "found '5:5', expected an end after the start"),
    "reversed": (["9:5"], 2, "found '9:5', expected an end after the start"),
    "as clocks show it": (["1:20.5:1:30"], 2, "found '1:20.5:1:30', expected START:END in seconds"),
    "no numbers": (["nan:5"], 2, "found 'nan:5', expected START:END in seconds"),
    "without an end": (["5:"], 2, "found '5:', expected START:END in seconds"),
    "far too late": (["5:" + "9" * 400], 2, "expected seconds within the recording"),
    "several faults": (["a", "5:4", "1:3", "2:4"], 2, "found 'a', expected START:END"),
    "beyond the end": (["50:61"], 1, "found 50:61, expected a piece with frames in it, from 0.000 to 59.950 s"),
    "behind the end": (["70:80"], 1, "found 70:80, expected a piece with frames in it"),
    "between two frames": (["5.01:5.02"], 1, "found 5.01:5.02, expected a piece with frames in it"),
    "all of it": (["0:30", "30:60"], 1, "found nothing left"),
    "all but single frames": ([f"{t / 20 + 0.04:.2f}:{t / 20 + 0.99:.2f}" for t in range(0, 1200, 20)], 1, "too few"),
    "what is left out already": (["1:2", "--start-s", "10"], 1, "found 1:2, expected a piece with frames in it"),
}


@pytest.mark.parametrize("what", WRONG)
def test_cuts_that_cannot_be_meant_are_one_line_and_nothing_is_written(
    what: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values, status, message = WRONG[what]
    cuts = [word for value in values for word in (["--cut", value] if ":" in value or len(value) == 1 else [value])]
    assert main(["trim", str(folder), "--out", str(tmp_path / "part"), *cuts]) == status
    said = capsys.readouterr()
    assert message in said.err
    assert said.err.startswith("error: --cut: ")
    assert said.err.count("\n") == 1
    assert not (tmp_path / "part").exists()


def test_a_copy_for_which_there_is_no_room_is_not_left_behind(
    small_disk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise: Any = np.random.default_rng(0).integers(0, 256, (300, 80, 100, 1), np.uint8)
    recording = write_recording(tmp_path / "noise", list(noise), ["a"] * len(noise))
    assert main(["trim", str(recording), "--out", str(small_disk / "part"), "--cut", "1:2"]) == 1
    assert "found the disk full after" in capsys.readouterr().err
    assert list(small_disk.iterdir()) == []

"""The recording on disk: growing, cut off, damaged, hostile."""

import json
import os
import pickle
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import meta, write_recording

from agent.errors import TwoframeError
from agent.recording.format import KEY_EVENT, Meta
from agent.recording.reader import Recording, find_recordings, held_at
from agent.recording.window_marks import NO_MARKS
from agent.recording.writer import RecordingWriter
from collect.recordings.cli import main as recordings
from collect.summary import action_counts, describe

MS = 1_000_000


def frame(value: int) -> np.ndarray:
    return np.full((12, 16, 1), value, np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "rec", [frame(i) for i in range(40)], ["a"] * 10 + [""] * 10 + ["d"] * 20)


def test_what_was_written_is_read(folder: Path) -> None:
    recording = Recording.open(folder)
    assert len(recording) == 40
    assert recording.frames[:, 0, 0, 0].tolist() == list(range(40))
    assert recording.keys[[0, 9, 10, 19, 20, 39]].tolist() == [
        [True, False, False],
        [True, False, False],
        [False, False, False],
        [False, False, False],
        [False, False, True],
        [False, False, True],
    ]
    assert recording.meta == Meta.from_json(json.loads((folder / "meta.json").read_text()))
    assert recording.problems == ()


def test_numpy_opens_every_file_without_pickle(folder: Path) -> None:
    for path in folder.glob("*.npy"):
        np.load(path, allow_pickle=False)


def test_keys_shorter_than_a_frame_stay_in_the_events(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "rec", meta()) as writer:
        writer.append(frame(0), 0)
        writer.key_event(10 * MS, "a", down=True)
        writer.key_event(20 * MS, "a", down=False)
        writer.append(frame(1), 50 * MS)
    recording = Recording.open(tmp_path / "rec")
    assert not recording.keys.any()
    assert recording.key_events["time_ns"].tolist() == [10 * MS, 20 * MS]
    assert recording.held_at(np.array([15 * MS])).tolist() == [[True, False, False]]


def test_held_keys_are_those_of_the_newest_event_at_or_before_the_time() -> None:
    events = np.array([(10, 0, True), (20, 0, False), (20, 1, True)], KEY_EVENT)
    held = held_at(events, np.array([9, 10, 19, 20]), 2)
    assert held.tolist() == [[False, False], [True, False], [True, False], [False, True]]


def test_a_gap_is_more_than_twice_the_median_spacing(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "rec", meta()) as writer:
        for t in (0, 50, 100, 150, 200, 301, 351):
            writer.append(frame(0), t * MS)
    assert Recording.open(tmp_path / "rec").gap_before().tolist() == [True, False, False, False, False, True, False]


def test_existing_work_is_never_overwritten(folder: Path) -> None:
    with pytest.raises(TwoframeError, match="not empty"):
        RecordingWriter(folder, meta())


def test_nothing_after_the_settled_time_is_written_yet(tmp_path: Path) -> None:
    writer = RecordingWriter(tmp_path / "rec", meta())
    writer.append(frame(0), 0)
    writer.append(frame(1), 50 * MS)
    writer.flush(49 * MS)
    assert len(Recording.open(tmp_path / "rec")) == 1
    writer.key_event(30 * MS, "a", down=True)
    writer.close()
    assert Recording.open(tmp_path / "rec").keys[:, 0].tolist() == [False, True]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no program's files")
def test_a_full_disk_ends_with_one_line_and_keeps_what_was_there(folder: Path, tmp_path: Path) -> None:
    program = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
import numpy as np
from pathlib import Path
from recordings import meta
from agent.recording.writer import RecordingWriter
from collect.recordings.cli import main as recordings
from collect.summary import action_counts, describe
from agent.errors import run_command
def command():
    with RecordingWriter(Path({str(tmp_path / "full")!r}), meta()) as writer:
        for t in range(1000):
            writer.append(np.full((12, 16, 1), t % 256, np.uint8), t)
            writer.flush(t)
    return 0
sys.exit(run_command(command))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    recording = Recording.open(tmp_path / "full")
    assert len(recording) > 90
    assert recording.frames[:, 5, 5, 0].tolist() == [t % 256 for t in range(len(recording))]


def test_after_kill_9_every_file_opens_and_little_is_lost(tmp_path: Path) -> None:
    program = f"""
import sys, time
sys.path[:0] = {sys.path!r}
import numpy as np
from pathlib import Path
from recordings import meta
from agent.recording.writer import RecordingWriter
from collect.recordings.cli import main as recordings
from collect.summary import action_counts, describe
writer = RecordingWriter(Path(sys.argv[1]), meta())
start = time.perf_counter_ns()
t = 0
while True:
    now = time.perf_counter_ns() - start
    writer.key_event(now, "a", down=t % 2 == 0)
    writer.append(np.full((12, 16, 1), t % 256, np.uint8), now + 1)
    writer.flush(now + 1)
    t += 1
    if t == 20:
        print("some are written", flush=True)
"""
    for i in range(5):
        out = tmp_path / str(i)
        process = subprocess.Popen([sys.executable, "-c", program, str(out)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(random.uniform(0.05, 0.2))
        process.kill()
        process.wait()
        process.stdout.close()
        for path in out.glob("*.npy"):
            np.load(path, allow_pickle=False, mmap_mode="r")
        recording = Recording.open(out)
        assert len(recording) > 10
        assert recording.frames[:, 0, 0, 0].tolist() == [t % 256 for t in range(len(recording))]
        assert recording.keys[:, 0].tolist() == [t % 2 == 0 for t in range(len(recording))]
        assert "did not end in order" in recording.problems[-1]


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("/tmp/twoframe-was-tricked",)


def test_pickles_links_and_odd_headers_are_refused(folder: Path, tmp_path: Path) -> None:
    def damaged(name: str) -> Path:
        copy = tmp_path / "damaged"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        (copy / name).unlink()
        return copy

    copy = damaged("keys.npy")
    (copy / "keys.npy").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(TwoframeError, match="header"):
        Recording.open(copy)
    copy = damaged("keys.npy")
    np.save(copy / "keys.npy", np.array([Evil()] * 40, object), allow_pickle=True)
    with pytest.raises(TwoframeError, match="expected bool"):
        Recording.open(copy)
    copy = damaged("frames.npy")
    (copy / "frames.npy").symlink_to("/etc/passwd")
    with pytest.raises(TwoframeError, match="plain file"):
        Recording.open(copy)
    copy = damaged("frames.npy")
    with (copy / "frames.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "|u1", "fortran_order": False, "shape": (10**15, 12, 16, 1)}
        )
    assert len(Recording.open(copy)) == 0
    assert not Path("/tmp/twoframe-was-tricked").exists()


@settings(max_examples=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.slow(7)
def test_damaged_folders_open_or_say_why(folder: Path, data: st.DataObject) -> None:
    copy = folder.parent / "hurt"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(folder, copy)
    for _ in range(data.draw(st.integers(1, 3))):
        path = copy / data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
        if not path.exists():
            continue
        content = bytearray(path.read_bytes())
        match data.draw(st.sampled_from(["cut", "flip", "insert", "remove", "noise"])):
            case "cut":
                path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
            case "flip" if content:
                content[data.draw(st.integers(0, min(len(content) - 1, 200)))] = data.draw(st.integers(0, 255))
                path.write_bytes(content)
            case "insert":
                at = data.draw(st.integers(0, min(len(content), 300)))
                path.write_bytes(content[:at] + data.draw(st.binary(max_size=40)) + content[at:])
            case "remove":
                path.unlink()
            case _:
                path.write_bytes(data.draw(st.binary(max_size=300)))
    try:
        recording = Recording.open(copy)
    except TwoframeError as error:
        assert "\n" not in str(error)
    else:
        assert len(recording.frames) == len(recording.keys) == len(recording)
        assert action_counts(recording).sum() == len(recording)
        assert describe(recording)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[" * 100_000,
        '{"format_version": 1}',
        '{"format_version": 99999999999999999999999999}',
        '{"format_version": true}',
        "1" * 10_000,
        '{"a": ' * 5_000,
        "\x00\xff",
        '{"format_version": 1, "fps": 1e999, "keys": []}',
    ],
)
def test_absurd_json_is_refused_in_one_line(content: str, folder: Path) -> None:
    (folder / "meta.json").write_text(content)
    with pytest.raises(TwoframeError) as caught:
        Recording.open(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keys", ["a"] * 300),
        ("keys", [["a"]]),
        ("fps", float("nan")),
        ("fps", "20"),
        ("source", "elsewhere"),
        ("region", [0, 0, 1]),
        ("frame", {"width": 10**9}),
        ("frame", None),
        ("actions", {"actions": [{"name": "\u001b[2J", "keys": ["a"]}] * 2, "default": 0}),
        ("actions", {"actions": [], "default": -1}),
        ("complete", 1),
        ("versions", []),
        ("window_marks", "Racer"),
        ("window_marks", {"asked": 1}),
    ],
)
def test_a_meta_that_we_cannot_have_written_is_refused(name: str, value: object, folder: Path) -> None:
    described = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**described, name: value}))
    with pytest.raises(TwoframeError):
        Recording.open(folder)


def test_a_recording_of_a_time_before_the_marks_of_its_window_opens(folder: Path) -> None:
    described = json.loads((folder / "meta.json").read_text())
    del described["window_marks"]
    (folder / "meta.json").write_text(json.dumps(described))
    assert Recording.open(folder).meta.window_marks == NO_MARKS


def test_what_a_file_holds_cannot_steer_the_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**described, "window": "\u001b[2Jgone", "started_utc": "\u001b]0;x"}))
    assert recordings(["info", str(folder)]) == 0
    assert "\u001b" not in capsys.readouterr().out


def test_recordings_are_found_in_a_folder_of_them(folder: Path, tmp_path: Path) -> None:
    assert find_recordings([tmp_path, folder]) == [folder]
    (tmp_path / "empty").mkdir()
    with pytest.raises(TwoframeError, match="found no recording"):
        find_recordings([tmp_path / "empty"])
    assert find_recordings([tmp_path / "empty", folder]) == [tmp_path / "empty", folder]
    with pytest.raises(TwoframeError, match="nowhere: found no recording"):
        find_recordings([tmp_path / "nowhere", folder])


def test_a_pattern_names_what_it_matches_as_windows_shells_leave_it(folder: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs [old]"  # its brackets are a part of its name
    for name in ("b1", "a", "b2", ".hidden"):
        shutil.copytree(folder, runs / name)
    assert find_recordings([runs / "*"]) == [runs / "a", runs / "b1", runs / "b2"]
    assert find_recordings([runs / "b?", runs / "[!b]"]) == [runs / "b1", runs / "b2", runs / "a"]
    assert find_recordings([tmp_path / "r*" / "b2"]) == [runs / "b2"]
    with pytest.raises(TwoframeError, match=r"c\*: found nothing that matches, expected recordings"):
        find_recordings([runs / "a", runs / "c*"])
    shutil.copytree(folder, runs / "b[12]")
    assert find_recordings([runs / "b[12]"]) == [runs / "b[12]"]


def test_of_two_recorders_in_one_folder_the_first_to_have_a_frame_keeps_it(tmp_path: Path) -> None:
    slow, quick = RecordingWriter(tmp_path / "rec", meta()), RecordingWriter(tmp_path / "rec", meta())
    for writer in (quick, slow):
        writer.append(frame(7), 0)
    quick.flush(0)
    with pytest.raises(TwoframeError, match="not empty"):
        slow.close()
    quick.close()
    assert Recording.open(tmp_path / "rec").frames[:, 0, 0, 0].tolist() == [7]


def test_a_recording_without_a_frame_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name in ("new", "there"):
        with RecordingWriter(tmp_path / name, meta()) as writer:
            writer.key_event(0, "a", down=True)
            writer.flush(100)
            assert list((tmp_path / name).iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["there"]

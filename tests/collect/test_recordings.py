"""`recordings` as a user runs it: on sound recordings and on broken ones."""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import empty_recording, meta, write_recording

from agent.recording.reader import Recording
from collect.recordings.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frames = [np.full((12, 16, 1), i, np.uint8) for i in range(60)]
    return write_recording(tmp_path / "rec", frames, ["a"] * 20 + [""] * 20 + ["d"] * 20)


def test_info_tells_everything_and_draws_a_sheet(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["info", str(folder), "--sheet", str(tmp_path / "sheet.png")]) == 0
    out = capsys.readouterr().out
    assert "60 frames 16x12 gray, 0:02, 20.0 fps (spacing 50.0 to 50.0 ms), 0 gaps" in out
    assert "balance: left 33% forward 33% right 33%" in out
    assert "3 events, 0 presses shorter than a frame" in out
    sheet = cv2.imread(str(tmp_path / "sheet.png"))
    assert sheet is not None
    assert sheet.max() > 200  # keys and times are drawn in


def test_the_rate_told_is_that_at_which_frames_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    described = meta(fps=60.0)
    write_recording(
        tmp_path / "rec", [np.zeros((12, 16, 1), np.uint8)] * 60, ["a"] * 60, described=described, came_hz=45
    )
    assert main(["list", str(tmp_path / "rec")]) == 0
    assert main(["info", str(tmp_path / "rec")]) == 0
    out = capsys.readouterr().out
    assert "60 frames  45 fps" in out
    assert "45.0 fps (spacing 22.2 to 22.2 ms)" in out
    assert "asked for 60 fps" in out


def test_list_and_info_go_on_after_a_broken_recording(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_recording(tmp_path / "broken", [np.zeros((12, 16, 1), np.uint8)] * 3, ["a"] * 3)
    (broken / "frames.npy").write_bytes(b"nothing")
    for command in ("list", "info"):
        assert main([command, str(tmp_path)]) == 1
        out = capsys.readouterr().out
        assert f"{broken}: broken:" in out
        assert "60 frames" in out


@pytest.mark.parametrize("command", ["video", "export"])
def test_what_is_made_of_several_recordings_leaves_out_those_that_are_none(
    command: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_recording(tmp_path / "broken", [np.zeros((12, 16, 1), np.uint8)] * 3, ["a"] * 3)
    (broken / "frames.npy").write_bytes(b"nothing")
    (tmp_path / "another").mkdir()
    named = [str(path) for path in sorted(tmp_path.iterdir())]
    assert main([command, *named]) == 1
    said = capsys.readouterr()
    assert f"left out: {broken / 'frames.npy'}: found no readable header" in said.out
    assert f"left out: {tmp_path / 'another'}: found no meta.json" in said.out
    assert f"written: {folder}" in said.out
    assert said.err == ""
    assert main([command, str(broken), named[0]]) == 1
    assert capsys.readouterr().err.startswith("error: found no recording of 2 that can be used")


def test_a_video_of_recordings_without_frames_among_others_is_made_of_the_others(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = empty_recording(tmp_path / "empty")
    assert main(["video", str(tmp_path)]) == 1
    assert f"left out: {empty}: found no frame from 0 s to the end" in capsys.readouterr().out
    assert (folder / "video.mp4").exists()


def test_a_cut_off_recording_says_what_it_lacks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (folder / "frames.npy").read_bytes()
    (folder / "frames.npy").write_bytes(content[: -5 * 16 * 12])
    assert main(["info", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "found: frames.npy: found 55 of 60 rows in the file" in out
    assert "55 frames" in out


def test_a_trimmed_recording_begins_with_the_keys_then_held(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "part"
    assert main(["trim", str(folder), "--out", str(out), "--start-s", "0.5", "--end-s", "2.5"]) == 0
    whole, part = Recording.open(folder), Recording.open(out)
    assert len(part) == 40
    assert part.captured_ns[0] == 0
    assert (part.frames == whole.frames[10:50]).all()
    assert (part.keys == whole.keys[10:50]).all()
    assert part.meta.started_utc == "2026-01-01T00:00:00.500+00:00"


def test_every_command_makes_of_a_packed_recording_what_it_makes_of_a_plain_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made: dict[str, list[object]] = {"plain": [], "packed": []}
    for kind, results in made.items():
        if kind == "packed":
            assert main(["pack", str(folder)]) == 0
            assert " kB for 11.5 kB, " in capsys.readouterr().out
        out = tmp_path / kind
        out.mkdir()
        flags = [
            ["list", folder],
            ["info", folder, "--sheet", out / "sheet.png"],
            ["video", folder, "--out", out / "video.mp4"],
            ["trim", folder, "--start-s", "1", "--out", out / "part"],
            ["export", folder, "--out", out / "frames.csv"],
        ]
        for command in flags:
            assert main([str(flag) for flag in command]) == 0
        said = capsys.readouterr().out.replace(str(out), "OUT").splitlines()
        results.append([line for line in said if not line.startswith("  packed: ")])
        results += [path.read_bytes() for path in (out / "sheet.png", out / "video.mp4", out / "frames.csv")]
        results.append({path.name: path.read_bytes() for path in (out / "part").iterdir()})
        assert (len(results[0]) != len(said)) == (kind == "packed")
    assert made["packed"] == made["plain"]
    assert main(["unpack", str(folder)]) == 0
    assert capsys.readouterr().out == f"unpacked: {folder}: 11.5 kB\n"


def test_packing_leaves_what_it_cannot_and_goes_on(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = write_recording(tmp_path / "broken", [np.zeros((12, 16, 1), np.uint8)] * 3, ["a"] * 3)
    (broken / "keys.npy").write_bytes(b"nothing")
    before = {path: path.read_bytes() for path in broken.iterdir()}
    assert main(["pack", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert said.out.startswith(f"left as it is: {broken / 'keys.npy'}: found no readable header")
    assert f"packed: {folder}: " in said.out
    assert said.err == ""
    assert {path: path.read_bytes() for path in broken.iterdir()} == before
    assert main(["pack", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: is packed already\n"
    assert main(["unpack", str(broken)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {broken / 'keys.npy'}: found no readable header")
    assert main(["pack"]) == 2
    assert capsys.readouterr().err.startswith("error: RECORDING: found nothing, expected recordings")


def test_export_gives_a_row_per_frame(folder: Path) -> None:
    assert main(["export", str(folder)]) == 0
    with (folder / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    assert rows[0] == {"time_s": "0.000000", "key_a": "1", "key_w": "0", "key_d": "0", "action": "left"}
    assert [row["action"] for row in rows[20:40]] == ["forward"] * 20


def test_a_video_shows_every_frame_at_the_recorded_rate(folder: Path, tmp_path: Path) -> None:
    assert main(["video", str(folder), "--out", str(tmp_path / "v.mp4"), "--start-s", "1"]) == 0
    video = cv2.VideoCapture(str(tmp_path / "v.mp4"))
    assert video.get(cv2.CAP_PROP_FRAME_COUNT) == 40
    assert video.get(cv2.CAP_PROP_FPS) == pytest.approx(20)


@pytest.mark.parametrize("name", ["v.webm", "v.gif", "v.png", "v.xyz", "v"])
def test_a_video_of_a_kind_that_cannot_be_written_is_one_line(
    name: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", str(folder), "--out", str(tmp_path / name)]) == 1
    said = capfd.readouterr()
    assert said.err.splitlines() == [
        f"error: {tmp_path / name}: found the ending {Path(name).suffix!r}, expected that of a video; use .mp4 or .m4v "
        "or .mov or .mkv or .avi"
    ]
    assert said.out == ""
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("name", ["v.mp4", "v.m4v", "v.mov", "v.mkv", "v.avi"])
def test_a_video_is_written_without_a_word_of_opencv(
    name: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["video", str(folder), "--out", str(tmp_path / name)]) == 0
    assert tuple(capfd.readouterr()) == (f"written: {tmp_path / name}\n", "")


@pytest.mark.parametrize("name", ["v.mp4", "v.mkv", "v.avi"])
def test_a_video_for_which_there_is_no_room_is_one_line_and_not_left_behind(
    name: str, small_disk: Path, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (60, 80, 1)).astype(np.uint8) for _ in range(200)]
    recording = write_recording(tmp_path / "noise", noise, ["a"] * len(noise))
    assert main(["video", str(recording), "--out", str(small_disk / name)]) == 1
    said = capfd.readouterr()
    assert "found no whole video after writing it (is the disk full?), expected 200 frames" in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["trim", "{}", "--out", "{}"], 1, "not empty"),
        (["trim", "{}", "--out", "{}/new", "--start-s", "9"], 1, "no frame from 9 s"),
        (["trim", "{}", "--out", "{}/new", "--end-s", "nan"], 2, "expected seconds"),
        (["video", "{}", "--out", "{}/none/v.mp4"], 1, "no way to write there"),
        (["info", "{}/none"], 1, "found no recording"),
        (["video", "{}", "{}/../other", "--out", "v.mp4"], 2, "found 2 recordings"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    flags: list[str], status: int, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_recording(folder.parent / "other", [np.zeros((12, 16, 1), np.uint8)], ["a"])
    assert main([flag.format(folder) for flag in flags]) == status
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_without_rerun_one_line_says_how_to_get_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "rerun", None)
    assert main(["view", str(folder), "--save", str(tmp_path / "v.rrd")]) == 1
    assert capsys.readouterr().err == (
        'error: found no Rerun, expected it for `recordings view`; pip install "twoframe[view]"\n'
    )

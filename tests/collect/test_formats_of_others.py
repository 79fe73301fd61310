"""Recordings in the formats of others, and back; with the libraries themselves it is tried in tests/foreign."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from conftest import ROOT, MadeOnce
from mcap.writer import Writer as McapWriter
from recordings import ACTIONS, meta, write_recording
from training import bar_recording

from agent.frames import Box, FrameSpec
from agent.recording.format import Meta
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from collect.foreign.video import LosslessVideo
from collect.recordings.cli import main

CHORDS = ["--keys", *map(str, ACTIONS.actions)]
BEGAN_NS = 1_768_131_731_000_000_000
Capture = pytest.CaptureFixture[str]


def noise(count: int, channels: int = 1) -> np.ndarray:
    """(count, 12, 16, channels) uint8, each told from all others, of odd levels and of no smoothness."""
    return np.random.default_rng(channels).integers(0, 256, (count, 12, 16, channels)).astype(np.uint8)


def described(channels: int) -> Meta:
    frame = FrameSpec(16, 12, "gray" if channels == 1 else "rgb", Box(2, 2, 160, 120), (320, 240))
    return replace(meta(), frame=frame)


def recorded(folder: Path, channels: int = 1) -> Recording:
    """30 frames at uneven times with a gap after 20; a, then nothing, then d."""
    times_ns = np.cumsum(np.random.default_rng(0).integers(45_000_000, 55_000_000, 30))
    times_ns[20:] += 2_000_000_000
    keys = ["a"] * 10 + [""] * 5 + ["d"] * 15
    write_recording(folder, noise(30, channels), keys, described=described(channels), times_ns=times_ns.tolist())
    return Recording.open(folder)


def one_line(capture: Capture) -> str:
    said = capture.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ") and said.err.count("\n") == 1, said.err
    return said.err


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", ["lerobot", "minari"])
def test_what_was_exported_comes_back(kind: str, channels: int, tmp_path: Path) -> None:
    ours = recorded(tmp_path / "rec", channels)
    assert main(["export", str(ours.folder), "--to", kind, "--out", str(tmp_path / "set")]) == 0
    assert main(["import", str(tmp_path / "set"), "--from", kind, "--out", str(tmp_path / "back")]) == 0
    back = Recording.open(tmp_path / "back")
    assert (back.frames == ours.frames).all()
    assert (back.captured_ns == ours.captured_ns).all()
    assert (back.keys == ours.keys).all()
    assert back.meta.imported
    assert back.meta.imported.to_json() == {"from": kind, "losses": ["key_events"]}
    assert replace(back.meta, imported=None) == ours.meta
    assert back.control is None


@pytest.mark.parametrize("kind", ["lerobot", "minari"])
def test_several_recordings_become_one_dataset_and_who_had_the_keys_comes_along(kind: str, tmp_path: Path) -> None:
    control = np.array([0, 0, 1, 1, 0], np.uint8)
    for name in ("one", "two"):
        with RecordingWriter(tmp_path / "runs" / name, meta(source="rollout"), ["control"]) as writer:
            for t, frame in enumerate(noise(5)):
                writer.append(frame, t * 50_000_000, control=control[t])
    assert main(["export", str(tmp_path / "runs"), "--to", kind, "--out", str(tmp_path / "set")]) == 0
    assert main(["import", str(tmp_path / "set"), "--from", kind, "--out", str(tmp_path / "back")]) == 0
    back = Recording.open(tmp_path / "back")
    assert back.meta.source == "rollout"
    assert back.control is not None
    assert back.control.tolist() == [*control, *control]
    assert np.flatnonzero(back.gap_before()).tolist() == [0, 5]


@pytest.mark.parametrize("kind", ["lerobot", "minari"])
def test_actions_that_are_named_win_over_those_that_come_along(kind: str, tmp_path: Path, capsys: Capture) -> None:
    ours = recorded(tmp_path / "rec")
    assert main(["export", str(ours.folder), "--to", kind, "--out", str(tmp_path / "set")]) == 0
    command = ["import", str(tmp_path / "set"), "--from", kind, "--out", str(tmp_path / "back"), "--keys"]
    capsys.readouterr()
    assert main([*command, "jump=space", "none="]) == 1
    assert "keys that are not watched" in one_line(capsys)
    assert main([*command, "left=a", "none="]) == 0
    back = Recording.open(tmp_path / "back")
    assert back.meta.actions.names == ("left", "none")
    assert (back.keys == ours.keys).all()


@pytest.mark.parametrize("to", ["video", "lerobot", "minari"])
def test_packed_frames_are_exported_as_plain_ones_are(to: str, tmp_path: Path) -> None:
    ours = recorded(tmp_path / "rec")
    frames = np.array(ours.frames)
    assert main(["pack", str(ours.folder)]) == 0
    out = tmp_path / ("out.mp4" if to == "video" else "out")
    assert main(["export", str(ours.folder), "--to", to, "--out", str(out)]) == 0
    kind = "video+csv" if to == "video" else to
    assert main(["import", str(out), "--from", kind, "--out", str(tmp_path / "back"), *CHORDS]) == 0
    assert (Recording.open(tmp_path / "back").frames == frames).all()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_video_and_its_table_come_back(channels: int, tmp_path: Path) -> None:
    ours = recorded(tmp_path / "rec", channels)
    assert main(["export", str(ours.folder), "--to", "video", "--out", str(tmp_path / "v.mp4")]) == 0
    assert (
        main(["import", str(tmp_path / "v.mp4"), "--from", "video+csv", "--out", str(tmp_path / "back"), *CHORDS]) == 0
    )
    back = Recording.open(tmp_path / "back")
    assert (back.frames == ours.frames).all()
    assert (np.abs(back.captured_ns - ours.captured_ns) <= 500).all()  # of the table's microseconds
    assert (back.keys == ours.keys).all()
    assert back.meta.imported
    assert back.meta.imported.losses == ("key_events",)


def without_ours(kind: str, folder: Path) -> None:
    """Make of a dataset that we exported one that somebody else might have written."""
    if kind == "lerobot":
        (folder / "meta" / "twoframe.json").unlink()
        path = folder / "data" / "chunk-000" / "file-000.parquet"
        table = parquet.read_table(path)
        parquet.write_table(table.select([n for n in table.column_names if not n.startswith("twoframe.")]), path)
        info = json.loads((folder / "meta" / "info.json").read_text())
        info["features"] = {n: told for n, told in info["features"].items() if not n.startswith("twoframe.")}
        (folder / "meta" / "info.json").write_text(json.dumps(info))
    else:
        (folder / "data" / "twoframe.json").unlink()
        with h5py.File(folder / "data" / "main_data.hdf5", "a") as file:
            for episode in file.values():
                del episode["infos"]


@pytest.mark.parametrize("kind", ["lerobot", "minari"])
def test_a_dataset_of_somebody_else_needs_to_be_told_what_its_actions_are(
    kind: str, tmp_path: Path, capsys: Capture
) -> None:
    ours = recorded(tmp_path / "rec")
    assert main(["export", str(ours.folder), "--to", kind, "--out", str(tmp_path / "set")]) == 0
    without_ours(kind, tmp_path / "set")
    capsys.readouterr()
    command = ["import", str(tmp_path / "set"), "--from", kind, "--out", str(tmp_path / "back")]
    assert main(command) == 1
    assert "add" not in (said := one_line(capsys)) and "--keys left=a" in said
    if kind == "minari":
        assert main([*command, *CHORDS]) == 1
        assert "--fps N" in one_line(capsys)
        command += ["--fps", "20"]
    assert main([*command, *CHORDS, "--size", "8x6"]) == 0
    back = Recording.open(tmp_path / "back")
    kept = [*range(30)] if kind == "lerobot" else [*range(19), *range(20, 29)]  # no action after the last picture
    labels = ours.meta.actions.actions_of(ours.keys, ours.meta.keys)[kept]
    assert back.meta.actions.actions_of(back.keys, back.meta.keys).tolist() == labels.tolist()
    assert back.frames.shape == (len(kept), 6, 8, 1)
    assert back.rate_hz == 20
    assert np.flatnonzero(back.gap_before()).tolist() == [0, 20 if kind == "lerobot" else 19]
    assert back.meta.imported
    assert set(back.meta.imported.losses) == {"times", "key_events"}


def ocap(
    path: Path, *, shots: list[dict[str, object]], presses: list[tuple[int, str, int]], profile: str = "owa"
) -> None:
    """An MCAP file as Open World Agents' libraries write it, its times since `BEGAN_NS`."""
    with path.open("wb") as file:
        writer = McapWriter(file)
        writer.start(profile, "mcap-owa-support 0.6.6; mcap 1.6.0")
        channels = {}
        for topic, name in (("screen", "ScreenCaptured"), ("keyboard", "KeyboardEvent"), ("mouse", "MouseEvent")):
            schema = writer.register_schema(f"desktop/{name}", "jsonschema", b"{}")
            channels[topic] = writer.register_channel(topic, "json", schema)
        for shot in shots:
            time_ns = int(shot["utc_ns"])  # type: ignore[call-overload]
            writer.add_message(channels["screen"], time_ns + 9, json.dumps(shot).encode(), time_ns)
        for time_ns, kind, vk in presses:
            value = json.dumps({"event_type": kind, "vk": vk}).encode()
            writer.add_message(channels["keyboard"], BEGAN_NS + time_ns, value, BEGAN_NS + time_ns)
        writer.finish()


def test_keys_of_ocap_are_at_their_times(tmp_path: Path) -> None:
    frames = noise(6, 3)
    with LosslessVideo(tmp_path / "play.mp4", (16, 12), "rgb", unit=Fraction(1, 1000)) as video:
        for t, frame in enumerate(frames):
            video.add(frame, 1000 + 40 * t)
    shots: list[dict[str, object]] = [
        {
            "utc_ns": BEGAN_NS + t * 40_000_000,
            "media_ref": {"uri": "play.mp4", "pts_ns": 1_000_000_000 + t * 40_000_000},
        }
        for t in (0, 1, 3, 5)  # not every picture of the video was told of
    ]
    presses = [
        (41_000_000, "press", 0x41),
        (60_000_000, "press", 0x41),
        (61_000_000, "release", 0x41),
        (1, "press", 0x51),
    ]
    ocap(tmp_path / "play.mcap", shots=shots, presses=presses)
    assert main(["import", str(tmp_path / "play.mcap"), "--from", "ocap", "--out", str(tmp_path / "rec"), *CHORDS]) == 0
    ours = Recording.open(tmp_path / "rec")
    assert (ours.frames == frames[[0, 1, 3, 5]]).all()
    assert ours.captured_ns.tolist() == [0, 40_000_000, 120_000_000, 200_000_000]
    assert ours.key_events.tolist() == [(41_000_000, 0, True), (61_000_000, 0, False)]
    assert not ours.keys.any()  # between two pictures
    assert ours.meta.imported
    assert ours.meta.imported.losses == ()


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("../play.mp4", "expected the name of a file beside it"),
        ("/etc/passwd", "expected the name of a file beside it"),
        ("https://somewhere/play.mp4", "expected the name of a file beside it"),
        ("nothing.mkv", "found no file"),
        ("play.mcap", "no video that can be read"),
        ("list.mkv", "no video that can be read"),  # a list of files elsewhere, which FFmpeg would go through
    ],
)
def test_a_video_elsewhere_is_not_opened(uri: str, message: str, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "elsewhere").mkdir()
    with LosslessVideo(tmp_path / "elsewhere" / "v.mp4", (16, 12), "rgb", unit=Fraction(1, 20)) as video:
        video.add(noise(1, 3)[0], 0)
    (tmp_path / "list.mkv").write_text("ffconcat version 1.0\nfile elsewhere/v.mp4\n")
    shot: dict[str, object] = {"utc_ns": BEGAN_NS, "media_ref": {"uri": uri, "pts_ns": 0}}
    ocap(tmp_path / "play.mcap", shots=[shot], presses=[])
    assert main(["import", str(tmp_path / "play.mcap"), "--from", "ocap", "--out", str(tmp_path / "rec"), *CHORDS]) == 1
    assert message in one_line(capsys)


@pytest.fixture
def wrong(made_once: MadeOnce, tmp_path: Path) -> Path:
    """A folder of what cannot be imported, one thing wrong with each; beside it the recording `rec`."""
    shutil.copytree(made_once("wrong", make_wrong), tmp_path / "made")
    return tmp_path / "made" / "wrong"


def make_wrong(place: Path) -> None:
    ours = recorded(place / "rec")
    folder = place / "wrong"
    folder.mkdir()
    for kind in ("lerobot", "minari"):
        assert main(["export", str(ours.folder), "--to", kind, "--out", str(folder / kind)]) == 0
    assert main(["export", str(ours.folder), "--to", "video", "--out", str(folder / "v.mp4")]) == 0
    content = (folder / "v.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(content[: len(content) // 2])
    rows = (folder / "v.csv").read_text().splitlines()
    for name, lines in {
        "cut": rows,
        "fewer": rows[:-1],
        "more": [*rows, rows[-1]],
        "twice": [rows[0].replace("key_w", "key_a"), *rows[1:]],
        "alias": [rows[0].replace("key_a,key_w", "key_esc,key_escape"), *rows[1:]],
        "short": [*rows[:-1], rows[-1][:5]],
        "back": [rows[0], *reversed(rows[1:])],
        "words": [row.replace("0.0", "now ") for row in rows],
        "neither": ["time_s", *(row.split(",")[0] for row in rows[1:])],
        "halves": [row.replace(",1,", ",0.5,") for row in rows],
        "labels": ["action", *(row.rpartition(",")[2] for row in rows[1:])],
    }.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (folder / "binary.csv").write_bytes(b"\xff\xfe\x00time")
    (folder / "raw.h264").write_bytes(elementary_stream(folder / "v.mp4"))
    ocap(folder / "robot.mcap", shots=[], presses=[], profile="ros2")
    ocap(folder / "blind.mcap", shots=[], presses=[(1, "press", 65)])
    (folder / "cut.mcap").write_bytes((folder / "blind.mcap").read_bytes()[:-40])


def elementary_stream(path: Path) -> bytes:
    """The pictures of an mp4 without its times."""
    import av
    from av.bitstream import BitStreamFilterContext

    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        bare = BitStreamFilterContext("h264_mp4toannexb", stream)
        return b"".join(bytes(out) for packet in file.demux(stream) for out in bare.filter(packet))


@pytest.mark.parametrize(
    ("kind", "source", "flags", "message"),
    [
        ("lerobot", "minari", [], "no meta/info.json"),
        ("minari", "lerobot", [], "no metadata.json of Minari"),
        ("ocap", "v.mp4", [], "no whole MCAP file"),
        ("ocap", "robot.mcap", [], "expected one of ocap (profile owa)"),
        ("ocap", "blind.mcap", [], "no pictures (topic screen)"),
        ("ocap", "cut.mcap", [], "is it cut off?"),
        ("ocap", "minari", [], "found no file"),
        ("video+csv", "nothing.mp4", [], "no table"),
        ("video+csv", "v.csv", [], "name the video"),
        ("video+csv", "cut.mp4", [], "no video that can be read"),
        ("video+csv", "v.mp4", ["--csv", "fewer.csv"], "found more pictures for the 29 rows"),
        ("video+csv", "v.mp4", ["--csv", "more.csv"], "found 30 pictures for the 31 rows"),
        ("video+csv", "v.mp4", ["--csv", "twice.csv"], "the column 'key_a' twice"),
        ("video+csv", "v.mp4", ["--csv", "short.csv"], "fields in row 31"),
        ("video+csv", "v.mp4", ["--csv", "back.csv"], "times that do not increase"),
        ("video+csv", "v.mp4", ["--csv", "words.csv"], "expected seconds"),
        ("video+csv", "v.mp4", ["--csv", "neither.csv"], "no column action or key_NAME"),
        ("video+csv", "v.mp4", ["--csv", "halves.csv"], "expected 0 or 1"),
        ("video+csv", "v.mp4", ["--csv", "binary.csv"], "no table that can be read"),
        ("video+csv", "v.mp4", ["--csv", "alias.csv", "--keys", "left=esc", "right=w"], "two columns for one key"),
        ("video+csv", "v.mp4", ["--csv", "labels.csv", "--keys", "jump=a", "duck=d"], "the action 'forward'"),
        ("video+csv", "v.mp4", ["--keys", "jump=space", "right=d"], "no column key_space"),
        ("video+csv", "raw.h264", ["--csv", "labels.csv"], "--fps N"),
        ("video+csv", "v.mp4", ["--color", "rgb"], "found gray pictures"),
        ("pygta5", "v.mp4", ["--fps", "20"], "nothing in it was run"),
        ("pygta5", "minari", ["--fps", "20"], "no training_data*.npy"),
        ("pygta5", "minari", [], "--fps N"),
    ],
)
def test_what_cannot_be_imported_is_said_in_one_line(
    kind: str,
    source: str,
    flags: list[str],
    message: str,
    wrong: Path,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(wrong)
    before = sorted(wrong.parent.rglob("*"))
    capsys.readouterr()
    named = flags if "--keys" in flags else [*flags, *CHORDS]
    assert main(["import", source, "--from", kind, "--out", str(wrong.parent / "new" / "out"), *named]) == 1
    assert message in one_line(capsys)
    assert sorted(wrong.parent.rglob("*")) == before  # nothing is left, of what was begun neither


def test_nothing_is_left_where_a_dataset_breaks_off_in_its_pictures(wrong: Path, capsys: Capture) -> None:
    video = next(wrong.glob("lerobot/videos/*/*/file-000.mp4"))
    with LosslessVideo(video, (16, 12), "gray", unit=Fraction(1, 20)) as short:
        for t, frame in enumerate(noise(9)):
            short.add(frame, t)
    before = sorted(wrong.rglob("*"))
    capsys.readouterr()
    assert main(["import", str(wrong / "lerobot"), "--from", "lerobot", "--out", str(wrong / "new" / "out")]) == 1
    assert "no picture at 0.450 s" in one_line(capsys)
    assert sorted(wrong.rglob("*")) == before


def test_numbers_of_a_dataset_that_lie_in_other_files_are_not_read(wrong: Path, capsys: Capture) -> None:
    with h5py.File(wrong / "minari" / "data" / "main_data.hdf5", "a") as file:
        shape = file["episode_0/observations"].shape
        del file["episode_0/observations"]
        secret = [("/etc/passwd", 0, int(np.prod(shape)))]
        file["episode_0"].create_dataset("observations", shape, np.uint8, external=secret)
    capsys.readouterr()
    assert main(["import", str(wrong / "minari"), "--from", "minari", "--out", str(wrong / "out")]) == 1
    assert "in other files" in one_line(capsys)
    assert not (wrong / "out").exists()


def test_pictures_larger_than_the_disk_are_refused_before_they_are_read(
    wrong: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=100))
    capsys.readouterr()
    assert main(["import", str(wrong / "lerobot"), "--from", "lerobot", "--out", str(wrong / "out")]) == 1
    assert "pass a smaller --size" in one_line(capsys)


def test_one_hot_rows_and_numbered_actions_of_lerobot_are_actions(wrong: Path) -> None:
    folder = wrong / "lerobot"
    without_ours("lerobot", folder)
    path = folder / "data" / "chunk-000" / "file-000.parquet"
    table = parquet.read_table(path)
    labels = np.arange(30) % 3
    for name, column in {
        "one-hot": pa.array(np.eye(3, dtype=np.float32)[labels].tolist()),
        "numbered": pa.array(labels.astype(np.float32)),
    }.items():
        parquet.write_table(table.set_column(table.column_names.index("action"), "action", column), path)
        info = json.loads((folder / "meta" / "info.json").read_text())
        info["features"]["action"]["names"] = None
        (folder / "meta" / "info.json").write_text(json.dumps(info))
        assert main(["import", str(folder), "--from", "lerobot", "--out", str(wrong / name), *CHORDS]) == 0
        back = Recording.open(wrong / name)
        assert back.meta.actions.actions_of(back.keys, back.meta.keys).tolist() == labels.tolist()


@pytest.mark.parametrize("package", ["av", "pyarrow", "mcap", "h5py"])
def test_a_package_that_is_not_there_is_told_with_how_to_install_it(
    package: str, wrong: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] == package:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr("sys.path", [p for p in sys.path if "site-packages" not in p])
    source, kind = {
        "av": ("v.mp4", "video+csv"),
        "pyarrow": ("lerobot", "lerobot"),
        "mcap": ("blind.mcap", "ocap"),
    }.get(package, ("minari", "minari"))
    capsys.readouterr()
    assert main(["import", str(wrong / source), "--from", kind, "--out", str(wrong / "out"), *CHORDS]) == 1
    assert (said := one_line(capsys)).startswith(f"error: found no package {package}, expected it")
    assert "pip install 'twoframe[formats]'" in said


@pytest.mark.parametrize("to", ["csv", "video", "lerobot", "minari"])
def test_on_a_full_disk_nothing_is_left_of_an_export(
    to: str, small_disk: Path, tmp_path: Path, capsys: Capture
) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (300, 60, 80, 1)).astype(np.uint8)
    write_recording(tmp_path / "rec", frames, ["a"] * len(frames))  # type: ignore[arg-type]
    (small_disk / "out.csv").write_text("what was there")
    with (small_disk / "filling").open("wb") as file:  # all but the last few blocks
        file.write(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize - 4096))
    before = sorted(small_disk.iterdir())
    out = small_disk / {"csv": "out.csv", "video": "out.mp4"}.get(to, "out")
    assert main(["export", str(tmp_path / "rec"), "--to", to, "--out", str(out)]) == 1
    assert "disk" in one_line(capsys)
    assert sorted(small_disk.iterdir()) == before
    assert (small_disk / "out.csv").read_text() == "what was there"


@pytest.mark.parametrize("to", ["video", "lerobot", "minari"])
def test_where_to_write_has_to_be_said(to: str, tmp_path: Path, capsys: Capture) -> None:
    recorded(tmp_path / "rec")
    assert main(["export", str(tmp_path / "rec"), "--to", to]) == 2
    assert "add --out OUT" in one_line(capsys)


@pytest.mark.parametrize("to", ["lerobot", "minari"])
def test_recordings_that_differ_are_no_dataset_and_nothing_is_overwritten(
    to: str, tmp_path: Path, capsys: Capture
) -> None:
    recorded(tmp_path / "runs" / "gray")
    recorded(tmp_path / "runs" / "rgb", 3)
    command = ["export", str(tmp_path / "runs"), "--to", to, "--out"]
    assert main([*command, str(tmp_path / "set")]) == 1
    assert "found pictures (12, 16, 3), expected (12, 16, 1)" in one_line(capsys)
    assert not (tmp_path / "set").exists()
    assert main([*command, str(tmp_path / "runs")]) == 1
    one_line(capsys)
    assert main(["export", str(tmp_path / "runs" / "gray"), "--to", to, "--out", str(tmp_path / "runs")]) == 1
    assert "not empty" in one_line(capsys)


@pytest.mark.training
@pytest.mark.slow(15)
def test_what_was_imported_is_learned_from_without_the_packages_of_others(tmp_path: Path) -> None:
    bar_recording(tmp_path / "rec", 240)
    assert main(["export", str(tmp_path / "rec"), "--to", "lerobot", "--out", str(tmp_path / "set")]) == 0
    assert main(["import", str(tmp_path / "set"), "--from", "lerobot", "--out", str(tmp_path / "back")]) == 0
    told = [str(tmp_path / "back"), "--out", str(tmp_path / "policy"), "--epochs", "1", "--max-minutes", "60"]
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['av', 'mcap', 'pyarrow'])); "
        f"from train.cli import main; sys.exit(main({told!r}))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    policy = json.loads((tmp_path / "policy" / "policy.json").read_text())
    assert [action["name"] for action in policy["actions"]["actions"]] == ["left", "forward", "right"]

"""`recordings view` as a user runs it: what it writes is read back with Rerun's own reader."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import cv2
import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, Start, ended, so_far, wait_for
from recordings import ACTIONS, empty_recording, meta, write_recording

from agent.frames import FrameSpec
from agent.policy.attention import Attention
from agent.policy.step import Policy
from agent.recording.format import AGENT, PERSON
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from collect.recordings.cli import main

READER = pytest.importorskip("rerun.chunk", reason="no Rerun; to run these tests: pip install -e '.[view]'")

MS = 1_000_000


class Shown:
    """What a file of the viewer holds, by entity."""

    def __init__(self, file: Path) -> None:
        subprocess.run([sys.executable, "-m", "rerun_cli", "rrd", "verify", file], check=True, capture_output=True)
        self.rows: dict[str, list[Any]] = {}
        for chunk in READER.RrdReader(file).stream():
            if not chunk.is_static:
                self.rows.setdefault(chunk.entity_path, []).append(chunk.to_record_batch())

    def column(self, entity: str, name: str) -> list[Any]:
        """Of each row in turn; None where the row holds none."""
        whole = [value for rows in self.rows[entity] for value in rows[name].to_pylist()]
        return [(value[0] if value else None) if isinstance(value, list) else value for value in whole]

    def times_ns(self, entity: str, line: str = "seconds") -> np.ndarray:
        return np.concatenate([rows[line].cast("int64").to_numpy() for rows in self.rows[entity]])

    def frames(self, entity: str) -> np.ndarray:
        """The pictures (T, H, W, C), as OpenCV reads them."""
        contents = [content for content in self.column(entity, "EncodedImage:blob") if content]
        return np.stack([cv2.imdecode(np.array(content, np.uint8), cv2.IMREAD_UNCHANGED) for content in contents])

    def states(self, entity: str, times_ns: np.ndarray) -> list[str | None]:
        """What the lane says at each of the times."""
        told = self.column(entity, "StateChange:state")
        last = np.searchsorted(self.times_ns(entity), times_ns, side="right") - 1
        return [told[i] if i >= 0 else None for i in last]

    def curve(self, entity: str, times_ns: np.ndarray) -> np.ndarray:
        told = dict(zip(self.times_ns(entity).tolist(), self.column(entity, "Scalars:scalars"), strict=True))
        return np.array([told[time_ns] for time_ns in times_ns.tolist()])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty pictures with a bright thing that moves, three keys in turn, and a gap of a second before the 40th."""
    frames = [np.full((12, 16, 1), 40, np.uint8) for _ in range(60)]
    for t, frame in enumerate(frames):
        frame[5:8, t % 13 : t % 13 + 3] = 200 + t % 50
    keys = ["a"] * 20 + [""] * 20 + ["d"] * 20
    times_ns = [t * 50 * MS + (1000 * MS if t >= 40 else 0) for t in range(60)]
    return write_recording(tmp_path / "rec", frames, keys, times_ns=times_ns)


@pytest.fixture
def rollout(tmp_path: Path) -> Path:
    """Thirty frames, of which the person had the middle ten; one of the probabilities is none."""
    described = meta(source="rollout")
    with RecordingWriter(tmp_path / "rollout", described, ("control", "probabilities")) as writer:
        for t in range(30):
            said = np.array([0.5, 0.25, 0.25], np.float32) if t != 7 else np.full(3, np.nan, np.float32)
            who = np.array(PERSON if 10 <= t < 20 else AGENT, np.uint8)
            writer.append(np.full((12, 16, 1), t, np.uint8), t * 50 * MS, control=who, probabilities=said)
    return tmp_path / "rollout"


def view(*words: object) -> int:
    return main(["view", *map(str, words)])


def test_it_shows_what_the_recording_holds(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert view(folder, "--save", tmp_path / "v.rrd") == 0
    said = capsys.readouterr()
    assert re.search(
        r"written: .*v\.rrd: 1 recording, 60 frames, 0\.\d MB, .* kB a frame; as recorded 0\.0 MB$", said.out
    )
    assert said.err == ""
    shown, recording = Shown(tmp_path / "v.rrd"), Recording.open(folder)
    times_ns = recording.captured_ns
    assert np.array_equal(shown.frames("/rec/picture"), recording.frames[:, :, :, 0])  # PNG: flat pictures
    end_ns = int(times_ns[-1]) + 50 * MS
    assert np.array_equal(shown.times_ns("/rec/picture"), times_ns)
    began_ns = round(datetime.fromisoformat(recording.meta.started_utc).timestamp()) * 1000 * MS
    assert np.array_equal(shown.times_ns("/rec/picture", "time_of_day"), began_ns + times_ns)
    for k, key in enumerate(recording.meta.keys):
        assert shown.states(f"/rec/held/{key}", times_ns) == [key if down else None for down in recording.keys[:, k]]
    done = ACTIONS.actions_of(recording.keys, recording.meta.keys)
    assert shown.states("/rec/action/done", times_ns) == [ACTIONS.names[a] for a in done]
    assert shown.column("/rec/gap", "StateChange:state") == ["gap", None, None]
    assert shown.times_ns("/rec/gap").tolist()[:2] == times_ns[39:41].tolist()
    lanes = [entity for entity in shown.rows if re.search("held|action", entity)]
    assert [shown.states(entity, np.array([end_ns])) for entity in lanes] == [[None]] * 4


def test_a_packed_recording_is_shown_as_it_was(folder: Path, tmp_path: Path) -> None:
    plain = Recording.open(folder).frames[:, :, :, 0].copy()
    assert main(["pack", str(folder)]) == 0
    assert view(folder, "--save", tmp_path / "v.rrd") == 0
    assert np.array_equal(Shown(tmp_path / "v.rrd").frames("/rec/picture"), plain)


def test_keys_change_when_they_did_and_not_with_the_next_picture(tmp_path: Path) -> None:
    with RecordingWriter(tmp_path / "rec", meta()) as writer:
        writer.append(np.zeros((12, 16, 1), np.uint8), 0)
        writer.key_event(10 * MS, "a", down=True)
        writer.key_event(20 * MS, "a", down=False)  # between two pictures
        writer.append(np.zeros((12, 16, 1), np.uint8), 50 * MS)
    assert view(tmp_path / "rec", "--save", tmp_path / "v.rrd") == 0
    shown = Shown(tmp_path / "v.rrd")
    assert shown.states("/rec/held/a", np.array([0, 9, 10, 19, 20, 50]) * MS) == [None, None, "a", "a", None, None]
    assert shown.states("/rec/action/done", np.array([9, 10, 20]) * MS) == ["forward", "left", "forward"]


def test_of_a_rollout_it_shows_who_had_the_keys_and_what_was_said(
    rollout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert view(rollout, "--save", tmp_path / "v.rrd") == 0
    assert "found 1 frames with probabilities that are no numbers; left open" in capsys.readouterr().out
    shown, recording = Shown(tmp_path / "v.rrd"), Recording.open(rollout)
    assert shown.states("/rollout/who", recording.captured_ns) == ["agent"] * 10 + ["person"] * 10 + ["agent"] * 10
    assert recording.probabilities is not None
    for a, name in enumerate(ACTIONS.names):
        curve = shown.curve(f"/rollout/said/{name}", recording.captured_ns)
        assert np.array_equal(curve, recording.probabilities[:, a].astype(np.float64), equal_nan=True)


def test_pictures_that_jpeg_makes_smaller_stay_close(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (20, 60, 80, 3)).astype(np.uint8)
    frames = [cv2.GaussianBlur(frame, (0, 0), 3) for frame in noise]
    described = replace(meta(), frame=FrameSpec(80, 60, "rgb"))
    folder = write_recording(tmp_path / "rec", frames, ["a"] * 20, described=described)
    assert view(folder, "--save", tmp_path / "v.rrd") == 0
    shown = Shown(tmp_path / "v.rrd").frames("/rec/picture")[:, :, :, ::-1].astype(int)
    off, as_if_exchanged = (np.abs(colors - np.stack(frames)).mean() for colors in (shown, shown[:, :, :, ::-1]))
    assert 0 < off < as_if_exchanged / 4


def test_with_a_policy_it_shows_what_that_would_do_and_where_it_looks(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = Recording.open(policy.parent / "recording")
    assert main(["trim", str(recording.folder), "--out", str(tmp_path / "rec"), "--end-s", "3"]) == 0
    recording = Recording.open(tmp_path / "rec")
    assert view(recording.folder, "--policy", policy, "--save", tmp_path / "v.rrd") == 0
    said = capsys.readouterr().out
    agreed = re.search(r"rec: .* would do as the person did in (\d+)% of (\d+) frames", said)
    assert agreed is not None
    shown, network, times_ns = Shown(tmp_path / "v.rrd"), Policy.load(policy, threads=1), recording.captured_ns
    attention = Attention.load(policy, network.meta)
    assert attention is not None
    apart, names = network.meta.apart, network.meta.actions.names
    first = (network.meta.frames_per_window - 1) * apart
    would = shown.states("/rec/action/policy", times_ns)
    assert would[:first] == [None] * first  # too few frames before them
    assert int(agreed[2]) == len(recording) - first
    overlays = shown.frames("/rec/picture/looks")
    assert not overlays[:first, :, :, 3].any()
    curves = np.stack([shown.curve(f"/rec/policy/{name}", times_ns) for name in names], axis=1)
    assert np.isnan(curves[:first]).all()
    for t in range(first, len(recording), 7):
        nothing = np.zeros((1, network.meta.frames_per_window - 1, network.meta.feature_size), np.float32)
        older = [
            network.step(np.asarray(recording.frames[t - back]), nothing)[0].copy() for back in range(first, 0, -apart)
        ]
        earlier = np.stack(older, axis=1)
        frame = np.asarray(recording.frames[t])
        probabilities = network.step(frame, earlier)[1].copy()
        assert np.array_equal(curves[t], probabilities.astype(np.float64))
        assert would[t] == names[int(probabilities.argmax())]
        looked = np.minimum(attention.maps(frame, earlier).sum(axis=0), 1)
        assert np.array_equal(overlays[t, :, :, 3], (looked * 200).astype(np.uint8))
    done = network.meta.actions.actions_of(
        recording.held_at(times_ns + round(network.meta.label_shift_ms * MS)), recording.meta.keys
    )
    same = [names[a] == name for a, name in zip(done, would, strict=True) if name]
    assert f"{np.mean(same):.0%}" == f"{agreed[1]}%"


def test_several_recordings_are_on_one_line_by_time_of_day(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    later = tmp_path / "more" / "rec"
    shutil.copytree(folder, later)
    began(later, "2026-01-01T02:00:00+00:00")
    again = tmp_path / "more" / ".." / "rec"
    assert view(later, folder, again, "--save", tmp_path / "v.rrd") == 0
    assert "2 recordings, 120 frames" in capsys.readouterr().out
    shown = Shown(tmp_path / "v.rrd")
    one, two = f"/{tmp_path.name}\\/rec/picture", "/more\\/rec/picture"
    assert {entity for entity in shown.rows if entity.endswith("picture")} == {one, two}
    apart_ns = shown.times_ns(two, "time_of_day") - shown.times_ns(one, "time_of_day")[:-1]
    assert set(apart_ns.tolist()) == {2 * 3600 * 1000 * MS}
    blobs = [shown.column(entity, "EncodedImage:blob")[-1] for entity in (one, two)]
    assert [blob is None for blob in blobs] == [True, False]  # the earlier one is gone when the later one comes
    assert laid_out(tmp_path / "v.rrd") == ("time_of_day", sorted(["picture", f"{tmp_path.name}/rec", "more/rec"]))


def test_recordings_at_the_same_time_or_without_one_lie_side_by_side(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    beside = Path(shutil.copytree(folder, tmp_path / "beside"))
    assert view(folder, beside, "--save", tmp_path / "v.rrd") == 0
    assert laid_out(tmp_path / "v.rrd") == ("time_of_day", ["beside", "beside", "rec", "rec"])
    began(beside, "")
    assert view(folder, beside, "--save", tmp_path / "w.rrd") == 0
    assert f"{beside}: does not say when it began; it is on the time line seconds only" in capsys.readouterr().out
    assert laid_out(tmp_path / "w.rrd") == ("seconds", ["beside", "beside", "rec", "rec"])


def began(folder: Path, when: str) -> None:
    told = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**told, "started_utc": when}))


def laid_out(file: Path) -> tuple[str, list[str]]:
    """The time line that is shown, and the names of the views that show pictures."""
    reader, lines, names = READER.RrdReader(file), [], []
    for chunk in reader.stream(store=reader.blueprints()[0]):
        rows = chunk.to_record_batch()
        told = {name: rows[name].to_pylist()[0] for name in rows.schema.names if "Blueprint:" in name}
        lines += told.get("TimePanelBlueprint:timeline", [])
        if told.get("ViewBlueprint:class_identifier") == ["2D"]:
            names += told["ViewBlueprint:display_name"]
    (line,) = lines
    return line, sorted(names)


def test_what_cannot_be_shown_is_left_out_and_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty_recording(tmp_path / "empty")
    back = shutil.copytree(folder, tmp_path / "times that go back")
    np.save(back / "captured_ns.npy", np.load(back / "captured_ns.npy")[::-1])
    far = shutil.copytree(folder, tmp_path / "far")
    np.save(far / "captured_ns.npy", np.load(far / "captured_ns.npy") + np.int64(2**63 - 4 * 10**9))
    assert view(tmp_path, "--save", tmp_path / "v.rrd") == 1
    said = capsys.readouterr().out
    assert f"left out: {tmp_path / 'empty'}: found no frames" in said
    assert f"left out: {back}/captured_ns.npy: found times that do not increase" in said
    assert f"{far}: does not say when it began" in said
    assert len(Shown(tmp_path / "v.rrd").rows["/rec/picture"]) == 1


def test_a_policy_of_other_pictures_is_refused_and_among_several_left_out(
    policy: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert view(folder, "--policy", policy, "--save", tmp_path / "v.rrd") == 1
    said = capsys.readouterr().err
    assert said.startswith(f"error: {folder}: found pictures 16x12 gray, expected 32x24 gray as those that {policy}")
    assert not (tmp_path / "v.rrd").exists()
    assert view(folder, policy.parent / "recording", "--policy", policy, "--save", tmp_path / "v.rrd") == 0
    assert "16x12 gray, expected 32x24 gray" in capsys.readouterr().out
    entities = Shown(tmp_path / "v.rrd").rows
    assert "/recording/action/policy" in entities
    assert "/rec/action/policy" not in entities


def test_a_policy_without_maps_of_other_actions_is_shown_all_the_same(
    policy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = shutil.copytree(policy, tmp_path / "old")
    (old / "attention.tflite").unlink()
    told = json.loads((old / "policy.json").read_text())
    del told["digests"]["attention.tflite"]
    told["actions"]["actions"][0]["keys"] = ["x"]
    (old / "policy.json").write_text(json.dumps(told))
    main(["trim", str(policy.parent / "recording"), "--out", str(tmp_path / "rec"), "--end-s", "1"])
    capsys.readouterr()
    assert view(tmp_path / "rec", "--policy", old, "--save", tmp_path / "v.rrd") == 0
    said = capsys.readouterr().out
    assert f"{old}: has no attention maps (another encoder, or an older train); none are shown" in said
    assert "found no key x among those recorded" in said
    assert "/rec/picture/looks" not in Shown(tmp_path / "v.rrd").rows


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["--save", "v.png"], 2, "expected a file that ends in .rrd"),
        (["--save", "there.rrd"], 1, "found a file, expected a new one"),
        (["--save", "none/v.rrd"], 1, "expected a place for a new file"),
        (["--save", "v.rrd", "--web"], 2, "found --save and --web, expected one of them"),
        (["--save", "v.rrd", "--policy", "rec"], 1, "found no policy.json"),
        ([], 1, "found no display, expected one to show Rerun on; use --save FILE.rrd"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    words: Sequence[str],
    status: int,
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("there.rrd").write_text("mine")
    assert view("rec", *words) == status
    said = capfd.readouterr()
    assert message in said.err
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert sorted(path.name for path in folder.parent.iterdir()) == ["rec", "there.rrd"]
    assert Path("there.rrd").read_text() == "mine"


def test_a_full_disk_is_one_line_and_nothing_is_left_behind(
    small_disk: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random = np.random.default_rng(0)
    noise = [random.integers(0, 256, (60, 80, 1)).astype(np.uint8) for _ in range(400)]
    recording = write_recording(tmp_path / "noise", noise, ["a"] * len(noise))
    assert view(recording, "--save", small_disk / "v.rrd") == 1
    said = capfd.readouterr()
    assert said.err == "error: found the disk full, expected room on it; free some space and start again\n"
    assert list(small_disk.iterdir()) == []


def test_where_rerun_is_turned_off_it_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RERUN", "off")
    assert view(folder, "--save", tmp_path / "v.rrd") == 1
    assert re.fullmatch("error: RERUN: found .*unset RERUN\n", capfd.readouterr().err)
    assert list(tmp_path.iterdir()) == [folder]


def test_the_browser_gets_it_from_this_machine_alone_until_ctrl_c(
    folder: Path, tmp_path: Path, start: Start, said: IO[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))  # where the viewer keeps its settings
    monkeypatch.setenv("TMPDIR", str(tmp_path / "aside"))
    (tmp_path / "aside").mkdir()
    program = start("collect.recordings", "view", folder, "--web", said=said)
    found = wait_for(lambda: re.search(r"http://(127\.0\.0\.1:\d+)\?", so_far(said)), "the address")

    def page() -> bytes:
        try:
            with urllib.request.urlopen(f"http://{found[1]}/", timeout=PATIENCE_S) as answer:
                content: bytes = answer.read()
            return content
        except OSError:
            return b""

    assert b"<html" in wait_for(page, "the page")
    if sys.platform == "linux":
        ports = {int(port) for port in re.findall(r"(?:127\.0\.0\.1:|3A)(\d+)", so_far(said))}
        assert len(ports) == 2  # the page's and the data's
        assert listeners(ports) == {("0100007F", port) for port in ports}  # 127.0.0.1
    program.send_signal(signal.SIGINT)
    assert ended(program)[0] == 0
    assert page() == b""
    assert list((tmp_path / "aside").iterdir()) == []


def listeners(ports: set[int]) -> set[tuple[str, int]]:
    """Where programs of this machine listen on these `ports`: the address as the kernel writes it, and the port."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, *_ = line.split()
            address, port = local.split(":")
            if state == "0A" and int(port, 16) in ports:
                found.add((address, int(port, 16)))
    return found


def test_a_viewer_that_gives_up_is_one_line(folder: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "DISPLAY": ":no-such-display", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    command = [sys.executable, "-m", "collect.recordings", "view", folder]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: rerun: found that its viewer gave up \(.*\), expected it to show; use --save .*\n", done.stderr
    )

"""`recordings list`: the lines that programs read, the table on a terminal, and the sheet of frames."""

import io
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from recordings import ACTIONS, empty_recording, meta, write_recording
from rich.console import Console

from agent.json_files import write_json
from agent.recording.format import AGENT, PERSON
from agent.recording.learned_from import LearnedFrom, recording_digest
from agent.recording.packing import pack
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from collect.recordings.cli import main
from collect.recordings.overview.command import List
from collect.recordings.overview.rows import COLORS
from collect.recordings.overview.sheet import FRAMES, MARGIN, ROW, TEXT_WIDTH, THUMBNAIL

SECOND = 10**9


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In the current folder: one recording of three seconds, each of its own grey, and one of a rollout with a gap."""
    monkeypatch.chdir(tmp_path)
    frames = [np.full((12, 16, 1), 60 * (1 + t // 20), np.uint8) for t in range(60)]
    write_recording(Path("runs/monday"), frames, ["a"] * 30 + [""] * 15 + ["d"] * 15)
    with RecordingWriter(Path("runs/rollout"), meta(source="rollout"), ["control"]) as writer:
        for t in range(40):
            who = np.array(PERSON if t < 10 else AGENT, np.uint8)
            writer.append(frames[t], t * SECOND // 20 + (t >= 20) * SECOND, control=who)
    return Path("runs")


def policy_of(folder: Path, *recordings: Path) -> None:
    """What `train` writes of what it learned from, among all else."""
    told = [LearnedFrom("there", recording_digest(Recording.open(one)), ()).to_json() for one in recordings]
    folder.mkdir(parents=True)
    write_json(folder / "policy.json", {"actions": {}, "feature_size": 4, "recordings": told})


def on_terminal(*arguments: Path, width: int = 120, status: int = 0, policies: tuple[Path, ...] = ()) -> str:
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=True, width=width, color_system=None)
    assert List(arguments, policies=policies).run(console) == status
    return shown.getvalue()


def cells(shown: str, name: str) -> str:
    """The lines of the table from that of `name` on to the next recording's."""
    lines = shown.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith(name))
    more = lines[first + 1 :]
    after = next(i for i, line in enumerate(more) if line.startswith(("runs/", "1 recording", "2 recordings")))
    return "\n".join([lines[first], *more[:after]])


def test_other_programs_read_one_line_for_each_as_ever(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy_of(Path("policies/first"), runs / "monday")
    meta_file = runs / "rollout" / "meta.json"
    meta_file.write_text(meta_file.read_text().replace('"complete": true', '"complete": false'))
    (runs / "z").mkdir()
    shutil.copy(meta_file, runs / "z")
    assert main(["list", "runs"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{runs / 'monday'}  0:02  60 frames  20 fps  left 50% forward 25% right 25%",
        f"{runs / 'rollout'}  0:02  40 frames  20 fps  left 0% forward 100% right 0%  (cut off)",
        f"{runs / 'z'}: broken: {runs / 'z' / 'frames.npy'}: found no plain file, expected an array; copy the whole "
        "recording again",
    ]


def test_the_table_tells_of_each_who_played_its_gaps_its_size_and_who_learned_it(runs: Path) -> None:
    policy_of(Path("policies/first"), runs / "monday", runs / "rollout")
    policy_of(Path("policies/second"), runs / "monday")
    shutil.move(runs / "monday", runs / "renamed")
    shown = on_terminal(runs)
    first, second = cells(shown, f"{runs / 'renamed'}"), cells(shown, f"{runs / 'rollout'}")
    size = sum(file.stat().st_size for file in (runs / "renamed").iterdir())
    for part in (
        "0:02",
        f" {size / 1e3:.1f} kB",
        "script",
        "left 50% forward 25% right 25%",
        "learned by policies/first",
    ):
        assert part in first
    assert f"learned by {Path('policies/second')}" in first
    for part in ("   1  ", "agent, 25% corrected", "learned by policies/first"):
        assert part in second
    assert "second" not in second
    assert "2 recordings, 0:05, " in shown
    assert "2 policies in ., runs or two folders below; --policies names other places" in shown
    assert on_terminal(runs, policies=(Path(), Path("policies"))).count("learned by policies/first") == 2
    assert "learned by" not in on_terminal(runs, policies=(runs,))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_table_fits_the_terminal_and_names_broken_ones_in_their_place(width: int, runs: Path) -> None:
    empty_recording(runs / "empty")
    (runs / "broken").mkdir()
    (runs / "broken" / "meta.json").write_text("[]")
    shown = on_terminal(runs, width=width, status=1)
    table = shown[: shown.index("runs/broken: broken: ")]
    assert max(map(len, table.splitlines())) <= width
    names = [table.index(name[:9]) for name in ("runs/broken", "runs/empty", "runs/monday", "runs/rollout")]
    assert names == sorted(names)
    assert "broken" in cells(shown, "runs/brok") and "no frames" in " ".join(cells(shown, "runs/empt").split())
    assert "runs/broken: broken: runs/broken/meta.json: found format version None, expected " in shown


def test_what_folders_are_called_steers_no_terminal(runs: Path) -> None:
    shutil.move(runs / "monday", runs / "[red]x\x1b[2Jy")
    shown = on_terminal(runs / "[red]x\x1b[2Jy")
    assert "[red]x?[2Jy" in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 5000,
        '{"Version": "2012-10-17", "Statement": []}',
        '{"actions": {}, "feature_size": 4, "recordings": 5}',
        '{"actions": {}, "feature_size": 4, "recordings": [{"digest": 3}]}',
    ],
)
def test_a_file_of_that_name_which_is_no_policy_is_passed_over(content: str, runs: Path) -> None:
    policy_of(Path("policies/first"), runs / "monday")
    Path("other").mkdir()
    Path("other/policy.json").write_text(content)
    shown = on_terminal(runs)
    assert "learned by policies/first" in shown
    assert "1 policy in " in shown


def drawn(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB."""
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(picture[:, :, ::-1])


def color(text: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(text.removeprefix("#")))


def test_a_sheet_shows_frames_of_each_and_its_balance(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.move(runs / "monday", runs / "понедельник")
    empty_recording(runs / "empty")
    (runs / "broken").mkdir()
    (runs / "broken" / "meta.json").write_text("{}")
    assert main(["list", "runs", "--sheet", "sheet.png"]) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "written: sheet.png"
    sheet = drawn(Path("sheet.png"))
    assert sheet.shape == (4 * ROW + MARGIN, TEXT_WIDTH + FRAMES * (THUMBNAIL[0] + MARGIN) + MARGIN, 3)
    rows = {
        name: sheet[i * ROW + MARGIN :][: ROW - MARGIN]
        for i, name in enumerate(("broken", "empty", "rollout", "monday"))
    }
    middle = [TEXT_WIDTH + i * (THUMBNAIL[0] + MARGIN) + THUMBNAIL[0] // 2 for i in range(FRAMES)]
    assert rows["monday"][ROW // 2, middle].tolist() == [[60] * 3] * 2 + [[120] * 3] * 2 + [[180] * 3] * 2
    for name in ("broken", "empty"):
        assert (rows[name][:, TEXT_WIDTH:] == 255).all()
    assert (rows["broken"] == color("#b3261e")).all(axis=2).any()  # its fault in words
    bar = [(rows["monday"] == color(wanted)).all(axis=2).sum(axis=1).max() for wanted in COLORS[:3]]
    assert bar[0] / sum(bar) == pytest.approx(0.5, abs=0.02)
    assert bar[1] / sum(bar) == pytest.approx(0.25, abs=0.02)


def test_frames_that_are_found_broken_only_when_they_are_drawn_are_named(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack(runs / "monday")
    packed = runs / "monday" / "frames.npy.zst"
    content = bytearray(packed.read_bytes())
    content[content.index(b"\x28\xb5\x2f\xfd", 4) + 11] ^= 0x40  # within the first frames; what is in front opens it
    packed.write_bytes(content)
    assert main(["list", "runs", "--sheet", "sheet.png"]) == 1
    *_, fault, written = capsys.readouterr().out.splitlines()
    assert fault.startswith(f"{runs / 'monday'}: broken: {packed}: found a damaged chunk")
    assert written == "written: sheet.png"
    first, second = drawn(Path("sheet.png"))[MARGIN:][: ROW - MARGIN], drawn(Path("sheet.png"))[ROW + MARGIN :]
    assert (first[:, TEXT_WIDTH:] == color("#b3261e")).all(axis=2).any()
    assert second[ROW // 2, TEXT_WIDTH + 80].tolist() == [60] * 3


def test_very_many_actions_and_long_names_stay_in_their_row(tmp_path: Path) -> None:
    many = type(ACTIONS).parse([f"a_rather_long_name_{i}=f{i}" for i in range(1, 25)])
    frames = [np.full((90, 10, 1), 50, np.uint8)] * 24
    described = meta(size=(10, 90), actions=many)
    folder = tmp_path / ("long" * 30)
    write_recording(folder, frames, [f"f{i}" for i in range(1, 25)], described=described)
    assert main(["list", str(folder), str(folder), "--sheet", str(tmp_path / "sheet.png")]) == 0
    sheet = drawn(tmp_path / "sheet.png")
    assert (sheet[:, TEXT_WIDTH - MARGIN : TEXT_WIDTH] == 255).all()
    assert (sheet[-MARGIN:] == 255).all()


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (["--sheet", "sheet.jpg"], 2, "found the ending '.jpg' of sheet.jpg, expected .png"),
        (["--sheet", "none/sheet.png"], 1, "expected a place for the picture"),
        (["--policies", "none"], 2, "found no folder none, expected where policies lie"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    flags: list[str], status: int, message: str, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(Path().rglob("*"))
    assert main(["list", "runs", *flags]) == status
    err = capsys.readouterr().err
    assert message in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert sorted(Path().rglob("*")) == before


def test_a_sheet_for_which_there_is_no_room_leaves_the_old_one(
    runs: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = [np.random.default_rng(t).integers(0, 256, (120, 160, 3), np.uint8) for t in range(12)]
    described = json.loads((runs / "monday" / "meta.json").read_text())
    described["frame"] |= {"width": 160, "height": 120, "color": "rgb"}
    for i in range(6):
        shutil.copytree(runs / "monday", runs / f"noise{i}")
        np.save(runs / f"noise{i}" / "frames.npy", noise)
        (runs / f"noise{i}" / "meta.json").write_text(json.dumps(described))
    (small_disk / "sheet.png").write_text("old")
    assert main(["list", "runs", "--sheet", str(small_disk / "sheet.png")]) == 1
    assert "found No space left on device, expected a place for the picture" in capsys.readouterr().err
    assert [path.name for path in small_disk.iterdir()] == ["sheet.png"]
    assert (small_disk / "sheet.png").read_text() == "old"

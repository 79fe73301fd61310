"""What we export loads in the libraries of others, and what they write is imported here.

They need another Python (TWOFRAME_FOREIGN, or .foreign/bin/python): LeRobot alone brings PyTorch.
"""

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from recordings import ACTIONS, meta, write_recording

from agent.frames import FrameSpec
from agent.recording.reader import Recording
from collect.recordings.cli import main

pytestmark = pytest.mark.foreign
HERE = ROOT / "tests" / "foreign"
SIZE = (96, 64)  # width, height: Minari encodes pictures of 32 and more, AV1 wants 64
CHORDS = ["--keys", *map(str, ACTIONS.actions)]
Their = Callable[..., None]


@pytest.fixture(scope="session")
def python() -> list[str]:
    own = ROOT / ".foreign" / "bin" / "python"
    command = shlex.split(os.environ.get("TWOFRAME_FOREIGN", "")) or [str(own)]
    if command == [str(own)] and not own.exists():
        pytest.skip("no Python with the libraries of other formats; CONTRIBUTING.md says how to make one")
    return command


@pytest.fixture
def their(python: list[str]) -> Their:
    """Runs one of the programs beside this file in the other Python."""

    def run(library: str, *arguments: object) -> None:
        if subprocess.run([*python, "-c", f"import {library}"], capture_output=True, check=False).returncode:
            pytest.skip(f"no package {library} in {' '.join(python)}; CONTRIBUTING.md says how to install it")
        program = {"lerobot": "lerobot", "minari": "minari", "mcap_owa": "ocap"}[library]
        text = (HERE / f"{program}_program.py").read_text(encoding="utf-8")
        done = subprocess.run(
            [*python, "-", *map(str, arguments)], input=text, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    return run


def bars(count: int, channels: int) -> np.ndarray:
    """(count, H, W, channels) uint8: a bar that is elsewhere in each, so that it is told from the others."""
    frames = np.random.default_rng(0).integers(60, 80, (count, SIZE[1], SIZE[0], channels)).astype(np.uint8)
    for t, frame in enumerate(frames):
        frame[:, t * 2 : t * 2 + 8] = np.arange(200, 200 + 20 * channels, 20)
    return frames


def recorded(folder: Path, channels: int) -> Recording:
    """40 frames with a gap after 25, at uneven times."""
    described = replace(meta(size=SIZE), frame=FrameSpec(*SIZE, "gray" if channels == 1 else "rgb"))
    times_ns = np.cumsum(np.random.default_rng(1).integers(45_000_000, 55_000_000, 40))
    times_ns[25:] += 2_000_000_000
    keys = [""] * 5 + ["a"] * 10 + ["w"] * 12 + ["d"] * 8 + [""] * 5
    write_recording(folder, bars(40, channels), keys, described=described, times_ns=times_ns.tolist())
    return Recording.open(folder)


def whose(found: np.ndarray, given: np.ndarray) -> list[int]:
    """Of which given picture each found one is a copy: the nearest."""
    flat = given.astype(np.int64).reshape(len(given), -1)
    return [int(np.abs(flat - image.astype(np.int64).ravel()).sum(axis=1).argmin()) for image in found]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.slow(20)
def test_lerobot_loads_what_we_export(channels: int, tmp_path: Path, their: Their) -> None:
    ours = recorded(tmp_path / "rec", channels)
    assert main(["export", str(ours.folder), "--to", "lerobot", "--out", str(tmp_path / "set")]) == 0
    their("lerobot", "read", tmp_path / "set", tmp_path / "seen.npz")
    seen = np.load(tmp_path / "seen.npz")
    assert (seen["frames"] == ours.frames).all()  # of gray ones all three channels
    assert (seen["action"] == ours.keys).all()
    assert (seen["twoframe.captured_ns"] == ours.captured_ns).all()
    assert (seen["twoframe.label"] == ours.meta.actions.actions_of(ours.keys, ours.meta.keys)).all()
    assert seen["episode_index"].tolist() == [0] * 25 + [1] * 15
    np.testing.assert_allclose(seen["timestamp"], [*np.arange(25) / 20, *np.arange(15) / 20], atol=1e-6)  # of float32
    assert set(seen["tasks"]) == {"play Game"}
    expected = np.broadcast_to(ours.frames, (40, SIZE[1], SIZE[0], 3)).mean(axis=(0, 1, 2)) / 255
    np.testing.assert_allclose(seen["stats"], [*expected, *ours.keys.mean(axis=0)], atol=1e-6)


@pytest.mark.slow(20)
def test_what_lerobots_own_tools_make_of_an_export_is_imported(tmp_path: Path, their: Their) -> None:
    ours = recorded(tmp_path / "rec", 3)
    assert main(["export", str(ours.folder), "--to", "lerobot", "--out", str(tmp_path / "set")]) == 0
    their("lerobot", "cut", tmp_path / "set", tmp_path / "cut")
    out = tmp_path / "back"
    assert main(["import", str(tmp_path / "cut"), "--from", "lerobot", "--out", str(out), *CHORDS]) == 0
    back = Recording.open(out)
    kept = [*range(25, 40), *range(40)]  # the second episode, then both
    assert (back.frames == ours.frames[kept]).all()
    assert (back.keys == ours.keys[kept]).all()
    inside = np.diff(ours.captured_ns)[[*range(25, 39)]]
    assert (np.diff(back.captured_ns)[:14] == inside).all()


@pytest.mark.parametrize("kind", ["video", "image"])
@pytest.mark.slow(20)
def test_what_lerobot_wrote_is_imported(kind: str, tmp_path: Path, their: Their) -> None:
    frames = bars(40, 3)
    held = np.zeros((40, 3), np.float32)
    held[5:15, 0] = held[15:27, 1] = held[27:, 2] = 1
    given = {"frames": frames, "action": held, "names": ["a", "w", "d"], "fps": 20, "episodes": [(0, 25), (25, 40)]}
    np.savez(tmp_path / "given.npz", **given)
    their("lerobot", "write", tmp_path / "given.npz", tmp_path / "set", kind)
    out = tmp_path / "rec"
    assert main(["import", str(tmp_path / "set"), "--from", "lerobot", "--out", str(out), *CHORDS]) == 0
    ours = Recording.open(out)
    assert (ours.keys == held).all()
    assert ours.rate_hz == 20
    assert np.flatnonzero(ours.gap_before()).tolist() == [0, 25]
    assert whose(ours.frames, frames) == list(range(40))
    assert ours.meta.imported
    assert ("pixels" in ours.meta.imported.losses) == (kind == "video")
    if kind == "image":
        assert (ours.frames == frames).all()
    else:  # no farther from what was given than the library's own decoding, but for the rounding of colors
        their("lerobot", "read", tmp_path / "set", tmp_path / "seen.npz")
        error = np.abs(np.load(tmp_path / "seen.npz")["frames"].astype(int) - frames).mean()
        assert np.abs(ours.frames.astype(int) - frames).mean() <= error + 1


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.slow(5)
def test_minari_loads_what_we_export(channels: int, tmp_path: Path, their: Their) -> None:
    ours = recorded(tmp_path / "rec", channels)
    assert main(["export", str(ours.folder), "--to", "minari", "--out", str(tmp_path / "set-v0")]) == 0
    their("minari", "read", tmp_path / "set-v0" / "data", tmp_path / "seen.npz")
    seen = np.load(tmp_path / "seen.npz")
    labels = ours.meta.actions.actions_of(ours.keys, ours.meta.keys)
    assert (seen["frames"] == ours.frames).all()
    assert seen["actions"].tolist() == [*labels[:24], *labels[25:39]]
    assert seen["lengths"].tolist() == [24, 14]
    assert (seen["captured_ns"] == ours.captured_ns).all()
    assert (seen["keys"] == ours.keys).all()
    assert np.flatnonzero(seen["truncations"]).tolist() == [23, 37]
    assert seen["total"].tolist() == [2, 38]


@pytest.mark.parametrize("kind", ["jpeg", "raw"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.slow(5)
def test_what_minari_wrote_is_imported(kind: str, channels: int, tmp_path: Path, their: Their) -> None:
    frames = bars(40, channels)
    given = frames if channels == 3 else frames[..., 0]  # it encodes gray pictures that have no axis for it
    labels = np.repeat([1, 0, 1, 2], 10)
    np.savez(tmp_path / "given.npz", frames=given, labels=labels, episodes=[(0, 25), (25, 40)])
    their("minari", "write", tmp_path / "given.npz", tmp_path / "sets", kind)
    out = tmp_path / "rec"
    flags = ["--from", "minari", "--out", str(out), *CHORDS, "--fps", "20"]
    assert main(["import", str(tmp_path / "sets" / "theirs-v0"), *flags]) == 0
    ours = Recording.open(out)
    kept = [*range(24), *range(25, 39)]  # after the last picture nothing was done
    assert ours.meta.actions.actions_of(ours.keys, ours.meta.keys).tolist() == labels[kept].tolist()
    assert whose(ours.frames, frames) == kept
    assert kind == "jpeg" or (ours.frames == frames[kept]).all()
    assert ours.meta.imported
    assert ("pixels" in ours.meta.imported.losses) == (kind == "jpeg")


@pytest.mark.parametrize("kind", ["video", "embedded"])
@pytest.mark.slow(5)
def test_what_ocap_writes_is_imported(kind: str, tmp_path: Path, their: Their) -> None:
    frames = bars(40, 3)
    times_ns = np.cumsum(np.random.default_rng(2).integers(30_000_000, 36_000_000, 40))
    times_ns -= times_ns[0]
    presses = [
        (times_ns[5] - 1, 0x41, 1),  # a, which repeats while it is held
        (times_ns[6] - 1, 0x41, 1),
        (times_ns[7] + 1, 0x41, 0),
        (times_ns[8] - 2, 0x57, 1),  # w, between two pictures
        (times_ns[8] - 1, 0x57, 0),
        (times_ns[10] - 1, 0x51, 1),  # q, that nobody asked for
        (times_ns[20] - 1, 0x44, 0),  # d, which was down before it began
    ]
    np.savez(tmp_path / "given.npz", frames=frames, times_ns=times_ns, presses=presses, down_before=[0x44])
    their("mcap_owa", "write", tmp_path / "given.npz", tmp_path / "play.mcap", kind)
    out = tmp_path / "rec"
    assert main(["import", str(tmp_path / "play.mcap"), "--from", "ocap", "--out", str(out), *CHORDS]) == 0
    ours = Recording.open(out)
    assert (ours.captured_ns == times_ns).all()
    assert whose(ours.frames, frames) == list(range(40))
    held = {key: np.flatnonzero(ours.keys[:, k]).tolist() for k, key in enumerate(ours.meta.keys)}
    assert held == {"a": [5, 6, 7], "w": [], "d": list(range(20))}
    assert len(ours.key_events) == 6
    assert ours.meta.started_utc.startswith("2026-01-11T11:42:11")
    assert kind == "video" or (ours.frames == frames).all()

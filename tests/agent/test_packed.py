"""Packed frames: the same to the last level, whatever becomes of the packing, and a file that nobody need trust."""

import io
import json
import os
import shutil
import struct
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import write_recording

from agent.errors import TwoframeError
from agent.recording import packed_frames
from agent.recording.npy_files import header_of
from agent.recording.packed_frames import BYTE, PackedFrames, chunk_frames, write_packed
from agent.recording.packing import pack, unpack
from agent.recording.reader import Recording
from train.sources import recording_digest

ROW = (12, 16, 1)
T = 150  # two chunks and a part of a third


def pictures(t: int = T) -> np.ndarray:
    """(t, 12, 16, 1) uint8: a bar that moves over noise."""
    frames = np.random.default_rng(0).integers(0, 60, (1, *ROW), np.uint8).repeat(t, axis=0)
    for i in range(t):
        frames[i, :, i % 16] = i % 256
    return frames


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "rec", list(pictures()), ["a"] * 50 + [""] * 50 + ["d"] * 50)


def test_packed_frames_are_the_same_and_unpacked_the_whole_folder_is(folder: Path) -> None:
    before, digest = content(folder), recording_digest(Recording.open(folder))
    sizes = pack(folder)
    assert sizes is not None
    assert (sizes.plain, sizes.packed) == (T * 12 * 16, (folder / "frames.npy.zst").stat().st_size)
    assert pack(folder) is None
    after = content(folder)
    assert after.keys() == before.keys() - {"frames.npy"} | {"frames.npy.zst"}
    assert all(after[name] == before[name] for name in before.keys() - {"frames.npy", "meta.json"})
    recording = Recording.open(folder)
    assert recording_digest(recording) == digest
    assert (np.asarray(recording.frames) == pictures()).all()
    del recording
    # By any zstd: frames one after the other, of which it skips the last, the table.
    with zstandard.ZstdDecompressor().stream_reader(after["frames.npy.zst"], read_across_frames=True) as reader:
        assert reader.read() == before["frames.npy"]
    assert unpack(folder) == sizes
    assert content(folder) == before
    assert unpack(folder) is None


def test_packed_frames_are_read_as_an_array_is(folder: Path) -> None:
    pack(folder)
    packed, plain = Recording.open(folder).frames, pictures()
    assert (len(packed), packed.shape, packed.dtype, packed.nbytes) == (T, plain.shape, plain.dtype, plain.nbytes)
    for key in (0, 63, 64, -1, np.int64(70)):
        assert (packed[key] == plain[key]).all()
    keys = (slice(60, 70), slice(None, None, -7), slice(200, 300), np.array([149, 0, 64]), np.arange(T) % 2 == 0, ...)
    for key in (*keys, (slice(3, 9), 5), (7, slice(2), 3), (slice(None), 5, ..., 0), (np.array([1, 2]), 0, 0)):
        assert np.array_equal(packed[key], plain[key])
    assert all((one == other).all() for one, other in zip(packed, plain, strict=True))
    assert (np.asarray(packed, np.float32) == plain).all()
    for beyond in (T, -T - 1):
        with pytest.raises(IndexError):
            packed[beyond]


def test_threads_read_packed_frames_side_by_side(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(folder)
    packed, plain = Recording.open(folder).frames, pictures()
    monkeypatch.setattr(packed_frames, "_decoded", packed_frames._Cache(plain[:65].nbytes))  # chunks drop out meanwhile
    wrong: list[int] = []

    def read(seed: int) -> None:
        for t in np.random.default_rng(seed).integers(0, T, 400):
            if not (packed[t] == plain[t]).all():
                wrong.append(int(t))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert packed_frames._decoded._bytes <= plain[:65].nbytes


def test_a_chunk_takes_little_memory_however_large_the_frames() -> None:
    assert chunk_frames((120, 160, 1)) == 64
    assert chunk_frames((180, 320, 3)) == 24
    assert chunk_frames((4096, 4096, 3)) == 1


def test_an_older_twoframe_says_that_it_is_too_old_for_packed_frames(folder: Path) -> None:
    described = json.loads((folder / "meta.json").read_text())
    pack(folder)
    assert json.loads((folder / "meta.json").read_text()) == described | {"format_version": 2}
    unpack(folder)
    assert json.loads((folder / "meta.json").read_text()) == described
    (folder / "meta.json").write_text(json.dumps(described | {"format_version": 3}))
    with pytest.raises(TwoframeError, match="found format version 3, expected 1 or 2 of a recording; install a newer"):
        Recording.open(folder)


def test_what_may_still_be_written_to_is_not_packed(folder: Path) -> None:
    described = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(described | {"complete": False}))
    before = content(folder)
    with pytest.raises(TwoframeError, match="has not ended in order, expected one that nothing writes to any more"):
        pack(folder)
    assert content(folder) == before


@pytest.mark.parametrize("act", [pack, unpack])
def test_where_the_disk_is_full_all_stays_as_it_is(act: Callable[[Path], object], small_disk: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3000, *ROW), np.uint8)  # 0.6 MB of noise, which stays as large
    folder = write_recording(small_disk / "rec", list(frames), ["a"] * 3000)
    if act is unpack:  # packed elsewhere
        away = shutil.copytree(folder, small_disk.parent / "away")
        pack(away)
        shutil.rmtree(folder)
        shutil.copytree(away, folder)
    before = content(folder)
    found = "the disk full" if act is pack else r"\d MB of the disk free"  # of unpacking it is known before
    with pytest.raises(TwoframeError, match=f"found {found}, expected"):
        act(folder)
    assert content(folder) == before


@pytest.mark.parametrize("act", [pack, unpack])
def test_what_was_written_wrongly_replaces_nothing(
    act: Callable[[Path], object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if act is unpack:
        pack(folder)
    before = content(folder)

    def flip_a_bit(file: io.BufferedWriter) -> None:
        """As a failing disk does, or a failing memory before its checksum is made."""
        if act is unpack:
            file.seek(-1, os.SEEK_CUR)
            file.write(b"\xff")
        else:
            file.seek(0)
            file.truncate()
            write_packed(file, ROW, T, [one.tobytes() for one in np.array_split(pictures() ^ 1, (64, 128))])
        file.flush()

    monkeypatch.setattr("agent.recording.packing._settle", flip_a_bit)
    with pytest.raises(TwoframeError, match="found other frames in what was written than before"):
        act(folder)
    assert content(folder) == before


KILLED = """
import itertools, os, random, shutil, signal, sys
sys.path[:0] = {paths!r}
import numpy as np
from pathlib import Path
from agent.recording.packing import pack, unpack
from agent.recording.reader import Recording
from train.sources import recording_digest

original, place = Path(sys.argv[1]), Path(sys.argv[2])
digest = recording_digest(Recording.open(original))
pixels = np.array(Recording.open(original).frames)
files = set()

def survives(act, arm):
    '''Whether `act` came to its end; the recording is whole either way, and the same can be done again.'''
    folder = place / "rec"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(original, folder)
    if act is unpack:
        pack(folder)
    child = os.fork()
    if not child:
        arm()
        act(folder)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if status and not os.WIFSIGNALED(status):
        sys.exit("it failed by itself")
    files.add(tuple(sorted(path.name.split(".new")[0] for path in folder.glob("frames*"))))
    for again in (lambda: None, lambda: act(folder)):
        again()
        recording = Recording.open(folder)
        assert recording_digest(recording) == digest and (np.asarray(recording.frames) == pixels).all()
    wanted = "frames.npy.zst" if act is pack else "frames.npy"
    assert [path.name for path in folder.glob("frames*")] == [wanted], list(folder.iterdir())
    return status == 0

def at_the(nth):
    def arm():
        events = itertools.count()
        def hook(event, arguments):
            if event in ("open", "os.rename", "os.remove", "os.listdir") and next(events) == nth:
                os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(hook)
    return arm

def after(seconds):
    return lambda: signal.setitimer(signal.ITIMER_REAL, seconds)  # whose signal ends a process there and then

kills = 0
for act in (pack, unpack):
    while not survives(act, at_the(kills)):
        kills += 1
    print(act.__name__, "at", kills, "moments")
    for _ in range(5):
        survives(act, after(random.uniform(1e-5, 0.01)))
    kills = 0
print(sorted(files))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.slow(3)
def test_whenever_packing_is_killed_the_recording_opens_whole(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    command = [sys.executable, "-c", KILLED.format(paths=sys.path), folder, tmp_path / "place"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # Before anything was written, in the middle of it, with both there, and with the new one alone.
    for found in ("('frames.npy',)", "('frames.npy', 'frames.npy.zst')", "('frames.npy.zst',)"):
        assert found in done.stdout
    assert int(done.stdout.split()[2]) > 8, done.stdout
    assert ".zst." in done.stdout, done.stdout  # one that was only begun


def packed_as(sizes: list[tuple[int, int]], chunks: list[bytes], *, foot: tuple[int, int, int] | None = None) -> bytes:
    """A packed file with a table that says `sizes`, whatever its chunks are."""
    table = np.array(sizes, "<u4").tobytes()
    foot_bytes = struct.pack("<IBI", *(foot or (len(sizes), 0, packed_frames.SEEKABLE)))
    return b"".join(chunks) + struct.pack("<II", packed_frames.SKIPPABLE, len(table) + 9) + table + foot_bytes


def zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(content)


def lying(count: int, *chunks: bytes, **told: tuple[int, int, int]) -> bytes:
    """A packed file that announces `count` frames and has these chunks; its table says what comes out of them."""
    head = zstd(header_of(BYTE, (count, *ROW)))
    sizes = [(len(each), zstandard.frame_content_size(each)) for each in (head, *chunks)]
    return packed_as(sizes, [head, *chunks], **told)


def sound() -> bytes:
    file = io.BytesIO()
    write_packed(file, ROW, T, [pictures()[i : i + 64].tobytes() for i in range(0, T, 64)])
    return file.getvalue()


BOMB = zstd(bytes(64 * 192))
LARGE = zstd(bytes(50_331_648 + 192))
HOSTILE = {
    "nothing": lambda: b"",
    "noise": lambda: np.random.default_rng(0).bytes(5000),
    "plain frames": lambda: header_of(BYTE, (T, *ROW)) + pictures().tobytes(),
    "the end missing": lambda: sound()[:-1],
    "the beginning missing": lambda: sound()[1:],
    "a part missing": lambda: sound()[:3000] + sound()[3100:],
    "checksums in the table": lambda: lying(64, BOMB, foot=(2, 128, packed_frames.SEEKABLE)),
    "a table larger than the file": lambda: lying(64, BOMB, foot=(2**32 - 1, 0, packed_frames.SEEKABLE)),
    "no chunk at all": lambda: packed_as([], []),
    "10^12 frames announced": lambda: lying(10**12, BOMB),
    "more frames than the header says": lambda: lying(64, BOMB, BOMB),
    "a chunk of 4 GB in the table": lambda: packed_as(
        [(len(zstd(header_of(BYTE, (64, *ROW)))), 128), (len(BOMB), 2**32 - 1)],
        [zstd(header_of(BYTE, (64, *ROW))), BOMB],
    ),
    "a chunk larger than any frame": lambda: lying(262145, LARGE),
    "a header of 50 MB": lambda: packed_as([(len(LARGE), 50_331_840)], [LARGE]),
    "half a frame": lambda: lying(1, zstd(bytes(100))),
    "chunks of different length": lambda: lying(
        192, zstd(bytes(64 * 192)), zstd(bytes(63 * 192)), zstd(bytes(65 * 192))
    ),
    "a larger last chunk": lambda: lying(129, BOMB, zstd(bytes(65 * 192))),
    "frames of another size": lambda: packed_as(
        [(len(zstd(header_of(BYTE, (64, 12, 17, 1)))), 128), (len(BOMB), 64 * 192)],
        [zstd(header_of(BYTE, (64, 12, 17, 1))), BOMB],
    ),
    "more than a header": lambda: packed_as(
        [(len(zstd(header_of(BYTE, (64, *ROW)) + b"x")), 129), (len(BOMB), 64 * 192)],
        [zstd(header_of(BYTE, (64, *ROW)) + b"x"), BOMB],
    ),
}
UNREADABLE = {
    "a chunk that says that it is larger": lambda: lying(64, zstd(bytes(64 * 192))).replace(BOMB, LARGE[: len(BOMB)]),
    "a chunk with a flipped bit": lambda: sound()[:1000] + bytes([sound()[1000] ^ 4]) + sound()[1001:],
    "a chunk of another kind": lambda: lying(64, BOMB).replace(BOMB, bytes(len(BOMB))),
}


@pytest.mark.parametrize("kind", [*HOSTILE, *UNREADABLE])
def test_a_hostile_or_damaged_file_is_one_line_and_takes_no_memory(kind: str, folder: Path) -> None:
    pack(folder)
    (folder / "frames.npy.zst").write_bytes({**HOSTILE, **UNREADABLE}[kind]())
    tracemalloc.start()
    try:
        with pytest.raises(TwoframeError) as wrong:
            frames = Recording.open(folder).frames
            assert kind in UNREADABLE
            np.asarray(frames)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(wrong.value).startswith(f"{folder / 'frames.npy.zst'}: found ")
    assert "expected" in str(wrong.value)
    assert "\n" not in str(wrong.value)
    assert peak < 5_000_000  # the files are of some kB
    assert not list(folder.glob("*.new"))
    before = content(folder)
    with pytest.raises(TwoframeError):
        unpack(folder)
    assert content(folder) == before


def test_a_packed_file_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    pack(folder)
    (folder / "frames.npy.zst").rename(tmp_path / "elsewhere")
    (folder / "frames.npy.zst").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TwoframeError, match="found no plain file"):
        Recording.open(folder)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_packed_file_opens_with_the_right_frames_or_says_why(tmp_path: Path, data: st.DataObject) -> None:
    packed = bytearray(sound())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(
            st.one_of(st.integers(0, len(packed) - 1), st.integers(max(0, len(packed) - 60), len(packed) - 1))
        )
        match data.draw(st.sampled_from(["cut", "flip", "insert", "drop"])):
            case "cut":
                packed = packed[: at + 1]
            case "flip":
                packed[at] = data.draw(st.integers(0, 255))
            case "insert":
                packed[at:at] = data.draw(st.binary(max_size=20))
            case _:
                packed[at : at + data.draw(st.integers(1, 20))] = b""
        packed = packed or bytearray(b"x")
    path = tmp_path / "frames.npy.zst"
    path.write_bytes(packed)
    try:
        frames = np.asarray(PackedFrames(path, ROW))
    except TwoframeError as error:
        assert "\n" not in str(error)
        return
    assert (frames == pictures()).all()


def test_of_more_packed_frames_than_times_the_first_are_used(folder: Path) -> None:
    np.save(folder / "captured_ns.npy", np.load(folder / "captured_ns.npy")[:100])
    pack(folder)
    recording = Recording.open(folder)
    assert len(recording) == len(recording.frames) == 100
    assert f"frames.npy: found {T} rows, used 100" in recording.problems
    assert (np.asarray(recording.frames) == pictures(100)).all()
    assert sum(1 for _ in recording.frames) == 100
    with pytest.raises(IndexError):
        recording.frames[100]

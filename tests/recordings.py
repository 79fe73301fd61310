"""Recordings for tests, written by the real writer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from conftest import wait_for

from agent.actions import ActionSet
from agent.frames import Box, FrameSpec
from agent.recording.format import Meta
from agent.recording.window_marks import NO_MARKS, WindowMarks
from agent.recording.writer import RecordingWriter

ACTIONS = ActionSet.parse(["left=a", "forward=w", "right=d"])


def meta(
    *,
    size: tuple[int, int] = (16, 12),
    fps: float = 20.0,
    actions: ActionSet = ACTIONS,
    source: str = "demonstration",
    marks: WindowMarks = NO_MARKS,
) -> Meta:
    return Meta(
        frame=FrameSpec(*size),
        keys=actions.keys,
        actions=actions,
        fps=fps,
        window="Game",
        region=Box(0, 0, 320, 240),
        source=source,  # type: ignore[arg-type]
        started_utc="2026-01-01T00:00:00+00:00",
        versions={},
        pixels="",
        window_marks=marks,
    )


def frames_in(folder: Path) -> int:
    """How many frames a recording that is being written has so far."""
    file = folder / "frames.npy"
    return len(np.load(file, mmap_mode="r")) if file.exists() and file.stat().st_size else 0


def wait_for_frames(folder: Path, more: int) -> None:
    """Until so many more are recorded, however slowly."""
    least = frames_in(folder) + more
    wait_for(lambda: frames_in(folder) >= least, f"{more} more frames")


def write_recording(
    folder: Path,
    frames: Sequence[np.ndarray],
    keys: Sequence[str],
    *,
    described: Meta | None = None,
    came_hz: float | None = None,
    times_ns: Sequence[int] | None = None,
) -> Path:
    """One key held at each frame ('' for none); frames at the exact rate, unless they came at another or at times."""
    described = described or meta(size=(frames[0].shape[1], frames[0].shape[0]) if len(frames) else (16, 12))
    period_ns = round(1e9 / (came_hz or described.fps))
    times_ns = times_ns if times_ns is not None else [t * period_ns for t in range(len(frames))]
    with RecordingWriter(folder, described) as writer:
        held = ""
        for frame, key, time_ns in zip(frames, keys, times_ns, strict=True):
            if key != held:
                if held:
                    writer.key_event(int(time_ns), held, down=False)
                if key:
                    writer.key_event(int(time_ns), key, down=True)
                held = key
            writer.append(frame, int(time_ns))
    return folder


def empty_recording(folder: Path, *, described: Meta | None = None) -> Path:
    """A recording without a frame, which `collect` once left where it ended before the first one."""
    described = described or meta()
    write_recording(folder, [np.zeros(described.frame.shape, np.uint8)], [""], described=described)
    for path in folder.glob("*.npy"):
        np.save(path, np.load(path)[:0])
    return folder

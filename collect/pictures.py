"""Recordings as a person looks at them: frames with the keys, the time and the policy's probabilities drawn in."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from agent.arrays import Bools
from agent.errors import TwoframeError
from agent.frames import Image
from agent.json_files import write_whole
from agent.recording.format import PERSON
from agent.recording.reader import Recording
from collect.video import VideoFile

SHOWN_WIDTH = 480
BAR_HEIGHT = 44
WHITE, GREY, GREEN, ORANGE = (255, 255, 255), (90, 90, 90), (80, 200, 80), (60, 160, 255)  # BGR
SHEET_COLUMNS = 4


def picture(recording: Recording, t: int) -> Image:
    """Frame t, enlarged, above a bar with its keys and time: uint8 (H, W, 3) BGR, both sides even."""
    frame = np.asarray(recording.frames[t])
    image = cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR if frame.shape[2] == 1 else cv2.COLOR_RGB2BGR)
    scale = max(1, round(SHOWN_WIDTH / image.shape[1]))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    width = max(image.shape[1], 320)
    canvas = np.zeros((image.shape[0] + BAR_HEIGHT, width + width % 2, 3), np.uint8)
    canvas = canvas[: len(canvas) - len(canvas) % 2]
    shown = image[: len(canvas) - BAR_HEIGHT]
    canvas[: len(shown), : shown.shape[1]] = shown
    _draw_bar(canvas, len(shown), recording, t)
    return canvas


def write_sheet(path: Path, recording: Recording, pictures: int = 12) -> None:
    """A PNG of some frames, spread evenly over the recording. Raises `TwoframeError`."""
    if not len(recording):
        raise TwoframeError(f"{recording.folder}: found no frames, expected some to draw")
    chosen = np.linspace(0, len(recording) - 1, min(pictures, len(recording))).round().astype(int)
    shown = [picture(recording, int(t)) for t in chosen]
    shown += [np.zeros_like(shown[0])] * (-len(shown) % SHEET_COLUMNS)
    rows = [np.hstack(shown[i : i + SHEET_COLUMNS]) for i in range(0, len(shown), SHEET_COLUMNS)]
    written, content = cv2.imencode(".png", np.vstack(rows))
    if not written:
        raise TwoframeError(f"{path}: found no way to make a PNG, expected OpenCV to")
    try:
        write_whole(path, content.tobytes())
    except OSError as error:
        raise TwoframeError(f"{path}: found {error.strerror or error}, expected a place for the picture") from None


def write_video(path: Path, recording: Recording, steps: Sequence[int]) -> None:
    """A video of the frames `steps`, at the recorded rate, gaps left out. Raises `TwoframeError`."""
    if not steps:
        raise TwoframeError(f"{recording.folder}: found no frames, expected some to show")
    height, width = picture(recording, steps[0]).shape[:2]
    with VideoFile(path, recording.measured_hz, (width, height)) as video:
        for t in steps:
            video.add(picture(recording, t))


def _draw_bar(canvas: Image, top: int, recording: Recording, t: int) -> None:
    held: Bools = recording.keys[t]
    x = 4
    for key, down in zip(recording.meta.keys, held, strict=True):
        width = 14 + 9 * len(key)
        color = GREEN if down else GREY
        cv2.rectangle(canvas, (x, top + 4), (x + width, top + 22), color, -1 if down else 1)
        cv2.putText(canvas, key, (x + 7, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
        x += width + 4
    seconds = float(recording.captured_ns[t]) / 1e9
    text = f"{int(seconds * 10) / 10:.1f} s"  # as trim takes it; rounded up, the frame would not be in what is named
    if recording.control is not None:
        other = "agent" if recording.meta.source == "rollout" else "disturbed"
        text += "  person" if recording.control[t] == PERSON else f"  {other}"
    cv2.putText(canvas, text, (x + 4, top + 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, WHITE, 1, cv2.LINE_AA)
    if recording.probabilities is not None:
        _draw_probabilities(canvas, top + 26, recording, t)


def _draw_probabilities(canvas: Image, top: int, recording: Recording, t: int) -> None:
    assert recording.probabilities is not None  # as the caller found
    names = recording.meta.actions.names
    width = canvas.shape[1] // len(names)
    for i, (name, p) in enumerate(zip(names, recording.probabilities[t], strict=True)):
        left = i * width
        filled = int(np.nan_to_num(np.clip(p, 0, 1)) * (width - 4))
        cv2.rectangle(canvas, (left + 2, top), (left + 2 + filled, top + 14), ORANGE, -1)
        cv2.putText(canvas, name, (left + 6, top + 11), cv2.FONT_HERSHEY_SIMPLEX, 0.38, WHITE, 1, cv2.LINE_AA)

"""A recording as Rerun takes it: pictures, and lanes of what was held, done and said, on the time lines of the view."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import cv2
import numpy as np
import rerun as rr

from agent.actions import ActionSet
from agent.arrays import Floats, Ints
from agent.frames import FrameSpec, Image
from agent.recording.format import PERSON
from agent.recording.reader import Recording
from collect.view.opinion import Opinion, decided, looked_at
from collect.view.runs import Run

CHUNK = 256
TRIED = 16  # frames by which the kind of the pictures is chosen
JPEG_QUALITY = 95
# Colours that are told apart beside each other, by action: the ten of Tableau.
PALETTE = (
    *(0x4E79A7FF, 0xF28E2BFF, 0x59A14FFF, 0xE15759FF, 0x76B7B2FF),
    *(0xEDC948FF, 0xB07AA1FF, 0xFF9DA7FF, 0x9C755FFF, 0xBAB0ACFF),
)
GREY, HELD = 0x707070FF, 0x59A14FFF
HANDS = {"person": 0x4E79A7FF, "agent": 0xF28E2BFF, "wrong key": 0xE15759FF}
OVERLAY = (60, 80, 255, 200)  # BGRA


def send(stream: Any, run: Run, shown: Callable[[int], None]) -> Ints | None:
    """Send all of `run` to the Rerun `stream`; `shown` is told how many of its frames are sent.

    Gives the actions (T,) that the policy would do, -1 where it says none; None without one. Raises `TwoframeError`.
    """
    recording = run.recording
    _send_picture(stream, run, shown)
    _send_held(stream, run)
    if recording.control is not None:
        other = "agent" if recording.meta.source == "rollout" else "wrong key"
        hands = ["person" if who == PERSON else other for who in recording.control]
        _send_lane(stream, run, ["who"], recording.captured_ns, hands, HANDS)
    _send_gaps(stream, run)
    if recording.probabilities is not None:
        _send_probabilities(stream, run, "said", recording.meta.actions, recording.probabilities)
    return _send_opinions(stream, run, shown) if run.adviser else None


def encoder_of(recording: Recording) -> tuple[str, Callable[[Image], bytes]]:
    """What `recording`'s frames become: PNG, which keeps every grey level, unless JPEG is smaller."""
    chosen = np.linspace(0, len(recording) - 1, min(TRIED, len(recording))).astype(int)
    frames = [np.asarray(recording.frames[t]) for t in chosen]
    png, jpeg = (sum(len(encode(frame)) for frame in frames) for encode in (_png, _jpeg))
    return ("image/png", _png) if png <= jpeg else ("image/jpeg", _jpeg)


def _png(frame: Image) -> bytes:
    return _encoded(".png", _bgr(frame), [cv2.IMWRITE_PNG_COMPRESSION, 6])


def _jpeg(frame: Image) -> bytes:
    return _encoded(".jpg", _bgr(frame), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _bgr(frame: Image) -> Image:
    return frame if frame.shape[2] == 1 else frame[:, :, ::-1]


def _encoded(ending: str, image: Image, options: Sequence[int] = ()) -> bytes:
    _, content = cv2.imencode(ending, image, options)
    return content.tobytes()


def _send_picture(stream: Any, run: Run, shown: Callable[[int], None]) -> None:
    recording = run.recording
    kind, encode = encoder_of(recording)
    path = f"{run.root}/picture"
    stream.log(path, rr.EncodedImage.from_fields(media_type=kind, magnification_filter="nearest"), static=True)
    for first in range(0, len(recording), CHUNK):
        steps = range(first, min(first + CHUNK, len(recording)))
        pictures = [encode(np.asarray(recording.frames[t])) for t in steps]
        _send_images(stream, run, path, steps, pictures)
        shown(steps.stop)


def _send_images(stream: Any, run: Run, path: str, steps: range, images: Sequence[bytes]) -> None:
    """Of the frames `steps`; behind the last one there is none, if the run goes away."""
    is_end = run.goes_away and steps.stop == len(run.recording)
    times_ns = np.append(run.recording.captured_ns[steps.start : steps.stop], [run.end_ns] if is_end else [])
    columns = rr.EncodedImage.columns(blob=images).partition([1] * len(images) + [0] * is_end)
    stream.send_columns(path, indexes=run.times(times_ns.astype(np.int64)), columns=columns)


def _send_held(stream: Any, run: Run) -> None:
    """The keys with the times of their own events, and the action that follows from them."""
    recording = run.recording
    keys, first_ns = recording.meta.keys, int(recording.captured_ns[0])
    event_ns = recording.key_events["time_ns"]
    within = event_ns[(event_ns > first_ns) & (event_ns < run.end_ns)]
    times_ns = np.unique(np.concatenate([[first_ns], within]).astype(np.int64))
    held = recording.held_at(times_ns)
    for k, key in enumerate(keys):
        _send_lane(stream, run, ["held", key], times_ns, [key if down else None for down in held[:, k]], {key: HELD})
    actions = recording.meta.actions
    done = [actions.names[a] for a in actions.actions_of(held, keys)]
    _send_lane(stream, run, ["action", "done"], times_ns, done, action_colors(actions))


def _send_gaps(stream: Any, run: Run) -> None:
    captured_ns = run.recording.captured_ns
    after = np.flatnonzero(run.recording.gap_before())[1:]
    times_ns = np.stack([captured_ns[after - 1], captured_ns[after]], axis=1).ravel()
    if len(after):
        _send_lane(stream, run, ["gap"], times_ns, ["gap", None] * len(after), {"gap": GREY})


def _send_lane(
    stream: Any,
    run: Run,
    path: Sequence[str],
    times_ns: Ints,
    states: Sequence[str | None],
    colors: dict[str, int],
) -> None:
    """States (n,) from `times_ns` (n,) on, each until the next and the last until the end; only changes are sent."""
    whole = rr.new_entity_path([run.name, *path])
    changed = [0, *(i for i in range(1, len(states)) if states[i] != states[i - 1])]
    told = [*(states[i] for i in changed), None]
    told_ns = np.append(times_ns[changed], run.end_ns)
    style = rr.StateConfiguration(
        values=list(colors), labels=list(colors), colors=np.array(list(colors.values()), np.uint32)
    )
    stream.log(whole, style, static=True)
    # What is none is an empty list, which ends a lane: a null within one is nothing that Rerun can read back.
    columns = rr.StateChange.columns(state=[state for state in told if state is not None])
    columns = columns.partition([int(state is not None) for state in told])
    stream.send_columns(whole, indexes=run.times(told_ns), columns=columns)


def _send_probabilities(stream: Any, run: Run, path: str, actions: ActionSet, probabilities: Floats) -> None:
    """A curve (T,) for each of the `actions`, broken where a gap lies."""
    captured_ns, spacing_ns = run.recording.captured_ns, run.recording.median_spacing_ns
    after = np.flatnonzero(run.recording.gap_before())[1:]
    times_ns = np.insert(captured_ns, after, captured_ns[after - 1] + spacing_ns)
    curves = np.insert(probabilities, after, np.nan, axis=0)
    for a, (name, color) in enumerate(action_colors(actions).items()):
        whole = rr.new_entity_path([run.name, path, name])
        stream.log(whole, rr.SeriesLines(colors=np.array([color], np.uint32), names=[name]), static=True)
        columns = rr.Scalars.columns(scalars=curves[:, a].astype(np.float64))
        stream.send_columns(whole, indexes=run.times(times_ns), columns=columns)


def _send_opinions(stream: Any, run: Run, shown: Callable[[int], None]) -> Ints:
    adviser, recording = run.adviser, run.recording
    assert adviser is not None  # as the caller found
    names = adviser.meta.actions.names
    probabilities = np.full((len(recording), len(names)), np.nan, np.float32)
    would = np.full(len(recording), -1)
    path = f"{run.root}/picture/looks"
    if adviser.attention:
        _, height, width = adviser.attention.shape
        stream.log(path, _placed(adviser.meta.frame, recording.meta.frame, height, width), static=True)
        stream.log(path, rr.EncodedImage.from_fields(media_type="image/png", draw_order=1.0), static=True)
    asked = enumerate(adviser.says(recording))
    while some := list(islice(asked, CHUNK)):
        for t, opinion in some:
            would[t] = decided(opinion)
            if opinion:
                probabilities[t] = opinion.probabilities
        steps = range(some[0][0], some[-1][0] + 1)
        if adviser.attention:
            overlays = [overlay(opinion, (height, width)) for _, opinion in some]
            _send_images(stream, run, path, steps, overlays)
        shown(steps.stop)
    _send_probabilities(stream, run, "policy", adviser.meta.actions, probabilities)
    doing = [names[a] if a >= 0 else None for a in would]
    _send_lane(stream, run, ["action", "policy"], recording.captured_ns, doing, action_colors(adviser.meta.actions))
    return would


def overlay(opinion: Opinion | None, size: tuple[int, int]) -> bytes:
    """A PNG of `size` (h, w) that lies over the picture: the more of all looking a place has, the less it lets through.

    Wholly transparent where the policy says nothing.
    """
    image = np.empty((*size, 4), np.uint8)  # BGRA
    image[:] = OVERLAY
    looked = looked_at(opinion.maps) if opinion is not None and opinion.maps is not None else np.zeros(size)
    image[:, :, 3] = (looked * OVERLAY[3]).astype(np.uint8)
    return _encoded(".png", image)


def _placed(seen: FrameSpec, recorded: FrameSpec, height: int, width: int) -> Any:
    """Where maps (height, width) of what a policy has `seen` of a `recorded` picture lie in it."""
    x, y = 0.0, 0.0
    whole_width, whole_height = float(recorded.width), float(recorded.height)
    if seen.crop and seen.crop_of:
        across, down = recorded.width / seen.crop_of[0], recorded.height / seen.crop_of[1]
        x, y = seen.crop.left * across, seen.crop.top * down
        whole_width, whole_height = seen.crop.width * across, seen.crop.height * down
    return rr.Transform3D(translation=[x, y, 0], scale=[whole_width / width, whole_height / height, 1])


def action_colors(actions: ActionSet) -> dict[str, int]:
    """The colour of each action by its name, the same in lanes and curves; grey of one that holds nothing."""
    return {action.name: PALETTE[a % len(PALETTE)] if action.keys else GREY for a, action in enumerate(actions.actions)}

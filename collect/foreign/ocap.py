"""`import --from ocap`: what Open World Agents' recorder wrote, an MCAP file of events with its video beside it."""

import base64
import json
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.actions import ActionSet
from agent.arrays import Array, Ints
from agent.errors import TwoframeError
from agent.frames import MAX_SIDE, Image
from agent.keys import KEYS
from agent.recording.format import KEY_EVENT
from agent.recording.reader import held_at
from collect.foreign.library import library
from collect.foreign.played import Played, Wanted, require_actions
from collect.foreign.video import VideoReader

TOPICS = ("screen", "keyboard", "keyboard/state")
MAX_MESSAGES = 50_000_000
# Windows has a code for either of two keys beside those for the left and the right one.
_BY_VK = {key.windows_vk: key.name for key in reversed(tuple(KEYS.values()))} | {
    0x10: "shift",
    0x11: "ctrl",
    0x12: "alt",
}


@dataclass(frozen=True, slots=True)
class _Shot:
    """A picture: when it was taken, nanoseconds since 1970, and where it is: in a video, or in the message itself."""

    time_ns: int
    uri: str
    pts_ns: int | None


def played_in(source: Path, wanted: Wanted) -> Played:
    """The recording whose MCAP file is `source`. Raises `TwoframeError`."""
    shots, presses = _messages(source)
    if not shots:
        raise TwoframeError(f"{source}: found no pictures (topic screen), expected some; record the video too")
    pressed = Counter(key for _, key, down in presses if down)
    actions = require_actions(
        wanted, f"presses of {', '.join(f'{key} ({n})' for key, n in pressed.most_common(8)) or 'no key'}"
    )
    began_ns = shots[0].time_ns
    times_ns = np.array([shot.time_ns - began_ns for shot in shots], np.int64)
    events = _events(presses, actions, began_ns)
    spacing_ns = float(np.median(np.diff(times_ns))) if len(shots) > 1 else 1e8
    images, size, lossy = _pictures(source, shots)
    return Played(
        source="ocap",
        images=images,
        size=size,
        color="rgb",
        times_ns=times_ns,
        held=held_at(events, times_ns, len(actions.keys)),
        actions=actions,
        fps=wanted.fps or min(1000.0, float(f"{1e9 / spacing_ns:.3g}")),
        losses=("pixels",) if lossy else (),
        events=events,
        began_utc=_date(began_ns),
    )


def _date(time_ns: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(time_ns / 1e9, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _messages(source: Path) -> tuple[list[_Shot], list[tuple[int, str, bool]]]:
    """The pictures in order of time, each later than the one before, and the presses and releases of keys by name."""
    reader = library("mcap.reader")
    errors = (library("mcap.exceptions").McapError, library("zstandard").ZstdError, *_DAMAGED)
    if not source.is_file():
        raise TwoframeError(f"{source}: found no file, expected one of ocap, NAME.mcap")
    shots: list[_Shot] = []
    presses: list[tuple[int, str, bool]] = []
    first_state = True
    try:
        with source.open("rb") as file:
            opened = reader.make_reader(file)
            if opened.get_header().profile != "owa":
                raise TwoframeError(
                    f"{source}: found an MCAP file of something else, expected one of ocap (profile owa)"
                )
            for n, (_, channel, message) in enumerate(opened.iter_messages(topics=TOPICS)):
                if n > MAX_MESSAGES:
                    raise ValueError("more messages than a day of play has")
                value = json.loads(message.data)
                if channel.topic == "screen":
                    shots.append(_shot(value, message.log_time))
                elif channel.topic == "keyboard":
                    if key := _BY_VK.get(value["vk"]):
                        presses.append(
                            (_time(value.get("timestamp"), message.log_time), key, value["event_type"] == "press")
                        )
                elif first_state:  # the keys that were down when it began
                    first_state = False
                    presses += [(0, _BY_VK[vk], True) for vk in value["buttons"] if vk in _BY_VK]
    except errors as error:
        what = (str(error).splitlines() or [type(error).__name__])[0][:80]
        raise TwoframeError(
            f"{source}: found no whole MCAP file ({what}), expected one of ocap; is it cut off?"
        ) from None
    presses.sort(key=lambda press: press[0])
    shots.sort(key=lambda shot: shot.time_ns)
    return [shot for n, shot in enumerate(shots) if n == 0 or shot.time_ns > shots[n - 1].time_ns], presses


# All that a damaged file ends in, by where it is damaged.
_DAMAGED = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    EOFError,
    MemoryError,
    OverflowError,
    RuntimeError,
    struct.error,
)


def _shot(value: dict[str, Any], logged_ns: int) -> _Shot:
    """A message of topic screen, as versions 0.3 to 0.6 write it."""
    media = value.get("media_ref") or {"uri": value.get("path"), "pts_ns": value.get("pts")}
    uri, pts_ns = media["uri"], media.get("pts_ns")
    if not isinstance(uri, str) or not (pts_ns is None or (type(pts_ns) is int and 0 <= pts_ns < 2**62)):
        raise ValueError("a picture that is nowhere")
    return _Shot(_time(value.get("utc_ns"), logged_ns), uri, pts_ns)


def _time(told_ns: Any, logged_ns: int) -> int:
    found = logged_ns if told_ns is None else told_ns
    if type(found) is not int or not 0 <= found < 2**62:
        raise ValueError("a time that is none")
    return found


def _events(presses: Sequence[tuple[int, str, bool]], actions: ActionSet, began_ns: int) -> Array:
    """(E,) of `KEY_EVENT` of the actions' keys, by changes: a key that is held down repeats its press."""
    down: set[str] = set()
    rows = []
    for time_ns, key, pressed in presses:
        if key in actions.keys and pressed != (key in down):
            down ^= {key}
            rows.append((max(0, time_ns - began_ns), actions.keys.index(key), pressed))
    return np.array(rows, KEY_EVENT)


def _pictures(source: Path, shots: Sequence[_Shot]) -> tuple[Iterator[Image], tuple[int, int], bool]:
    """The pictures one by one, their size (width, height), and whether they were coded with loss."""
    kinds = {shot.uri if shot.pts_ns is not None else "" for shot in shots}
    if kinds == {""}:
        first = _embedded(source, shots[0])
        lossy = any(not shot.uri.startswith(("data:image/png", "data:image/bmp")) for shot in shots)
        return (_embedded(source, shot) for shot in shots), (first.shape[1], first.shape[0]), lossy
    if len(kinds) > 1:
        raise TwoframeError(f"{source}: found pictures in {len(kinds)} places, expected those of one video")
    video = source.parent / _plain(source, kinds.pop())
    with VideoReader(video) as opened:
        size, lossy = opened.size, opened.lossy
    pts = np.array([shot.pts_ns for shot in shots], np.int64)
    if (np.diff(pts) < 0).any():
        raise TwoframeError(f"{source}: found pictures that go back in the video, expected them in order")
    return _in_video(video, pts), size, lossy


def _in_video(path: Path, pts: Ints) -> Iterator[Image]:
    with VideoReader(path) as video:
        for image in video.pictures_at(pts):
            yield np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def _plain(source: Path, uri: str) -> str:
    """The name of a file beside the MCAP file. Raises `TwoframeError` for what leads elsewhere."""
    if not uri or uri in (".", "..") or set(uri) & set("/\\:") or Path(uri).name != uri:
        raise TwoframeError(f"{source}: found the video {uri[:60]!r}, expected the name of a file beside it")
    return uri


def _embedded(source: Path, shot: _Shot) -> Image:
    head, _, content = shot.uri.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64")):
        raise TwoframeError(f"{source}: found the picture {shot.uri[:40]!r}, expected it in a video or in the file")
    try:
        image = cv2.imdecode(np.frombuffer(base64.b64decode(content, validate=True), np.uint8), cv2.IMREAD_COLOR)
    except (ValueError, cv2.error):
        image = None
    if image is None or max(image.shape[:2]) > MAX_SIDE:
        raise TwoframeError(
            f"{source}: found a picture that cannot be read, expected PNG or JPEG up to {MAX_SIDE} a side"
        )
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)  # type: ignore[return-value]

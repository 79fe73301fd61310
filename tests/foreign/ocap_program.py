"""Run by the Python that has Open World Agents' libraries: `write GIVEN.npz OUT.mcap video|embedded`."""

import sys
from pathlib import Path

import numpy as np
from mcap_owa.highlevel import OWAMcapWriter
from owa.core.io.video import VideoWriter
from owa.msgs.desktop.keyboard import KeyboardEvent, KeyboardState
from owa.msgs.desktop.screen import ScreenCaptured

BEGAN_NS = 1_768_131_731_000_000_000


def write(given: str, out: str, kind: str) -> None:
    given = np.load(given)
    frames, times_ns = given["frames"], given["times_ns"]
    messages = [(0, "keyboard/state", KeyboardState(buttons=set(given["down_before"].tolist())))]
    for time_ns, vk, down in given["presses"]:
        messages.append((time_ns, "keyboard", KeyboardEvent(event_type="press" if down else "release", vk=int(vk))))
    video = Path(out).with_suffix(".mkv")
    if kind == "video":
        with VideoWriter(video, vfr=True) as writer:
            for frame, time_ns in zip(frames, times_ns, strict=True):
                writer.write_frame(frame, pts=float(time_ns / 1e9), pts_unit="sec")
    for frame, time_ns in zip(frames, times_ns, strict=True):
        if kind == "video":
            shot = ScreenCaptured(utc_ns=BEGAN_NS + int(time_ns), media_ref={"uri": video.name, "pts_ns": int(time_ns)})
        else:
            bgra = np.dstack([frame[:, :, ::-1], np.full(frame.shape[:2], 255, np.uint8)])
            shot = ScreenCaptured(utc_ns=BEGAN_NS + int(time_ns), frame_arr=bgra).embed_as_data_uri(format="png")
        messages.append((int(time_ns) + 1_000_000, "screen", shot))
    with OWAMcapWriter(out) as writer:
        for time_ns, topic, message in sorted(messages, key=lambda each: each[0]):
            writer.write_message(message, topic=topic, timestamp=BEGAN_NS + int(time_ns))


if __name__ == "__main__":
    {"write": write}[sys.argv[1]](*sys.argv[2:])

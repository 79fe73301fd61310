"""Keeping what happened while a policy played: a recording that can be trained with the demonstrations.

It holds the keys that were down for the game, pressed by the agent or by the person who had taken over, and tells
in `control` which of the two it was: `train` learns from the person's frames only.
"""

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from agent.arrays import Floats
from agent.command_line.terminal import begun, typed
from agent.frames import Box, Image
from agent.keyboard.listener import KeyEvent
from agent.pacing import clock_ns
from agent.policy.format import PolicyMeta
from agent.recording.confirmed import ConfirmedJournal
from agent.recording.format import AGENT, PERSON, begun_now
from agent.recording.journal import Journal
from agent.recording.key_log import KeyLog
from agent.recording.reader import Recording
from agent.recording.writer import RecordingWriter
from agent.screen.followed import FollowedWindow
from agent.screen.target import FixedRegion


class RolloutRecording:
    """A new recording in `folder`; a context manager with an idempotent `close`, which finishes it.

    A frame is kept only when the next look still finds the game focused, as by `collect`. `heard` is called by the
    listener's thread, the rest by the loop; all times are on the loop's clock. Raises `TwoframeError` if the folder
    is in use or the disk is full.
    """

    def __init__(self, folder: Path, meta: PolicyMeta, target: FollowedWindow | FixedRegion, box: Box) -> None:
        # Recorded as the demonstrations were, so that both train together.
        libraries = ["ai-edge-litert"]
        described = begun_now(
            "rollout", meta.recorded, meta.actions, meta.fps, target.title, target.marks, box, libraries
        )
        writer = RecordingWriter(folder, described, ("control", "probabilities"))
        self._journal = Journal(writer, meta.actions)
        self._key_log = KeyLog()
        self._confirmed = ConfirmedJournal(self._journal, self._key_log, start_ns=clock_ns())

    @property
    def frame_count(self) -> int:
        return self._journal.frame_count

    @property
    def dropped(self) -> int:
        return self._journal.dropped

    def held_at_start(self, keys: Collection[str]) -> None:
        self._key_log.held_at_start(keys)

    def heard(self, event: KeyEvent) -> None:
        """A watched key changed. Whose it is does not matter here: the newest change is what the game saw last."""
        self._key_log.heard(replace(event, injected=None))

    def confirm(self, now_ns: int) -> None:
        """The game is in front now, and was since the last `confirm` if a frame was taken after it."""
        self._confirmed.confirm(now_ns)

    def discard(self, now_ns: int) -> None:
        """The game is not in front now, or nothing is to be kept: the newest frame and keys are dropped."""
        self._confirmed.discard(now_ns)

    def frame(self, frame: Image, captured_ns: int, probabilities: Floats, who: int) -> None:
        """`frame` as recorded, grabbed at `captured_ns`; `who` is `AGENT` or `PERSON`."""
        self._confirmed.frame(frame, captured_ns, control=np.array(who, np.uint8), probabilities=probabilities.copy())

    def close(self) -> None:
        self._journal.close()

    def __enter__(self) -> "RolloutRecording":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def receipt(folder: Path, dropped: int) -> list[str]:
    """What is in the rollout that was written, and what to type next."""
    recording = Recording.open(folder)
    control = recording.control if recording.control is not None else np.full(len(recording), AGENT, np.uint8)
    persons = int((control == PERSON).sum())
    lines = [
        f"written to {folder}: {len(recording)} frames {recording.meta.frame}, {persons} of them the person's; keys in "
        f"it: {' '.join(sorted({recording.meta.keys[k] for k in recording.key_events['key']})) or 'none'}"
    ]
    if dropped:
        lines.append(f"warning: {dropped} frames found no room in memory and are not in it; another disk helps")
    if not recording.meta.complete:
        lines += recording.problems
    if persons:
        lines.append(
            f"next: {begun('train')} OLD... {typed(folder)} --out NEW   "
            "(OLD: the recordings that this policy was trained on)"
        )
    else:
        lines.append(
            "nobody took over, so there is nothing to learn from it; correct the agent while it plays (F8, or just "
            "press the keys), or play yourself with --shadow"
        )
    return lines

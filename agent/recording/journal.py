"""The way of a live loop to its recording: a thread behind a bounded queue, so that the disk delays no frame."""

import math
import threading
import time
from collections import Counter, deque

import numpy as np

from agent.actions import ActionSet
from agent.arrays import Array, Ints
from agent.errors import TwoframeError
from agent.frames import Image
from agent.recording.writer import RecordingWriter

FLUSH_S = 0.2
SETTLE_NS = 50_000_000  # a key event may reach us this much later than a frame of the same time
QUEUE_BYTES = 64_000_000


class Journal:
    """Takes frames and key events in time order and writes them; `dropped` counts frames that found no room.

    Context manager with an idempotent `close`, which raises the error that ended the writing, if any.
    """

    def __init__(self, writer: RecordingWriter, actions: ActionSet) -> None:
        self._writer = writer
        self._actions = actions
        self._keys = writer.meta.keys
        self._room = max(8, QUEUE_BYTES // math.prod(writer.meta.frame.shape))
        self._frames: deque[tuple[int, Image, dict[str, Array]]] = deque()
        self._events: deque[tuple[int, str, bool]] = deque()
        self._settled_ns = -1
        self._ending = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.dropped = 0
        self.error: TwoframeError | MemoryError | None = None
        self.longest_flush_s = 0.0
        self._thread.start()

    def event(self, time_ns: int, key: str, down: bool) -> None:
        self._events.append((time_ns, key, down))

    def frame(self, frame: Image, captured_ns: int, **extras: Array) -> None:
        """Never waits: a frame that finds the queue full is dropped and counted. For `extras` see the writer."""
        if len(self._frames) >= self._room:
            self.dropped += 1
        else:
            self._frames.append((captured_ns, frame, extras))

    def settle(self, until_ns: int) -> None:
        """All events up to `until_ns` have been given."""
        self._settled_ns = until_ns - SETTLE_NS

    @property
    def frame_count(self) -> int:
        return self._writer.frame_count

    @property
    def size_bytes(self) -> int:
        return self._writer.size_bytes

    def action_counts(self) -> Ints:
        """(A,) int64: how many of the frames written so far show each action."""
        rows: Counter[bytes] = Counter(self._writer.held_counts.copy())
        counts = np.zeros(len(self._actions), np.int64)
        for row, count in rows.items():
            held = np.frombuffer(row, np.bool_)[None]
            counts[self._actions.actions_of(held, self._keys)[0]] += count
        return counts

    def _run(self) -> None:
        try:
            while not self._ending.wait(FLUSH_S):
                self._write(self._settled_ns)
        except (TwoframeError, MemoryError) as error:
            self.error = error

    def _write(self, settled_ns: int) -> None:
        begun = time.perf_counter()
        # Frames are taken before events: an event that belongs before a taken frame has then been given, too.
        frames = [self._frames.popleft() for _ in range(len(self._frames))]
        events = [self._events.popleft() for _ in range(len(self._events))]
        for time_ns, key, down in events:
            self._writer.key_event(time_ns, key, down=down)
        for captured_ns, frame, extras in frames:
            self._writer.append(frame, captured_ns, **extras)
        self._writer.flush(settled_ns)
        self.longest_flush_s = max(self.longest_flush_s, time.perf_counter() - begun)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._ending.set()
        self._thread.join()
        if self.error is None:
            try:
                self._write(np.iinfo(np.int64).max)
            except (TwoframeError, MemoryError) as error:
                self.error = error
        self._writer.close(complete=self.error is None)
        if self.error:
            raise self.error

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

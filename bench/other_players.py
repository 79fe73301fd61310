"""What `play` is compared with: `python -m bench.other_players plain|tuned TRACE.npy POLICY BOX SECONDS`.

`plain` is the loop of hobby projects: mss, cv2, Keras' `predict` on both frames, pynput. `tuned` calls the same
network through `tf.function` on both frames and has everything else from `play`. Both as fast as they can, at most
60 decisions a second. BOX is where the game's window is.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agent.frames import Box
from agent.pacing import Pacer, clock_ns
from agent.policy.format import MODEL_FILE, read_policy_meta
from bench.live import Trace

FPS = 60


def plain(trace: Trace, policy: Path, box: Box, seconds: float) -> None:
    import cv2
    import keras
    import mss
    from pynput.keyboard import Controller, KeyCode

    meta = read_policy_meta(policy)
    model = keras.models.load_model(policy / MODEL_FILE)
    chords = [[KeyCode.from_vk(ord(name)) for name in action.keys] for action in meta.actions.actions]
    keyboard = Controller()
    region = {"left": box.left, "top": box.top, "width": box.width, "height": box.height}
    before, held = None, None
    with mss.MSS() as grabber:

        def tick() -> None:
            nonlocal before, held
            begun_ns = clock_ns()
            image = np.array(grabber.grab(region))
            grabbed_ns = clock_ns()
            frame = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGRA2GRAY), (meta.frame.width, meta.frame.height))
            frame = frame[:, :, None]
            prepared_ns = clock_ns()
            window = np.stack([frame if before is None else before, frame])[None]
            action = int(model.predict(window, verbose=0)[0].argmax())
            decided_ns = clock_ns()
            if action != held:
                for key in chords[held] if held is not None else ():
                    keyboard.release(key)
                for key in chords[action]:
                    keyboard.press(key)
            before, held = frame, action
            trace.add(action, begun_ns, grabbed_ns, prepared_ns, decided_ns, clock_ns())

        run(tick, seconds)
    for key in chords[held] if held is not None else ():
        keyboard.release(key)


def tuned(trace: Trace, policy: Path, box: Box, seconds: float) -> None:
    import keras
    import tensorflow as tf

    from agent.keyboard.key_holder import KeyHolder
    from agent.screen.grab import Screen

    meta = read_policy_meta(policy)
    model = keras.models.load_model(policy / MODEL_FILE)
    decide = tf.function(lambda window: model(window, training=False))
    frames = np.zeros((1, meta.frames_per_window, *meta.frame.shape), np.uint8)
    with Screen() as screen, KeyHolder(meta.actions.keys, window_id=None) as holder:

        def tick() -> None:
            begun_ns = clock_ns()
            image = screen.grab(box)
            grabbed_ns = clock_ns()
            frames[:, :-1] = frames[:, 1:]
            frames[:, -1] = meta.prepare(image)
            prepared_ns = clock_ns()
            action = int(decide(tf.constant(frames))[0].numpy().argmax())
            decided_ns = clock_ns()
            holder.hold(meta.actions.actions[action].keys)
            trace.add(action, begun_ns, grabbed_ns, prepared_ns, decided_ns, clock_ns())

        run(tick, seconds)


def run(tick: Callable[[], Any], seconds: float) -> None:
    tick()  # the first one builds what the others use
    pacer = Pacer(FPS)
    end_s = time.perf_counter() + seconds
    while time.perf_counter() < end_s:
        pacer.wait()
        tick()


def main(player: str, path: str, policy: str, box: str, seconds: str) -> int:
    from train.quiet import quieten_tensorflow

    quieten_tensorflow()
    trace = Trace(round(float(seconds) * FPS) + FPS)
    {"plain": plain, "tuned": tuned}[player](trace, Path(policy), Box.parse(box, "BOX"), float(seconds))
    trace.save(Path(path))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

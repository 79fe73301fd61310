"""A window that knows what it shows: `python -m games.window.counter LOG` draws a counter and logs the truth.

The counter is drawn as black and white squares, most significant bit first, over a moving picture, once per
frame. LOG gets one line of JSON for each frame drawn, `{"shown": n, "time_ns": t}` (read when the picture was
handed to the display), and for each key event received, `{"key": name, "down": true, "time_ns": t}`. Times are
`agent.pacing.clock_ns`. It ends when the window is closed or on SIGTERM.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Ints, Levels
from agent.command_line.real_pixels import count_real_pixels
from agent.pacing import clock_ns

BITS = 16
ROWS = 1 / 8  # the share of the window's height, at its top, that holds the counter


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m games.window.counter",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log", type=Path, help="file for the truth")
    parser.add_argument("--title", default="Counter")
    parser.add_argument("--size", default="1280x720", help="of the window, in pixels")
    parser.add_argument("--fps", type=float, default=60.0, help="frames drawn a second")
    options = parser.parse_args(argv)
    width, height = (int(side) for side in options.size.split("x"))
    count_real_pixels()

    import pygame

    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"  # else SDL opens the window, closes it and opens another
    pygame.display.init()
    screen = pygame.display.set_mode((width, height))
    pygame.display.set_caption(options.title)
    signal.signal(signal.SIGTERM, lambda *_: pygame.event.post(pygame.event.Event(pygame.QUIT)))
    period_s = 1 / options.fps
    due_s = time.perf_counter()
    with options.log.open("w", buffering=1, encoding="utf-8") as log:
        n = 0
        while True:
            for event in pygame.event.get():
                if event.type == pygame.QUIT:
                    pygame.quit()
                    return 0
                if event.type in (pygame.KEYDOWN, pygame.KEYUP):
                    down = event.type == pygame.KEYDOWN
                    name = pygame.key.name(event.key)
                    log.write(json.dumps({"key": name, "down": down, "time_ns": clock_ns()}) + "\n")
            draw(screen, n)
            pygame.display.flip()
            log.write(json.dumps({"shown": n, "time_ns": clock_ns()}) + "\n")
            n = (n + 1) % 2**BITS
            due_s = max(due_s + period_s, time.perf_counter() - period_s)
            time.sleep(max(0.0, due_s - time.perf_counter()))


def draw(screen: Any, n: int) -> None:
    """The picture of one count on a surface of pygame."""
    import pygame

    width, height = screen.get_size()
    screen.fill((40, 60, 40))
    pygame.draw.rect(screen, (200, 120, 40), (bar_left(n, width), height // 2, width // 8, height // 4))
    square = pygame.Rect(0, 0, width // BITS, int(height * ROWS))
    for bit in range(BITS):
        white = n >> (BITS - 1 - bit) & 1
        screen.fill((255, 255, 255) if white else (0, 0, 0), square.move(bit * square.width, 0))


def bar_left(n: int, width: int) -> int:
    """Where the moving bar begins."""
    return n * 2 % width


def read_counter(frames: Levels) -> Ints:
    """(T,) the counter in gray frames (T, H, W, 1) of the whole window, or -1 where a square is not clear."""
    height, width = frames.shape[1:3]
    columns = ((np.arange(BITS) + 0.5) * width / BITS).astype(int)
    squares = np.asarray(frames[:, int(height * ROWS / 2), columns, 0], np.int64)
    values = ((squares > 127) << np.arange(BITS - 1, -1, -1)).sum(axis=1)
    clear = ((squares < 16) | (squares > 239)).all(axis=1)
    return np.where(clear, values, -1)


if __name__ == "__main__":
    sys.exit(main())

"""Is a game played in a Wayland session as well as on X11? `python -m bench.desktops POLICY [--episodes 5] [--quick]`.

The same policy of car3 (`make demo` leaves one in demo/out/policy) plays the same tracks in both, and in both the
scripted demonstrator is recorded for a minute by `collect`. Everything made stays in --out.
"""

import argparse
import os
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from Xlib.display import Display

from agent.errors import raise_if_any, run_command, usage
from agent.recording.reader import Recording
from bench.closed_loop.measure import Scale, Workshop, episodes_beyond
from bench.closed_loop.results import episode_scores, every_score, sd_of
from bench.live import BOTH, Rows, add_session_flags, in_sessions
from bench.table import Bench, bench_options, files_without_place, show
from games.catalogue import game_named

GAME = "car3"
RECORD_S, QUICK_RECORD_S, QUICK_FRAMES = 60.0, 10.0, 150


class _ThisDisplay:
    """The display that this process was started on, as the workshop wants one."""

    env = os.environ

    @contextmanager
    def connection(self) -> Iterator[Any]:
        display = Display()
        try:
            yield display
        finally:
            display.close()


def measure(options: argparse.Namespace) -> Rows:
    """The desktop that this process is on."""
    desktop = "wayland" if "WAYLAND_DISPLAY" in os.environ else "x11"
    game = game_named(GAME)
    scale = Scale(
        options.episodes,
        record_s=QUICK_RECORD_S if options.quick else RECORD_S,
        max_frames=QUICK_FRAMES if options.quick else None,
    )
    place = options.out.resolve() / ("quick" if options.quick else "full") / desktop
    workshop = Workshop(place, _ThisDisplay(), scale)
    folder, _ = workshop.recording(game)
    recording = Recording.open(folder)
    rollout = workshop.rollout(game, "agent", options.policy.resolve())
    scores = episode_scores(rollout)
    spacing_ms = np.diff(recording.captured_ns) / 1e6
    return [
        {
            "frames": len(recording),
            "gaps": int(recording.gap_before()[1:].sum()),
            "spacing p99 ms": round(float(np.percentile(spacing_ms, 99)), 1),
            "key events": len(recording.key_events),
            "late decisions": rollout["play"]["late_ticks"],
            "score": round(statistics.fmean(scores)),
            "sd": round(sd_of(scores)),
            "every score": every_score(scores),
        }
    ]


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    def more(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("policy", type=Path, help="folder of a policy of car3")
        parser.add_argument("--episodes", type=int, default=5, metavar="N", help="to be played in each session (5)")
        parser.add_argument("--out", type=Path, default=Path("bench/out/desktops"), metavar="FOLDER")
        parser.set_defaults(session=BOTH)

    return bench_options(__doc__, argv, add_session_flags, more)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`; what was made before is kept."""
    with usage():
        raise_if_any([*episodes_beyond({"--episodes": options.episodes}), *files_without_place(options.json)])
    again = (options.policy.resolve(), "--episodes", options.episodes, "--out", options.out.resolve())
    rows = in_sessions(options, lambda: measure(options), *again)
    show(Bench("desktops", f"{GAME}, {options.episodes} episodes", rows), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())

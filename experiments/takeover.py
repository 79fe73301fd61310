"""Do corrections help? `python -m experiments.takeover [--game car3] [--minutes 1] [--correct-s 120]`.

A weak agent is trained on a minute of play. Then it plays in a real window while a scripted person takes the keys
where it goes wrong and gives them back, and `play --record` records that; `train` learns from both recordings
(HG-DAgger, Kelly et al. 2019). Both agents play the same episodes, which neither the recordings nor the corrections
had. A failure is an episode below half of the demonstrator's mean.
"""

import argparse
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import TwoframeError, UsageError, raise_if_any, run_command, usage
from agent.recording.format import PERSON
from agent.recording.reader import Recording
from bench.closed_loop.measure import DISPLAY, QUICK, Scale, Workshop, episodes_beyond, folder_for
from bench.closed_loop.results import episode_scores, every_score, sd_of
from bench.table import Bench, files_without_place, parser_of, show
from collect.disturbance import rate_beyond
from games.catalogue import GAMES, game_named
from games.window.display import VirtualDisplay

MOST_CORRECTED_S = 120.0


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    corrected = [name for name, game in GAMES.items() if game.corrector]
    parser = parser_of(__doc__, "python -m experiments.takeover")
    parser.add_argument("--quick", action="store_true", help="two short episodes and little of the rest")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    parser.add_argument("--game", default="car3", metavar="NAME", help=f"one of {', '.join(corrected)}")
    parser.add_argument("--out", type=Path, default=Path("bench/out/takeover"), metavar="FOLDER")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="of play for the weak agent (1)")
    parser.add_argument(
        "--wrong-keys", type=float, metavar="N", help="a minute, by collect; without it those of the game"
    )
    parser.add_argument("--correct-s", type=float, default=MOST_CORRECTED_S, metavar="S", help="of the rollout (120)")
    parser.add_argument("--train", default="", metavar='="FLAGS"', help="of both trainings")
    parser.add_argument("--episodes", type=int, metavar="N", help="without it those of the game")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`; what was made before is kept."""
    game = game_named(options.game)
    if game.corrector is None:
        raise UsageError(f"--game: found {game.name}, expected one with a corrector; see --help")
    with usage():
        raise_if_any(
            [
                *episodes_beyond({"--episodes": options.episodes}),
                *rate_beyond("--wrong-keys", options.wrong_keys or 0.0),
                *files_without_place(options.json),
            ]
        )
    scale = QUICK if options.quick else Scale(options.episodes, 60 * options.minutes)
    correct_s = 20.0 if options.quick else options.correct_s
    out = folder_for(options.out, quick=options.quick)
    with VirtualDisplay(DISPLAY) as display:
        workshop = Workshop(out, display, scale, wrong_keys=options.wrong_keys)
        demonstrator = workshop.rollout(game, "scripted")
        recording, _ = workshop.recording(game)
        weak, _ = workshop.policy(game, [recording], options.train)
        before = workshop.rollout(game, options.train, weak)
        corrections, _ = workshop.corrections(game, weak, correct_s)
        better, _ = workshop.policy(game, [recording, corrections], options.train)
        after = workshop.rollout(game, options.train, better)
    corrected_s, takeovers = corrections_in(corrections)
    half = statistics.fmean(episode_scores(demonstrator)) / 2
    rows = [row(name, episode_scores(kept), half) for name, kept in (("before", before), ("after", after))]
    rows.append(row("demonstrator", episode_scores(demonstrator), half))
    conditions = f"{game.name}, {takeovers} takeovers, {corrected_s:.0f} s of corrections"
    show(Bench("takeover", conditions, rows), options.json)
    return 0


def corrections_in(folder: Path) -> tuple[float, int]:
    """For how many seconds of a rollout a person had the keys, and how often they took them."""
    rollout = Recording.open(folder)
    assert rollout.control is not None  # play --record writes it
    is_person = rollout.control == PERSON
    return int(is_person.sum()) / rollout.rate_hz, int((np.diff(is_person.astype(int)) > 0).sum())


def row(player: str, scores: Sequence[float], half: float) -> dict[str, Any]:
    if not scores:
        raise TwoframeError("takeover: found no episode, expected some")
    return {
        "agent": player,
        "mean": statistics.fmean(scores),
        "sd": sd_of(scores),
        "worst": min(scores),
        "failures": sum(score < half for score in scores),
        "every score": every_score(scores),
    }


if __name__ == "__main__":
    sys.exit(main())

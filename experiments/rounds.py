"""A person's round: `python -m experiments.rounds [--games car3 car5] [--rounds 3] [--minutes 1] [--correct-s 120]`.

A weak agent is trained on a minute of play. Then, round by round, a scripted person corrects it where it goes wrong
(`play --record`), and `train --from` goes on learning from that. After each round it plays the same episodes, which
neither recordings nor corrections had: minutes of takeover against score. With `--anew` each round's agent has a
twin beside it that learned all recordings so far from the beginning. A failure is an episode below half of the
demonstrator's mean.
"""

import argparse
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from agent.errors import UsageError, raise_if_any, run_command, usage
from bench.closed_loop.measure import DISPLAY, QUICK, Scale, Workshop, episodes_beyond, folder_for
from bench.closed_loop.results import episode_scores
from bench.table import Bench, files_without_place, parser_of, show
from collect.disturbance import rate_beyond
from experiments.takeover import MOST_CORRECTED_S, corrections_in, row
from games.catalogue import GAMES, game_named
from games.game import Game
from games.window.display import VirtualDisplay


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    corrected = [name for name, game in GAMES.items() if game.corrector]
    parser = parser_of(__doc__, "python -m experiments.rounds")
    parser.add_argument("--quick", action="store_true", help="two rounds of two short episodes, little of the rest")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    parser.add_argument("--games", nargs="+", default=corrected, metavar="NAME", help=f"of {', '.join(corrected)}")
    parser.add_argument("--out", type=Path, default=Path("bench/out/rounds"), metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of play, correct and learn (3)")
    parser.add_argument("--minutes", type=float, default=1.0, metavar="M", help="of play for the weak agent (1)")
    parser.add_argument(
        "--wrong-keys", type=float, metavar="N", help="a minute, by collect; without it those of the game"
    )
    parser.add_argument("--correct-s", type=float, default=MOST_CORRECTED_S, metavar="S", help="of each rollout (120)")
    parser.add_argument("--train", default="", metavar='="FLAGS"', help="of the first training")
    parser.add_argument("--further", default="", metavar='="FLAGS"', help="of the trainings that go on")
    parser.add_argument("--anew", action="store_true", help="learn all from the beginning too, to compare")
    parser.add_argument("--episodes", type=int, metavar="N", help="without it those of the game")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`; what was made before is kept."""
    games = [game_named(name) for name in options.games]
    if without := [game.name for game in games if game.corrector is None]:
        raise UsageError(f"--games: found {', '.join(without)}, expected those with a corrector; see --help")
    with usage():
        raise_if_any(
            [
                *([] if options.rounds >= 1 else [f"--rounds: found {options.rounds}, expected at least 1"]),
                *episodes_beyond({"--episodes": options.episodes}),
                *rate_beyond("--wrong-keys", options.wrong_keys or 0.0),
                *files_without_place(options.json),
            ]
        )
    if options.quick:
        options.rounds, options.correct_s = min(options.rounds, 2), 20.0
    scale = QUICK if options.quick else Scale(options.episodes, 60 * options.minutes)
    out = folder_for(options.out, quick=options.quick)
    with VirtualDisplay(DISPLAY) as display:
        workshop = Workshop(out, display, scale, wrong_keys=options.wrong_keys)
        rows = [row for game in games for row in rounds_of(game, workshop, options)]
    show(Bench("rounds", f"{options.correct_s:g} s of play in each round", rows), options.json)
    return 0


def rounds_of(game: Game, workshop: Workshop, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for the demonstrator, for the weak agent, and for the agents after each round."""
    demonstrator = episode_scores(workshop.rollout(game, "scripted"))
    half = statistics.fmean(demonstrator) / 2
    corrected_s, takeovers = 0.0, 0

    def told(player: str, scores: Sequence[float], train_s: float | None = None) -> dict[str, Any]:
        figures = {"game": game.name, "takeover min": corrected_s / 60, "takeovers": takeovers, "train s": train_s}
        return figures | row(player, scores, half)

    yield told("demonstrator", demonstrator)
    recording, _ = workshop.recording(game)
    recordings = [recording]
    policy, made = workshop.policy(game, recordings, options.train)
    yield told("before", episode_scores(workshop.rollout(game, options.train, policy)), made["seconds"])
    for number in range(1, options.rounds + 1):
        corrections, _ = workshop.corrections(game, policy, options.correct_s, part=number)
        more_s, more = corrections_in(corrections)
        corrected_s, takeovers = corrected_s + more_s, takeovers + more
        recordings = [*recordings, corrections]
        flags = f"--from '{policy}' {options.further}"
        policy, made = workshop.policy(game, [corrections], flags)
        yield told(f"round {number}", episode_scores(workshop.rollout(game, flags, policy)), made["seconds"])
        if options.anew:
            twin, made = workshop.policy(game, recordings, options.train)
            scores = episode_scores(workshop.rollout(game, options.train, twin))
            yield told(f"round {number}, anew", scores, made["seconds"])


if __name__ == "__main__":
    sys.exit(main())

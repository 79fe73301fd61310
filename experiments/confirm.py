"""Does lockstep rank as live play does? `python -m experiments.confirm GAME POLICY POLICY... [--plot FILE.png]`.

The finalists of a search, policy folders made by `train`, play the same episodes twice: by `play` in a real window,
and taking turns with the game as in `closed_loop.search`. The two rankings are set against each other by Spearman's
rank correlation, 1 where they are the same. Policies closer to each other than an episode's chance are ranked by
chance on either side, so take good and bad ones.

Rollouts in a window are kept in --out and taken from there the next time, by the names of the policies.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import raise_if_any, run_command, usage
from agent.policy.step import Policy
from bench.closed_loop.measure import DISPLAY, QUICK, Scale, Workshop, episodes_beyond, folder_for, say
from bench.closed_loop.results import every_score, late_share, panels
from bench.table import Bench, files_without_place, parser_of, place_for, show
from experiments.intervals import Scores, difference_of
from experiments.lockstep import DELAY_MS, played
from experiments.search_results import scores_of, short
from games.catalogue import GAMES, game_named
from games.game import Game
from games.window.display import VirtualDisplay


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, "python -m experiments.confirm")
    parser.add_argument("game", metavar="GAME", help=f"one of {', '.join(GAMES)}")
    parser.add_argument("policies", nargs="+", type=Path, metavar="POLICY", help="folders made by train, two or more")
    parser.add_argument("--quick", action="store_true", help="two short episodes")
    parser.add_argument("--episodes", type=int, metavar="N", help="of every policy; without it those of the game")
    parser.add_argument("--out", type=Path, default=Path("bench/out/confirm"), metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw one mean against the other")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`; what was played before is kept."""
    game = game_named(options.game)
    policies = [policy.resolve() for policy in options.policies]
    problems = [*episodes_beyond({"--episodes": options.episodes}), *files_without_place(options.json, options.plot)]
    if len(set(policies)) < max(2, len(policies)):
        problems.append(f"POLICY: found {len(set(policies))} of them, expected two or more, each once")
    with usage():
        raise_if_any(problems)
    for policy in policies:
        Policy.load(policy, threads=1)  # told now, not after the others have played
    scale = QUICK if options.quick else Scale(options.episodes)
    out = folder_for(options.out, quick=options.quick)
    with VirtualDisplay(DISPLAY) as display:
        workshop = Workshop(out, display, scale)
        live = [workshop.rollout(game, str(policy), policy) for policy in policies]
    os.environ["SDL_VIDEODRIVER"] = "dummy"  # from here on no window
    lockstep = []
    for policy in policies:
        say(f"{game.name}: {policy} in lockstep")
        lockstep.append({"episodes": played(game, str(policy), scale.seeds(game), DELAY_MS, scale.max_frames)})

    in_window, in_turns = scores_of(live), scores_of(lockstep)
    rows = [
        row(policy, in_window[place], in_turns[place], late_share(live[place]["episodes"]))
        for place, policy in enumerate(policies)
    ]
    correlation = spearman(in_window.mean(axis=1), in_turns.mean(axis=1))
    difference = difference_of(in_turns, in_window)
    said = "none, as one side ranks all alike" if correlation is None else f"{correlation:.2f}"
    conditions = (
        f"{game.name}, {in_window.shape[1]} episodes; Spearman's rank correlation of {len(policies)} policies: {said}; "
        f"lockstep less live {short(difference.value)} ({difference.interval})"
    )
    show(Bench("confirm", conditions, rows), options.json)
    if options.plot:
        with place_for(options.plot):
            plot(game, in_window, in_turns, options.plot)
    return 0


def row(policy: Path, live: Scores, lockstep: Scores, late: float) -> dict[str, Any]:
    """`live` and `lockstep` are (E,)."""
    return {
        "policy": "/".join(policy.parts[-2:]),
        "live": short(float(live.mean())),
        "lockstep": short(float(lockstep.mean())),
        "late %": f"{100 * late:.2f}",
        "every score live": every_score(live),
        "in lockstep": every_score(lockstep),
    }


def spearman(one: Scores, other: Scores) -> float | None:
    """Spearman's rank correlation of two (N,): Pearson's of the ranks, equal values sharing theirs.

    None where all of one side are equal.
    """
    ranks = np.array([[(side < value).sum() + (side == value).sum() / 2 for value in side] for side in (one, other)])
    return float(np.corrcoef(ranks)[0, 1]) if ranks.std(axis=1).all() else None


def plot(game: Game, live: Scores, lockstep: Scores, path: Path) -> None:
    """(P, E) scores: a dot for each policy, its mean in lockstep against that in a window, with standard errors."""
    errors = [scores.std(axis=1) / np.sqrt(max(1, scores.shape[1] - 1)) for scores in (live, lockstep)]
    with panels([game], path, size=(5, 4.5)) as (axis,):
        axis.errorbar(live.mean(axis=1), lockstep.mean(axis=1), errors[1], errors[0], fmt="o", capsize=3)
        axis.axline((float(live.mean()), float(live.mean())), slope=1, color="tab:gray", linestyle=":")
        axis.set_xlabel("mean score live, in a window")
        axis.set_ylabel("mean score in lockstep")


if __name__ == "__main__":
    sys.exit(main())

"""Does it really play? `python -m bench.closed_loop [--games NAME...] [--train="FLAGS"]... [--quick] [--json FILE]`.

Each game runs in a real window on a display of its own. A scripted player shows it with real keys while `collect`
records, `train` learns from that once for each --train, and `play` plays the episodes (fixed seeds, none of them
recorded) that the demonstrator, random keys and no keys play too. Normalised is 0 as random keys and 1 as the
demonstrator. Valid is a game whose demonstrator is good and of whose ticks at most 1 % came late.

What is made is kept in --out and taken from there the next time, so that variants are compared on the same data;
remove a folder there to have it made anew (after a change of the code, say).
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from agent.errors import raise_if_any, run_command, usage
from agent.json_files import write_json
from bench.closed_loop.measure import DISPLAY, FULL, QUICK, Disturb, Workshop, episodes_beyond, folder_for
from bench.closed_loop.results import Row, plot, rows_of
from bench.table import Bench, files_without_place, machine, parser_of, place_for, show
from collect.disturbance import rate_beyond
from games.catalogue import GAMES, WINDOW_GAMES, window_game_named
from games.drivers import PLAYERS
from games.game import WindowGame
from games.window.display import VirtualDisplay


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, "python -m bench.closed_loop")
    parser.add_argument(
        "--games",
        nargs="+",
        metavar="NAME",
        default=list(GAMES),
        help=f"of {', '.join(WINDOW_GAMES)}; without it those that no package must be installed for",
    )
    parser.add_argument("--quick", action="store_true", help="two short episodes and little of the rest")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    parser.add_argument(
        "--out", type=Path, default=Path("bench/out/closed_loop"), metavar="FOLDER", help="where to keep what is made"
    )
    shown = parser.add_argument_group("what is shown")
    shown.add_argument("--minutes", type=float, metavar="M", help="of play to record; without it those of the game")
    shown.add_argument(
        "--disturb",
        choices=get_args(Disturb),
        default="collect",
        help="who disturbs the demonstrator: collect --disturb (as it comes), the game itself, or none",
    )
    shown.add_argument(
        "--wrong-keys", type=float, metavar="N", help="a minute, by collect; without it those of the game"
    )
    shown.add_argument("--reaction-ms", type=float, default=0.0, metavar="MS", help="the demonstrator's, e.g. 200")
    learned = parser.add_argument_group("what is learned and played")
    learned.add_argument("--train", action="append", metavar='="FLAGS"', help="a variant; without it, no flags")
    learned.add_argument("--episodes", type=int, metavar="N", help="of every player; without it those of the game")
    learned.add_argument(
        "--agent-episodes", type=int, metavar="N", help="more for the agent: 57 laps of car3 are half an hour"
    )
    learned.add_argument("--players-only", action="store_true", help="no agent: is the demonstrator good enough?")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`; what was made before is kept."""
    games = [window_game_named(name) for name in options.games]
    with usage():
        raise_if_any(
            [
                *episodes_beyond({"--episodes": options.episodes, "--agent-episodes": options.agent_episodes}),
                *rate_beyond("--wrong-keys", options.wrong_keys or 0.0),
                *files_without_place(options.json),
            ]
        )
    out = folder_for(options.out, quick=options.quick)
    scale = QUICK if options.quick else FULL
    if options.minutes:
        scale = dataclasses.replace(scale, record_s=60 * options.minutes)
    if options.episodes:
        scale = dataclasses.replace(scale, episodes=options.episodes)
    rows: list[Row] = []
    begun_s = time.monotonic()
    with VirtualDisplay(DISPLAY) as display:
        workshop = Workshop(
            out,
            display,
            scale,
            reaction_ms=options.reaction_ms,
            disturb=options.disturb,
            wrong_keys=options.wrong_keys,
        )
        for game in games:
            variants = [] if options.players_only else options.train or [""]
            rows += measure(game, workshop, variants, agent_episodes=options.agent_episodes)
    conditions = {
        "quick": options.quick,
        "reaction_ms": options.reaction_ms,
        "disturb": options.disturb,
        "wrong_keys": {game.name: workshop.wrong_keys(game) for game in games},
        "seeds": {game.name: list(scale.seeds(game)) for game in games},
        "machine": machine(),
        "minutes": (time.monotonic() - begun_s) / 60,
    }
    figures: dict[str, Any] = {"name": "closed_loop", **conditions, "rows": [row.to_json() for row in rows]}
    write_json(out / "results.json", figures)
    plot(rows, games, out / "results.png")
    show(Bench("closed_loop", "each in a real window", [row.for_table() for row in rows]))
    if options.json:
        with place_for(options.json):
            write_json(options.json, figures)
    print(f"{conditions['minutes']:.1f} minutes; everything in {out}")
    return 0 if all(row.valid for row in rows) or options.quick else 1


def measure(
    game: WindowGame, workshop: Workshop, variants: Sequence[str], *, agent_episodes: int | None = None
) -> list[Row]:
    """One game: every player's rollouts, and for each variant of the training an agent's."""
    players = {name: workshop.rollout(game, name) for name in PLAYERS}
    agents: dict[str, dict[str, Any]] = {}
    train_s: dict[str, float] = {}
    record_s = 0.0
    if variants:
        recording, recorded = workshop.recording(game)
        record_s = recorded["seconds"]
        for flags in variants:
            policy, trained = workshop.policy(game, [recording], flags)
            train_s[flags] = trained["seconds"]
            agents[flags] = workshop.rollout(game, flags, policy, episodes=agent_episodes)
    return rows_of(game, players, agents, record_s=record_s, train_s=train_s)


if __name__ == "__main__":
    sys.exit(main())

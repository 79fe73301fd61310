"""Which training plays better? `python -m experiments.search --variant "NAME=FLAGS" --variant ...`.

A variant is a name and flags of `train` (none: its defaults). For instance

    python -m experiments.search --games car3 lander --minutes 10 --disturb 12 --jobs 4 \\
        --variant "two frames=" --variant "one frame=--frames 1" --plot bench/out/search.png

records the demonstrator of each game in lockstep (or takes a --recording by `collect`, whose frames come at any time
between two of the game's, as they do for a newcomer), trains every variant on that recording once for each training
seed, and lets every policy play the same episodes in lockstep. Several --minutes train on the first so many
minutes of one recording. A variant is set against the first one by their paired difference: the same training
seed, the same episode. Where its 95 % interval (a bootstrap over training seeds and episodes) holds 0, these runs
show no difference. Normalised is 0 as random keys and 1 as the demonstrator, on the same episodes.

What is made is kept in --out and taken from there the next time, so that a search can be stopped, and widened by
variants and seeds; remove a folder there to have it made anew (after a change of the code, say). Only one search
at a time may use an --out.
"""

import argparse
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError, raise_if_any, run_command, usage
from agent.json_files import write_json
from agent.machine import usable_cpus
from agent.recording.reader import Recording
from bench.closed_loop.measure import say
from bench.table import Bench, files_without_place, parser_of, place_for, show
from experiments.intervals import RESAMPLES
from experiments.lockstep import DELAY_MS
from experiments.search_results import Row, players_for_table, plot, rows_of
from experiments.search_runs import REFERENCES, Conditions, Programs, Runs, Variant
from games.catalogue import GAMES, game_named
from games.game import PLAY_SEED, RECORD_SEED, Game


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for."""

    games: tuple[Game, ...]
    variants: tuple[Variant, ...]
    training_seeds: tuple[int, ...]
    minutes: tuple[float, ...]
    """Increasing."""
    conditions: Conditions
    jobs: int
    recorded: tuple[tuple[str, Path], ...]
    """Games and recordings to take of them, instead of making one."""

    @classmethod
    def of(cls, options: argparse.Namespace) -> "Plan":
        """Raises `UsageError`, for numbers one that tells everything."""
        with usage():
            plan = cls(
                tuple(game_named(name) for name in options.games),
                tuple(Variant.parse(text) for text in options.variant),
                seeds_of("--training-seeds", options.training_seeds),
                tuple(sorted(set(options.minutes))),
                Conditions(
                    episode_seeds=seeds_of("--episode-seeds", options.episode_seeds),
                    delay_ms=options.delay_ms,
                    max_frames=options.max_frames,
                    disturb=options.disturb,
                    disturbed=options.disturbed,
                    reaction_ms=options.reaction_ms,
                ),
                options.jobs,
                tuple(recorded(text) for text in options.recording),
            )
            raise_if_any([*plan.problems(), *files_without_place(options.json, options.plot)])
        return plan

    def problems(self) -> list[str]:
        had = self.conditions
        found = []
        played = [game.name for game in self.games]
        given = [("--variant", [v.name for v in self.variants]), ("--games", played)]
        given += [("--recording", [name for name, _ in self.recorded])]
        for what, names in given:
            found += [f"{what}: found {name!r} twice, expected it once" for name in doubles(names)]
        if had.episode_seeds[-1] >= RECORD_SEED:
            found.append(f"--episode-seeds: found {had.episode_seeds[-1]}, expected less than {RECORD_SEED}: recorded")
        found += [
            f"--recording {name}: found none of --games, expected one"
            for name, _ in self.recorded
            if name not in played
        ]
        positive = [("--jobs", self.jobs), *(("--minutes", n) for n in self.minutes)]
        positive += [] if had.max_frames is None else [("--max-frames", had.max_frames)]
        found += [f"{flag}: found {n:g}, expected more than 0" for flag, n in positive if not 0 < n < math.inf]
        others = (("--delay-ms", had.delay_ms), ("--disturb", had.disturb), ("--reaction-ms", had.reaction_ms))
        return found + [f"{flag}: found {n:g}, expected 0 or more" for flag, n in others if not 0 <= n < math.inf]


def recorded(text: str) -> tuple[str, Path]:
    """The game and the recording of GAME=FOLDER. Raises `TwoframeError`."""
    name, equals, folder = text.partition("=")
    if not (name and equals and folder):
        raise TwoframeError(f"--recording: found {text!r}, expected GAME=FOLDER")
    Recording.open(Path(folder))  # told now, not after the other games
    return name, Path(folder).resolve()


def seeds_of(flag: str, texts: Sequence[str]) -> tuple[int, ...]:
    """Seeds and ranges of them, `1 3 5..8`, in increasing order. Raises `TwoframeError`."""
    seeds: list[int] = []
    for text in texts:
        first, dots, last = text.partition("..")
        if not (first.isdecimal() and (last if dots else first).isdecimal()):
            raise TwoframeError(f"{flag}: found {text!r}, expected numbers from 0, or ranges such as 1..10")
        more = range(int(first), int(last if dots else first) + 1)
        if not more:
            raise TwoframeError(f"{flag}: found {text!r}, expected a range that goes up")
        seeds += more
    if found := doubles(seeds):
        raise TwoframeError(f"{flag}: found {found[0]} twice, expected each seed once")
    return tuple(sorted(seeds))


def doubles(values: Sequence[Any]) -> list[Any]:
    return [value for place, value in enumerate(values) if value in values[:place]]


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, "python -m experiments.search")
    # fmt: off
    add = parser.add_argument
    add("--variant", action="append", required=True, metavar='"NAME=FLAGS"', help="give it once for each; the first "
        "is what the others are set against")
    add("--games", nargs="+", metavar="NAME", default=list(GAMES), help=f"of {', '.join(GAMES)}; without it, all")
    add("--minutes", nargs="+", type=float, default=[10.0], metavar="M", help="of play to learn from (10)")
    add("--recording", action="append", default=[], metavar="GAME=FOLDER", help="learn that game from this recording")
    add("--training-seeds", nargs="+", default=["0..2"], metavar="SEED", help="numbers or ranges (0..2)")
    add("--episode-seeds", nargs="+", default=[f"{PLAY_SEED}..10"], metavar="SEED", help="numbers or ranges "
        f"({PLAY_SEED}..10), below {RECORD_SEED}, where what is recorded begins")
    add("--disturb", type=float, default=0.0, metavar="RATE", help="wrong actions a minute pressed while recording, "
        "as `collect --disturb` does")
    add("--disturbed", action="store_true", help="while recording the game does something else now and then")
    add("--reaction-ms", type=float, default=0.0, metavar="MS", help="the demonstrator's, e.g. 200")
    add("--delay-ms", type=float, default=DELAY_MS, metavar="MS",
        help=f"from the grab of a picture to the keys ({DELAY_MS:g})")
    add("--max-frames", type=int, metavar="N", help="cut played episodes off after so many")
    add("--jobs", type=int, default=1, metavar="N", help="train and play so many policies at once, each with its share "
        "of the cores")
    add("--out", type=Path, default=Path("bench/out/search"), metavar="FOLDER", help="where all that is made is kept")
    add("--json", type=Path, metavar="FILE", help="write every figure into this file")
    add("--plot", type=Path, metavar="FILE.png", help="draw every episode and the intervals; of several --minutes, "
        "the score against them")
    # fmt: on
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`; what was made before is kept."""
    plan = Plan.of(options)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TwoframeError(f"--out: found {options.out}: {error.strerror}, expected a place for a folder") from None
    begun_s = time.monotonic()
    programs = Programs(threads=max(1, usable_cpus() // plan.jobs))
    pool = ThreadPoolExecutor(plan.jobs)
    try:
        rows, players = searched(
            plan, Runs(options.out.resolve(), plan.conditions, programs, dict(plan.recorded)), pool
        )
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        programs.end()
        pool.shutdown()
    minutes = (time.monotonic() - begun_s) / 60
    had = plan.conditions
    text = (
        f"{len(plan.training_seeds)} training seeds x {len(had.episode_seeds)} episodes, keys {had.delay_ms:g} ms "
        f"after the grab; difference to {plan.variants[0].name!r}; 'to' is a 95 % interval"
    )
    table = [row.for_table() for row in rows] + players_for_table(players)
    show(Bench("search", text, table))
    if len(plan.training_seeds) < 3:
        print("fewer than 3 training seeds: the intervals hardly tell what another training would give")
    figures = {
        "name": "search",
        "conditions": had.to_json(),
        "training_seeds": list(plan.training_seeds),
        "variants": {variant.name: list(variant.flags) for variant in plan.variants},
        "resamples": RESAMPLES,
        "rows": [row.to_json() for row in rows],
        "players": players,
        "minutes": minutes,
    }
    if options.json:
        with place_for(options.json):
            write_json(options.json, figures)
    if options.plot:
        with place_for(options.plot):
            plot(rows, players, plan.games, options.plot)
    print(f"{minutes:.1f} minutes; everything in {options.out}")
    return 0


def searched(plan: Plan, runs: Runs, pool: ThreadPoolExecutor) -> tuple[list[Row], dict[str, dict[str, Any]]]:
    """A row for each game, minutes and variant; and of each game the reference players' episodes.

    Every variant has its turn before the second training seed: one that `train` refuses is told early. The first
    that fails ends the search.
    """
    recordings = {game.name: runs.recordings(game, plan.minutes) for game in plan.games}
    players = {(g.name, name): pool.submit(runs.player, g, name) for g in plan.games for name in REFERENCES}
    agents: dict[tuple[Any, ...], Future[dict[str, Any]]] = {}  # two variants with the same flags are one
    for seed in plan.training_seeds:
        for minutes in plan.minutes:
            for game in plan.games:
                for variant in plan.variants:
                    key = (game.name, minutes, variant.flags, seed)
                    if key not in agents:
                        recording = recordings[game.name][minutes]
                        agents[key] = pool.submit(runs.agent, game, recording, variant.flags, seed)
    futures = [*players.values(), *agents.values()]
    for count, future in enumerate(as_completed(futures), start=1):
        say(f"{count} of {len(futures)}: {future.result()['text']}")
    found = {(game, name): future.result() for (game, name), future in players.items()}
    by_game = {game.name: {name: found[game.name, name] for name in REFERENCES} for game in plan.games}
    rows = []
    for game in plan.games:
        for minutes in plan.minutes:
            kept = {
                variant.name: [agents[game.name, minutes, variant.flags, seed].result() for seed in plan.training_seeds]
                for variant in plan.variants
            }
            rows += rows_of(game.name, minutes, kept, by_game[game.name], plan.training_seeds)
    return rows, by_game


if __name__ == "__main__":
    sys.exit(main())

"""One game of the bench in a window: `python -m games pong --seeds 1 2 --log pong.jsonl`.

Return starts it; one episode follows the other then, one for each seed. The log gets a line of JSON for each episode
that has ended: seed, return, frames, key changes, late ticks, seconds.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent.command_line.flags import FLAGS
from agent.errors import UsageError, run_command
from games.catalogue import GAMES, game_named
from games.drivers import EPISODES, PLAYER, EachEpisode, EpisodeOptions, corrector_of, player_of
from games.players.corrector import Corrector
from games.window.lap_game import LapGame
from games.window.lap_window import open_display, play_laps
from games.window.laps import EpisodeLog, Lap


@dataclass(frozen=True, slots=True)
class GameOptions(EpisodeOptions):
    game: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="GAME")]
    """Which game."""
    log: Annotated[Path, tyro.conf.arg(metavar="FILE")]
    """New file for the episodes, a line of JSON for each."""
    episodes: Annotated[int, EPISODES, tyro.conf.arg(metavar="N")] = 1
    """How many, without --seeds."""
    max_frames: Annotated[
        int | None, EPISODES, tyro.conf.arg(metavar="N", help_behavior_hint="(default: those of the game)")
    ] = None
    """Frames after which an episode is cut off."""
    reaction_ms: Annotated[float, PLAYER, tyro.conf.arg(metavar="MS")] = 0.0
    """How late the script's keys come, on average."""


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options = tyro.cli(
            GameOptions,
            prog="python -m games",
            description=f"{__doc__}\nGames: {', '.join(GAMES)}.",
            args=argv,
            registry=FLAGS,
        )
        return run(options)

    return run_command(command)


def run(options: GameOptions) -> int:
    """Until the last episode has ended, the window is closed, or a signal comes. Raises `TwoframeError`."""
    game = game_named(options.game)
    seeds = options.seeds_or(options.episodes)
    if not seeds or (options.max_frames is not None and options.max_frames < 1):
        raise UsageError("--episodes, --max-frames: found less than 1, expected at least 1")
    with open_display(game.title):
        env = game.make(options.disturb, options.max_frames or game.max_frames)
        player: Corrector | EachEpisode | None = None
        if options.driver == "corrector":
            player = corrector_of(game, env.unwrapped)
        elif options.driver != "person":
            reaction_s = options.reaction_ms / 1000
            player = EachEpisode(
                lambda seed: player_of(options.driver, game, env.unwrapped, reaction_s=reaction_s, seed=seed), seeds
            )

        def on_lap(lap: Lap) -> None:
            told.append(lap)
            print(f"{len(told)} of {len(seeds)}, seed {lap.seed}: {lap.score:.0f}, {lap.late_ticks} late", flush=True)
            if player is not None:
                player.next()

        told: list[Lap] = []
        log = EpisodeLog(options.log)
        shown = LapGame(env, game.controls, seeds, log, fps=game.fps, on_lap=on_lap, started_by_return=True)
        play_laps(shown, player, zoom=game.zoom)
    return 0


if __name__ == "__main__":
    sys.exit(main())

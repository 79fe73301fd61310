"""One game in a window: `python -m games pong --seeds 1 2 --log pong.jsonl`.

Return starts it; one episode follows the other then, one for each seed. The log gets a line of JSON for each episode
that has ended: seed, return, frames, key changes, late ticks, seconds. Games of the system (Debian has them) run as
they are, with settings in a folder of their own; they are watched on the screen and led from match to match. A seed is
only a number there: the program draws its own.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent.command_line.flags import FLAGS
from agent.errors import UsageError, run_command
from games.catalogue import GAMES, NATIVE_GAMES, game_named, window_game_named
from games.drivers import EPISODES, PLAYER, EachEpisode, EpisodeOptions, corrector_of, player_of
from games.game import Game
from games.native.native_game import Look, NativeGame
from games.native.play import play_matches
from games.players.corrector import Corrector
from games.players.player import Player
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
            description=f"{__doc__}\nGames: {', '.join(GAMES)}. Of the system: {', '.join(NATIVE_GAMES)}.",
            args=argv,
            registry=FLAGS,
        )
        return run(options)

    return run_command(command)


def run(options: GameOptions) -> int:
    """Until the last episode has ended, the window is closed, or a signal comes. Raises `TwoframeError`."""
    window_game_named(options.game)
    seeds = options.seeds_or(options.episodes)
    if not seeds or (options.max_frames is not None and options.max_frames < 1):
        raise UsageError("--episodes, --max-frames: found less than 1, expected at least 1")
    told: list[Lap] = []

    def on_lap(lap: Lap) -> None:
        told.append(lap)
        print(f"{len(told)} of {len(seeds)}, seed {lap.seed}: {lap.score:.0f}, {lap.late_ticks} late", flush=True)

    if options.game in NATIVE_GAMES:
        run_native(options, NATIVE_GAMES[options.game], seeds, on_lap)
    else:
        run_ours(options, game_named(options.game), seeds, on_lap)
    return 0


def run_native(options: GameOptions, game: NativeGame, seeds: Sequence[int], on_lap: Callable[[Lap], None]) -> None:
    if options.disturb:
        raise UsageError(
            f"--disturb: found it for {game.name}, which is as it is; expected none: collect has --disturb"
        )
    if options.driver == "corrector":
        corrector_of(game, None)
    players: list[EachEpisode] = []

    def make_player(look: Look) -> Player:
        reaction_s = options.reaction_ms / 1000
        each = EachEpisode(lambda seed: player_of(options.driver, game, look, reaction_s=reaction_s, seed=seed), seeds)
        players.append(each)
        return each

    def then(lap: Lap) -> None:
        on_lap(lap)
        for player in players:
            player.next()

    maker = None if options.driver == "person" else make_player

    def ready() -> None:
        if maker is None:
            print(f"{game.title} is open: press Return in it to begin", flush=True)

    max_frames = options.max_frames or game.max_frames
    play_matches(game, maker, seeds, options.log, max_frames=max_frames, on_lap=then, on_ready=ready)


def run_ours(options: GameOptions, game: Game, seeds: Sequence[int], on_lap: Callable[[Lap], None]) -> None:
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

        def then(lap: Lap) -> None:
            on_lap(lap)
            if player is not None:
                player.next()

        log = EpisodeLog(options.log)
        shown = LapGame(env, game.controls, seeds, log, fps=game.fps, on_lap=then, started_by_return=True)
        play_laps(shown, player, zoom=game.zoom)


if __name__ == "__main__":
    sys.exit(main())

"""CarRacing in a window, with real keys: `python -m demo.game --laps 3 --laps-file laps.json`.

The game is Gymnasium's CarRacing-v3 in the window of `gymnasium.utils.play`. Hold a (left), w (forward) or
d (right): cruise control keeps the speed, and time stands still while no key is held. Return starts a lap that
runs to its end whatever is held.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agent.command_line.flags import FLAGS
from agent.errors import TwoframeError, UsageError, run_command
from agent.recording.writer import require_new_folder
from games.car3 import GAME
from games.cruise import steering
from games.drivers import EPISODES, EpisodeOptions
from games.game import Env
from games.players.corrector import driver_corrector
from games.players.player import Nobody, Player, RandomPlayer
from games.window.lap_game import Controls, LapGame
from games.window.lap_window import open_display, play_laps
from games.window.laps import Lap, LapsFile

KEYS = ("a", "w", "d")


@dataclass(frozen=True, slots=True)
class GameOptions(EpisodeOptions):
    laps_file: Annotated[Path, tyro.conf.arg(metavar="FILE.json")]
    """New file for the laps: seed, return, frames and more of each."""
    laps: Annotated[int, EPISODES, tyro.conf.arg(metavar="N")] = 1
    """How many laps, without --seeds."""
    max_frames: Annotated[int, EPISODES, tyro.conf.arg(metavar="N")] = 1000
    """Frames after which a lap ends unfinished."""
    fps: Annotated[int, EPISODES, tyro.conf.arg(metavar="HZ")] = 30
    """Frames a second."""
    video: Annotated[Path | None, tyro.conf.arg(metavar="FOLDER")] = None
    """New folder for a small video of each lap."""


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options = tyro.cli(
            GameOptions,
            prog="python -m demo.game",
            description=__doc__,
            args=argv,
            registry=FLAGS,
        )
        return run(_checked(options))

    return run_command(command)


def run(options: GameOptions) -> int:
    """Until the last lap has ended, the window is closed, or a signal comes. Raises `TwoframeError`."""
    seeds = options.seeds_or(options.laps)
    with open_display(GAME.title):
        if options.video is not None:
            _make_folder(options.video)
        racing = GAME.make(options.disturb, options.max_frames)
        game = LapGame(
            racing,
            Controls(KEYS, steering),  # a person may hold two at once: then a turn wins
            seeds,
            LapsFile(options.laps_file),
            fps=options.fps,
            on_lap=_report(len(seeds)),
            video=options.video,
        )
        play_laps(game, _player(options, racing))
    return 0


def _checked(options: GameOptions) -> GameOptions:
    for name, value in (("--laps", options.laps), ("--max-frames", options.max_frames), ("--fps", options.fps)):
        if value < 1:
            raise UsageError(f"{name}: found {value}, expected at least 1")
    return options


def _make_folder(folder: Path) -> None:
    require_new_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TwoframeError(f"{folder}: found {error.strerror or error}, expected a place for the videos") from None


def _player(options: GameOptions, racing: Env) -> Player | None:
    """One for all laps, each of which begins with its first key: `games` has one for each episode, begun by Return."""
    if options.driver == "scripted":
        return GAME.demonstrator(racing.unwrapped, options.fps, 0.0)
    if options.driver == "corrector":
        return driver_corrector(racing.unwrapped, options.fps)
    if options.driver == "random":
        return RandomPlayer(KEYS, seed=options.first_seed, fps=options.fps)
    return Nobody() if options.driver == "none" else None


def _report(count: int) -> Callable[[Lap], None]:
    done = 0

    def report(lap: Lap) -> None:
        nonlocal done
        done += 1
        late = f", {lap.late_ticks} late ticks" if lap.late_ticks else ""
        print(f"lap {done} of {count}, track {lap.seed}: {lap.score:.0f} in {lap.frames} frames{late}", flush=True)

    return report


if __name__ == "__main__":
    sys.exit(main())

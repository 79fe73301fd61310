"""`python -m demo`: record a scripted driver in a real game, train on it, let the agent drive, and say how well."""

import argparse
import shutil
import signal
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from agent.errors import TwoframeError, run_command
from agent.json_files import write_json
from collect.disturbance import ADVISED_PER_MINUTE
from demo.stages import Game, Stages
from games.car_racing import CROP, TITLE
from games.programs import ENDING_S, run

if TYPE_CHECKING:
    from games.window.display import VirtualDisplay

PLAYERS = {
    "agent": "the agent",
    "driver": "the scripted driver on the same tracks, not pushed",
    "random": "random keys",
    "nothing": "nothing pressed",
}
MARKER = "made-by-the-demo"
RECORD_SEEDS, PLAY_SEED = (1000, 1200), 1  # the tracks played on are never those recorded on


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything: the demo itself, or the same in miniature for the end-to-end test."""

    play_s: float  # of the scripted drivers together
    train_flags: tuple[str, ...]
    agent_laps: int
    max_frames: int


FULL = Scale(400.0, ("--max-minutes", "1.8"), agent_laps=5, max_frames=1000)
QUICK = Scale(30.0, ("--epochs", "2"), agent_laps=1, max_frames=90)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m demo",
        description="The whole loop on a real game: record scripted drivers, train, play, and compare. "
        "It works on virtual displays of its own and takes nobody's keyboard, unless --show is given.",
    )
    parser.add_argument("--show", action="store_true", help="use the real screen: it will press keys there")
    parser.add_argument("--quick", action="store_true", help="everything in miniature, to see that it works")
    parser.add_argument("--out", type=Path, default=Path("demo/out"), help="folder for what it makes (demo/out)")
    options = parser.parse_args(argv)

    def command() -> int:
        # `kill` ends the demo as Ctrl-C does: with all its programs.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        scale = QUICK if options.quick else FULL
        out = options.out.resolve()
        with new_folder(out), display(show=options.show) as is_virtual:
            demo(Stages(out / "logs"), out, scale, has_own_keyboard=is_virtual)
        return 0

    return run_command(command)


@contextmanager
def new_folder(out: Path) -> Iterator[None]:
    """An empty folder, held for as long as the demo is at work; what an earlier one made there is replaced, anything
    else is left alone."""
    marker = out / MARKER
    if out.exists() and any(out.iterdir()):
        if not marker.is_file():
            raise TwoframeError(
                f"{out}: found a folder that the demo did not make, expected none; choose another --out"
            )
        try:
            with marker.open("a") as held:
                hold(held)
            marker.unlink()  # on Windows not while another holds it open
        except (BlockingIOError, PermissionError):
            raise TwoframeError(
                f"{out}: found it held by another demo, or protected, expected one that can be replaced; "
                "wait for that demo's end or choose another --out"
            ) from None
        shutil.rmtree(out)
    (out / "logs").mkdir(parents=True)
    with marker.open("w") as held:
        hold(held)
        yield


def hold(file: IO[str]) -> None:
    """Till it is closed. Raises `BlockingIOError` if another process holds it; on Windows to have it open is enough."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def display(*, show: bool) -> Iterator[bool]:
    """A display for the game: one of our own (True), or the real one if the person agrees."""
    if not show and sys.platform == "linux":
        from games.window.display import own_display  # for X11 only

        with own_display() as virtual:
            print(f"working on the virtual display {virtual.name}; your screen and keyboard stay yours")
            yield True
        return
    print("This uses your screen and PRESSES KEYS (a, w, d) in the game's window for about 13 minutes.")
    print("Do not use the keyboard meanwhile. Ctrl-C here ends it. Press Enter to begin.")
    try:
        input()
    except EOFError:
        raise TwoframeError("--show: found nobody to press Enter, expected a person at this terminal") from None
    yield False


def demo(stages: Stages, out: Path, scale: Scale, *, has_own_keyboard: bool) -> None:
    """Run all stages and leave the results in `out`. Raises `TwoframeError` if one fails.

    `has_own_keyboard`: whether the driver's keys can be told from those that `collect --disturb` presses.
    """
    policy = out / "policy"
    results: dict[str, list[float]] = {}

    drivers = "two scripted drivers, each on a display of its own" if has_own_keyboard else "the scripted driver"
    disturber = "wrong keys pressed" if has_own_keyboard else "the game pushing the steering"
    with stages.stage(f"record {drivers}, {scale.play_s:g} s in all, {disturber} now and then"):
        recordings = recorded(stages, out, scale.play_s, has_own_keyboard=has_own_keyboard)
    with stages.stage("train"):
        run("train", *recordings, "--out", policy, *scale.train_flags)
    with stages.stage(f"the agent drives {scale.agent_laps} laps on tracks it has never seen"):
        flags = f"--first-seed {PLAY_SEED} --laps {scale.agent_laps} --max-frames {scale.max_frames}".split()
        with stages.game(out / "agent.json", *flags, "--video", out / "videos") as game:
            game.wait_for_window()
            done = partial(enough, game, scale.agent_laps)
            run("agent", policy, "--window", TITLE, "--report", out / "play.json", until=done)
            results["agent"] = [lap["return"] for lap in game.wait_for_laps(scale.agent_laps, timeout_s=10)]
    with stages.stage("those to compare it with" + ", each on a display of its own" * has_own_keyboard):
        results |= others(stages, out, scale, at_once=has_own_keyboard)
    finish(out, policy, results)
    print("\ntime: " + ", ".join(f"{name.split(',')[0]} {seconds:.0f} s" for name, seconds in stages.seconds.items()))
    print(f"in all {sum(stages.seconds.values()) / 60:.1f} minutes; results in {out}")


def recorded(stages: Stages, out: Path, play_s: float, *, has_own_keyboard: bool) -> list[Path]:
    """Recordings of scripted drivers, in all `play_s` long: one, or where displays can be had two made beside each
    other, in half the time. What is said of the second goes into its log."""
    recordings = [out / "recording", out / "recording_2"] if has_own_keyboard else [out / "recording"]
    driving = ["--laps", "100", "--driver", "scripted"]  # whole laps: short ones do not turn both ways
    driving += [] if has_own_keyboard else ["--disturb"]
    flags = ["--keys", "left=a", "forward=w", "right=d", "--fps", "15", "--countdown-s", "0"]
    flags += ["--duration-s", f"{play_s / len(recordings):g}"]
    flags += ["--disturb", str(ADVISED_PER_MINUTE)] if has_own_keyboard else []
    flags += ["--window", TITLE, "--crop", ",".join(map(str, CROP))]

    with ExitStack() as running:
        game = running.enter_context(stages.game(out / "record.json", "--first-seed", RECORD_SEEDS[0], *driving))
        beside = []
        if has_own_keyboard:
            from games.window.display import titles  # for X11 only

            display = running.enter_context(another_display())
            laps = (out / "record_2.json", "--first-seed", RECORD_SEEDS[1])
            second = running.enter_context(stages.game(*laps, *driving, env=display.env))
            second.wait_for_window(lambda: titles(display))
            recorder = stages.program("collect_2", "collect", recordings[1], *flags, env=display.env)
            beside.append(running.enter_context(recorder))
        game.wait_for_window()
        run("collect", recordings[0], *flags, beside=beside)
        for other in beside:
            other.wait(ENDING_S)
    return recordings


def others(stages: Stages, out: Path, scale: Scale, *, at_once: bool) -> dict[str, list[float]]:
    """The return of one lap of each of those that the agent is compared with.

    `at_once`: beside each other, each on a virtual display of its own, not in turn on the one there is.
    """
    drivers = {"driver": "scripted", "random": "random", "nothing": "none"}
    results: dict[str, list[float]] = {}
    for players in [list(drivers)] if at_once else [[player] for player in drivers]:
        with ExitStack() as running:
            games = {}
            for player in players:
                flags = f"--first-seed {PLAY_SEED} --driver {drivers[player]} --max-frames {scale.max_frames}".split()
                env = running.enter_context(another_display()).env if at_once else None
                games[player] = running.enter_context(stages.game(out / f"{player}.json", *flags, env=env))
            for player, game in games.items():
                print(f"{PLAYERS[player]}:")
                results[player] = [lap["return"] for lap in game.wait_for_laps(1, timeout_s=120)]
    return results


def another_display() -> "VirtualDisplay":
    from games.window.display import VirtualDisplay  # for X11 only

    return VirtualDisplay()


def enough(game: Game, laps: int) -> bool:
    return len(game.laps()) >= laps


def finish(out: Path, policy: Path, results: dict[str, list[float]]) -> None:
    """Print the table, write `table.json`, and put plots and the best and worst lap where they are found."""
    rows = {
        player: {"laps": laps, "mean": statistics.fmean(laps), "sd": statistics.stdev(laps) if len(laps) > 1 else 0.0}
        for player, laps in results.items()
    }
    write_json(out / "table.json", rows)
    for picture in (policy / "report").glob("*.png"):
        shutil.copy(picture, out / picture.name)
    agent = results["agent"]
    for name, value in (("best", max(agent)), ("worst", min(agent))):
        video = sorted((out / "videos").glob("*.mp4"))[agent.index(value)]
        shutil.copy(video, out / f"agent_{name}.mp4")

    table = Table(title="CarRacing-v3: return per lap (1000 less a tenth per frame is the most)", title_justify="left")
    for column in ("player", "mean", "sd", "laps"):
        table.add_column(column, justify="left" if column in ("player", "laps") else "right")
    for player, row in rows.items():
        laps = " ".join(f"{lap:.0f}" for lap in results[player])
        table.add_row(PLAYERS[player], f"{row['mean']:.0f}", f"{row['sd']:.0f}", laps)
    print()
    Console(width=110).print(table)


if __name__ == "__main__":
    sys.exit(main())

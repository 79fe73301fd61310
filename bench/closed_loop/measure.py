"""Record, train, play: the commands, and what is kept of them so that variants are compared on the same data."""

import hashlib
import json
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agent.errors import TwoframeError
from agent.json_files import write_json
from games.game import CORRECT_SEED, PLAY_SEED, RECORD_SEED, WindowGame
from games.programs import START_S, Program, program
from games.window.display import VirtualDisplay, press_return, titles
from games.window.laps import read_episodes

DISPLAY = (1280, 800)
SLOWEST = 1.5  # a game may take so much longer than its frames say
CORRECT_EPISODES = 100  # at most, of one part of the corrections
KEPT = "kept.json"  # beside what a command made: how, and in which time; written last


Disturb = Literal["collect", "game", "none"]


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything. `episodes`, `record_s`: the game's own if None."""

    episodes: int | None = None
    record_s: float | None = None
    max_frames: int | None = None
    train: tuple[str, ...] = ()
    """Flags in front of those of every variant."""

    def seeds(self, game: WindowGame, episodes: int | None = None) -> tuple[int, ...]:
        """Of the episodes to play: so many, or as the scale says."""
        return tuple(range(PLAY_SEED, PLAY_SEED + (episodes or self.episodes or game.episodes)))


def episodes_beyond(counts: Mapping[str, int | None]) -> list[str]:
    """What is wrong with how many episodes to play, by flag; None is as many as the game has."""
    return [
        f"{flag}: found {count}, expected 1 to {RECORD_SEED - PLAY_SEED}: others are recorded"
        for flag, count in counts.items()
        if count is not None and not 1 <= count <= RECORD_SEED - PLAY_SEED
    ]


def folder_for(out: Path, *, quick: bool) -> Path:
    """For what is kept in `out`: a quick run does not take what a full one made."""
    folder = out.resolve() / ("quick" if quick else "full")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


FULL = Scale()
QUICK = Scale(2, record_s=40.0, max_frames=450, train=("--epochs", "2"))


class Workshop:
    """Makes recordings, policies and rollouts in `out`, each once: what is there from before is taken as it is."""

    def __init__(
        self,
        out: Path,
        display: VirtualDisplay,
        scale: Scale,
        *,
        reaction_ms: float = 0.0,
        disturb: Disturb = "collect",
        wrong_keys: float | None = None,
    ) -> None:
        self._out = out
        self._display = display
        self._scale = scale
        self._reaction = ("--reaction-ms", f"{reaction_ms:g}") if reaction_ms else ()
        self._game_disturb = ("--disturb",) if disturb == "game" else ()
        self._wrong_keys = wrong_keys if disturb == "collect" else 0.0

    def wrong_keys(self, game: WindowGame) -> float:
        """A minute, while its demonstrator is recorded."""
        return game.wrong_keys if self._wrong_keys is None else self._wrong_keys

    def recording(self, game: WindowGame) -> tuple[Path, dict[str, Any]]:
        """The demonstrator's play, and what is kept of it: flags, seconds, the game's episodes."""
        record_s = self._scale.record_s or game.record_s
        played = ("--driver", "scripted", "--first-seed", RECORD_SEED, "--episodes", 10000)
        played += (*self._game_disturb, *self._reaction)
        # fmt: off
        collected = ("--keys", *game.actions, "--fps", game.record_fps, "--size", game.size, "--crop", game.crop,
                     "--duration-s", f"{record_s:g}", "--countdown-s", 0, "--disturb", f"{self.wrong_keys(game):g}")
        # fmt: on
        folder = self._place(game, "recording", played, collected)
        if (kept := read_kept(folder)) is not None:
            return folder / "recording", kept
        say(f"{game.name}: record the demonstrator for {record_s:g} s")
        begun_s = time.monotonic()
        episodes, log = folder / "episodes.jsonl", folder / "game.log"
        with self._window(game, played, log, episodes) as window:
            arguments = (folder / "recording", "--window", game.title, *collected)
            with program("collect", *arguments, env=self._display.env, log=folder / "collect.log") as collect:
                collect.wait(record_s * SLOWEST + START_S)
            window.check()
        kept = {"seconds": time.monotonic() - begun_s, "collect": list(collected), "game": list(played)}
        return folder / "recording", keep(folder, kept | {"episodes": read_episodes(episodes)})

    def policy(self, game: WindowGame, recordings: Sequence[Path], flags: str) -> tuple[Path, dict[str, Any]]:
        """What `train` makes of the recordings with these flags, and what is kept of it."""
        given = (*self._scale.train, *shlex.split(flags))
        folder = self._place(game, "policy", [recording.parent.name for recording in recordings], given)
        if (kept := read_kept(folder)) is None:
            say(f"{game.name}: train {' '.join(given)}")
            begun_s = time.monotonic()
            arguments = (*recordings, "--out", folder / "policy", *given)
            with program("train", *arguments, env=self._display.env, log=folder / "train.log") as train:
                train.wait()
            kept = keep(folder, {"seconds": time.monotonic() - begun_s, "train": list(given)})
        return folder / "policy", kept

    def rollout(
        self, game: WindowGame, player: str, policy: Path | None = None, *, episodes: int | None = None
    ) -> dict[str, Any]:
        """Episodes of one player, as many as the scale says or `episodes`, on the seeds from the first on; and for a
        policy what `play` reports. All as it is kept."""
        seeds = self._scale.seeds(game, episodes)
        flags: tuple[object, ...] = ("--seeds", *seeds)
        flags += ("--max-frames", self._scale.max_frames) if self._scale.max_frames else ()
        flags += ("--driver", "person" if policy else player)
        flags += self._reaction if player == "scripted" else ()
        folder = self._place(game, f"rollout-{'agent' if policy else player}", (str(policy),), flags)
        if (kept := read_kept(folder)) is not None:
            return kept
        say(f"{game.name}: {len(seeds)} episodes of {f'the agent ({player})' if policy else player}")
        begun_s = time.monotonic()
        limit_s = SLOWEST * (self._scale.max_frames or game.max_frames) / game.fps * len(seeds) + START_S
        lines, log = folder / "episodes.jsonl", folder / "game.log"
        with self._window(game, flags, log, lines) as window:
            if policy is None:
                window.wait(limit_s)
            else:
                self._let_play(game, policy, folder, window, limit_s)
        result: dict[str, Any] = {"seconds": time.monotonic() - begun_s, "game": list(flags)}
        if policy is not None:
            result["play"] = json.loads((folder / "play.json").read_text(encoding="utf-8"))
        result["episodes"] = read_episodes(lines)
        if len(result["episodes"]) != len(seeds):
            raise TwoframeError(f"{log}: found {len(result['episodes'])} episodes, expected {len(seeds)}")
        return keep(folder, result)

    def corrections(
        self, game: WindowGame, policy: Path, seconds: float, *, part: int = 0
    ) -> tuple[Path, dict[str, Any]]:
        """A rollout of `seconds` in which the game's corrector takes over, and what is kept of it; episodes of its own
        for each `part`."""
        first_seed = CORRECT_SEED + CORRECT_EPISODES * part
        played = ("--driver", "corrector", "--first-seed", first_seed, "--episodes", 10000)
        folder = self._place(game, "corrections", (str(policy), f"{seconds:g}"), played)
        if (kept := read_kept(folder)) is not None:
            return folder / "recording", kept
        say(f"{game.name}: correct the agent for {seconds:g} s")
        begun_s = time.monotonic()
        episodes, log = folder / "episodes.jsonl", folder / "game.log"
        recorded = ("--record", folder / "recording", "--duration-s", f"{seconds:g}")
        with self._window(game, played, log, episodes) as window:
            self._let_play(game, policy, folder, window, seconds * SLOWEST + START_S, *recorded)
        kept = {"seconds": time.monotonic() - begun_s, "episodes": read_episodes(episodes)}
        return folder / "recording", keep(folder, kept)

    @contextmanager
    def _window(self, game: WindowGame, flags: Sequence[object], log: Path, episodes: Path) -> Iterator[Program]:
        """The game with these flags, its window open; ended at the exit."""
        arguments = (game.name, "--log", episodes, *flags)
        with program("games", *arguments, env=self._display.env, log=log) as running:
            running.wait_until(lambda: any(game.title in title for title in titles(self._display)), "window", START_S)
            yield running

    def _let_play(
        self, game: WindowGame, policy: Path, folder: Path, window: Program, limit_s: float, *flags: object
    ) -> None:
        """`play` until the game is over, for it ends when the window is closed; or until it has played its time."""
        arguments = (policy, "--window", game.title, "--report", folder / "play.json", *flags)
        with program("agent", *arguments, env=self._display.env, log=folder / "play.log") as play:
            play.wait_until(lambda: _plays(play.said()), "word that it plays", START_S)
            time.sleep(2.0)  # its keys for the first picture are down
            press_return(self._display)
            play.wait(limit_s)
            window.check()

    def _place(self, game: WindowGame, what: str, *given: tuple[object, ...]) -> Path:
        """The folder for what is made in just this way."""
        text = json.dumps([list(map(str, part)) for part in given])
        return self._out / game.name / f"{what}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _plays(said: str) -> bool:
    return any(line.startswith("playing") for line in said.splitlines())


def read_kept(folder: Path) -> dict[str, Any] | None:
    """What is kept of a command that ended well; what another one left halfway is thrown away."""
    try:
        kept: dict[str, Any] = json.loads((folder / KEPT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return None
    return kept


def keep(folder: Path, what: dict[str, Any]) -> dict[str, Any]:
    write_json(folder / KEPT, what)
    return what


def say(text: str) -> None:
    print(f"== {text}", flush=True)

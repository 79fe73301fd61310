"""The quick search beside the live bench: `python -m experiments.lockstep GAME PLAYER... [--delay-ms 7]`.

The game, and a policy folder made by `train` (or scripted, random, none), take turns without a window: the same
pixels, the same `prepare`, rolling frames and network as live, on the same seeds. What is decided on a picture takes
effect whole frames later: the game shows a picture, reads the keys, and only then makes the next but one, so at
least one frame, and one more for each that the delay spans. The window makes some more frames a second than it is
asked for, so that the grabs drift through them; so they do here. And an episode follows the one before as in a window:
what was seen and held at its end is there still.

`in-place` is the scripted player in the agent's place: asked for the agent's pictures, its keys as late. An
agent may do better: it learns what is held later than the picture (`train --label-shift-ms`).
"""

import argparse
import math
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from agent.errors import run_command
from agent.frames import RollingFrames
from agent.json_files import write_json
from agent.policy.step import Policy, decide
from bench.closed_loop.results import every_score, key_changes_s, sd_of
from bench.table import Bench, parser_of, place_for, show
from games.catalogue import GAMES, game_named
from games.drivers import PLAYERS, player_of
from games.game import PLAY_SEED, Env, Game
from games.lockstep_record import shown
from games.players.player import Player

# Of `play` 5.3 at the 99th percentile on a slow day (python -m bench.latency), and the game must read the keys.
DELAY_MS = 7.0

IN_PLACE = "in-place"
OTHERS = (*PLAYERS, IN_PLACE)

Decide = Callable[[Env], frozenset[str]]


def window_fps(fps: int) -> float:
    """What a window makes that is to make so many frames a second: pygame's clock waits for whole milliseconds."""
    return 1000 / (1000 // fps)


class OncePerFrame(gym.Wrapper[Any, Any, Any, Any]):
    """Draws each frame once however often it is looked at, as the window does: drawing changes some games."""

    def __init__(self, env: Env) -> None:
        super().__init__(env)
        self._picture: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self._picture = None
        return super().reset(seed=seed, options=options)

    def step(self, action: Any) -> Any:
        self._picture = None
        return self.env.step(action)

    def render(self) -> Any:
        if self._picture is None:
            self._picture = self.env.render()
        return self._picture


class Decider(Protocol):
    """Who decides on the pictures of an `InTurns`."""

    @property
    def fps(self) -> float:
        """Pictures a second."""

    def begin(self, env: Env, seed: int) -> None:
        """A new episode."""

    def look(self) -> None:
        """Before every frame of the game."""

    def decide(self, env: Env) -> frozenset[str]:
        """The keys to hold, by the picture that is there now."""


class Agent:
    """A policy: decides by the picture, as `play` does."""

    def __init__(self, policy: Policy, game: Game) -> None:
        self._policy = policy
        self._zoom = game.zoom
        self.fps = policy.meta.fps
        self._keys = [action.keys for action in policy.meta.actions.actions]
        self._frames = RollingFrames(policy.meta.frames_per_window, policy.meta.feature_size, policy.meta.apart)

    def begin(self, env: Env, seed: int) -> None:
        pass

    def look(self) -> None:
        pass

    def decide(self, env: Env) -> frozenset[str]:
        frame = self._policy.meta.prepare(shown(env, self._zoom))
        while True:
            probabilities = decide(self._policy, frame, self._frames)
            if self._frames.is_full:  # the first picture stood still long enough to fill them
                return self._keys[int(probabilities.argmax())]


class InPlace:
    """The demonstrator in the agent's place: what it holds when a picture is grabbed is what is decided."""

    def __init__(self, game: Game, **how: Any) -> None:
        self._game = game
        self._how = how
        self.fps = game.record_fps

    def begin(self, env: Env, seed: int) -> None:
        self._player = player_of("scripted", self._game, env.unwrapped, seed=seed, **self._how)

    def look(self) -> None:
        self._held = self._player.keys(running=True)

    def decide(self, env: Env) -> frozenset[str]:
        return self._held


class InTurns:
    """A decider in lockstep: asked for every picture that `play` would take, each decision `delay_ms` late."""

    def __init__(self, decider: Decider, game: Game, delay_ms: float) -> None:
        self._decider = decider
        fps = window_fps(game.fps)
        self._frames_per_decision = fps / decider.fps
        self._delay = delay_ms * fps / 1000  # in frames of the game
        self._held = frozenset[str]()
        self._waits = True  # the game, once, for the first decision of all

    def begin(self, env: Env, seed: int) -> None:
        """For a new episode; `seed` draws at which time between two frames the first picture is grabbed."""
        self._decider.begin(env, seed)
        self._first = np.random.default_rng(seed).random()
        self._under_way: list[tuple[int, frozenset[str]]] = []
        self._frame = 0
        self._decisions = 0

    def keys(self, env: Env) -> frozenset[str]:
        """Those held in the next frame of the game."""
        self._decider.look()
        while (grabbed := self._first + self._decisions * self._frames_per_decision) < self._frame + 1:
            decided = self._decider.decide(env)
            counts_from = self._frame if self._waits else math.floor(grabbed + self._delay) + 1
            self._waits = False
            self._under_way.append((counts_from, decided))
            self._decisions += 1
        while self._under_way and self._under_way[0][0] <= self._frame:
            self._held = self._under_way.pop(0)[1]
        self._frame += 1
        return self._held


def episode(game: Game, env: Env, seed: int, keys: Decide, *, drawn: bool) -> dict[str, Any]:
    """One episode: its score, frames and key changes. `drawn`: every frame, for games that live on being drawn."""
    controls = game.controls
    env.reset(seed=seed)
    score, frames, changes, held, over = 0.0, 0, 0, frozenset[str](), False
    while not over:
        now = keys(env)
        changes += now != held
        held = now
        _, reward, terminated, truncated, _ = env.step(controls.action(held))
        if drawn:
            env.render()
        score += float(reward)
        frames += 1
        over = terminated or truncated
    return {"seed": seed, "return": round(score, 2), "frames": frames, "key_changes": changes}


def played(
    game: Game, player: str, seeds: Sequence[int], delay_ms: float, max_frames: int | None = None, **how: Any
) -> list[dict[str, Any]]:
    """The episodes of one player: a policy folder, `IN_PLACE`, or one of `PLAYERS`. `how` goes to `player_of`."""
    env = OncePerFrame(game.make(False, max_frames or game.max_frames))
    try:
        in_turns = None
        if player not in PLAYERS:
            decider = InPlace(game, **how) if player == IN_PLACE else Agent(Policy.load(Path(player), threads=1), game)
            in_turns = InTurns(decider, game, delay_ms)
        episodes = []
        for seed in seeds:
            decide: Decide
            if in_turns is not None:
                in_turns.begin(env, seed)
                decide = in_turns.keys
            else:
                decide = _asking(player_of(player, game, env.unwrapped, seed=seed, **how))
            episodes.append(episode(game, env, seed, decide, drawn=game.drawn))
        return episodes
    finally:
        env.close()


def _asking(player: Player) -> Decide:
    return lambda env: player.keys(running=True)


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(parsed(argv)))


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = parser_of(__doc__, "python -m experiments.lockstep")
    parser.add_argument("game", metavar="GAME", help=f"one of {', '.join(GAMES)}")
    parser.add_argument("players", nargs="+", metavar="PLAYER", help=f"a policy folder, or {', '.join(OTHERS)}")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(PLAY_SEED, PLAY_SEED + 10)), metavar="SEED")
    parser.add_argument(
        "--delay-ms", type=float, default=DELAY_MS, help=f"from the grab of a picture to the keys ({DELAY_MS:g})"
    )
    parser.add_argument("--reaction-ms", type=float, default=0.0, help="of the scripted player, in-place too")
    parser.add_argument("--max-frames", type=int, help="cut episodes off after so many")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> int:
    """Raises `TwoframeError`."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    game = game_named(options.game)
    rows, figures = [], []
    for player in options.players:
        begun_s = time.monotonic()
        how = {"reaction_s": options.reaction_ms / 1000} if player in ("scripted", IN_PLACE) else {}
        episodes = played(game, player, options.seeds, options.delay_ms, options.max_frames, **how)
        seconds = time.monotonic() - begun_s
        scores = [episode["return"] for episode in episodes]
        row = {
            "game": game.name,
            "player": player,
            "mean": f"{statistics.fmean(scores):.1f}",
            "sd": f"{sd_of(scores):.1f}",
            "changes/s": f"{key_changes_s(episodes, game.fps):.1f}",
            "frames": sum(episode["frames"] for episode in episodes),
            "seconds": f"{seconds:.0f}",
            "every score": every_score(scores),
        }
        rows.append(row)
        figures.append({"game": game.name, "player": player, "seconds": seconds, "episodes": episodes})
    show(Bench("lockstep", f"keys {options.delay_ms:g} ms after the grab", rows))
    if options.json:
        with place_for(options.json):
            write_json(options.json, {"name": "lockstep", "delay_ms": options.delay_ms, "rows": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())

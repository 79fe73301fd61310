"""A recording made in lockstep: `python -m games.lockstep_record GAME OUT [--seconds 240]`.

The demonstrator of a game of the bench and the game take turns without a window, in a fraction of the time. What
`collect` records of the window is the same: the same pixels, keys and rate. `--disturb` presses wrong actions as
`collect --disturb` does, `--disturbed` lets the game itself do something else now and then. Live a picture is grabbed
at any time while it is shown; here the times say that it was half-way.
"""

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from agent.errors import UsageError, run_command
from agent.frames import Box, FrameSpec, Image, parse_size, prepare
from agent.recording.format import AGENT, PERSON, Meta
from agent.recording.key_log import Change
from agent.recording.writer import RecordingWriter
from collect.disturbance import Disturbance
from games.catalogue import GAMES, game_named
from games.drivers import player_of
from games.game import RECORD_SEED, Env, Game


def shown(env: Env, zoom: int) -> Image:
    """The window's picture as it is grabbed: (H, W, 4) uint8 BGRA."""
    rgb = cast(Any, env.render()).repeat(zoom, axis=0).repeat(zoom, axis=1)
    return np.ascontiguousarray(np.concatenate([rgb[:, :, ::-1], np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=2))


class LockstepHolder:
    """What the disturbance presses, applied by the game's next frame."""

    def __init__(self) -> None:
        self.held: frozenset[str] = frozenset()

    def hold(self, keys: Collection[str], expiry_s: float = 0.2) -> None:
        self.held = frozenset(keys)

    def release(self) -> None:
        self.held = frozenset()


def record(
    game: Game,
    folder: Path,
    seconds: float,
    *,
    disturb: float = 0.0,
    disturbed: bool = False,
    reaction_s: float = 0.0,
    size: str | None = None,
    first_seed: int = RECORD_SEED,
) -> Path:
    """Write `seconds` of the demonstrator's play into `folder`. `disturb` is so many times a minute."""
    env = game.make(disturbed, game.max_frames)
    env.reset(seed=first_seed)
    picture = shown(env, game.zoom)
    crop = Box.parse(game.crop, "crop")
    spec = FrameSpec(*parse_size(size or game.size), "gray", crop, (picture.shape[1], picture.shape[0]))
    actions = game.action_set
    region = Box(0, 0, picture.shape[1], picture.shape[0])
    meta = Meta(spec, actions.keys, actions, game.record_fps, None, region, "demonstration", "", {}, "")
    every = game.fps / game.record_fps
    tick_ns = 1e9 / game.fps
    holder = LockstepHolder()
    disturbance = Disturbance(actions, holder, disturb, seed=first_seed) if disturb else None
    written, tick, seed, held = 0, 0, first_seed, frozenset[str]()
    with RecordingWriter(folder, meta, ["control"] if disturbance else []) as writer:
        while written < seconds * game.record_fps:
            env.reset(seed=seed)
            player = player_of("scripted", game, env.unwrapped, reaction_s=reaction_s, seed=seed)
            assert player is not None
            seed += 1
            over = False  # an episode follows the one before as in a window, without a gap
            while not over and written < seconds * game.record_fps:
                now_ns = round(tick * tick_ns)
                if disturbance:
                    disturbance.act(now_ns, held)
                keys = player.keys(running=True)
                for change in changes(held, keys, now_ns):
                    writer.key_event(change.time_ns, change.key, down=change.down)
                held = keys
                if tick >= written * every:
                    control = {"control": np.array(AGENT if holder.held else PERSON, np.uint8)} if disturbance else {}
                    writer.append(prepare(shown(env, game.zoom), spec), now_ns + round(tick_ns / 2), **control)
                    written += 1
                elif game.drawn:
                    env.render()
                _, _, terminated, truncated, _ = env.step(game.controls.action(held | holder.held))
                over = terminated or truncated
                tick += 1
    env.close()
    return folder


def changes(before: frozenset[str], after: frozenset[str], time_ns: int) -> list[Change]:
    """Releases, then presses."""
    released = [Change(time_ns, key, down=False) for key in sorted(before - after)]
    return released + [Change(time_ns, key, down=True) for key in sorted(after - before)]


def main(argv: Sequence[str] | None = None) -> int:
    return run_command(lambda: run(argv))


def run(argv: Sequence[str] | None) -> int:
    """Raises `TwoframeError`."""
    parser = argparse.ArgumentParser(
        prog="python -m games.lockstep_record",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("game", metavar="GAME", help=f"one of {', '.join(GAMES)}")
    parser.add_argument("out", type=Path, metavar="OUT", help="new folder")
    parser.add_argument("--seconds", type=float, default=240.0, metavar="S")
    parser.add_argument("--disturb", type=float, default=0.0, metavar="RATE", help="wrong actions a minute")
    parser.add_argument("--disturbed", action="store_true", help="the game disturbs itself")
    parser.add_argument("--reaction-ms", type=float, default=0.0, metavar="MS")
    parser.add_argument("--size", metavar="WIDTHxHEIGHT")
    parser.add_argument(
        "--seed", type=int, default=RECORD_SEED, metavar="N", help=f"of the first episode ({RECORD_SEED})"
    )
    options = parser.parse_args(argv)
    game = game_named(options.game)
    if options.seed < 0:
        raise UsageError(f"--seed: found {options.seed}, expected 0 or more")
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    record(
        game,
        options.out,
        options.seconds,
        disturb=options.disturb,
        disturbed=options.disturbed,
        reaction_s=options.reaction_ms / 1000,
        size=options.size,
        first_seed=options.seed,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Who plays a game from inside its process, how such a player becomes as slow as a person, and the flags for it."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import tyro

from agent.command_line.flags import Group
from agent.errors import UsageError
from games.game import ENTROPY, WindowGame
from games.players.corrector import Corrector
from games.players.player import START_KEY, Nobody, Player, RandomPlayer

PLAYERS = ("scripted", "random", "none")
Driver = Literal["person", "scripted", "random", "none", "corrector"]
EPISODES, PLAYER = Group("episode"), Group("player")
SPREAD = 0.15  # standard deviation of the reaction time, as a share of it


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeOptions:
    """What every command that opens a game's window takes. A lap is an episode of CarRacing."""

    driver: Annotated[Driver, PLAYER, tyro.conf.arg(metavar="WHO")] = "person"
    """A person (or an agent) at the keyboard; or with real keys, from inside the game: scripted (it knows the game),
    random, none (but Return), or corrector: it takes the keys from an agent that goes wrong, and gives them back."""
    seeds: Annotated[tuple[int, ...], EPISODES, tyro.conf.arg(metavar="SEED")] = ()
    """What to play, one after the other. Or say how many, from --first-seed on."""
    first_seed: Annotated[int, EPISODES, tyro.conf.arg(metavar="SEED")] = 0
    """Without --seeds: the first one; the others follow."""
    disturb: Annotated[bool, EPISODES] = False
    """Let the game do something else than the keys say now and then, to show how to get back."""

    def seeds_or(self, count: int) -> tuple[int, ...]:
        """Those given, or so many."""
        return self.seeds or tuple(range(self.first_seed, self.first_seed + count))


class Late:
    """Another player's keys, each press after a reaction time of its own and held as long. The same for a seed."""

    def __init__(self, player: Player, fps: float, reaction_s: float, seed: int) -> None:
        self._player = player
        self._mean, self._spread = reaction_s * fps, reaction_s * fps * SPREAD  # in ticks
        self._random = np.random.default_rng((ENTROPY, seed, 2))
        self._ticks = self._delay = 0
        self._wanted = self._held = frozenset[str]()
        self._under_way: deque[tuple[int, frozenset[str]]] = deque()

    def keys(self, *, running: bool) -> frozenset[str]:
        wanted = self._player.keys(running=running)
        if wanted != self._wanted:
            if wanted:
                self._delay = max(0, round(self._random.normal(self._mean, self._spread)))
            due = self._ticks + self._delay
            if self._under_way:  # hands keep the order
                due = max(due, self._under_way[-1][0])
            self._under_way.append((due, wanted))
            self._wanted = wanted
        while self._under_way and self._under_way[0][0] <= self._ticks:
            self._held = self._under_way.popleft()[1]
        self._ticks += 1
        return self._held


class EachEpisode:
    """A player of its own for each seed: what it does in an episode does not hang on those before."""

    def __init__(self, make: Callable[[int], Player], seeds: Sequence[int]) -> None:
        self._make = make
        self._seeds = list(seeds)
        self.next()

    def next(self) -> None:
        """The episode is over."""
        if self._seeds:
            self._player = self._make(self._seeds.pop(0))

    def keys(self, *, running: bool) -> frozenset[str]:
        return self._player.keys(running=running)


class Starting:
    """Presses Return where the game waits for it; another player does the rest."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def keys(self, *, running: bool) -> frozenset[str]:
        return self._player.keys(running=True) if running else frozenset({START_KEY})


def corrector_of(game: WindowGame, unwrapped: Any) -> Corrector:
    """For all episodes: who took the keys at the end of one must give them back. Raises `UsageError` for a game without
    a corrector."""
    if game.corrector is None:
        raise UsageError(f"--driver: found corrector for {game.name}, expected one that this game has")
    return game.corrector(unwrapped, game.fps)


def player_of(driver: str, game: WindowGame, unwrapped: Any, *, reaction_s: float = 0.0, seed: int = 0) -> Player:
    """One of `PLAYERS` for the episode of `seed`; `unwrapped` is the bare environment, or gives a native picture."""
    if driver == "scripted":
        player = game.demonstrator(unwrapped, game.fps, reaction_s)
        return Starting(Late(player, game.fps, reaction_s, seed) if reaction_s else player)
    if driver == "random":
        return Starting(RandomPlayer(game.chords, seed=seed, fps=game.fps))
    return Nobody()

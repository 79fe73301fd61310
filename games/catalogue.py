"""The games by name: those of the bench, drawn by us around environments, and those that a system installs."""

from agent.errors import UsageError
from games import car3, car5, catch, gates, lander
from games.atari import breakout, freeway, pong, skiing
from games.game import Game, WindowGame
from games.native import madbomber, slimevolley
from games.native.native_game import NativeGame

GAMES = {
    game.name: game
    for game in (
        car3.GAME,
        car5.GAME,
        pong.GAME,
        lander.GAME,
        catch.GAME,
        gates.GAME,
        breakout.GAME,
        freeway.GAME,
        skiing.GAME,
    )
}
NATIVE_GAMES: dict[str, NativeGame] = {game.name: game for game in (madbomber.GAME, slimevolley.GAME)}
WINDOW_GAMES: dict[str, WindowGame] = {**GAMES, **NATIVE_GAMES}


def game_named(name: str) -> Game:
    """One of the bench, which can be played without a window, too. Raises `UsageError`."""
    if name not in GAMES:
        raise UsageError(f"game: found {name!r}, expected one of {', '.join(GAMES)}")
    return GAMES[name]


def window_game_named(name: str) -> WindowGame:
    """One of all. Raises `UsageError`."""
    if name not in WINDOW_GAMES:
        raise UsageError(f"game: found {name!r}, expected one of {', '.join(WINDOW_GAMES)}")
    return WINDOW_GAMES[name]

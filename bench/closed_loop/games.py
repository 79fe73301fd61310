"""The games of the bench, by name."""

from agent.errors import UsageError
from bench.closed_loop import car3, car5, catch, gates, lander, pong
from bench.closed_loop.game import Game

GAMES = {game.name: game for game in (car3.GAME, car5.GAME, pong.GAME, lander.GAME, catch.GAME, gates.GAME)}


def game_named(name: str) -> Game:
    """Raises `UsageError`."""
    if name not in GAMES:
        raise UsageError(f"game: found {name!r}, expected one of {', '.join(GAMES)}")
    return GAMES[name]

"""The games of the bench, by name."""

from agent.errors import UsageError
from games import car3, car5, catch, gates, lander, pong
from games.game import Game

GAMES = {game.name: game for game in (car3.GAME, car5.GAME, pong.GAME, lander.GAME, catch.GAME, gates.GAME)}


def game_named(name: str) -> Game:
    """Raises `UsageError`."""
    if name not in GAMES:
        raise UsageError(f"game: found {name!r}, expected one of {', '.join(GAMES)}")
    return GAMES[name]

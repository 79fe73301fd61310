"""The scripted person who corrects an agent: takes the keys where it goes wrong, gives them back when all is well."""

from collections.abc import Callable
from typing import Any

from demo.driver import RoadSight, ScriptedDriver
from demo.players import Player

TAKE_OVER = 4.0  # from the middle of the road, in the game's units; the road is 6.7 wide to each side
TAKE_OVER_RAD = 1.0  # or when the road goes elsewhere
GIVE_BACK = 1.5
GIVE_BACK_RAD = 0.15
AHEAD = (0, 6, 12, 18)  # pieces of road, about a second of driving: so long nobody drives after a takeover by touch
STRAIGHT_RAD = 0.25


class Corrector:
    """A `Player` that holds nothing till `goes_wrong()`, then the keys of another one till `is_well()`."""

    def __init__(self, player: Player, *, goes_wrong: Callable[[], bool], is_well: Callable[[], bool]) -> None:
        self._player = player
        self._goes_wrong = goes_wrong
        self._is_well = is_well
        self._plays = False
        self.takeovers = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        if not running:  # the agent, or Return, starts it
            self._plays = False
            return frozenset()
        if self._plays:
            self._plays = not self._is_well()
        elif self._goes_wrong():
            self._plays = True
            self.takeovers += 1
        keys = self._player.keys(running=True)  # asked always: its view of the game must go on
        return keys if self._plays else frozenset()


def driver_corrector(racing: Any, fps: float) -> Corrector:
    """Takes over a `CarRacing`, given without its wrappers, when the car leaves the middle of the road; gives it back
    when the car is there again and the road ahead is straight."""
    look = RoadSight(racing)

    def goes_wrong() -> bool:
        sight = look()
        return abs(sight.off_middle) > TAKE_OVER or abs(sight.bearing_rad) > TAKE_OVER_RAD

    def is_well() -> bool:
        sight = look()
        is_straight = look.turn_ahead_rad(AHEAD) < STRAIGHT_RAD
        return abs(sight.off_middle) <= GIVE_BACK and abs(sight.bearing_rad) <= GIVE_BACK_RAD and is_straight

    return Corrector(ScriptedDriver(look, fps), goes_wrong=goes_wrong, is_well=is_well)

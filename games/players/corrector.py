"""The scripted person who corrects an agent: takes the keys where it goes wrong, gives them back when all is well."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from games.players.player import TAKEOVER_KEY, Player
from games.players.road_driver import RoadSight, ScriptedDriver

AHEAD = (0, 6, 12, 18)  # pieces of road, about a second of driving: so long nobody drives after a takeover by touch
HOTKEY_TICKS = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """When a person at a `CarRacing` takes over and gives back: how far the car is from the middle of the road, in the
    game's units (the road is 6.7 wide to each side), where the road goes, and how much it turns ahead."""

    take_over: float = 4.0
    take_over_rad: float = 1.0
    give_back: float = 1.5
    give_back_rad: float = 0.15
    straight_rad: float = 0.25


class Corrector:
    """A `Player` that holds nothing till `goes_wrong()`, then the keys of another one till `is_well()`.

    By touch the agent waits for a second after it gave back; with `by_hotkey` it presses F8 for both, and does not.
    """

    def __init__(
        self, player: Player, *, goes_wrong: Callable[[], bool], is_well: Callable[[], bool], by_hotkey: bool = False
    ) -> None:
        self._player = player
        self._goes_wrong = goes_wrong
        self._is_well = is_well
        self._by_hotkey = by_hotkey
        self._hotkey_ticks = 0
        self._plays = False
        self.takeovers = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        self._play(running and (not self._is_well() if self._plays else self._goes_wrong()))
        if running:  # asked always: its view of the game must go on
            wanted = self._player.keys(running=True)
        keys = wanted if self._plays else frozenset[str]()  # the agent, or Return, starts the game
        if self._hotkey_ticks:
            self._hotkey_ticks -= 1
            keys |= {TAKEOVER_KEY}
        return keys

    def next(self) -> None:
        """The episode is over: the agent begins the next one."""
        self._play(False)

    def _play(self, plays: bool) -> None:
        if plays != self._plays:
            self._plays = plays
            self.takeovers += plays
            self._hotkey_ticks = HOTKEY_TICKS if self._by_hotkey else 0


def driver_corrector(racing: Any, fps: float) -> Corrector:
    """The scripted driver as one who takes over a `CarRacing`, given without its wrappers."""
    look = RoadSight(racing)
    return road_corrector(ScriptedDriver(look, fps), look, Limits())


def road_corrector(player: Player, look: RoadSight, limits: Limits, *, by_hotkey: bool = False) -> Corrector:
    """Takes over when the car leaves the middle of the road; gives it back when the car is there again and the road
    ahead is straight."""

    def goes_wrong() -> bool:
        sight = look()
        return abs(sight.off_middle) > limits.take_over or abs(sight.bearing_rad) > limits.take_over_rad

    def is_well() -> bool:
        sight = look()
        is_there = abs(sight.off_middle) <= limits.give_back and abs(sight.bearing_rad) <= limits.give_back_rad
        return is_there and look.turn_ahead_rad(AHEAD) < limits.straight_rad

    return Corrector(player, goes_wrong=goes_wrong, is_well=is_well, by_hotkey=by_hotkey)

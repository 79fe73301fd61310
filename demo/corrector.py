"""The scripted person who corrects an agent: takes the keys when the car leaves the middle of the road, and gives them
back when it is there again.
"""

from demo.driver import RoadSight, ScriptedDriver

TAKE_OVER = 4.0  # from the middle of the road, in the game's units; the road is 6.7 wide to each side
TAKE_OVER_RAD = 1.0  # or when the road goes elsewhere
GIVE_BACK = 1.5
GIVE_BACK_RAD = 0.15
AHEAD = (0, 6, 12, 18)  # pieces of road, about a second of driving: so long nobody drives after a takeover by touch
STRAIGHT_RAD = 0.25


class Corrector:
    """A `Player` that holds nothing as long as all is well; the driver's keys from a takeover till the car is back."""

    def __init__(self, look: RoadSight, driver: ScriptedDriver) -> None:
        self._look = look
        self._driver = driver
        self._drives = False
        self.takeovers = 0

    def keys(self, *, running: bool) -> frozenset[str]:
        if not running:  # the agent, or Return, starts the lap
            self._drives = False
            return frozenset()
        sight = self._look()
        off, off_rad = abs(sight.off_middle), abs(sight.bearing_rad)
        if self._drives:
            is_straight = self._look.turn_ahead_rad(AHEAD) < STRAIGHT_RAD
            self._drives = off > GIVE_BACK or off_rad > GIVE_BACK_RAD or not is_straight
        elif off > TAKE_OVER or off_rad > TAKE_OVER_RAD:
            self._drives = True
            self.takeovers += 1
        keys = self._driver.keys(running=True)  # asked always: its view of the road must go on
        return keys if self._drives else frozenset()

"""The scripted driver steers like a person, and three keys are enough to drive by."""

from itertools import pairwise

import gymnasium as gym
import pytest

from games.car_racing import ENVIRONMENT
from games.cruise import CruiseControl, Steer, SteeringPush, steering
from games.players.player import Nobody, RandomPlayer
from games.players.road_driver import END_TURN_RAD, START_TURN_RAD, RoadSight, ScriptedDriver, Sight

FPS = 30


def drive(bearings_rad: list[float]) -> str:
    """The key held at each decision, for these bearings of the road."""
    sights = iter([Sight(bearing, 0.0) for bearing in bearings_rad])
    driver = ScriptedDriver(lambda: next(sights), fps=15)
    return "".join(key for _ in bearings_rad for key in driver.keys(running=True))


def test_a_turn_begins_late_and_ends_early_so_that_the_driver_does_not_waver() -> None:
    between = (START_TURN_RAD + END_TURN_RAD) / 2
    assert drive([0.0, between, START_TURN_RAD + 0.01, between, END_TURN_RAD - 0.01, between]) == "wwddww"
    assert drive([-between, -START_TURN_RAD - 0.01, -between, 0.5]) == "waad"


def test_a_car_that_turns_already_is_not_turned_more() -> None:
    driver = ScriptedDriver(lambda: Sight(START_TURN_RAD + 0.05, turning_rad_s=1.0), fps=15)
    assert driver.keys(running=True) == {"w"}


def test_the_driver_decides_at_most_15_times_a_second() -> None:
    looks = 0

    def look() -> Sight:
        nonlocal looks
        looks += 1
        return Sight(0.0, 0.0)

    driver = ScriptedDriver(look, FPS)
    for _ in range(FPS):
        driver.keys(running=True)
    assert looks == 15


@pytest.mark.parametrize("disturbed", [False, True])
def test_the_driver_stays_on_the_road(disturbed: bool) -> None:
    racing = gym.make(ENVIRONMENT, render_mode="rgb_array", max_episode_steps=150, disable_env_checker=True)
    car = CruiseControl(racing, disturbed=disturbed)
    car.reset(seed=7000)
    driver = ScriptedDriver(RoadSight(racing.unwrapped), FPS)
    score, changes, held, ended = 0.0, 0, frozenset[str](), False
    while not ended:
        keys = driver.keys(running=True)
        changes += keys != held
        held = keys
        _, reward, terminated, truncated, _ = car.step(steering(keys))
        score += float(reward)
        ended = terminated or truncated
    assert score > 110  # straight on, the car is off the road by then, at 59
    assert changes < 4 * 150 / FPS
    picture = car.render()
    assert picture.shape == (400, 600, 3)
    car.close()


def test_every_set_of_keys_steers_sensibly() -> None:
    assert steering(frozenset("a")) == steering(frozenset("aw")) == Steer.LEFT
    assert steering(frozenset("d")) == steering(frozenset("dw")) == Steer.RIGHT
    for keys in ("", "w", "ad", "awd"):
        assert steering(frozenset(keys)) == Steer.FORWARD


def test_pushes_come_now_and_then_and_are_the_same_for_a_seed() -> None:
    pushes, same = SteeringPush(3), SteeringPush(3)
    rad = [pushes.next_rad() for _ in range(2000)]
    assert rad == [same.next_rad() for _ in range(2000)]
    assert 0.1 < sum(push != 0 for push in rad) / len(rad) < 0.5
    assert max(rad) > 0.1 and min(rad) < -0.1
    assert max(abs(after - before) for before, after in pairwise(rad)) < 0.1  # they swell and fade


def test_random_keys_change_in_spells_and_repeat_with_their_seed() -> None:
    players = [RandomPlayer(("a", "w", "d"), seed=5, fps=FPS) for _ in range(2)]
    first, second = ([player.keys(running=True) for _ in range(20 * FPS)] for player in players)
    assert first == second
    changes = sum(before != after for before, after in pairwise(first))
    assert 20 < changes < 100
    assert set(first) == {frozenset("a"), frozenset("w"), frozenset("d")}


def test_nobody_presses_return_and_then_nothing() -> None:
    assert Nobody().keys(running=False) == {"enter"}
    assert Nobody().keys(running=True) == frozenset()

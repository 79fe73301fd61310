"""The rule from held keys to an action, and what an action set refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.actions import ActionSet
from agent.errors import TwoframeError

CAR = ActionSet.parse(["left=a", "forward=w", "right=d"])


def test_largest_chord_wins_and_ties_go_to_the_earlier_action() -> None:
    actions = ActionSet.parse(["left=a", "jump=w+a", "right=d"])
    assert actions.action_of({"a"}) == 0
    assert actions.action_of({"a", "w"}) == 1
    assert actions.action_of({"a", "d"}) == 0
    assert actions.action_of({"w", "a", "d"}) == 1


def test_nothing_held_is_the_middle_action_unless_told_otherwise() -> None:
    assert CAR.action_of(set()) == 1
    assert ActionSet.parse(["left=a", "forward=w", "right=d"], default="right").action_of(set()) == 2


def test_nothing_held_is_the_action_without_keys_where_there_is_one() -> None:
    actions = ActionSet.parse(["none=", "left=a", "main=w", "right=d"])
    assert actions.action_of(set()) == 0
    assert actions.action_of({"w"}) == 2


@given(st.lists(st.lists(st.booleans(), min_size=4, max_size=4), max_size=30))
def test_the_rule_over_time_is_the_rule_at_each_instant(rows: list[list[bool]]) -> None:
    actions = ActionSet.parse(["left=a", "both=a+d", "forward=w", "right=d"])
    keys = ("x", "a", "d", "w")
    held = np.array(rows, np.bool_).reshape(-1, 4)
    each = [actions.action_of({key for key, down in zip(keys, row, strict=True) if down}) for row in rows]
    assert actions.actions_of(held, keys).tolist() == each


def test_keys_that_were_not_recorded_are_named() -> None:
    with pytest.raises(TwoframeError, match=r"found keys d that were not recorded"):
        CAR.actions_of(np.zeros((1, 2), np.bool_), ("a", "w"))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["left=a"], "found 1, expected 2"),
        (["left=a", "left=d"], "'left' twice"),
        (["left=a", "right=a"], "same keys under two names"),
        (["left", "right=d"], "expected NAME=KEY"),
        (["left=aa", "right=d"], "found 'aa'"),
        (["le/ft=a", "right=d"], "action name"),
    ],
)
def test_unusable_actions_are_refused_with_the_reason(texts: list[str], message: str) -> None:
    with pytest.raises(TwoframeError, match=message):
        ActionSet.parse(texts)


def test_actions_survive_json() -> None:
    assert ActionSet.from_json(CAR.to_json()) == CAR


@pytest.mark.parametrize("value", [None, 3, {}, {"actions": 1, "default": 0}, {"actions": [{"name": 1}], "default": 0}])
def test_other_json_is_refused(value: object) -> None:
    with pytest.raises(TwoframeError):
        ActionSet.from_json(value)

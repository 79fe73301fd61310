"""What of the keys belongs in a recording: nothing that was typed while the game was not looked at."""

from agent.actions import ActionSet
from agent.keyboard.listener import KeyEvent
from agent.recording.key_log import Change, KeyLog, never_pressed


def event(time_ns: int, key: str, *, down: bool, injected: bool | None = False) -> KeyEvent:
    return KeyEvent(time_ns, key, down, injected)


def test_events_wait_for_the_next_focused_look() -> None:
    log = KeyLog()
    log.confirm(0)
    log.heard(event(5, "a", down=True))
    log.heard(event(15, "a", down=False))
    assert log.confirm(10) == [Change(5, "a", True)]
    assert log.confirm(20) == [Change(15, "a", False)]


def test_what_was_typed_before_a_lost_focus_was_noticed_is_dropped() -> None:
    log = KeyLog()
    log.confirm(0)
    log.heard(event(1, "w", down=True))
    log.confirm(2)
    log.heard(event(5, "a", down=True))
    log.heard(event(6, "a", down=False))
    assert log.discard(10) == [Change(2, "w", False)]
    log.heard(event(12, "d", down=True))
    log.heard(event(13, "d", down=False))
    assert log.discard(20) == []


def test_keys_still_held_when_the_focus_is_back_count_from_then() -> None:
    log = KeyLog()
    log.confirm(0)
    log.discard(10)
    log.heard(event(12, "d", down=True))
    log.discard(20)
    assert log.confirm(30) == [Change(30, "d", True)]


def test_a_key_held_at_the_start_is_noticed_and_its_release_too() -> None:
    log = KeyLog()
    log.held_at_start({"a"})
    assert log.confirm(3) == [Change(3, "a", True)]
    log.heard(event(5, "a", down=False))
    assert log.confirm(6) == [Change(5, "a", False)]


def test_a_key_held_on_two_devices_goes_up_with_the_last() -> None:
    log = KeyLog()
    log.confirm(0)
    for time_ns, down, injected in ((1, True, False), (2, True, True), (3, False, False), (4, False, True)):
        log.heard(event(time_ns, "a", down=down, injected=injected))
    assert log.confirm(9) == [Change(1, "a", True), Change(4, "a", False)]


def test_a_key_counts_as_pressed_once_it_was_held_while_the_game_was_in_front() -> None:
    log = KeyLog()
    log.held_at_start({"w"})
    log.confirm(0)
    log.heard(event(1, "w", down=False))
    log.heard(event(2, "a", down=True))
    log.heard(event(3, "a", down=False))
    log.confirm(4)
    log.heard(event(5, "d", down=True))
    log.heard(event(6, "d", down=False))
    log.discard(7)  # typed elsewhere
    assert log.pressed == {"w", "a"}


def test_the_keys_that_were_never_pressed_are_named() -> None:
    actions = ActionSet.parse(["left=a", "jump=w+space", "right=d"])
    assert never_pressed(actions, {"a", "d", "w", "space"}) == ""
    hidden = "(holding nothing counts as jump, so it is not missed)"
    assert never_pressed(actions, {"a", "d", "w"}) == f"space was never pressed {hidden}"
    assert never_pressed(actions, {"w", "space"}) == "a, d were never pressed"

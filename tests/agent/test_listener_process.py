"""Hearing the keyboard from another process, as on Windows; here it hears the X server's."""

import os
import signal
from collections.abc import Iterator

import pytest
from conftest import ROOT, wait_for
from keyboard_systems import Heard
from x11_person import Person

from agent.errors import TwoframeError
from agent.keyboard.emitter import open_emitter
from agent.keyboard.listener import KeyListener
from agent.keyboard.listener_process import ListenerProcess
from games.window.display import VirtualDisplay

PERSON, AGENT = False, True


@pytest.fixture
def person(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr(
        "agent.keyboard.listener._backend",
        lambda *arguments: ListenerProcess("agent.keyboard.x11_listener:X11Keyboard", *arguments),
    )
    with Person(display.name) as person:
        yield person


def test_keys_are_heard_with_who_pressed_them_and_none_after_the_end(person: Person) -> None:
    heard = Heard()
    emitter = open_emitter(["d"])
    person.press("a")
    with KeyListener(["a", "d"], heard) as listener:
        assert listener.held_at_start == {"a"}
        person.release("a")
        heard.wait_for(1)
        emitter.press(["d"])
        emitter.release(["d"])
        assert heard.wait_for(3) == [("a", False, PERSON), ("d", True, AGENT), ("d", False, AGENT)]
    person.press("a")
    person.release("a")
    listener.close()
    assert len(heard.events) == 3
    assert listener.error is None
    emitter.close()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_its_death_is_told(person: Person, number: signal.Signals) -> None:
    with KeyListener(["a"], Heard()) as listener:
        os.kill(listener._backend._process.pid, number)  # type: ignore[union-attr]
        wait_for(lambda: listener.error, "the error")
    assert "the listener ended by itself" in str(listener.error)


def test_one_that_hangs_is_ended_at_the_end(person: Person) -> None:
    with KeyListener(["a"], Heard()) as listener:
        process = listener._backend._process  # type: ignore[union-attr]
        os.kill(process.pid, signal.SIGSTOP)
    assert process.returncode == -signal.SIGKILL
    assert listener.error is None


def test_what_keeps_it_from_hearing_is_told_in_its_words(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    listener = KeyListener(["a"], Heard())
    with pytest.raises(TwoframeError, match=r"display: found .*, expected ") as told:
        listener.start()
    assert "\n" not in str(told.value)
    listener.close()


def test_listener_may_be_closed_by_what_it_calls(person: Person) -> None:
    heard = Heard()

    def end(event: object) -> None:
        heard.events.append(event)  # type: ignore[arg-type]
        listener.close()

    with KeyListener(["a"], end) as listener:
        person.press("a")
        person.release("a")
        heard.wait_for(1)
    assert len(heard.events) == 1
    assert listener.error is None

"""What is said in a Wayland session: what can be recorded there, what not, and what to do."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Start, ended, wait_for
from wayland_windows import Native
from x11_person import KeyWindow

from agent.check.finding import Finding, found
from agent.check.machine import _keyboard, _session, _windows
from agent.errors import TwoframeError
from agent.frames import Box
from agent.live.place import Place
from games.window.display import VirtualDisplay
from games.window.wayland_session import WaylandSession


def no_word(text: str) -> None:
    raise AssertionError(text)


@pytest.fixture
def rootful(wayland: WaylandSession) -> Iterator[str]:
    """The name of an Xwayland that is a window in the session, with a screen of its own."""
    reading, writing = os.pipe()
    command = [*wayland.inside, "Xwayland", "-noreset", "-displayfd", str(writing)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with os.fdopen(reading) as told, subprocess.Popen(command, env=wayland.env, pass_fds=(writing,), **quiet) as server:
        os.close(writing)
        yield f":{told.readline().strip()}"
        server.terminate()


@pytest.mark.slow(6)
def test_the_check_takes_xwayland_and_says_what_else_a_missing_window_may_be(
    wayland: WaylandSession, start: Start
) -> None:
    status, out, err = ended(start("collect", "--check", "--json", "--window", "Nope", on=wayland))
    assert (status, err) == (1, "")  # for there is no such window
    findings = {told["part"]: Finding(**told) for told in json.loads(out)}
    assert findings["session"].ok
    assert "games that run as X11 programs; native Wayland windows cannot be recorded" in findings["session"].found
    assert findings["keyboard"].ok or "heard again in" in findings["keyboard"].found  # on a slow machine
    assert not findings["game"].ok
    assert "SDL_VIDEODRIVER=x11" in findings["game"].remedy


def test_that_a_native_window_has_the_focus_is_not_wrong(
    wayland: WaylandSession, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", wayland.name)
    with wayland.reached(), KeyWindow(wayland.name, "Game") as game:
        Native(wayland, start, tmp_path / "native")
        wait_for(lambda: not game.has_focus(), "the loss of the focus")
        finding = found("windows", _windows)
    assert finding.ok
    assert finding.found == "'Game'; none of these has the focus"


def test_a_region_of_a_wayland_session_is_refused(wayland: WaylandSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", wayland.name)
    with wayland.reached(), pytest.raises(TwoframeError, match=r"^--region: found 0,0,64,48 of a Wayland session"):
        Place(region=Box(0, 0, 64, 48)).open(no_word)


def test_an_xwayland_with_a_screen_of_its_own_is_refused(
    wayland: WaylandSession, rootful: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", rootful)
    with wayland.reached(), KeyWindow(rootful, "Game"):
        with pytest.raises(TwoframeError, match=r"^display: found an Xwayland with a screen of its own"):
            Place(window="Game").open(no_word)
        assert not found("session", _session).ok


def test_keys_that_come_back_as_a_persons_are_wrong(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setattr("agent.keyboard.x11_listener.is_emitted", lambda display, device: False)
    finding = found("keyboard", _keyboard)
    assert not finding.ok
    assert "as if a person had pressed them" in finding.found
    assert "X11 session" in finding.remedy

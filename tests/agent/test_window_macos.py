"""Windows on macOS, on the fake: chosen, described, looked at and followed as on X11."""

import os
import shutil
from collections.abc import Iterator
from types import SimpleNamespace

import mss.darwin
import pytest
from conftest import wait_for
from fake_mac_desktop import FakeWindow
from fake_macos import FakeMac

from agent.check.game import grab
from agent.check.machine import _session
from agent.errors import TwoframeError
from agent.frames import Box
from agent.macos.focus import leaving_the_focus
from agent.screen.grab import Screen
from agent.screen.macos_window import MacDesktop, processes_above
from agent.screen.target import WindowClosed
from agent.screen.window import chosen, open_picked_window, open_window, window_titles
from agent.screen.x11_owner import processes_above as x11_processes_above

MENU_BAR, DOCK, RACER, LAUNCHER, NOTES, STEPS, TERMINAL = range(1, 8)
NOTES_PID, TERMINAL_PID, DOCK_PID = 5_000_008, 5_000_009, 5_000_003  # higher than any real ones
WHOLE = Box(0, 0, 1440, 900)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMac]:
    """A game in front, with its launcher; an editor; a terminal that shows what was typed into it."""
    mac = FakeMac()
    mac.windows = [
        FakeWindow(MENU_BAR, "Menubar", 5_000_002, Box(0, 0, 1440, 24), 0, layer=24, program="Window Server"),
        FakeWindow(DOCK, "Dock", DOCK_PID, WHOLE, 0, layer=20, program="Dock"),
        FakeWindow(RACER, "Racer"),
        FakeWindow(LAUNCHER, "Racer - launcher", box=Box(900, 50, 300, 200)),
        FakeWindow(NOTES, "Notes", NOTES_PID, Box(800, 400, 500, 400), program="Notes"),
        FakeWindow(STEPS, "Steps", NOTES_PID, where="minimized"),
        FakeWindow(TERMINAL, "collect --window Race", TERMINAL_PID, Box(0, 600, 700, 300), program="Terminal"),
    ]
    mac.front = mac.window(RACER).pid
    for module in ("agent.screen.window", "agent.check.game", "agent.check.machine", "agent.screen.grab"):
        monkeypatch.setattr(f"{module}.sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr("agent.screen.macos_window.processes_above", lambda: {TERMINAL_PID})
    with mac.installed():
        yield mac


def test_windows_are_those_of_people_and_not_the_menu_bar_or_the_dock(mac: FakeMac) -> None:
    mac.windows.append(FakeWindow(20, "shadow", alpha=0.0))
    mac.windows.append(FakeWindow(21, "", where="hidden"))
    assert window_titles() == ["Racer", "Racer - launcher", "Notes", "collect --window Race", "Steps"]


def test_windows_are_chosen_by_title_id_focus_and_click_and_never_our_terminal(mac: FakeMac) -> None:
    assert open_window("Racer").window_id == RACER
    assert open_window("Not").window_id == NOTES
    assert open_window(hex(LAUNCHER)).window_id == LAUNCHER
    mac.to_front(NOTES)
    found = open_window("focused")
    assert (found.window_id, found.marks.program) == (NOTES, "Notes")
    mac.to_front(TERMINAL)
    with pytest.raises(TwoframeError, match="no window but the terminal of this command"):
        open_window("focused")
    assert open_picked_window(None, lambda _: mac.click(1000, 60)).window_id == LAUNCHER
    with pytest.raises(TwoframeError, match="a click on the terminal of this command"):
        open_picked_window(None, lambda _: mac.click(10, 700))
    mac.windows.remove(mac.window(LAUNCHER))
    assert open_window("Race").window_id == RACER


def test_candidates_are_told_with_size_place_program_and_id(mac: FakeMac) -> None:
    windows = [window for n in (RACER, LAUNCHER) if (window := MacDesktop().described(n))]
    with pytest.raises(TwoframeError, match=r"'Racer' \(640x360 at 100,78, Racer, 0x3\)"):
        chosen("Race", windows)


def test_picture_is_what_the_program_draws_without_its_title_bar(mac: FakeMac) -> None:
    target, window = MacDesktop().target(RACER), mac.window(RACER)
    assert target.look().box == Box(100, 78, 640, 360)
    window.box = Box(-300, 10, 640, 388)
    assert target.look().box == Box(-300, 38, 640, 360)
    window.bar, window.box = 0, Box(100, 50, 800, 600)
    assert target.look().box == Box(100, 50, 800, 600)
    window.bar, window.box = 28, WHOLE
    assert target.look().box == WHOLE
    window.box, window.is_full_screen = Box(0, 37, 1440, 863), True  # below a notch
    assert target.look().box == Box(0, 37, 1440, 863)


def test_program_that_answers_nothing_is_shown_with_its_title_bar(mac: FakeMac) -> None:
    mac.answers = False
    assert MacDesktop().target(RACER).look().box == Box(100, 50, 640, 388)


def test_pictures_have_one_pixel_a_point_on_every_display() -> None:
    nominal_resolution = 1 << 4  # kCGWindowImageNominalResolution: "regardless of the backing store of the display"
    assert mss.darwin.IMAGE_OPTIONS & nominal_resolution


def test_focus_is_on_the_front_window_of_the_program_in_front(mac: FakeMac) -> None:
    racer, launcher = (MacDesktop().target(number) for number in (RACER, LAUNCHER))
    assert (racer.look().state, launcher.look().state) == ("focused", "unfocused")
    mac.front = 5_000_004  # a click on the desktop: the game's window is still the front one
    assert racer.look().state == "unfocused"
    mac.to_front(LAUNCHER)
    assert (racer.look().state, launcher.look().state) == ("unfocused", "focused")


def test_game_above_the_menu_bar_that_fills_a_display_has_the_focus(mac: FakeMac) -> None:
    mac.displays.append(Box(1440, 0, 2560, 1440))
    window = mac.window(RACER)
    window.layer, window.box = 2_147_483_628, mac.displays[1]  # CGShieldingWindowLevel
    view = open_window("focused").look()
    assert (view.state, view.box) == ("focused", mac.displays[1])
    window.box = Box(0, 0, 200, 100)  # a menu
    assert MacDesktop().target(RACER).look().state == "unfocused"


def test_window_put_away_hidden_or_in_another_space_is_told(mac: FakeMac) -> None:
    window = mac.window(RACER)
    for where, state in (("minimized", "minimized"), ("hidden", "minimized"), ("other space", "unfocused")):
        target = MacDesktop().target(RACER)
        window.where = where  # type: ignore[assignment]
        assert target.look().state == state
        mac.to_front(RACER)
        assert target.look().state == "focused"


def test_keyboard_that_a_password_takes_is_told(mac: FakeMac) -> None:
    target = MacDesktop().target(RACER)
    assert grab().ok
    mac.password = True
    assert target.look().state == "grabbed"
    assert not grab().ok


def test_what_lies_over_it_is_named_and_measured(mac: FakeMac) -> None:
    target = MacDesktop().target(RACER)
    assert target.look().cover is None  # though the Dock's window lies, unseen, over the whole screen
    notes = mac.window(NOTES)
    mac.windows.remove(notes)
    mac.windows.insert(0, notes)
    notes.layer, notes.box = 3, Box(100, 78, 320, 360)
    cover = target.look().cover
    assert cover is not None
    assert (cover.title, cover.share) == ("Notes", 0.5)
    notes.alpha = 0.9
    cover = target.look().cover
    assert cover is not None
    assert cover.share == 0


def test_closed_window_is_told_and_one_made_anew_is_followed(mac: FakeMac) -> None:
    mac.window(RACER).pid = mac.front = os.getpid()
    target = open_window("Racer")
    mac.windows.remove(mac.window(RACER))
    assert target.look().state == "gone"
    assert target.look().state == "gone"
    with pytest.raises(WindowClosed):
        MacDesktop().target(RACER)
    mac.windows.append(FakeWindow(30, "Racer - 57 fps", os.getpid(), WHOLE))
    assert wait_for(lambda: target.look().state == "focused", "the new window")
    assert (target.window_id, target.look().box) == (30, WHOLE)


def test_window_whose_program_has_ended_is_closed(mac: FakeMac) -> None:
    target = open_window("Racer")  # its pid is none
    mac.windows.remove(mac.window(RACER))
    assert target.look().state == "closed"


def test_permission_that_is_lacking_is_told_and_asked_for(mac: FakeMac) -> None:
    mac.may_see = False
    for begin in (window_titles, Screen):
        with pytest.raises(TwoframeError, match="found no permission for Screen Recording, expected it; allow your"):
            begin()
    assert mac.asked == ["Screen Recording"] * 2
    assert "without the permission for Screen Recording" in str(_session())
    mac.may_see = True
    assert _session().ok


def test_session_without_a_desktop_is_told(mac: FakeMac) -> None:
    mac.has_session = False
    with pytest.raises(TwoframeError, match="found no desktop session, expected one; log in"):
        window_titles()


def test_preview_leaves_the_focus_to_the_game(mac: FakeMac) -> None:
    game = mac.front
    mac.turned_run_loop()
    with leaving_the_focus():
        mac.front = mac.OURS  # as Tk does
    assert mac.front == game
    assert mac.policy == 1  # NSApplicationActivationPolicyAccessory: neither in the Dock nor made active


def test_processes_that_started_this_one_are_found_by_ps() -> None:
    if shutil.which("ps") is None:
        pytest.skip("no ps here")
    assert processes_above() == x11_processes_above()

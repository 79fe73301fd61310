"""The same behaviours under each window manager that Debian has: found, followed, focus, covered, minimised, made anew.

All tests of one window manager share its display (see TOGETHER_BY_PARAMETER in conftest.py).
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PATIENCE_S, Start, wait_for
from recordings import frames_in
from window_managers import (
    GO_TO_THE_FIRST,
    GO_TO_THE_SECOND,
    SEND_TO_THE_SECOND,
    WINDOW_MANAGERS,
    Desktop,
    Window,
)
from x11_windows import looked_at

from agent.check.machine import Finding, check_machine
from agent.frames import Box, FrameSpec
from agent.keyboard.key_holder import KeyHolder
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Switches
from agent.recording.reader import Recording
from agent.screen.grab import Screen
from agent.screen.target import Target
from agent.screen.window import window_titles

LEFT, RIGHT, ON_THE_LEFT = (100, 100, 320, 200), (700, 300, 300, 200), (150, 130, 120, 90)
GAME_GREY, OTHER_GREY = 60, 200


@pytest.fixture(scope="module", params=WINDOW_MANAGERS, ids=lambda manager: manager.name)
def managed(request: pytest.FixtureRequest) -> Iterator[Desktop]:
    if request.param.missing:
        pytest.skip(request.param.missing)
    with Desktop(request.param) as desktop:
        yield desktop


@pytest.fixture
def desktop(managed: Desktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desktop]:
    monkeypatch.setenv("DISPLAY", managed.display.name)
    monkeypatch.delenv("WINDOWID", raising=False)
    managed.clear()
    yield managed


@pytest.fixture
def game(desktop: Desktop) -> Window:
    return desktop.game.open("Game", LEFT, GAME_GREY)


@pytest.fixture
def other(desktop: Desktop, game: Window) -> Window:
    return desktop.other.open("Other", RIGHT, OTHER_GREY)


def wait_for_state(target: Target, state: str) -> None:
    wait_for(lambda: target.look().state == state, f"the state {state}")


def wait_for_picture(target: Target, window: Window, grey: int = GAME_GREY) -> None:
    """Until what is grabbed is the window's picture, all of it and nothing else."""

    def is_seen() -> bool:
        box = target.look().box
        if box != Box(*window.place()) or not screen.holds(box):
            return False
        return bool((screen.grab(box)[:, :, :3] == grey).all())

    with Screen() as screen:
        wait_for(is_seen, "the window's own picture")


def test_found_by_its_title_or_a_part_of_it(desktop: Desktop, game: Window, other: Window) -> None:
    assert {"Game", "Other"} <= set(window_titles())
    for title in ("Game", "am"):
        with looked_at(title) as target:
            assert (target.title, target.window_id) == ("Game", game.number)


def test_found_beside_windows_of_any_title(desktop: Desktop, game: Window) -> None:
    written = {
        "Été": ("WM_NAME", "STRING", "Été".encode("latin-1")),
        "Игра": ("WM_NAME", "COMPOUND_TEXT", b"\x1b-L" + "Игра".encode("iso8859-5")),
        "囲碁 1": ("WM_NAME", "COMPOUND_TEXT", b"\x1b$(B0O8k\x1b(B 1"),
        "√ x": ("WM_NAME", "COMPOUND_TEXT", b"\x1b%G" + "√".encode() + b"\x1b%@ x"),
        "ok": ("WM_NAME", "UTF8_STRING", b"ok"),
        "\ufffd": ("_NET_WM_NAME", "UTF8_STRING", b"\xff"),
        "": ("_NET_WM_NAME", "UTF8_STRING", b""),
    }
    for title, (name, kind, value) in written.items():
        window = desktop.other.open("", RIGHT)
        window.name(name=name, kind=kind, value=value.hex())
        if title:
            with looked_at(title) as target:
                assert target.window_id == window.number
    fallback = desktop.other.open("Racer", RIGHT)
    fallback.name(name="_NET_WM_NAME", kind="UTF8_STRING", value="")
    assert {"Game", "Racer", *(title for title in written if title)} <= set(window_titles())
    with looked_at() as target:
        assert target.window_id == game.number


def test_found_where_a_person_would_say_that_there_is_one(desktop: Desktop, game: Window, other: Window) -> None:
    desktop.other.open("Panel", (0, 0, 1280, 20), kind="DOCK")
    desktop.other.open("Menu of the Game", (300, 300, 50, 50), kind="MENU")
    game.withdraw()
    wait_for(lambda: "Game" not in window_titles(), "its leaving")
    game.show()
    with looked_at("Gam") as target:
        assert target.window_id == game.number
    if desktop.manager.put_away:
        desktop.click(game)
        with looked_at() as target:
            wait_for_state(target, "focused")
            desktop.hit(*desktop.manager.put_away)
            wait_for_state(target, desktop.manager.away)
        with looked_at("Gam") as target:
            assert (target.window_id, target.look().state) == (game.number, desktop.manager.away)


def test_followed_where_it_is_moved_and_resized(desktop: Desktop) -> None:
    game = desktop.game.open("Game", LEFT, GAME_GREY, fixed=True)
    with looked_at() as target:
        wait_for_picture(target, game)
        before = target.look().box
        game.configure(x=before.left + 50, y=before.top + 70)
        wait_for(lambda: target.look().box != before, "the move")
        wait_for_picture(target, game)
    game.close()
    game = desktop.game.open("Game", LEFT, GAME_GREY)
    with looked_at() as target:
        wait_for_picture(target, game)
        before = target.look().box
        other = desktop.other.open("Other", RIGHT, OTHER_GREY)  # tiled ones share the screen now
        game.configure(width=260, height=170)
        wait_for(lambda: target.look().box != before, "the other size")
        wait_for_picture(target, game)
        desktop.to_the_front(other)
        desktop.to_the_front(game)
        wait_for_picture(target, game)
        other.close()
        wait_for_picture(target, game)


def test_the_keys_arrive_while_it_has_the_focus_and_none_is_pressed_elsewhere(
    desktop: Desktop, game: Window, other: Window
) -> None:
    def pressed() -> bool:
        holder.hold({"a"})
        return ["a", True] in game.got()

    def refused() -> bool:
        holder.hold({"a"})
        return holder.focus_refused

    with looked_at() as target, KeyHolder(["a"], window_id=target.window_id) as holder:
        for _ in range(2):
            desktop.click(game)
            wait_for_state(target, "focused")
            wait_for(pressed, "the key")
            desktop.click(other)
            wait_for_state(target, "unfocused")
            wait_for(refused, "that it is not pressed")
            assert ["a", True] not in other.got()


def test_a_dialog_of_the_same_program_takes_the_focus_from_it(desktop: Desktop, game: Window) -> None:
    with looked_at() as target:
        dialog = desktop.game.open("Game: options", (500, 600, 200, 100), over=game, kind="DIALOG", fixed=True)
        for _ in range(2):
            desktop.click(dialog)
            wait_for_state(target, "unfocused")
            desktop.click(game)
            wait_for_state(target, "focused")


def test_where_the_root_has_the_focus_it_is_the_window_under_the_pointer(desktop: Desktop, game: Window) -> None:
    """As after a window has gone that had it, without a window manager.

    Some give it to a window again, and to one of their own meanwhile, which gets what a person presses just then.
    """

    def arrives() -> bool:
        desktop.hit("b")
        return ["b", True] in game.got()

    with looked_at() as target:
        desktop.click(game)
        wait_for_state(target, "focused")
        desktop.focus_root()
        wait_for_state(target, "focused")
        wait_for(arrives, "the key")
        wait_for_state(target, "focused")


def test_on_another_workspace_it_is_neither_focused_nor_recorded(desktop: Desktop, game: Window) -> None:
    if not desktop.manager.has_workspaces:
        pytest.skip(f"{desktop.manager.name} has no workspaces")
    with looked_at() as target, Screen() as screen:
        gate = FocusGate(target, screen, Switches())
        desktop.click(game)
        wait_for(lambda: gate.look().shut is None, "the game")
        desktop.hit(*GO_TO_THE_SECOND)
        wait_for(lambda: gate.look().shut == "unfocused", "the other workspace")
        other = desktop.other.open("Other", RIGHT, OTHER_GREY)
        desktop.click(other)
        assert gate.look().shut == "unfocused"
        with looked_at("Gam") as elsewhere:
            assert (elsewhere.window_id, elsewhere.look().state) == (game.number, "unfocused")
        desktop.hit(*GO_TO_THE_FIRST)
        wait_for_picture(target, game)
        desktop.click(game)
        wait_for(lambda: gate.look().shut is None, "the game again")


def test_what_lies_over_it_is_named(desktop: Desktop) -> None:
    game = desktop.game.open("Game", LEFT, GAME_GREY, fixed=True)
    above = desktop.other.open("Above", ON_THE_LEFT, OTHER_GREY, fixed=True)

    def is_covered_by(title: str | None) -> bool:
        desktop.focus(game)
        view = target.look()
        return view.state == "focused" and (view.cover.title if view.cover else None) == title

    with looked_at() as target:
        wait_for(lambda: is_covered_by("Above"), "the cover")
        left, top, _, _ = above.place()
        above.configure(x=900, y=600)
        wait_for(lambda: is_covered_by(None), "its leaving")
        above.configure(x=left, y=top)
        wait_for(lambda: is_covered_by("Above"), "its return")
        if desktop.manager.has_workspaces:
            desktop.click(above)
            wait_for_state(target, "unfocused")
            desktop.hit(*SEND_TO_THE_SECOND)
            wait_for(lambda: is_covered_by(None), "its leaving for another workspace")
            above = desktop.other.open("Above", ON_THE_LEFT, OTHER_GREY, fixed=True)
            wait_for(lambda: is_covered_by("Above"), "another cover")
        desktop.to_the_front(game)
        wait_for(lambda: is_covered_by(None), "the game on top")


def test_put_away_it_is_what_a_person_says_and_comes_back(desktop: Desktop, game: Window, other: Window) -> None:
    manager = desktop.manager
    with looked_at() as target:
        desktop.click(game)
        wait_for_state(target, "focused")
        if manager.put_away:
            desktop.hit(*manager.put_away)
        else:
            game.withdraw()
        wait_for_state(target, manager.away)
        if manager.back:
            desktop.hit(*manager.back)
        else:
            game.show()
        wait_for_picture(target, game)
        desktop.click(game)
        wait_for_state(target, "focused")


def test_behind_a_window_that_fills_the_screen_it_is_unfocused(desktop: Desktop, game: Window) -> None:
    with looked_at() as target:
        desktop.hit(*desktop.manager.pile)
        full = desktop.other.open("Full", (0, 0, 1280, 800), OTHER_GREY)
        with looked_at("Full") as in_front:
            wait_for(lambda: in_front.look().box.width > 1200, "its size")
            desktop.click(full)
            wait_for_state(in_front, "focused")
        assert target.look().state == "unfocused"


def test_found_and_followed_when_the_window_manager_crashes(desktop: Desktop, game: Window) -> None:
    if not desktop.manager.command:
        pytest.skip("no window manager")
    with looked_at() as target:
        desktop.click(game)
        wait_for_state(target, "focused")
        desktop.crash_manager()
        late = desktop.other.open("Late", RIGHT, OTHER_GREY)
        wait_for(lambda: {"Game", "Late"} <= set(window_titles()), "both titles")
        late.take_focus()
        wait_for_state(target, "unfocused")
        desktop.start_manager()
        wait_for(lambda: {"Game", "Late"} <= set(window_titles()), "both titles again")
        wait_for_picture(target, game)
        desktop.click(game)
        wait_for_state(target, "focused")


def test_made_anew_by_the_same_program_it_is_followed(desktop: Desktop, game: Window, other: Window) -> None:
    with looked_at() as target:
        desktop.click(game)
        wait_for_state(target, "focused")
        game.close()
        wait_for(lambda: target.look().state != "focused", "its end")
        again = desktop.game.open("Game", LEFT, GAME_GREY)
        desktop.click(other)
        desktop.click(again)
        wait_for(lambda: target.look().state == "focused", "the new window", within_s=0.5)
        assert target.window_id == again.number
        wait_for_picture(target, again)


def windows_checked(folder: Path) -> Finding:
    findings = check_machine(FrameSpec(16, 12), 1, folder, None)
    return next(finding for finding in findings if finding.part == "windows")


def test_the_check_tells_the_windows_and_which_has_the_focus(
    desktop: Desktop, game: Window, other: Window, tmp_path: Path
) -> None:
    with looked_at() as target:
        desktop.click(game)
        wait_for_state(target, "focused")
    checked = windows_checked(tmp_path)
    assert checked.ok
    assert "'Game'" in checked.found
    assert "'Other'" in checked.found
    assert checked.found.endswith("; 'Game' has the focus")
    game.close()
    other.close()
    wait_for(lambda: not window_titles(), "their end")
    assert windows_checked(tmp_path).found == "none open"


def test_a_recording_holds_its_picture_and_keys_alone(
    desktop: Desktop, game: Window, other: Window, start: Start, tmp_path: Path
) -> None:
    folder, said = tmp_path / "rec", tmp_path / "said"

    with looked_at() as target:
        desktop.click(game)
        wait_for_state(target, "focused")
    with said.open("w") as file:
        process = start(
            "collect", folder, "--window", "Game", "--countdown-s", "0", "--fps", "30", on=desktop.display, said=file
        )
        wait_for(lambda: frames_in(folder) > 10, "the first frames")
        desktop.hit("a")
        wait_for(lambda: frames_in(folder) > 20, "more frames")
        desktop.click(other)
        wait_for(lambda: "recording pauses: the window is unfocused" in said.read_text(), "the pause")
        desktop.hit("d")
        desktop.click(game)
        wait_for(lambda: said.read_text().endswith("recording again\n"), "the end of the pause")
        before = frames_in(folder)
        wait_for(lambda: frames_in(folder) > before + 5, "frames after it")
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
    recording = Recording.open(folder)
    assert (recording.frames == GAME_GREY).all()
    heard = [(recording.meta.keys[event["key"]], bool(event["down"])) for event in recording.key_events]
    assert heard == [("a", True), ("a", False)]

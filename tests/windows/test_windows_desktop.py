"""Windows on Windows: which count, where their pixels are, what lies over them, and who has the focus."""

import json
import select
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, Start, ended, wait_for
from windows_python import EXE, windows_path
from Xlib import X
from Xlib.ext import xtest

from games.window.counter import read_counter
from games.window.display import VirtualDisplay

HERE = ROOT / "tests/windows"
PLACE = (100, 100, 400, 300)


class Remote:
    """A program of this folder under Wine, whose methods are called there."""

    def __init__(self, wine: VirtualDisplay, name: str) -> None:
        self._process = subprocess.Popen(
            ["wine", str(EXE), windows_path(HERE / name)],
            env={**wine.env, "PYTHONPATH": windows_path(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,  # Wine wants a pipe there too
            text=True,
        )

    def __getattr__(self, name: str) -> Any:
        def call(**given: Any) -> Any:
            self.tell(name, **given)
            return self.answer()

        return call

    def tell(self, name: str, **given: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([name, given]) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        try:
            return json.loads(line)
        except ValueError:
            raise AssertionError(line + self._process.communicate(timeout=PATIENCE_S)[0]) from None

    def has_answered(self, within_s: float) -> bool:
        return bool(select.select([self._process.stdout], [], [], within_s)[0])

    def end(self) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        if self._process.stdout is not None:
            self._process.stdout.close()


@pytest.fixture(scope="module")
def onlooker(wine: VirtualDisplay) -> Iterator[Remote]:
    remote = Remote(wine, "windows_onlooker.py")
    yield remote
    remote.end()


@pytest.fixture(scope="module")
def program(wine: VirtualDisplay) -> Iterator[Remote]:
    remote = Remote(wine, "windows_program.py")
    yield remote
    remote.end()


@pytest.fixture
def game(program: Remote, onlooker: Remote) -> Iterator[int]:
    """The window Game, which has the focus and whose look is taken under that name."""
    window = program.open(title="Game", place=PLACE)
    focus(program, onlooker, window)
    assert onlooker.find(text="Game") == window
    yield window
    program.close(window=window)


def focus(program: Remote, onlooker: Remote, window: int) -> None:
    program.take_focus(window=window)
    wait_for(lambda: onlooker.foreground() == window, "the focus")


def test_only_windows_that_a_person_takes_for_one_count(program: Remote, onlooker: Remote) -> None:
    game = program.open(title="Game", place=PLACE)
    parts = [
        program.open(title="Game", place=(10, 10, 80, 20), kind="child", over=game),  # as a launcher's button
        program.open(title="Game", place=(10, 10, 80, 20), kind="popup", over=game),  # as a message of it
    ]
    others = [
        program.open(title="Game", place=(520, 10, 80, 20), kind="tool"),
        program.open(title="Game", place=(520, 10, 80, 20), shown=False),
        program.open(title="Game", place=(520, 10, 0, 0), kind="popup"),
    ]
    beside = [
        program.open(title="Main", place=(520, 10, 80, 20), kind="popup", over=others[2]),  # of one never seen
        program.open(title="App", place=(520, 10, 80, 20), kind="app"),
    ]
    assert sorted(onlooker.titles()) == ["App", "Game", "Main"]
    assert [onlooker.window_of(number=window) for window in (game, *parts)] == [game] * 3
    assert onlooker.window_of(number=others[0]) is None
    assert onlooker.find(text="Game") == game
    described = onlooker.described(number=game)
    assert (described["program"], described["window_class"]) == ("python.exe", "Racer")
    for window in (*beside, *others, game):
        program.close(window=window)
    assert onlooker.described(number=game) is None


def test_a_window_is_looked_at_until_its_program_ends(wine: VirtualDisplay, onlooker: Remote, game: int) -> None:
    program = Remote(wine, "windows_program.py")
    window = program.open(title="Race", place=PLACE)
    assert onlooker.find(text="Race") == window
    focus(program, onlooker, window)
    box = onlooker.look(text="Race")["box"]
    assert (box["width"], box["height"]) < (PLACE[2], PLACE[3])  # without its frame
    program.move(window=window, place=(PLACE[0] + 50, PLACE[1] + 20, *PLACE[2:]))
    moved = box | {"left": box["left"] + 50, "top": box["top"] + 20}
    wait_for(lambda: onlooker.look(text="Race")["box"] == moved, "the new place")
    program.show(window=window, how="minimize")
    wait_for(lambda: onlooker.look(text="Race")["state"] == "minimized", "the icon")
    assert onlooker.look(text="Race")["box"] == moved
    assert "found it minimized" in onlooker.find(text=hex(window))
    program.show(window=window, how="restore")
    wait_for(lambda: onlooker.look(text="Race")["state"] == "focused", "the window")
    program.show(window=window, how="hide")
    wait_for(lambda: onlooker.look(text="Race")["state"] == "minimized", "the hidden window")

    program.close(window=window)
    assert onlooker.look(text="Race")["state"] == "gone"
    again = program.open(title="Race 2", place=PLACE)
    wait_for(lambda: onlooker.look(text="Race")["window_id"] == again, "the window made anew")
    program.end()
    wait_for(lambda: onlooker.look(text="Race")["state"] == "closed", "the end", within_s=2)


@pytest.mark.wine
def test_what_lies_over_the_game_is_told_with_the_share_that_it_hides(
    wine: VirtualDisplay, program: Remote, onlooker: Remote, game: int
) -> None:
    box = onlooker.look(text="Game")["box"]
    half = (box["left"], box["top"], box["width"] // 2, box["height"])
    other = Remote(wine, "windows_program.py")

    def covers(**given: Any) -> None:
        """Until what is opened with that lies over the game."""
        nonlocal window
        window = other.open(topmost=True, place=half, **given)

    def cover() -> Any:
        return onlooker.look(text="Game")["cover"]

    window = 0
    covers(title="Cover", kind="popup")
    wait_for(lambda: cover() == {"title": "Cover", "share": 0.5}, "the cover")
    other.cut(window=window, parts=[[0, 0, 39, 999], [60, 0, 99, 999]])  # as overlays with holes do
    wait_for(lambda: cover() == {"title": "Cover", "share": 78 / box["width"]}, "its shape")
    other.show(window=window, how="minimize")
    wait_for(lambda: cover() is None, "the icon")
    other.close(window=window)
    covers(title="Faded", kind="faded")
    wait_for(lambda: cover() == {"title": "Faded", "share": 0}, "what may be seen through")
    other.close(window=window)
    wait_for(lambda: cover() is None, "its end")
    covers(title="Overlay", kind="overlay")
    own = program.open(title="Menu", place=half, kind="popup", topmost=True)
    covers(title="Last", kind="faded")
    wait_for(lambda: cover() == {"title": "Last", "share": 0}, "neither the overlay nor the game's own menu")
    program.close(window=own)
    other.end()


@pytest.mark.wine
def test_windows_that_close_while_they_are_looked_at_are_passed_over(
    wine: VirtualDisplay, onlooker: Remote, game: int
) -> None:
    other = Remote(wine, "windows_program.py")
    other.flicker()
    wait_for(lambda: onlooker.list_often(count=20) > 0, "a window that comes and goes")
    assert onlooker.list_often(count=200) > 0
    assert onlooker.look(text="Game")["state"] in ("focused", "unfocused")
    other.end()


@pytest.mark.wine
def test_the_console_of_the_command_is_no_game(onlooker: Remote) -> None:
    title = "collect runs --window Game"
    shown, found = onlooker.in_a_console(title=title)
    assert title in shown and title not in found


@pytest.mark.wine
def test_programs_that_started_this_one_are_known(onlooker: Remote) -> None:
    pid, above = onlooker.above_a_child()
    assert pid in above


@pytest.mark.wine
def test_a_window_is_picked_by_a_click_which_it_gets_too(
    wine: VirtualDisplay, program: Remote, onlooker: Remote, game: int
) -> None:
    with wine.connection() as connection:
        connection.screen().root.warp_pointer(PLACE[0] + 100, PLACE[1] + 100)
        connection.sync()
        onlooker.tell("pick", text="Game")
        assert "click" in onlooker.answer()
        while not onlooker.has_answered(within_s=0.5):
            for what in (X.ButtonPress, X.ButtonRelease):
                xtest.fake_input(connection, what, 1)
                connection.sync()
    assert "picked 'Game'" in onlooker.answer()
    assert onlooker.answer() == game
    wait_for(lambda: program.clicks() > 0, "the click")


@pytest.mark.wine
def test_the_preview_leaves_the_focus_with_the_game(onlooker: Remote, game: int) -> None:
    onlooker.open_preview(avoid=PLACE)
    wait_for(lambda: onlooker.is_settled(title="twoframe preview"), "the preview")
    assert "twoframe preview" not in onlooker.titles()
    assert onlooker.foreground() == game
    onlooker.close_ours()


@pytest.mark.wine
def test_the_window_of_a_check_gives_the_focus_back(onlooker: Remote, game: int) -> None:
    probe = onlooker.open_probe(place=(600, 300, 200, 100))
    assert onlooker.foreground() == probe != game
    onlooker.close_ours()
    wait_for(lambda: onlooker.foreground() == game, "the focus")
    assert "twoframe" not in onlooker.shown()


@pytest.fixture
def scale(wine: VirtualDisplay) -> Iterator[None]:
    """A desktop at 150 %, where programs that do not ask for real pixels get others, as on Windows."""
    settings = {"DpiScalingVer": "0x1000", "LogPixels": "144"}
    key = ("HKCU\\Control Panel\\Desktop", "/f", "/v")
    for name, value in settings.items():
        wine_reg(wine, "add", *key, name, "/t", "REG_DWORD", "/d", value)
    yield
    for name in settings:
        wine_reg(wine, "delete", *key, name)


def wine_reg(wine: VirtualDisplay, *words: str) -> None:
    nowhere = subprocess.DEVNULL
    subprocess.run(["wine", "reg", *words], env=wine.env, check=True, stdin=nowhere, stdout=nowhere, stderr=nowhere)


@pytest.mark.wine
def test_every_process_counts_real_pixels_on_a_scaled_desktop(
    scale: None, wine: VirtualDisplay, start_windows: Start, windows_counter: Path, tmp_path: Path
) -> None:
    checked = json.loads(ended(start_windows("collect", "--check", "--json", "--window", "Counter"))[1])
    told = {finding["part"]: finding for finding in checked}
    assert told["session"]["ok"] and "of every screen" in told["session"]["found"]
    assert "640x360 at" in told["game"]["found"]

    onlooker = Remote(wine, "windows_onlooker.py")
    assert onlooker.counts_real_pixels(number=onlooker.find(text="Counter"))
    onlooker.open_preview(avoid=PLACE)
    preview = wait_for(lambda: onlooker.shown().get("twoframe preview"), "the preview")
    assert onlooker.counts_real_pixels(number=preview)
    onlooker.end()

    recorded = start_windows(
        *("collect", tmp_path / "run", "--window", "Counter", "--keys", "a=a", "d=d", "--countdown-s", 0),
        *("--duration-s", 1, "--size", "640x360"),
    )
    said = ended(recorded)[1]
    meta = json.loads((tmp_path / "run/meta.json").read_text(encoding="utf-8"))
    assert recorded.returncode == 0 and meta["frame"]["width"] == 640, said
    assert (read_counter(np.load(tmp_path / "run/frames.npy")) >= 0).all()

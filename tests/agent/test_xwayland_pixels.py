"""The pixels of the window itself: in Xwayland, which gives no others, and on X11 while a compositor runs."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT, Start, so_far, wait_for
from mutter_session import MutterSession
from recordings import frames_in, wait_for_frames
from x11_screen import composited
from Xlib import X

from agent.arrays import Levels
from agent.recording.reader import Recording
from agent.screen import x11_window_pixels
from agent.screen.x11_window_pixels import WindowPixels
from games.window.counter import BITS, ROWS, read_counter
from games.window.display import VirtualDisplay, windows
from games.window.wayland_session import NoWayland, WaylandSession

SIZE = (640, 360)
WITH_COMPOSITOR = "X11 with a compositor"


@pytest.fixture(params=["Xwayland", WITH_COMPOSITOR])
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection to a server that draws windows beside the screen; this process looks at it, too."""
    with ExitStack() as opened:
        if request.param == WITH_COMPOSITOR:
            display: VirtualDisplay = request.getfixturevalue("display")
            opened.enter_context(composited(display))
        else:
            session: WaylandSession = request.getfixturevalue("wayland")
            opened.enter_context(session.reached())
            display = session  # type: ignore[assignment]
        monkeypatch.setenv("DISPLAY", display.name)
        yield opened.enter_context(display.connection())


class Drawn:
    """A window that no window manager sees, with a pattern in it that is another for every size."""

    def __init__(
        self,
        server: Any,
        size: tuple[int, int],
        parent: Any = None,
        place: tuple[int, int] = (10, 20),
        *,
        with_alpha: bool = False,
    ) -> None:
        self._server = server
        root = server.screen().root
        look = {"depth": X.CopyFromParent}
        if with_alpha:
            listed = [each for each in server.screen().allowed_depths if each.depth == 32]
            visual = next(visual for each in listed for visual in each.visuals if visual.visual_class == X.TrueColor)
            colors = root.create_colormap(visual.visual_id, X.AllocNone)
            look = {"depth": 32, "visual": visual.visual_id, "colormap": colors, "border_pixel": 0}
        self.window = (parent or root).create_window(*place, *size, 3, override_redirect=True, **look)
        self.window.map()
        self.size = size

    def draw(self) -> Levels:
        """What it shows when this returns: (height, width, 3)."""
        width, height = self.size
        context = self.window.create_gc()
        picture = np.empty((height, width, 3), np.uint8)
        for left in range(0, width, 16):
            for top in range(0, height, 16):
                color = left * 7 % 256, top * 5 % 256, (left + top + width) % 256
                picture[top : top + 16, left : left + 16] = color
                blue, green, red = color
                context.change(foreground=red << 16 | green << 8 | blue)
                self.window.fill_rectangle(context, left, top, 16, 16)
        self._server.sync()
        return picture

    def resize(self, width: int, height: int) -> None:
        self.size = width, height
        self.window.configure(width=width, height=height)


def shows(pixels: WindowPixels, picture: Levels) -> bool:
    grabbed = pixels.grab()
    return grabbed is not None and grabbed.shape[:2] == picture.shape[:2] and bool((grabbed[:, :, :3] == picture).all())


@pytest.fixture
def pixels(server: Any) -> Iterator[WindowPixels]:
    opened = WindowPixels()
    yield opened
    opened.close()


def test_a_window_is_grabbed_bit_for_bit_wherever_it_is_and_whatever_size_it_has_by_now(
    server: Any, pixels: WindowPixels
) -> None:
    game = Drawn(server, (201, 103))
    pixels.aim(game.window.id)
    assert shows(pixels, game.draw())
    assert pixels.is_shared
    cover = Drawn(server, (900, 700), place=(0, 0))
    cover.draw()
    assert shows(pixels, game.draw())
    game.window.configure(x=-50, y=-60)
    assert shows(pixels, game.draw())
    for size in ((300, 200), (64, 48), (1500, 900)):  # more than there was room for, less, more than the screen holds
        game.resize(*size)
        picture = game.draw()
        assert shows(pixels, picture), size
    cover.window.destroy()
    game.window.unmap()
    server.sync()
    assert pixels.grab() is None
    game.window.map()
    assert shows(pixels, game.draw())
    game.window.destroy()
    server.sync()
    assert pixels.grab() is None


def test_a_window_in_the_frame_of_a_window_manager_is_cut_out_of_it(server: Any, pixels: WindowPixels) -> None:
    frame = Drawn(server, (400, 300))
    game = Drawn(server, (201, 103), parent=frame.window, place=(7, 29))
    pixels.aim(game.window.id)
    frame.draw()
    picture = game.draw()
    assert shows(pixels, picture)
    game.window.configure(x=50, y=60)
    assert shows(pixels, game.draw())
    game.window.reparent(server.screen().root, 30, 40)  # full screen, without a frame
    game.window.map()
    assert shows(pixels, game.draw())
    for each in (frame, game):
        each.window.destroy()


@pytest.mark.parametrize("in_frame", [False, True])
def test_a_window_with_an_alpha_channel_is_grabbed_as_any_other(
    server: Any, pixels: WindowPixels, *, in_frame: bool
) -> None:
    frame = Drawn(server, (400, 300))
    frame.draw()
    game = Drawn(server, (201, 103), parent=frame.window if in_frame else None, with_alpha=True)
    pixels.aim(game.window.id)
    assert shows(pixels, game.draw())
    for each in (game, frame):
        each.window.destroy()


def test_what_has_no_shared_memory_is_sent_instead(
    server: Any, pixels: WindowPixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(x11_window_pixels, "share", lambda display, size: None)
    game = Drawn(server, (201, 103))
    pixels.aim(game.window.id)
    assert shows(pixels, game.draw())
    assert not pixels.is_shared
    assert pixels.can_be_grabbed() == pixels.is_xwayland  # elsewhere the screen is quicker
    game.window.destroy()


def is_exact(frames: Levels) -> bool:
    """Whether each of these rgb frames is, bit for bit, a picture that the window Counter draws."""
    height, width = frames.shape[1:3]
    numbers = read_counter(frames[..., :1])
    pictures = np.empty((len(frames), height, width, 3), np.uint8)
    pictures[:] = 40, 60, 40
    for picture, number in zip(pictures, numbers, strict=True):
        left = number * 2 % width
        picture[height // 2 : height // 2 + height // 4, left : left + width // 8] = 200, 120, 40
        for bit in range(BITS):
            side = width // BITS
            picture[: int(height * ROWS), bit * side : (bit + 1) * side] = 255 * (number >> (BITS - 1 - bit) & 1)
    return bool((frames == pictures).all())


def counter(start: Start, log: Path, on: Any) -> None:
    start("games.window.counter", log, "--size", f"{SIZE[0]}x{SIZE[1]}", on=on)
    wait_for(lambda: log.exists() and log.read_text().count("\n") > 5, "the window")


def record(start: Start, folder: Path, said: IO[str], on: Any) -> subprocess.Popen[str]:
    shape = ("--fps", "30", "--size", f"{SIZE[0]}x{SIZE[1]}", "--color", "rgb")
    return start("collect", "--countdown-s", "0", *shape, "--window", "Counter", folder, on=on, said=said)


def wait_until_it_moves(folder: Path) -> None:
    """Until what is recorded from now on shows a game that goes on."""
    wait_for_frames(folder, 1)
    before = frames_in(folder)

    def moves() -> bool:
        frames = np.asarray(Recording.open(folder).frames[before:])
        return len(set(read_counter(frames[..., :1]))) >= 5

    wait_for(moves, "a picture that changes")


def finish(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)
    assert (process.returncode, process.stderr.read() if process.stderr else "") == (0, "")


@pytest.mark.slow(6)
def test_collect_under_xwayland_records_the_game_covered_off_the_screen_and_back_from_another_workspace(
    wayland: WaylandSession, start: Start, tmp_path: Path, said: IO[str]
) -> None:
    counter(start, tmp_path / "truth", wayland)
    wayland.tell('[title="Counter"] move to workspace 2')
    process = record(start, tmp_path / "rec", said, wayland)
    wait_for(lambda: "recording pauses: the window is unfocused" in so_far(said), "the pause")
    wayland.tell('[title="Counter"] focus')
    wait_until_it_moves(tmp_path / "rec")
    notice = tmp_path / "notice"
    start("games.window.wayland_window", notice, "--over-all", "--size", "1280x800", on=wayland)
    wait_for(lambda: notice.exists() and '"size"' in notice.read_text(), "the notice")
    wait_until_it_moves(tmp_path / "rec")
    wayland.tell('[title="Counter"] move position -200 -100')
    with wayland.connection() as connection:
        ((_, game),) = windows(connection)
        wait_for(lambda: game.get_geometry().x == -200, "the move")
    wait_until_it_moves(tmp_path / "rec")
    wayland.tell('[title="Counter"] move scratchpad')
    wait_for(lambda: so_far(said).count("recording pauses") == 2, "the pause")
    wayland.tell('[title="Counter"] scratchpad show')
    wait_for(lambda: so_far(said).count("recording again") == 2, "its end")
    wait_until_it_moves(tmp_path / "rec")
    exact = len(Recording.open(tmp_path / "rec").frames)
    wayland.tell('[title="Counter"] resize set 480 270')
    with wayland.connection() as connection:
        ((_, game),) = windows(connection)
        wait_for(lambda: game.get_geometry().width == 480, "the new size")
    wait_for_frames(tmp_path / "rec", 60)
    finish(process)
    frames = Recording.open(tmp_path / "rec").frames
    assert is_exact(np.asarray(frames[:exact]))
    assert (read_counter(np.asarray(frames[-5:, ..., :1])) >= 0).mean() > 0.5
    assert "lies over" not in so_far(said)


@pytest.mark.slow(6)
def test_collect_under_mutter_records_the_game_in_its_frame_and_pauses_while_a_native_window_has_the_focus(
    start: Start, tmp_path: Path, said: IO[str]
) -> None:
    try:
        session = MutterSession()
    except NoWayland as error:
        pytest.skip(str(error))
    with session:
        counter(start, tmp_path / "truth", session)
        process = record(start, tmp_path / "rec", said, session)
        wait_until_it_moves(tmp_path / "rec")
        native = start("games.window.wayland_window", tmp_path / "native", "--size", "900x700", on=session)
        wait_for(lambda: "recording pauses: the window is unfocused" in so_far(said), "the pause")
        native.terminate()
        wait_for(lambda: "recording again" in so_far(said), "its end")
        wait_until_it_moves(tmp_path / "rec")
        finish(process)
    assert is_exact(np.asarray(Recording.open(tmp_path / "rec").frames))


@pytest.mark.slow(6)
def test_collect_beside_a_compositor_records_a_covered_game_and_without_one_pauses(
    display: VirtualDisplay, start: Start, tmp_path: Path, said: IO[str]
) -> None:
    counter(start, tmp_path / "truth", display)
    with display.connection() as connection, ExitStack() as running:
        running.enter_context(composited(display))
        process = record(start, tmp_path / "rec", said, display)
        wait_until_it_moves(tmp_path / "rec")
        Drawn(connection, (1280, 800), place=(0, 0)).draw()
        wait_until_it_moves(tmp_path / "rec")
        assert "recording pauses" not in so_far(said)
        running.close()
        wait_for(lambda: "recording pauses: another window lies over the game" in so_far(said), "the pause")
        running.enter_context(composited(display))
        wait_for(lambda: "recording again" in so_far(said), "its end")
        wait_until_it_moves(tmp_path / "rec")
        finish(process)
    assert is_exact(np.asarray(Recording.open(tmp_path / "rec").frames))


def test_xwayland_gives_no_picture_of_its_screen_but_a_line_that_says_so(wayland: WaylandSession) -> None:
    program = """
import sys
from agent.errors import run_command
from agent.frames import Box
from agent.screen.grab import Screen
with Screen() as screen:
    sys.exit(run_command(lambda: screen.grab(Box(0, 0, 9, 9)) and 0))
"""
    command = [*wayland.inside, sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, env=wayland.env, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 1
    assert done.stderr.startswith("error: screen: found Xwayland, where only windows can be grabbed, expected")

"""The screen: grabbed whatever its server is, and followed when its size changes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT
from x11_person import KeyWindow
from x11_screen import resize

from agent.check.machine import _capture, found
from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec
from agent.screen.grab import LOOK_AGAIN_S, OffScreen, Screen
from agent.screen.x11_pixels import XCB, XLIB, Pixels, open_mss
from games.window.display import VirtualDisplay

RGB = (0xFF0000, 0x00FF00, 0x0000FF)


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualDisplay]:
    """As large as it can get."""
    with VirtualDisplay((640, 640), window_manager=False) as virtual:
        monkeypatch.setenv("DISPLAY", virtual.name)
        yield virtual


def holds(screen: Screen, box: Box) -> bool:
    return screen.grab(box).shape == (box.height, box.width, 4)


def test_a_screen_that_grows_is_grabbed_as_far_as_it_reaches(desktop: VirtualDisplay) -> None:
    now_s = [0.0]
    wide = Box(0, 0, 640, 200)
    resize(desktop, 320, 240)
    with Screen(lambda: now_s[0]) as screen:
        assert screen.bounds == Box(0, 0, 320, 240)
        assert not screen.holds(wide)
        resize(desktop, 640, 240)  # a second monitor beside the first
        assert not screen.holds(wide)  # asked a moment ago
        now_s[0] += LOOK_AGAIN_S
        assert screen.holds(wide)
        assert holds(screen, wide)
        resize(desktop, 640, 640)
        assert holds(screen, Box(0, 0, 640, 640))  # more than there was room for in memory


def test_a_screen_that_shrinks_or_is_turned_tells_so_when_what_is_beyond_is_grabbed(desktop: VirtualDisplay) -> None:
    inside, high, wide = Box(10, 10, 100, 80), Box(0, 0, 200, 640), Box(0, 0, 640, 200)
    with Screen() as screen:
        resize(desktop, 320, 240)
        assert holds(screen, inside)
        with pytest.raises(OffScreen, match=r"found 0,0,200,640 beyond it \(0,0,320,240\)"):
            screen.grab(high)
        assert not screen.holds(high)
        resize(desktop, 320, 640)
        assert holds(screen, high)
        resize(desktop, 640, 320)
        with pytest.raises(OffScreen):
            screen.grab(high)
        assert holds(screen, wide)


def test_a_place_that_is_known_to_be_on_the_screen_costs_no_question(desktop: VirtualDisplay) -> None:
    """A server that is stopped would answer none."""
    with Screen() as screen:
        os.kill(desktop.server_pid, signal.SIGSTOP)
        try:
            assert screen.holds(Box(0, 0, 640, 640))
        finally:
            os.kill(desktop.server_pid, signal.SIGCONT)


@pytest.mark.parametrize("backend", [XCB, XLIB])
def test_a_server_that_has_gone_is_one_line_whichever_way_is_used(desktop: VirtualDisplay, backend: str) -> None:
    program = f"""
import os, signal, sys, agent.screen.grab as grab
from agent.errors import run_command
from agent.frames import Box
from agent.screen import x11_pixels
first = x11_pixels.open_mss
x11_pixels.open_mss = lambda backend: first(backend or {backend!r})
def main():
    with grab.Screen() as screen:
        screen.grab(Box(0, 0, 9, 9))
        os.kill({desktop.server_pid}, signal.SIGKILL)
        while True:
            screen.grab(Box(0, 0, 9, 9))
sys.exit(run_command(main))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=desktop.env, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: display: found no X server that answers")
    assert done.stderr.count("\n") == 1


def test_both_ways_give_the_same_pixels(desktop: VirtualDisplay) -> None:
    """But for the fourth byte, which no frame is made of."""
    box, grabbed = Box(3, 5, 201, 87), []
    with KeyWindow(desktop.name), desktop.connection() as connection:
        window = connection.screen().root.query_tree().children[0]
        context = window.create_gc()
        for n in range(80):
            context.change(foreground=n * 0x030507 % 0x1000000)
            window.fill_rectangle(context, n * 2, n, 40, 9)
        connection.sync()
        for backend in (XCB, XLIB):
            opened, used = open_mss(backend)
            assert used == backend
            shot = opened.grab({"left": box.left, "top": box.top, "width": box.width, "height": box.height})
            grabbed.append(np.frombuffer(shot.raw, np.uint8).reshape(box.height, box.width, 4)[:, :, :3])
            opened.close()
    assert len(np.unique(grabbed[0].reshape(-1, 3), axis=0)) > 50
    assert (grabbed[0] == grabbed[1]).all()


@pytest.mark.parametrize("depth", [8, 15, 16, 30])
def test_a_server_with_other_pixels_is_told_by_its_depth_and_what_to_start(
    depth: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with VirtualDisplay((320, 240), depth=depth, window_manager=False) as virtual:
        monkeypatch.setenv("DISPLAY", virtual.name)
        with pytest.raises(TwoframeError, match=f"found that this X server has depth {depth}, expected 24"):
            Screen()
        finding = found("capture", lambda: _capture(FrameSpec(32, 24), 10))
    assert not finding.ok
    assert finding.remedy.startswith("start it with that (Xorg: DefaultDepth 24, Xvfb: -screen 0 1280x800x24")


@pytest.mark.parametrize(
    ("pixels", "problem"),
    [
        (Pixels(24, 32, low_byte_first=True, masks=RGB), None),
        (Pixels(32, 32, low_byte_first=True, masks=RGB), None),
        (Pixels(24, 24, low_byte_first=True, masks=RGB), "has depth 24 in 24 bits a pixel"),
        (Pixels(24, 32, low_byte_first=False, masks=RGB), "has depth 24 with the high byte first"),
        (Pixels(24, 32, low_byte_first=True, masks=RGB[::-1]), "has depth 24 with red at 0xff and blue at 0xff0000"),
        (Pixels(24, 32, low_byte_first=True, masks=None), "has depth 24 with a palette"),
    ],
)
def test_only_bytes_of_blue_green_and_red_are_frames(pixels: Pixels, problem: str | None) -> None:
    assert pixels.problem == problem


def test_the_check_tells_the_way_and_the_depth(desktop: VirtualDisplay) -> None:
    finding = found("capture", lambda: _capture(FrameSpec(32, 24), 1e-3))
    assert "(640x640, depth 24)" in finding.found
    assert "by XCB, with shared memory" in finding.found


# Its own network and a /tmp/.X11-unix of its own: no other display is in reach.
TIGERVNC = """
mount -t tmpfs none /tmp/.X11-unix || exit 77
exec {python} - <<'END'
import os, subprocess, sys
from Xlib import X
from Xlib.display import Display
reading, writing = os.pipe()
command = ["Xvnc", "-displayfd", str(writing), "-geometry", "320x240", "-SecurityTypes", "None", {flags}]
server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    os.close(writing)
    os.environ["DISPLAY"] = ":" + os.fdopen(reading).readline().strip()
    display = Display()
    root = display.screen().root
    root.fill_rectangle(root.create_gc(foreground=0x123456, subwindow_mode=X.IncludeInferiors), 0, 0, 320, 240)
    display.sync()
    from agent.frames import Box
    from agent.screen.grab import Screen
    with Screen() as screen:
        print(screen.way, [hex(value) for value in screen.grab(Box(10, 10, 4, 3))[1, 2, :3]])
        subprocess.run(["xrandr", "-s", "1024x768"], check=True)
        print(screen.grab(Box(900, 700, 100, 60)).shape)
        server.kill()
        server.wait()
        screen.grab(Box(10, 10, 4, 3))
except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
finally:
    server.kill()
END
"""


def on_tigervnc(*flags: str) -> str:
    missing = [name for name in ("Xvnc", "unshare", "xrandr") if not shutil.which(name)]
    if missing:
        pytest.skip(f"found no {' and '.join(missing)}: TigerVNC's server is not tried")
    script = TIGERVNC.format(python=sys.executable, flags=", ".join(map(repr, flags)))
    done = subprocess.run(
        ["unshare", "-m", "-n", "sh", "-c", script],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    if "unshare" in done.stderr or done.returncode == 77:
        pytest.skip("a network and mounts of its own are not allowed here: TigerVNC's server is not tried")
    return done.stdout + done.stderr


def test_tigervnc_whose_depth_xcb_does_not_find_is_grabbed_by_xlib_resized_and_outlived() -> None:
    way, shape, end = on_tigervnc("-depth", "24").splitlines()
    assert way == "Xlib ['0x56', '0x34', '0x12']"
    assert shape == "(60, 100, 4)"
    assert end.startswith("TwoframeError: display: found no X server that answers")


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (("-depth", "16"), "has depth 16,"),
        (("-depth", "24", "-pixelformat", "bgr888"), "has depth 24 with red at 0xff and blue at 0xff0000,"),
    ],
)
def test_tigervnc_with_other_pixels_is_told_what_to_start(flags: tuple[str, ...], what: str) -> None:
    said = on_tigervnc(*flags)
    assert said.startswith(f"TwoframeError: screen: found that this X server {what}")
    assert "-depth 24 -pixelformat rgb888" in said

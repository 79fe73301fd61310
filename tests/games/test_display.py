"""The virtual display: there when it is said to be, gone with whoever started it."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, wait_for

from agent.errors import TwoframeError
from games.window.display import VirtualDisplay

pytestmark = pytest.mark.display

HOLDER = """
import time
from games.window.display import VirtualDisplay
with VirtualDisplay() as display:
    print(display.name, flush=True)
    time.sleep(60)
"""


def is_there(name: str) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(f"/tmp/.X11-unix/X{name.removeprefix(':')}") == 0


def test_it_comes_up_with_a_window_manager_and_goes_away() -> None:
    with VirtualDisplay((640, 480)) as display:
        assert display.env["DISPLAY"] == display.name
        with display.connection() as connection:
            root = connection.screen().root
            assert (root.get_geometry().width, root.get_geometry().height) == (640, 480)
            assert root.get_full_property(connection.intern_atom("_NET_SUPPORTING_WM_CHECK"), 0) is not None
    assert not is_there(display.name)
    display.close()


def test_two_take_different_numbers() -> None:
    with VirtualDisplay(window_manager=False) as one, VirtualDisplay(window_manager=False) as other:
        assert one.name != other.name


def test_it_ends_even_if_its_program_is_killed() -> None:
    program = subprocess.Popen([sys.executable, "-c", HOLDER], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert program.stdout is not None
    name = program.stdout.readline().strip()
    assert is_there(name)
    program.kill()
    program.communicate()
    wait_for(lambda: not is_there(name), "the end of the display")


def test_without_the_programs_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(TwoframeError, match=r"found no Xvfb and openbox, expected .*; run: make setup"):
        VirtualDisplay()

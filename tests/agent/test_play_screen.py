"""`play` while the screen changes under it."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import NEEDS_TK, Start, ended, wait_for
from played import all_go_up, held_key, keys_down
from x11_screen import resize
from x11_windows import handle_of

from games.window.display import VirtualDisplay

PREVIEW = "twoframe preview"


@pytest.fixture
def desktop(start: Start, tmp_path: Path) -> Iterator[VirtualDisplay]:
    """A screen with the game in its corner, and room for the preview beside it."""
    with VirtualDisplay((1280, 800)) as virtual:
        log = tmp_path / "log"
        game = start("games.window.counter", log, "--size", "320x200", on=virtual)
        wait_for(log.exists, "the window")
        with handle_of(virtual, "Counter") as window:
            window.move(0, 0)
        yield virtual
        game.terminate()


def place_of(display: VirtualDisplay, title: str) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the window of that title that can be seen, also of one that no manager knows."""
    with display.connection() as connection:
        root = connection.screen().root

        def is_it(window: Any) -> bool:
            return window.get_wm_name() == title and window.get_attributes().map_state == 2

        for window in filter(is_it, root.query_tree().children):
            size, corner = window.get_geometry(), root.translate_coords(window, 0, 0)
            return corner.x, corner.y, corner.x + size.width, corner.y + size.height
    return None


def test_no_key_is_held_for_a_region_that_the_screen_no_longer_holds(
    start: Start, desktop: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--region", "0,0,320,600", on=desktop)
    held_key(desktop)
    resize(desktop, 1280, 400)
    all_go_up(desktop)
    resize(desktop, 1280, 800)
    held_key(desktop)
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert out.count("no key is held: the region is partly off the screen") == 1
    assert not keys_down(desktop)


@NEEDS_TK
def test_the_preview_stays_on_the_screen_and_hides_while_there_is_no_room(
    start: Start, desktop: VirtualDisplay, policy: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--preview", on=desktop)
    _, _, right, _ = wait_for(lambda: place_of(desktop, PREVIEW), "the preview")
    assert right == 1280
    resize(desktop, 1000, 700)
    wait_for(lambda: (place := place_of(desktop, PREVIEW)) and place[2] == 1000, "its move onto the screen")
    resize(desktop, 340, 250)
    wait_for(lambda: place_of(desktop, PREVIEW) is None, "its hiding")
    resize(desktop, 1280, 800)
    wait_for(lambda: (place := place_of(desktop, PREVIEW)) and place[2] == 1280, "its return")
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "preview:" not in out

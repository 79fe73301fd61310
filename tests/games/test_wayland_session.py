"""The Wayland session that tests and benches use: real, and out of reach of all others."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import Start, wait_for

from agent.errors import TwoframeError
from games.window.display import windows
from games.window.wayland_session import NoWayland, WaylandSession


def heard(log: Path) -> list[tuple[str, bool]]:
    """The keys that a window got."""
    told = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return [(line["key"], line["down"]) for line in told if "key" in line]


def test_a_game_of_x11_and_a_native_window_get_the_keys_of_a_person_while_they_have_the_focus(
    wayland: WaylandSession, start: Start, tmp_path: Path
) -> None:
    game, native = tmp_path / "game", tmp_path / "native"
    start("games.window.counter", game, on=wayland)
    wait_for(lambda: game.exists() and game.read_text().count("\n") > 5, "the game")
    start("games.window.wayland_window", native, on=wayland)
    wait_for(lambda: native.exists() and '{"focus": true' in native.read_text(), "the native window")
    wayland.keyboard.press(["a"])
    wayland.keyboard.release(["a"])
    wait_for(lambda: heard(native) == [("a", True), ("a", False)], "the keys")
    with wayland.connection() as connection:
        assert [title for title, _ in windows(connection)] == ["Counter"]  # no native window is X's
    wayland.tell('[title="Counter"] focus')
    wayland.keyboard.press(["b"])
    wayland.keyboard.release(["b"])
    wait_for(lambda: heard(game) == [("b", True), ("b", False)], "the keys")
    assert len(heard(native)) == 2


def test_it_is_out_of_reach_and_sees_no_other_x_server(wayland: WaylandSession) -> None:
    there = Path("/tmp/.X11-unix")
    assert subprocess.run([*wayland.inside, "pwd"], capture_output=True, text=True).stdout.strip() == str(Path.cwd())
    seen = subprocess.run([*wayland.inside, "ls", there], capture_output=True, text=True, check=True).stdout.split()
    assert seen == [f"X{wayland.name[1:]}"]
    own = subprocess.run([*wayland.inside, "cat", "/proc/net/unix"], capture_output=True, text=True, check=True).stdout
    listening = {line for line in own.splitlines() if line.endswith(seen[0])}
    assert len(listening) >= 2  # under this name, and under one that is no file
    assert not listening & set(Path("/proc/net/unix").read_text().splitlines())
    inside = subprocess.run([*wayland.inside, "stat", "-c", "%i", there / seen[0]], capture_output=True, text=True)
    assert int(inside.stdout) not in [socket.stat().st_ino for socket in there.iterdir()]


def test_where_programs_are_missing_or_it_does_not_start_it_says_so(
    wayland: WaylandSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoWayland, match="found no sway and Xwayland and unshare"):
        WaylandSession()
    monkeypatch.setenv("PATH", f"{tmp_path}:{path}")
    for name, says, error in (
        ("sway", "no renderer", TwoframeError),
        ("unshare", "unshare: unshare failed: Operation not permitted", NoWayland),
    ):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho '{says}'\nexit 1\n")
        program.chmod(0o755)
        with pytest.raises(TwoframeError, match=rf"did not start \({says}\)") as caught:
            WaylandSession()
        assert type(caught.value) is error

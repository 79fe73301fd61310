"""The key holder's process on a virtual display: whatever happens to it or to its loop, no key stays down."""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PATIENCE_S, ROOT, wait_for
from x11_person import KeyWindow, Person

from agent.errors import TwoframeError
from agent.keyboard.key_holder import KeyHolder, KeyHolderDied
from agent.keyboard.silence import HUNG_S
from games.window.display import VirtualDisplay

KEYS = ("a", "d", "w", "shift")
UP_WITHIN_S = 0.3
REPEAT_S = 0.04  # from one repetition of a held key to the next, by Xvfb's own settings

# What `play` does as far as the holder sees it: holds a, four times before it would expire.
LOOP = """
import signal, sys, time
from agent.keyboard.key_holder import KeyHolder
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # of a terminal, also where these tests run under nohup
with KeyHolder(["a", "d"], window_id=int(sys.argv[1])) as holder:
    print(holder._process.pid, flush=True)
    while True:
        holder.hold({"a"})
        time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def on_the_virtual_display(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def game(display: VirtualDisplay) -> Iterator[KeyWindow]:
    with KeyWindow(display.name, "game") as window:
        window.focus()
        yield window
        for key in KEYS:
            assert not window.is_down(key)


@pytest.fixture
def other(display: VirtualDisplay, game: KeyWindow) -> Iterator[KeyWindow]:
    """A window that has not the focus."""
    with KeyWindow(display.name, "other") as window:
        game.focus()
        yield window


@pytest.fixture
def person(display: VirtualDisplay) -> Iterator[Person]:
    with Person(display.name) as person:
        yield person


def goes_up(window: KeyWindow, *, within_s: float = UP_WITHIN_S) -> None:
    wait_for(lambda: not window.is_down("a"), "the release of a", within_s=within_s)


def test_hold_reaches_the_game_and_close_lets_go(game: KeyWindow) -> None:
    with KeyHolder(["A", "w"], window_id=game.window_id) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.is_down("a"), "the press")
        holder.hold({"a", "w"}, 1.0)
        wait_for(lambda: game.is_down("w"), "the press")
        holder.release()
        wait_for(lambda: len(game.got()) == 4, "the release")
        holder.hold({"w"}, 1.0)
        wait_for(lambda: game.is_down("w"), "the press")
        holder.close()
        assert not game.is_down("w")
        assert holder._process.returncode == 0
    assert game.got()[:2] == [("a", True), ("w", True)]
    with pytest.raises(RuntimeError, match="closed"):
        holder.hold({"a"})
    holder.release()


def test_what_a_person_holds_beside_the_holders_keys_is_not_its_business(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id, persons=lambda: {"a", "f8"}) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.is_down("a"), "the press")


def test_keys_go_up_when_the_loop_falls_silent(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        begun_s = time.perf_counter()
        holder.hold({"a"})
        wait_for(lambda: ("a", True) in game.got(), "the press")
        goes_up(game)
        assert time.perf_counter() - begun_s > 0.19


@pytest.fixture
def loop(game: KeyWindow, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A loop in a process group of its own, as a terminal would start it, that holds `a`."""
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(game.window_id)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        cwd=tmp_path,
    )
    wait_for(lambda: game.is_down("a"), "the press")
    yield process
    process.kill()
    process.communicate()


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def hold_until_it_dies(holder: KeyHolder) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        holder.hold({"a"})


def holder_of(loop: subprocess.Popen[str]) -> int:
    assert loop.stdout is not None
    return int(loop.stdout.readline())


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSTOP", "SIGTSTP", "SIGTERM", "SIGHUP", "SIGINT"])
def test_keys_go_up_when_the_loop_gets(name: str, game: KeyWindow, loop: subprocess.Popen[str]) -> None:
    holder = holder_of(loop)
    os.killpg(loop.pid, getattr(signal, name))  # to the whole group, as Ctrl-C and Ctrl-Z do
    goes_up(game)
    if name in ("SIGSTOP", "SIGTSTP"):
        os.killpg(loop.pid, signal.SIGCONT)
        wait_for(lambda: game.is_down("a"), "the press after fg")
        os.killpg(loop.pid, signal.SIGKILL)
        goes_up(game)
    wait_for(lambda: has_ended(holder), "the end of the holder")


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGINT", "SIGHUP"])
def test_loop_lets_go_and_ends_when_the_holder_gets(name: str, game: KeyWindow, loop: subprocess.Popen[str]) -> None:
    os.kill(holder_of(loop), getattr(signal, name))
    goes_up(game)
    _, complaint = loop.communicate(timeout=PATIENCE_S)
    assert "KeyHolderDied: key holder: found it ended with status" in complaint
    assert not game.is_down("a")


def test_loop_lets_go_when_the_holder_hangs_and_ends_if_it_does_for_long(
    game: KeyWindow, loop: subprocess.Popen[str]
) -> None:
    holder = holder_of(loop)
    os.kill(holder, signal.SIGSTOP)
    goes_up(game)
    _, complaint = loop.communicate(timeout=PATIENCE_S)
    assert "KeyHolderDied: key holder: found no answer for 1 s" in complaint
    assert "its keys are released" in complaint
    assert not game.is_down("a")
    assert has_ended(holder)


def test_loop_goes_on_with_a_holder_that_answers_again(game: KeyWindow, loop: subprocess.Popen[str]) -> None:
    holder = holder_of(loop)
    for _ in range(3):
        os.kill(holder, signal.SIGSTOP)
        goes_up(game)
        os.kill(holder, signal.SIGCONT)
        wait_for(lambda: game.is_down("a"), "the press by the holder that is back")
    assert loop.poll() is None
    loop.kill()
    goes_up(game)


def test_holder_that_is_back_presses_nothing_of_before(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.is_down("a"), "the press")
        os.kill(holder._process.pid, signal.SIGSTOP)
        holder.hold({"a"}, 1.0)  # and no word after that
        goes_up(game)
        pressed = game.got().count(("a", True))
        os.kill(holder._process.pid, signal.SIGCONT)
        wait_for(lambda: not holder._silence.is_long, "its answer")
        assert not game.is_down("a")
        assert game.got().count(("a", True)) == pressed


def test_holder_that_hangs_is_found_though_the_loop_says_nothing(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.is_down("a"), "the press")
        wait_for(lambda: holder._silence._heard == 1, "the answer")
        os.kill(holder._process.pid, signal.SIGSTOP)
        goes_up(game)
        wait_for(lambda: holder._process.poll() is not None, "its end")
        with pytest.raises(KeyHolderDied, match="found no answer"):
            hold_until_it_dies(holder)


def test_loop_and_holder_that_were_suspended_together_go_on(game: KeyWindow, loop: subprocess.Popen[str]) -> None:
    both = (loop.pid, holder_of(loop))
    for process in both:
        os.kill(process, signal.SIGSTOP)
    time.sleep(1.2 * HUNG_S)
    for process in both:
        os.kill(process, signal.SIGCONT)
    game.forget()
    wait_for(lambda: game.got().count(("a", True)) > 5, "a key held so long that it repeats")
    assert loop.poll() is None
    loop.kill()
    goes_up(game)


def test_keys_are_released_by_the_time_the_death_of_the_holder_is_raised(game: KeyWindow) -> None:
    with KeyHolder(["a", "d"], window_id=game.window_id) as holder:
        for _ in range(3):
            holder.hold({"a"})
            time.sleep(0.05)
        holder._process.kill()
        with pytest.raises(KeyHolderDied, match=r"ended with status -9; its keys are released"):
            hold_until_it_dies(holder)
        assert not game.is_down("a")
        holder.release()


def test_holder_that_hangs_never_blocks_the_loop_and_close_lets_go(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.is_down("a"), "the press")
        fcntl.fcntl(holder._stdin, fcntl.F_SETPIPE_SZ, 4096)
        os.kill(holder._process.pid, signal.SIGSTOP)

        def hold_on() -> None:
            for _ in range(1000):  # far more than the pipe takes
                holder.hold({"a"})

        loop = threading.Thread(target=hold_on, daemon=True)
        loop.start()
        wait_for(lambda: not loop.is_alive(), "the end of calls that never block")
    assert not game.is_down("a")


def test_malformed_word_ends_the_holder_with_its_reason(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        holder.hold({"a"})
        wait_for(lambda: game.is_down("a"), "the press")
        os.write(holder._stdin.fileno(), b"12 q\n")
        goes_up(game)
        with pytest.raises(KeyHolderDied, match=r"found the word b'12 q', expected a time and some of a"):
            hold_until_it_dies(holder)


def test_keys_that_were_not_announced_are_refused(game: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        for keys, expiry_s in (({"d"}, 0.2), ({"a"}, 0.0), ({"a"}, 1.5)):
            with pytest.raises(ValueError, match="cannot hold"):
                holder.hold(keys, expiry_s)


def test_stolen_focus_gets_no_press_and_at_most_one_release(game: KeyWindow, other: KeyWindow) -> None:
    with KeyHolder(["a", "d"], window_id=game.window_id) as holder:
        for _ in range(20):
            other.steal_focus()
            game.focus()
            other.forget()
            stolen_at = time.perf_counter() + 0.06
            stolen = False
            while not stolen or time.perf_counter() < stolen_at + 0.05:
                holder.hold({"a"} if int(time.perf_counter() * 500) % 2 else {"d"})  # presses all the time
                if not stolen and time.perf_counter() >= stolen_at:
                    other.steal_focus()
                    stolen = True
            wait_for(lambda: not game.is_down("a") and not game.is_down("d"), "the release", within_s=UP_WITHIN_S)
            wait_for(lambda: holder.focus_refused, "word of it")
            got = other.got()
            assert [down for _, down in got].count(True) == 0
            assert len(got) <= 1
        game.focus()
        holder.hold({"a"})
        wait_for(lambda: game.is_down("a") and not holder.focus_refused, "the press after the focus came back")


def test_key_that_repeats_goes_up_before_it_repeats_elsewhere_for_long(game: KeyWindow, other: KeyWindow) -> None:
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        while game.got().count(("a", True)) < 3:  # it has begun to repeat
            holder.hold({"a"})
            time.sleep(0.02)
        begun_s = time.perf_counter()
        other.steal_focus()
        goes_up(game, within_s=0.1)
        repeats = int((time.perf_counter() - begun_s) / REPEAT_S)  # if the machine kept the holder waiting
        assert len([down for _, down in other.got() if down]) <= 1 + repeats


def test_window_that_takes_the_place_of_another_gets_the_keys_and_the_other_none(
    game: KeyWindow, other: KeyWindow
) -> None:
    newest = game
    with KeyHolder(["a"], window_id=lambda: newest.window_id) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.got() == [("a", True)], "the press")
        game.forget()
        other.focus()
        goes_up(game)
        holder.hold({"a"}, 1.0)
        wait_for(lambda: holder.focus_refused, "word of it")
        other.forget()
        newest = other
        holder.hold({"a"}, 1.0)
        wait_for(lambda: other.got()[:1] == [("a", True)] and not holder.focus_refused, "the press in the new one")
        holder.release()
        goes_up(other)
        assert not any(down for _, down in game.got())


def test_closed_window_gets_its_keys_released(game: KeyWindow, other: KeyWindow) -> None:
    other.focus()
    with KeyHolder(["a"], window_id=other.window_id) as holder:
        holder.hold({"a"}, 1.0)
        wait_for(lambda: game.is_down("a"), "the press")
        other.close()
        goes_up(game)
        wait_for(lambda: holder.focus_refused, "word of it")


@pytest.mark.parametrize("key", ["a", "shift"])  # X treats the presses of modifiers in its own way
def test_release_leaves_alone_what_a_person_holds(key: str, game: KeyWindow, person: Person) -> None:
    with KeyHolder([key], window_id=game.window_id) as holder:
        for _ in range(2):
            holder.hold({key}, 1.0)
            wait_for(lambda: game.is_down(key), "the press")
            person.press(key)
            holder.release()
            time.sleep(0.05)
            assert game.is_down(key)
            person.release(key)
            assert not game.is_down(key)
        holder.hold({key}, 1.0)
        wait_for(lambda: game.is_down(key), "the press")
        person.press(key)
        holder._process.kill()
        holder._process.wait()
        holder.close()
        assert game.is_down(key)
        person.release(key)


def test_agent_py_where_the_user_stands_is_not_taken_for_ours(
    game: KeyWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("agent", "Xlib", "select", "signal"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH")
    with KeyHolder(["a"], window_id=game.window_id) as holder:
        holder.hold({"a"})
        wait_for(lambda: game.is_down("a"), "the press")


def test_display_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(TwoframeError, match="DISPLAY is not set"):
        KeyHolder(["a"], window_id=None)


def test_holder_that_cannot_start_says_why(display: VirtualDisplay) -> None:
    with pytest.raises(TwoframeError, match="invalid literal for int"):
        KeyHolder(["a"], window_id="no number")  # type: ignore[arg-type]

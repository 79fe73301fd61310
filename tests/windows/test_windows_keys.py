"""Keys on Windows, from the X server through Wine to a program of Windows, and from that program to a game."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import PATIENCE_S, ROOT, Start, wait_for
from x11_person import Person

from agent.keys import KEYS
from games.window.display import VirtualDisplay

# What a keyboard of X cannot say to Wine 8, which takes some for others.
BEYOND_WINE = frozenset(
    (
        *(f"f{n}" for n in range(13, 25)),
        *("scroll_lock", "numpad_equals", "numpad_comma", "ro", "yen", "hangul", "hanja"),
        *(name for name in KEYS if name.startswith(("volume", "media"))),
    )
)
LIGHTS = ("caps_lock", "num_lock", "scroll_lock")


class Typist(Person):
    """A person who leaves the lights of the keyboard as they were."""

    def __init__(self, display_name: str) -> None:
        super().__init__(display_name)
        self._lit: set[str] = set()

    def press(self, name: str) -> None:
        super().press(name)
        self._lit ^= {name} & {"caps_lock", "num_lock"}

    def tap(self, name: str) -> None:
        self.press(name)
        self.release(name)

    def close(self) -> None:
        for name in list(self._lit):
            self.tap(name)
        super().close()


@pytest.fixture
def person(wine: VirtualDisplay) -> Iterator[Typist]:
    with Typist(wine.name) as person:
        yield person


class Program:
    """The keyboard's program, as it is told and heard."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._ear, self._mouth = process.stdin, process.stdout.fileno()
        os.set_blocking(self._mouth, False)
        self._said = ""
        self.held = self.after("held").pop().split()[1:]

    def after(self, last: str) -> list[str]:
        """What it says from here to the line that begins with `last`, without what Wine presses of itself: the keys of
        lights, where X and Windows differ in which are lit."""
        lines: list[str] = []

        def is_there() -> bool:
            with suppress(BlockingIOError):
                self._said += os.read(self._mouth, 1 << 16).decode()
            while "\n" in self._said and not (lines and lines[-1].startswith(last)):
                line, _, self._said = self._said.partition("\n")
                lines.append(line.rstrip("\r"))
            return bool(lines) and lines[-1].startswith(last)

        wait_for(is_there, f"{last!r} of the keyboard's program")
        return [line for line in lines if not line.startswith(LIGHTS) or line.split()[0] == last.split()[0]]

    def tell(self, what: str, *keys: str) -> None:
        self._ear.write(f"{what} {' '.join(keys)}\n")
        self._ear.flush()


@pytest.fixture
def open_program(start_windows: Start, windows_counter: Path) -> Callable[[], Program]:
    """The program begins beside a game in front, which Wine must have to hear keys at all."""
    return lambda: Program(start_windows("-u", ROOT / "tests/windows/keyboard_program.py"))


def got(log: Path) -> list[tuple[str, bool]]:
    """What the game was told, in its own words."""
    lines = [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")]
    return [(line["key"], line["down"]) for line in lines if "key" in line]


def test_keys_are_heard_and_pressed_with_who_did_and_what_a_person_holds_is_theirs(
    person: Typist, open_program: Callable[[], Program], windows_counter: Path
) -> None:
    held = ("a", "numpad_4", "pause")
    person.tap("num_lock")  # with it off, Windows takes numpad_4 for left
    for name in held:
        person.press(name)
    before = 2 + len(held)
    wait_for(lambda: len(got(windows_counter)) == before, "the keys in the game")
    program = open_program()
    assert program.held == sorted(held)
    for name in held:
        person.release(name)
        assert program.after(f"{name} up")[-1] == f"{name} up person"  # the last of them may have repeated
    for name in ("w", "left", "right_shift", "numpad_enter"):
        person.tap(name)
        assert program.after(f"{name} up") == [f"{name} down person", f"{name} up person"]
        program.tell("press", name)
        program.tell("release", name)
        assert program.after(f"{name} up") == [f"{name} down agent", f"{name} up agent"]
    before += len(held) + 4 * 4
    wait_for(lambda: len(got(windows_counter)) == before, "all of it in the game")

    program.tell("press", "w", "d")
    person.press("w")
    program.after("w down person")
    program.tell("release", "w", "d")
    assert program.after("d up") == ["d up agent"]
    wait_for(lambda: ("d", False) in got(windows_counter)[before:], "the release of d")
    assert ("w", False) not in got(windows_counter)[before:]
    person.release("w")
    program.after("w up person")
    wait_for(lambda: ("w", False) in got(windows_counter)[before:], "the release of w")


@pytest.mark.wine
def test_every_key_is_heard_and_pressed_under_its_name(person: Typist, open_program: Callable[[], Program]) -> None:
    program = open_program()
    for name in KEYS:
        if name not in BEYOND_WINE:
            person.tap(name)
            assert program.after(f"{name} up") == [f"{name} down person", f"{name} up person"]
    for name in (*KEYS, "caps_lock", "num_lock", "scroll_lock"):  # once more: what goes on goes off again
        program.tell("press", name)
        program.tell("release", name)
        assert program.after(f"{name} up") == [f"{name} down agent", f"{name} up agent"]


# What `play` does as far as keys go: it hears them, and holds a. The other key is there to be found by.
LOOP = """
import time
from agent.keyboard.key_holder import KeyHolder
from agent.keyboard.listener import KeyListener
with KeyListener(["a", "henkan"], print), KeyHolder(["a", "henkan"], window_id=None) as holder:
    while True:
        holder.hold({"a"})
        time.sleep(0.05)
"""


@pytest.mark.wine
def test_keys_go_up_when_the_loop_or_its_holder_is_suspended(start_windows: Start, windows_counter: Path) -> None:
    def is_down() -> bool:
        return (("a", False), *got(windows_counter))[-1] == ("a", True)

    def suspended(process: int) -> None:
        wait_for(is_down, "the press")
        os.kill(process, signal.SIGSTOP)
        wait_for(lambda: not is_down(), "the release", within_s=0.3)
        os.kill(process, signal.SIGCONT)

    loop = start_windows("-c", LOOP)
    wait_for(is_down, "the press")
    for process in (loop.pid, loop.pid, holder := running_with(b"key_holder_process", b"henkan")):
        suspended(process)
    wait_for(is_down, "the press")
    os.kill(holder, signal.SIGSTOP)
    said, _ = loop.communicate(timeout=PATIENCE_S)
    assert "found no answer for 1 s" in said
    assert not is_down()


def running_with(*words: bytes) -> int:
    """The process whose command line has all these words."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            line = (folder / "cmdline").read_bytes()
            if all(word in line for word in words):
                return int(folder.name)
    raise AssertionError(f"no process with {words}")

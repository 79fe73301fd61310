"""A watched key that nobody ever presses is told of, above all where the default action hides it."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PATIENCE_S, Start, wait_for
from recordings import meta, write_recording
from x11_person import Person

from agent.actions import ActionSet
from agent.recording.format import KEY_EVENT
from agent.recording.reader import Recording
from collect.recordings.cli import main
from games.window.display import VirtualDisplay

# As a user runs it, but for the half minute of play after which it asks.
SOON = "import sys, collect.cli, collect.recorder; collect.recorder.UNHEARD_S = 1.0; sys.exit(collect.cli.main())"
UNHEARD = "w was never pressed (holding nothing counts as forward, so it is not missed); is it a key of this game?"


def said_of(start: Start, display: VirtualDisplay, tmp_path: Path, keys: tuple[str, ...], held: str) -> tuple[str, str]:
    """What `collect` says of actions over `keys` while it records, and at the end. One is held before it begins."""
    with (tmp_path / "said").open("w+") as said, Person(display.name) as person:
        person.press(held)
        told: list[Any] = ["--window", "Counter", "--countdown-s", "0", "--keys", *keys]
        process: subprocess.Popen[str] = start("-c", SOON, tmp_path / "rec", *told, said=said)
        frames = tmp_path / "rec" / "frames.npy"
        wait_for(lambda: frames.exists() and len(np.load(frames, mmap_mode="r")) > 2, "the first frames")
        person.release(held)
        for key in ("a", "d"):
            person.press(key)
            person.release(key)
        wait_for(lambda: len(np.load(frames, mmap_mode="r")) > 50, "more than a second of frames")
        during = Path(said.name).read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        return during, Path(said.name).read_text()[len(during) :]


def test_a_key_that_is_never_pressed_is_told_once_meanwhile_and_at_the_end(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    during, after = said_of(start, display, tmp_path, ("left=a", "forward=w", "right=d"), held="a")
    assert during.count(UNHEARD) == 1
    assert "warning: 1 s recorded and" in during
    assert after.count(UNHEARD) == 1


def test_a_key_held_at_the_start_and_one_of_a_combination_have_been_heard(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    during, after = said_of(start, display, tmp_path, ("left=a", "turn=a+w", "right=d"), held="w")
    assert "never pressed" not in during + after
    assert Recording.open(tmp_path / "rec").pressed == {"a", "w", "d"}


@pytest.mark.parametrize(
    ("actions", "keys", "said"),
    [
        (["left=a", "forward=w", "right=d"], ["a", "d"], [f"warning: {UNHEARD}"]),
        (["left=a", "forward=w", "right=d"], ["a", "w", "d"], []),
        (["left=a", "jump=w+space", "rest="], ["a", "w"], ["warning: space was never pressed; is it a key of"]),
    ],
)
def test_info_tells_of_it_too(
    actions: list[str], keys: list[str], said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    described = meta(actions=ActionSet.parse(actions))
    write_recording(
        tmp_path / "rec", [np.zeros((12, 16, 1), np.uint8)] * 60, keys * (60 // len(keys)), described=described
    )
    assert main(["info", str(tmp_path / "rec")]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if "never pressed" in line]
    assert len(lines) == len(said)
    assert all(line.startswith(begins) for line, begins in zip(lines, said, strict=True))


def test_a_press_shorter_than_a_frame_was_heard(tmp_path: Path) -> None:
    folder = write_recording(tmp_path / "rec", [np.zeros((12, 16, 1), np.uint8)] * 6, [""] * 6)
    events = np.array([(60_000_000, 1, True), (70_000_000, 1, False)], KEY_EVENT)
    np.save(folder / "key_events.npy", events)
    recording = Recording.open(folder)
    assert not recording.keys.any()
    assert recording.pressed == {"w"}

"""A recording made on Windows is learned from on Linux and played there, and the other way round."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import Start, ended, wait_for
from game_log import (
    SIZE,
    Touched,
    asked_key,
    assert_keys_stand_at_their_frames,
    assert_pixels_are_those_drawn,
    behind_ns,
    last_shown,
    lines,
    right_share,
    zero_by_frames,
)
from recordings import frames_in
from x11_person import Person

from agent.recording.reader import Recording
from games.window.display import VirtualDisplay

pytestmark = pytest.mark.wine
FRAMES = 500  # at 30 a second: the bar crosses the window three times


@pytest.mark.training
@pytest.mark.slow(60)
def test_what_was_recorded_on_one_system_is_learned_and_played_on_the_other(
    start: Start,
    counter: Path,
    display: VirtualDisplay,
    start_windows: Start,
    windows_counter: Path,
    wine: VirtualDisplay,
    tmp_path: Path,
) -> None:
    logs = (counter, windows_counter)
    recordings = tmp_path / "linux", tmp_path / "windows"
    policies = tmp_path / "from linux", tmp_path / "from windows"

    flags = ("--window", "Counter", "--fps", "30", "--size", "32x24", "--countdown-s", "0")
    recorders = [begin("collect", to, *flags) for begin, to in zip((start, start_windows), recordings, strict=True)]
    for recorded in recordings:
        wait_for(lambda recorded=recorded: frames_in(recorded) > 5, "the first frames")
    with Person(display.name) as on_linux, Person(wine.name) as on_windows:
        touched = play_by_the_picture((on_linux, on_windows), logs, recordings)
        for person in (on_linux, on_windows):
            person.press("f10")
            person.release("f10")
    for recorder in recorders:
        status, said, _ = ended(recorder)
        assert status == 0, said
    for recorded, log, keys in zip(recordings, logs, touched, strict=True):
        recording = Recording.open(recorded)
        assert (recording.meta.region.width, recording.meta.region.height) == SIZE
        assert_pixels_are_those_drawn(recording)
        behind = behind_ns(lines(log)) if log == windows_counter else 0
        zero_by_frames(recording, lines(log), behind_ns=behind)
        assert_keys_stand_at_their_frames(recording, lines(log), keys, behind_ns=behind)

    trainings = [
        start("train", recorded, "--out", policy, "--epochs", "6")
        for policy, recorded in zip(policies, recordings, strict=True)
    ]
    for training in trainings:
        status, said, _ = ended(training)
        assert status == 0, said

    before = [len(lines(log)) for log in logs]
    plays = [
        begin("agent", policy, "--window", "Counter", "--duration-s", "5")
        for begin, policy in zip((start, start_windows), policies[::-1], strict=True)
    ]
    for process in plays:
        status, said, _ = ended(process)
        assert status == 0, said
        assert "warning: the window is" not in said
        assert "warning: pixels" not in said
    for log, at in zip(logs, before, strict=True):
        assert right_share(lines(log)[at:]) > 0.6


def play_by_the_picture(
    persons: Sequence[Person], logs: Sequence[Path], recordings: Sequence[Path]
) -> list[list[Touched]]:
    """Each holds the key that its game asks for, until enough is recorded of both."""
    held = [""] * len(persons)
    touched: list[list[Touched]] = [[] for _ in persons]
    while min(frames_in(recorded) for recorded in recordings) < FRAMES:
        for at, (person, log) in enumerate(zip(persons, logs, strict=True)):
            shown = last_shown(log)
            key = asked_key(shown)
            if key != held[at]:
                if held[at]:
                    person.release(held[at])
                    touched[at].append(Touched(held[at], False, shown))
                person.press(key)
                touched[at].append(Touched(key, True, shown))
                held[at] = key
        time.sleep(0.02)
    for at, person in enumerate(persons):
        touched[at].append(Touched(held[at], False, last_shown(logs[at])))
        person.release(held[at])
    return touched

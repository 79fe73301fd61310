"""An agent that hardly knows how to drive, and a scripted person who corrects it in the demo's game."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, Start, wait_for

from agent.keyboard.listener import KeyEvent, KeyListener
from agent.recording.format import AGENT, PERSON
from agent.recording.reader import Recording
from experiments import rounds
from experiments.takeover import main
from games.car3 import GAME
from games.lockstep_record import record
from games.window.display import VirtualDisplay, press_return, titles
from train.dataset.dataset import open_dataset

KEYS = ("a", "w", "d")


@pytest.mark.training
@pytest.mark.slow(65)
def test_a_person_corrects_the_agent_and_the_rollout_holds_exactly_what_they_did(
    start: Start, display: VirtualDisplay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "SDL_VIDEODRIVER", "dummy")
    original = record(GAME, tmp_path / "original", 20.0, disturbed=True, size="48x36")
    weak = start("train", original, "--out", tmp_path / "policy", "--epochs", "2")
    out, err = weak.communicate(timeout=PATIENCE_S)
    assert weak.returncode == 0, err

    monkeypatch.setenv("DISPLAY", display.name)
    heard: list[KeyEvent] = []
    laps = tmp_path / "laps.json"
    with KeyListener(KEYS, heard.append):
        game = start("demo.game", "--laps-file", laps, "--laps", "2", "--max-frames", "300", "--driver", "corrector")
        wait_for(lambda: GAME.title in titles(display), "the game's window")
        play = start("agent", tmp_path / "policy", "--window", GAME.title, "--record", tmp_path / "rollout")
        wait_for(lambda: (tmp_path / "rollout" / "frames.npy").exists(), "the rollout")
        press_return(display)
        out, err = play.communicate(timeout=PATIENCE_S)
    assert (play.returncode, err) == (0, "")
    assert game.wait(PATIENCE_S) == 0
    assert "you have the keys" in out
    assert "the agent has the keys again" in out

    rollout = Recording.open(tmp_path / "rollout")
    assert rollout.problems == ()
    assert rollout.control is not None
    assert set(rollout.control.tolist()) == {AGENT, PERSON}

    # All that went down or up, by whom it was pressed; the recording's clock begins somewhere on the listener's.
    truth = [event for event in heard if event.injected is False]
    recorded = [(rollout.meta.keys[e["key"]], bool(e["down"]), int(e["time_ns"])) for e in rollout.key_events]
    offsets = {e.time_ns - t for e in truth for key, down, t in recorded if (key, down) == (e.key, e.down)}
    offset_ns = min(offsets, key=lambda o: sum(min(abs(e.time_ns - o - t) for *_, t in recorded) for e in truth[:20]))
    # At each frame of the person's, the keys in the recording are those held on the keyboard then, and no others.
    persons = np.flatnonzero(rollout.control == PERSON)
    times_ns = np.array([event.time_ns - offset_ns for event in truth])
    # Two listeners hear the same key some milliseconds apart, and on a busy machine more.
    apart_ns = [
        min(abs(time_ns - t) for key, down, t in recorded if (key, down) == (event.key, event.down))
        for event, time_ns in zip(truth, times_ns, strict=True)
        if rollout.captured_ns[persons[0]] < time_ns < rollout.captured_ns[persons[-1]]
    ]
    blurred_ns = max(20_000_000, *apart_ns)
    checked = 0
    for t in persons:
        now_ns = rollout.captured_ns[t]
        if np.abs(times_ns - now_ns).min() <= blurred_ns:
            continue
        held: set[str] = set()
        for event in truth:
            if event.time_ns - offset_ns <= now_ns:
                (held.add if event.down else held.discard)(event.key)
        assert {key for key, down in zip(rollout.meta.keys, rollout.keys[t], strict=True) if down} == held
        checked += 1
    assert checked > 20

    dataset = open_dataset(
        [Recording.open(original), rollout],
        actions=None,
        frame_of=lambda spec: spec,
        shift_ms=0.0,
        stride=1,
        room=tmp_path,
    )
    assert dataset.is_correction.sum() == len(persons)
    again = start("train", original, tmp_path / "rollout", "--out", tmp_path / "next", "--epochs", "1")
    out, err = again.communicate(timeout=PATIENCE_S)
    assert again.returncode == 0, err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--episodes", "0"], "--episodes: found 0"), (["--json", "nowhere/x.json"], "found no folder nowhere")],
)
def test_wrong_usage_of_the_bench_is_told_before_anything_plays(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--games", "car3", "pong"], "--games: found pong, expected those with a corrector"),
        (["--rounds", "0", "--episodes", "0"], "--rounds: found 0, expected at least 1; --episodes: found 0"),
    ],
)
def test_wrong_usage_of_the_rounds_is_told_before_anything_plays(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rounds.main(arguments) == 2
    assert said in capsys.readouterr().err

"""Recorded, learned and played on a real display: at the rate at which frames came, not at the one asked for."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, Start, ended, wait_for
from x11_person import Person

from agent.policy.format import read_policy_meta
from agent.recording.reader import Recording
from games.window.display import VirtualDisplay

ASKED_HZ, GRAB_S = 60.0, 0.05
# `collect` where the screen takes its time: each grab as long as three frames at the rate asked for.
SLOW = f"""
import sys, time
from agent.screen.grab import Screen
from collect.cli import main
grab = Screen.grab
Screen.grab = lambda self, box: time.sleep({GRAB_S}) or grab(self, box)
sys.exit(main())
"""


@pytest.mark.training
@pytest.mark.slow(30)
def test_what_came_slower_than_was_asked_for_is_played_as_slowly(
    start: Start, counter: Path, display: VirtualDisplay, tmp_path: Path
) -> None:
    folder, policy = tmp_path / "rec", tmp_path / "policy"
    told = ["--window", "Counter", "--countdown-s", 0, "--fps", ASKED_HZ, "--size", "32x24"]
    process = start("-c", SLOW, folder, *told)

    def frames() -> int:
        return len(np.load(folder / "frames.npy", mmap_mode="r")) if (folder / "frames.npy").exists() else 0

    wait_for(frames, "the first frames")
    with Person(display.name) as person:
        for key in "awd" * 4:
            person.press(key)
            least = frames() + 12
            wait_for(lambda least=least: frames() >= least, "more frames")  # type: ignore[misc]
            person.release(key)
    process.send_signal(signal.SIGINT)
    assert ended(process)[::2] == (0, "")
    recording = Recording.open(folder)
    assert recording.meta.fps == ASKED_HZ
    assert recording.measured_hz < 1 / GRAB_S

    command = [sys.executable, "-m", "train", folder, "--out", policy, "--epochs", "1", "--max-minutes", "60"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    meta = read_policy_meta(policy)
    assert meta.fps == pytest.approx(recording.measured_hz, rel=1e-3)
    assert f"{folder}: found {meta.fps:g} frames a second, 60 were asked for" in done.stdout
    period_ms = 1000 / meta.fps
    assert meta.apart * period_ms == pytest.approx(110, abs=period_ms / 2 + 0.1)
    assert meta.label_shift_ms == pytest.approx(period_ms / 2 + 6)

    player = start("agent", policy, "--window", "Counter", "--duration-s", "4", "--report", tmp_path / "play.json")
    assert ended(player)[::2] == (0, "")
    report = json.loads((tmp_path / "play.json").read_text())
    assert report["fps"] == meta.fps
    # The first tick is due at once, the last one before the end. A busy machine makes fewer, none makes more.
    assert report["ticks"] <= 4 * meta.fps + 2

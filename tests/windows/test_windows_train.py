"""`train` on Windows: stopped, gone on with, and what it wrote is read. Only after `make test-windows TRAIN=1`."""

import signal
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, Start, so_far, wait_for
from training import bar_recording
from windows_python import TRAIN_WHEELS, is_made

from agent.policy.step import Policy
from train.fitting.checkpoint import CHECKPOINT_FILE

pytestmark = [
    pytest.mark.wine,
    pytest.mark.skipif(not is_made(TRAIN_WHEELS), reason="to run it: make test-windows TRAIN=1"),
]
TRAINED_S = 8 * PATIENCE_S  # the import of TensorFlow alone takes most of a minute there


@pytest.mark.slow(200)
def test_a_training_stopped_by_ctrl_c_goes_on_and_its_policy_is_read(start_windows: Start, tmp_path: Path) -> None:
    recording = bar_recording(tmp_path / "rec", 500)
    out = tmp_path / "policy"
    with (tmp_path / "said").open("w") as said:
        begun = start_windows("train", recording, "--out", out, "--batch", "32", "--epochs", "20", said=said)
        wait_for(lambda: (out / CHECKPOINT_FILE).exists(), "a checkpoint", patience_s=TRAINED_S)
        begun.send_signal(signal.SIGINT)
        assert begun.wait(TRAINED_S) == 130
        wait_for(lambda: "--resume" in so_far(said), "how to go on")
    resumed = start_windows("train", "--out", out, "--resume")
    said_then, _ = resumed.communicate(timeout=TRAINED_S)
    assert resumed.returncode == 0, said_then
    assert "next: play" in said_then
    policy = Policy.load(out, threads=1)
    frame = np.zeros(policy.meta.frame.shape, np.uint8)
    _, probabilities = policy.step(frame, np.zeros((1, 1, policy.meta.feature_size), np.float32))
    assert probabilities.sum() == pytest.approx(1, abs=1e-3)

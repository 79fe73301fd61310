"""What the commands must not load."""

import subprocess
import sys

import pytest

LISTING = "import sys; import {module}; print(*sorted(m for m in sys.modules if '.' not in m))"


def loaded_by(module: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LISTING.format(module=module)], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["collect.cli", "collect.recordings.cli", "agent.play.cli", "agent.policy.step"])
def test_collect_and_play_never_load_tensorflow(module: str) -> None:
    assert not loaded_by(module) & {"tensorflow", "keras", "train"}


@pytest.mark.slow(3)
@pytest.mark.training
def test_train_never_loads_a_device() -> None:
    assert not loaded_by("train.cli, train.fitting.fit, train.export") & {"mss", "pynput", "Xlib"}


def test_recordings_loads_neither_the_viewer_nor_a_policy_before_they_are_asked_for() -> None:
    assert not loaded_by("collect.recordings.cli") & {"rerun", "rerun_bindings", "pyarrow", "ai_edge_litert"}

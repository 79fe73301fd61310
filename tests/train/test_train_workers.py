"""Several workers that train together on loopback, each a process as on a machine of its own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import PATIENCE_S, ROOT
from training import bar_recording

from agent.errors import UsageError
from train.fitting.cluster import Cluster, cluster

WORKER = ROOT / "tests" / "training_worker.py"
STEPS = 20  # of that training
EXACT = 1e-9


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bar_recording(tmp_path_factory.mktemp("recordings") / "rec", 500)


def free_addresses(count: int) -> list[str]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    addresses = [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]
    for one in sockets:
        one.close()
    return addresses


def worker(index: int, addresses: list[str], *arguments: object) -> subprocess.Popen[str]:
    """`python ARGUMENTS` as worker `index` of the cluster."""
    config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "TF_CONFIG": json.dumps(config), "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


Trained = dict[str, np.ndarray]


def trained(recording: Path, out: Path, how: str) -> Trained:
    """What came of the training of `training_worker.py`, in one process."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, WORKER, recording, out, how], env=environment, check=True, capture_output=True)
    return dict(np.load(out))


@pytest.fixture(scope="module")
def alone(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained by one process on one device; and once more, `reordered`, with its sums added up in another order."""
    return trained(recording, tmp_path_factory.mktemp("alone") / "alone.npz", "reordered")


def apart(one: Trained, other: Trained, step: int) -> float:
    """How far the weights after `step` lie apart, as a share of how far they have come; the worst array decides."""
    shares = []
    for name in (name for name in one if name.startswith(f"{step} ")):
        way = np.abs(one[name] - one[f"start {name.split()[1]}"]).max()
        distance = np.abs(one[name] - other[name]).max()
        if way == 0:
            assert distance == 0, name
        else:
            shares.append(float(distance / way))
    return max(shares)


def assert_same_training(alone: Trained, other: Trained) -> None:
    """Bounds that lean on no processor: in float64 a step that is right leaves 1e-12, and a wrong one 1e-3 or more."""
    again = {name.removeprefix("reordered "): alone[name] for name in alone if name.startswith("reordered ")}
    assert alone["losses"][-1] < 0.95 * alone["losses"][0]
    assert apart(alone, other, 1) < EXACT
    for step in (STEPS // 2, STEPS):
        # What rounding leaves grows from step to step: as far as other sums lead one process astray, with room.
        bound = max(EXACT, 100 * apart(alone, again, step))
        assert bound < 1e-6
        assert apart(alone, other, step) < bound
    np.testing.assert_allclose(other["losses"], alone["losses"], rtol=1e-6)


@pytest.mark.training
@pytest.mark.slow(20)
def test_two_workers_hold_the_weights_of_one_process_after_20_steps(
    recording: Path, alone: Trained, tmp_path: Path
) -> None:
    addresses = free_addresses(2)
    processes = [worker(i, addresses, WORKER, recording, tmp_path / f"{i}.npz") for i in range(2)]
    for process in processes:
        _, complaint = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0, complaint
    for index in range(2):
        assert_same_training(alone, dict(np.load(tmp_path / f"{index}.npz")))


@pytest.mark.training
@pytest.mark.slow(8)
def test_two_devices_hold_the_weights_of_one_after_20_steps(recording: Path, alone: Trained, tmp_path: Path) -> None:
    assert_same_training(alone, trained(recording, tmp_path / "devices.npz", "devices"))


@pytest.mark.training
@pytest.mark.slow(22)
def test_when_a_worker_is_killed_the_others_end_and_all_can_be_resumed(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy"
    arguments = [recording, "--out", out, "--batch", 32, "--epochs", 3]
    addresses, gone = free_addresses(2), tmp_path / "gone"
    chief = worker(0, addresses, ROOT / "tests" / "eventful_training.py", "wait", gone, *arguments)
    other = worker(1, addresses, "-m", "train", *arguments)
    assert chief.stdout is not None
    for line in chief.stdout:
        if line.startswith("epoch   1"):
            other.kill()
            other.communicate()
            gone.touch()
    _, error = chief.communicate(timeout=PATIENCE_S)
    assert chief.returncode == 1
    assert error.startswith("error: TF_CONFIG: found another worker gone")
    assert error.count("\n") == 1
    assert (out / "checkpoint.npz").exists()

    addresses = free_addresses(2)
    chief, other = (worker(i, addresses, "-m", "train", *arguments, "--resume") for i in range(2))
    said, error = chief.communicate(timeout=PATIENCE_S)
    assert (chief.returncode, error) == (0, "")
    assert "epoch   1" not in said
    assert "epoch   3" in said
    assert said.rstrip().endswith(f"next: play {out}")
    assert other.communicate(timeout=PATIENCE_S) == ("", "")
    assert other.returncode == 0


@pytest.mark.training
def test_workers_with_other_settings_end_in_one_line(recording: Path, tmp_path: Path) -> None:
    addresses = free_addresses(2)
    both = [worker(i, addresses, "-m", "train", recording, "--out", tmp_path / "policy", "--seed", i) for i in range(2)]
    for process in both:
        _, error = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1
        assert error.startswith("error: TF_CONFIG: found workers with other settings than worker 0")
        assert error.count("\n") == 1
    assert not (tmp_path / "policy").exists()


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        '{"cluster": {"worker": ["a:1"]}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}',
    ],
)
def test_a_wrong_tf_config_is_wrong_usage(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG: found"):
        cluster()


def test_a_cluster_is_read_from_tf_config(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert cluster() == Cluster(0, 1)
    monkeypatch.setenv("TF_CONFIG", '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 1}}')
    assert cluster() == Cluster(1, 2)
    assert not cluster().is_chief

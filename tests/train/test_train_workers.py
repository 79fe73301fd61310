"""Several workers that train together on loopback, each a process as on a machine of its own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from training import bar_recording

from agent.errors import UsageError
from train.fitting.cluster import Cluster, cluster


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


def test_two_workers_hold_the_weights_of_one_process_after_20_steps(recording: Path, tmp_path: Path) -> None:
    script = ROOT / "tests" / "training_worker.py"
    addresses = free_addresses(2)
    processes = [worker(i, addresses, script, recording, tmp_path / f"{i}.npz") for i in range(2)]
    subprocess.run(
        [sys.executable, script, recording, tmp_path / "alone.npz"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
    )
    for process in processes:
        assert process.communicate(timeout=120)[1] is not None
        assert process.returncode == 0
    alone, *workers = (np.load(tmp_path / f"{name}.npz") for name in ("alone", 0, 1))
    assert alone["losses"][-1] != alone["losses"][0]
    for name in alone.files:
        for one in workers:
            assert np.abs(one[name] - alone[name]).max() < 1e-4, name


def test_two_devices_hold_the_weights_of_one_after_20_steps(recording: Path, tmp_path: Path) -> None:
    script = ROOT / "tests" / "training_worker.py"
    for name in ("one", "devices"):
        subprocess.run(
            [sys.executable, script, recording, tmp_path / f"{name}.npz", name],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
        )
    one, two = (np.load(tmp_path / f"{name}.npz") for name in ("one", "devices"))
    for name in one.files:
        assert np.abs(one[name] - two[name]).max() < 1e-4, name


def test_when_a_worker_is_killed_the_others_end_and_all_can_be_resumed(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "policy"
    command = ["-m", "train", recording, "--out", out, "--batch", 32, "--epochs", 12, "--patience", 12]
    addresses = free_addresses(2)
    chief, other = (worker(i, addresses, *command) for i in range(2))
    assert chief.stdout is not None
    for line in chief.stdout:
        if line.startswith("epoch   2"):
            other.kill()
    _, error = chief.communicate(timeout=120)
    assert chief.returncode == 1
    assert error.startswith("error: TF_CONFIG: found another worker gone")
    assert error.count("\n") == 1
    other.communicate()
    assert (out / "checkpoint.npz").exists()

    addresses = free_addresses(2)
    chief, other = (worker(i, addresses, *command, "--resume") for i in range(2))
    said, error = chief.communicate(timeout=120)
    assert (chief.returncode, error) == (0, "")
    assert "epoch   1" not in said
    assert "epoch  12" in said
    assert said.rstrip().endswith(f"next: play {out}")
    assert other.communicate(timeout=60) == ("", "")
    assert other.returncode == 0


def test_workers_with_other_settings_end_in_one_line(recording: Path, tmp_path: Path) -> None:
    addresses = free_addresses(2)
    both = [worker(i, addresses, "-m", "train", recording, "--out", tmp_path / "policy", "--seed", i) for i in range(2)]
    for process in both:
        _, error = process.communicate(timeout=120)
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

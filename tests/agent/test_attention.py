"""Where a policy looks: the file that `train` writes beside the policy, which may be missing, and must be its own."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from agent.errors import TwoframeError
from agent.frames import RollingFrames
from agent.policy.attention import Attention
from agent.policy.format import ATTENTION_FILE, file_digest, read_policy_meta
from agent.policy.step import Policy
from agent.recording.reader import Recording


@pytest.fixture
def copy(policy: Path, tmp_path: Path) -> Path:
    """A policy to spoil."""
    return Path(shutil.copytree(policy, tmp_path / "policy"))


def test_a_policy_tells_how_much_it_looks_at_each_place(policy: Path) -> None:
    meta = read_policy_meta(policy)
    attention = Attention.load(policy, meta)
    assert attention is not None
    step, rolling = Policy.load(policy, threads=1), RollingFrames(meta.frames_per_window, meta.feature_size, meta.apart)
    seen = []
    for frame in Recording.open(policy.parent / "recording").frames[:40]:
        maps = attention.maps(np.asarray(frame), rolling.features)
        assert maps.shape == attention.shape
        assert maps.sum((1, 2)) == pytest.approx(np.ones(len(maps)), abs=1e-3)
        seen.append(maps.copy())
        rolling.push(frame, step.step(np.asarray(frame), rolling.features)[0])
    assert not np.array_equal(seen[20], seen[-1])


def test_a_policy_of_an_older_train_has_none(copy: Path) -> None:
    (copy / ATTENTION_FILE).unlink()
    described = json.loads((copy / "policy.json").read_text())
    del described["digests"][ATTENTION_FILE]
    (copy / "policy.json").write_text(json.dumps(described))
    assert Attention.load(copy, read_policy_meta(copy)) is None


@pytest.mark.parametrize("content", [None, b"no model"])
def test_maps_that_train_did_not_write_are_refused(content: bytes | None, copy: Path) -> None:
    (copy / ATTENTION_FILE).unlink()
    if content:
        (copy / ATTENTION_FILE).write_bytes(content)
    with pytest.raises(TwoframeError, match=r"attention\.tflite: found another file than train wrote"):
        Attention.load(copy, read_policy_meta(copy))


@pytest.mark.parametrize("other", ["policy.tflite", None])
def test_a_model_that_gives_no_maps_is_refused(other: str | None, copy: Path) -> None:
    content = (copy / other).read_bytes() if other else b"no model" * 100
    (copy / ATTENTION_FILE).write_bytes(content)
    described = json.loads((copy / "policy.json").read_text())
    described["digests"][ATTENTION_FILE] = file_digest(copy / ATTENTION_FILE)
    (copy / "policy.json").write_text(json.dumps(described))
    with pytest.raises(TwoframeError, match=r"attention\.tflite: found .*; train again"):
        Attention.load(copy, read_policy_meta(copy))

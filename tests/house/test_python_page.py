"""The blocks of docs/python.md run as they stand, and do what they say."""

import re
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from agent.recording.reader import Recording
from collect.recordings.cli import main

BLOCKS = re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / "python.md").read_text(encoding="utf-8"), re.M | re.S)
READ, STEP, RECORD = BLOCKS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("runs", "policies"):
        (tmp_path / name).mkdir()
    return tmp_path


def run(block: str) -> None:
    exec(compile(block, "docs/python.md", "exec"), {})  # noqa: S102


@pytest.mark.parametrize("block", BLOCKS, ids=["read", "step", "record"])
def test_a_block_has_five_lines_beside_its_imports_or_little_more(block: str) -> None:
    lines = [line for line in block.splitlines() if line and not line.startswith(("from ", "import "))]
    assert len(lines) <= 7


def test_a_recording_is_read_and_a_policy_steps(folder: Path, policy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "runs" / "monday").symlink_to(policy.parent / "recording")
    (folder / "policies" / "first").symlink_to(policy)
    run(READ)
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("0.0 ") and rows[0].endswith("(24, 32, 1)")
    assert len(rows) == 10
    run(STEP)
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "not enough frames yet"
    ours = Recording.open(folder / "runs" / "monday")
    assert set(said[10:]) <= set(ours.meta.actions.names)


def test_a_script_records(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(RECORD)
    made = Recording.open(folder / "runs" / "scripted")
    assert made.frames.shape == (100, 64, 96, 3)
    assert np.flatnonzero(made.keys[:, made.meta.keys.index("a")]).tolist() == list(range(2, 100))
    assert made.meta.complete
    assert main(["info", str(made.folder)]) == 0
    assert "100 frames 96x64 rgb" in capsys.readouterr().out

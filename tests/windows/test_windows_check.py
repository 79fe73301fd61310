"""`collect --check` on Windows."""

from pathlib import Path

import pytest
from conftest import PATIENCE_S, Start

pytestmark = [pytest.mark.wine, pytest.mark.contract]


def test_the_check_finds_all_well_where_all_is(start_windows: Start, windows_counter: Path) -> None:
    checked = start_windows("collect", "--check")
    said, _ = checked.communicate(timeout=PATIENCE_S)
    wrong = [line for line in said.splitlines() if not line.startswith("ok ")]
    assert [line for line in wrong if "pictures a second" not in line] == []  # how many is up to the machine
    assert checked.returncode == bool(wrong)
    assert "keyboard: key pressed" in said

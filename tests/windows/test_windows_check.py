"""`collect --check` on Windows."""

from pathlib import Path

import pytest
from conftest import PATIENCE_S, Start

pytestmark = [pytest.mark.wine, pytest.mark.contract]


def test_the_check_finds_all_well_where_all_is(start_windows: Start, windows_counter: Path) -> None:
    checked = start_windows("collect", "--check")
    said, _ = checked.communicate(timeout=PATIENCE_S)
    assert checked.returncode == 0, said
    assert "WRONG" not in said and "keyboard: key pressed" in said

"""The house stays one in which a stranger finds the way: small rooms, and files that can be read."""

from pathlib import Path

import pytest
from conftest import ROOT

FLOORS = ("agent", "collect", "train", "games", "bench", "demo", "experiments")
MOST_FILES = 15
MOST_LINES = 350


def rooms() -> list[Path]:
    return sorted({file.parent for floor in FLOORS for file in (ROOT / floor).rglob("*.py")})


@pytest.mark.parametrize("room", rooms(), ids=lambda room: str(room.relative_to(ROOT)))
def test_no_room_has_more_files_than_can_be_seen_at_once(room: Path) -> None:
    assert (room / "__init__.py").is_file()
    files = sorted(file.name for file in room.glob("*.py"))
    assert len(files) <= MOST_FILES, files


def test_every_file_can_be_read_in_one_sitting_and_says_what_it_is_for() -> None:
    for room in rooms():
        for file in room.glob("*.py"):
            text = file.read_text(encoding="utf-8")
            assert text.startswith('"""'), file
            assert text.count("\n") <= MOST_LINES, file

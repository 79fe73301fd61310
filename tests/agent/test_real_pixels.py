"""Real pixels are asked for before anything else, by the best way that a version of Windows knows."""

from types import SimpleNamespace
from typing import Any

import pytest

from agent.command_line.real_pixels import asked_of
from agent.errors import run_command


class Windows:
    """Its two libraries. `knows` are the contexts that it takes, None where it has no such call."""

    def __init__(self, knows: dict[int, int] | None, level: int = 0, *, settled: bool = False) -> None:
        self.knows, self.level, self.settled = knows, level, settled
        self.shcore: Any = SimpleNamespace(SetProcessDpiAwareness=self._set, GetProcessDpiAwareness=self._get)
        self.user32: Any = SimpleNamespace()
        if knows is not None:

            def ask(context: int) -> int:
                return self._set(knows[context]) if context in knows else 0

            self.user32.SetProcessDpiAwarenessContext = ask

    def _set(self, level: int) -> int:
        done = not self.settled
        if done:
            self.level, self.settled = level, True
        return int(done)

    def _get(self, process: None, level: Any) -> int:
        level._obj.value = self.level
        return 0


@pytest.mark.parametrize(
    ("windows", "pixels"),
    [
        (Windows({-4: 2, -3: 2}), "of every screen"),
        (Windows({-3: 2}), "of every screen"),  # before version 1703, and Wine
        (Windows(None), "of every screen"),  # before version 1607
        (Windows({-4: 2}, level=1, settled=True), "of the first screen"),  # by a setting of python.exe
        (Windows({-4: 2}, level=0, settled=True), None),
    ],
)
def test_real_pixels_of_as_many_screens_as_windows_gives(windows: Windows, pixels: str | None) -> None:
    assert asked_of(windows.user32, windows.shcore) == pixels


def test_a_command_asks_for_real_pixels_first(monkeypatch: pytest.MonkeyPatch) -> None:
    did: list[str] = []
    monkeypatch.setattr("agent.errors.count_real_pixels", lambda: did.append("asked"))

    def command() -> int:
        did.append("worked")
        return 0

    assert run_command(command) == 0
    assert did == ["asked", "worked"]

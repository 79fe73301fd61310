"""`recordings view`: recordings in Rerun, with what a policy would do and where it looks.

Rerun comes with the extra `view`, and nothing else of ours needs it: so `collect/view/` is imported when it runs.
"""

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from agent.errors import TwoframeError, UsageError
from agent.live_line import LiveLine, say
from agent.recording.reader import Recording, find_recordings, open_recordings
from collect.recordings.arguments import Recordings

ENDING = ".rrd"


@dataclass(frozen=True, slots=True)
class View:
    """Look at recordings in Rerun: pictures, keys, who had them, gaps, and a policy."""

    recordings: Recordings
    """Recordings, or folders that hold some; several are shown by time of day."""
    policy: Annotated[Path | None, tyro.conf.arg(metavar="POLICY")] = None
    """Also show what this policy would do, and where it looks."""
    save: Annotated[Path | None, tyro.conf.arg(metavar="FILE.rrd")] = None
    """Write this file instead, to be opened elsewhere."""
    web: bool = False
    """Show it in the browser, until Ctrl-C."""

    def run(self, console: Console) -> int:
        self._check()
        recordings, wrong = open_recordings(_once(find_recordings(self.recordings)))
        from collect.view.viewer import show

        if self.save:
            self._write(console, recordings, self.save)
        else:
            with tempfile.TemporaryDirectory(prefix="twoframe-") as place:
                file = Path(place) / f"view{ENDING}"
                self._write(console, recordings, file)
                show(file, console, web=self.web)
        for problem in wrong:
            say(console, f"left out: {problem}")
        return 1 if wrong else 0

    def _check(self) -> None:
        """Raises `TwoframeError` for what can be known before the recordings are read."""
        if self.save and self.web:
            raise UsageError("found --save and --web, expected one of them; a saved file is shown by rerun FILE.rrd")
        if self.save and self.save.suffix.lower() != ENDING:
            raise UsageError(f"--save: found {self.save}, expected a file that ends in {ENDING}")
        if self.save and os.path.lexists(self.save):
            raise TwoframeError(f"{self.save}: found a file, expected a new one; choose another name or delete it")
        if importlib.util.find_spec("rerun") is None:
            raise TwoframeError('found no Rerun, expected it for `recordings view`; pip install "twoframe[view]"')
        if os.environ.get("RERUN", "").lower() in ("0", "false", "off"):
            raise TwoframeError("RERUN: found that the environment turns Rerun off, expected it on; unset RERUN")
        if not (self.save or self.web) and sys.platform == "linux" and not _has_display():
            raise TwoframeError(
                "found no display, expected one to show Rerun on; use --save FILE.rrd and open it elsewhere, or --web"
            )

    def _write(self, console: Console, recordings: Sequence[Recording], file: Path) -> None:
        from collect.view.file import write
        from collect.view.opinion import Adviser
        from collect.view.runs import runs_of

        adviser = Adviser(self.policy) if self.policy else None
        if adviser and not adviser.attention:
            say(console, f"{self.policy}: has no attention maps (another encoder, or an older train); none are shown")
        runs, notes = runs_of(recordings, adviser)
        for note in notes:
            say(console, note)
        frames = sum(len(recording) for recording in recordings)
        done: dict[str, int] = {}
        with LiveLine(lambda: f"{sum(done.values())} of {frames} frames", console):
            would = write(file, runs, lambda run, count: done.update({run.name: count}))
        for run, actions in zip(runs, would, strict=True):
            if run.adviser and actions is not None and (agreed := run.adviser.agreement(run.recording, actions)):
                say(console, f"{run.name}: {self.policy} {agreed}")
        size, recorded = file.stat().st_size, sum(recording.frames.nbytes for recording in recordings)
        made = f"written: {file}: " if self.save else ""
        several = "s" if len(runs) > 1 else ""
        say(
            console,
            f"{made}{len(runs)} recording{several}, {frames} frames, {_mb(size)}, {size / frames / 1e3:.1f} kB a "
            f"frame; as recorded {_mb(recorded)}",
        )


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"


def _has_display() -> bool:
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _once(folders: Iterable[Path]) -> list[Path]:
    """Each of the `folders` once, whatever path leads to it."""
    return list({folder.resolve(): folder for folder in folders}.values())

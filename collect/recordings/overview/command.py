"""`recordings list`: all recordings in a table, or into a pipe a line each; beside that a sheet of their frames."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.errors import UsageError, printable
from agent.live_line import clock, say
from agent.recording.reader import find_recordings
from collect.recordings.arguments import Recordings
from collect.recordings.overview.rows import Row, from_here, learned_in, places_of_policies, row_of
from collect.summary import megabytes, shares

BAR = 20  # letters


@dataclass(frozen=True, slots=True)
class List:
    """All recordings in a table; into a pipe a line each, for other programs."""

    recordings: Recordings = (Path(),)
    """Recordings, or folders that hold some."""
    sheet: Annotated[Path | None, tyro.conf.arg(metavar="FILE.png")] = None
    """Also draw a row for each, with some of its frames, into this picture."""
    policies: Annotated[
        tuple[Path, ...], tyro.conf.arg(metavar="FOLDER", help_behavior_hint="(default: here and beside RECORDING)")
    ] = ()
    """Where to look for policies that learned from them."""

    def run(self, console: Console) -> int:
        folders = find_recordings(self.recordings)
        if missing := [place for place in self.policies if not place.is_dir()]:
            raise UsageError(f"--policies: found no folder {', '.join(map(str, missing))}, expected where policies lie")
        places = self.policies or places_of_policies(folders)
        learned, policies = learned_in(places) if console.is_terminal or self.sheet else ({}, 0)
        rows = []
        for folder in folders:
            rows.append(row_of(folder, learned))
            if not console.is_terminal:
                say(console, line_of(rows[-1]))
        if console.is_terminal:
            console.print(table_of(rows, console))
            for line in below(rows, places, policies):
                say(console, line)
        faults: list[str] = []
        if self.sheet:
            from collect.recordings.overview.sheet import write_overview  # Pillow, which nothing else here needs

            faults = write_overview(self.sheet, rows)
            for line in (*faults, f"written: {self.sheet}"):
                say(console, line)
        return 1 if faults or any(row.problem for row in rows) else 0


def line_of(row: Row) -> str:
    """For other programs, which rely on its form."""
    if row.problem:
        return f"{row.folder}: broken: {row.problem}"
    cut = "  (cut off)" if row.is_cut_off else ""
    return (
        f"{row.folder}  {row.length}  {row.frames} frames  {row.rate_hz:g} fps  "
        f"{shares(row.names, np.array(row.counts))}{cut}"
    )


def table_of(rows: Sequence[Row], console: Console) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("recording", overflow="fold")
    table.add_column("length", justify="right", no_wrap=True)
    table.add_column("gaps", justify="right")
    table.add_column("balance", overflow="fold")
    table.add_column("played by", overflow="fold")
    for row in rows:
        folder = Text(printable(str(row.folder)))
        if row.problem:
            table.add_row(folder, "", "", Text("broken, see below", "red"), "")
            continue
        folder.append(f"\n{row.began}", "dim")
        if row.is_cut_off:
            folder.append("  cut off", "yellow")
        played = Text(row.source)
        table.add_row(
            folder,
            f"{row.length}\n{row.size}",
            str(row.gaps),
            _balance(row, console),
            played.append("".join(f"\nlearned by {printable(policy)}" for policy in row.used), "dim"),
        )
    return table


def _balance(row: Row, console: Console) -> Text:
    """A bar of the shares, where it can be shown, and their figures beneath."""
    if not row.frames:
        return Text("no frames", "yellow")
    text = Text()
    if not console.no_color and not console.options.ascii_only:
        ends = [round(BAR * sum(share for _, share, _ in row.balance[: i + 1])) for i in range(len(row.balance))]
        for (_, _, color), start, end in zip(row.balance, [0, *ends], ends, strict=False):
            text.append("\u2588" * (end - start), color)
        text.append("\n")
    for i, (name, share, color) in enumerate(row.balance):
        text.append(" " * (i > 0) + f"{printable(name)} {share:.0%}", color)
    return text


def below(rows: Sequence[Row], places: Sequence[Path], policies: int) -> Iterator[str]:
    """What is wrong with the broken ones, all of them together, and where policies were looked for."""
    yield from (line_of(row) for row in rows if row.problem)
    sound = [row for row in rows if not row.problem]
    yield (
        f"{len(sound)} recording{'s' * (len(sound) != 1)}, {clock(sum(row.duration_s for row in sound))}, "
        f"{megabytes(sum(row.size_bytes for row in sound))}"
    )
    found = f"{policies} polic{'y' if policies == 1 else 'ies'}"
    yield f"{found} in {', '.join(map(from_here, places))} or two folders below; --policies names other places"

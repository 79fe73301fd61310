"""What every bench ends with: one table for a person, and the same figures as JSON for a program."""

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Bench:
    """Results, a row each, all with the same columns."""

    name: str
    conditions: str
    rows: list[dict[str, Any]]


def bench_options(doc: str | None, argv: Sequence[str] | None) -> argparse.Namespace:
    """The flags of every bench."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    return parser.parse_args(argv)


def files_without_place(file: Path | None, picture: Path | None = None) -> list[str]:
    """What is wrong with where --json and --plot are to go: told before hours of work rather than after them."""
    found = [
        f"{path}: found no folder {path.parent}, expected a place for it"
        for path in (file, picture)
        if path is not None and not path.parent.is_dir()
    ]
    if picture is not None and picture.suffix != ".png":
        found.append(f"--plot: found {picture}, expected the name of a PNG file")
    return found


def show(bench: Bench, options: argparse.Namespace) -> None:
    """Print the table; write the JSON if asked for."""
    show_all([bench], options)


def show_all(benches: Sequence[Bench], options: argparse.Namespace) -> None:
    """Print a table for each part of one bench; write one JSON object, or a list of them."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    for bench in benches:
        print(f"\n{bench.name}: {bench.conditions} ({machine})")
        table = Table()
        for column in bench.rows[0]:
            table.add_column(column, justify="left" if isinstance(bench.rows[0][column], str) else "right")
        for row in bench.rows:
            table.add_row(*(_text(value) for value in row.values()))
        Console(width=160).print(table)
    if options.json:
        found = [asdict(bench) | {"machine": machine} for bench in benches]
        content = json.dumps(found[0] if len(found) == 1 else found, indent=2) + "\n"
        options.json.write_text(content, encoding="utf-8")


def _text(value: Any) -> str:
    if value is None:
        return "-"
    return (
        f"{value:.3g}"
        if isinstance(value, float) and abs(value) < 100
        else f"{value:.0f}"
        if isinstance(value, float)
        else str(value)
    )

"""What every bench ends with: one table for a person, and the same figures as JSON for a program."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agent.errors import TwoframeError


@dataclass(frozen=True, slots=True)
class Bench:
    """Results, a row each, all with the same columns."""

    name: str
    conditions: str
    rows: list[dict[str, Any]]


def parser_of(doc: str | None, prog: str | None = None) -> argparse.ArgumentParser:
    """Its help begins with the docstring of the module, as that stands, and names the command as it was typed."""
    spec = sys.modules["__main__"].__spec__
    if prog is None and spec is not None:
        prog = f"python -m {spec.name.removesuffix('.__main__')}"
    return argparse.ArgumentParser(prog=prog, description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)


def bench_options(
    doc: str | None, argv: Sequence[str] | None, *more: Callable[[argparse.ArgumentParser], None]
) -> argparse.Namespace:
    """The flags of every bench, and those that `more` add."""
    parser = parser_of(doc)
    parser.add_argument("--quick", action="store_true", help="a short run, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures into this file too")
    for add in more:
        add(parser)
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


@contextmanager
def place_for(file: Path) -> Iterator[None]:
    """Raises `TwoframeError` if what is written inside finds none."""
    try:
        yield
    except OSError as error:
        raise TwoframeError(f"{file}: found {error.strerror or error}, expected a place for it") from None


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def show(bench: Bench, file: Path | None = None) -> None:
    """Print the table; write the JSON if there is a file for it."""
    show_all([bench], file)


def show_all(benches: Sequence[Bench], file: Path | None = None) -> None:
    """Print a table for each part of one bench; write one JSON object, or a list of them. Raises `TwoframeError`."""
    for bench in benches:
        print(f"\n{bench.name}: {bench.conditions} ({machine()})")
        table = Table()
        for column in bench.rows[0]:
            table.add_column(column, justify="left" if isinstance(bench.rows[0][column], str) else "right")
        for row in bench.rows:
            table.add_row(*(_text(value) for value in row.values()))
        Console(width=160).print(table)
    if file:
        found = [asdict(bench) | {"machine": machine()} for bench in benches]
        with place_for(file):
            file.write_text(json.dumps(found[0] if len(found) == 1 else found, indent=2) + "\n", encoding="utf-8")


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

"""`recordings list | info | view | video | trim | pack | unpack | export | import`: look after recordings."""

from collections.abc import Sequence
from typing import Annotated

import tyro
from rich.console import Console

from agent.command_line.flags import FLAGS
from agent.errors import run_command
from collect.recordings.copies import Trim
from collect.recordings.export import Export
from collect.recordings.import_ import Import
from collect.recordings.overview.command import List
from collect.recordings.pack import Pack, Unpack
from collect.recordings.show import Info
from collect.recordings.video import Video
from collect.recordings.view import View

DESCRIPTION = """Look after recordings: folders made by collect, or folders that hold several."""

Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Info, tyro.conf.subcommand("info")]
    | Annotated[View, tyro.conf.subcommand("view")]
    | Annotated[Video, tyro.conf.subcommand("video")]
    | Annotated[Trim, tyro.conf.subcommand("trim")]
    | Annotated[Pack, tyro.conf.subcommand("pack")]
    | Annotated[Unpack, tyro.conf.subcommand("unpack")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Import, tyro.conf.subcommand("import")]
)


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        chosen: Command = tyro.cli(Command, prog="recordings", description=DESCRIPTION, args=argv, registry=FLAGS)
        return chosen.run(Console())

    return run_command(command)

"""What the commands say of themselves: `--help`, in groups, and that no flag or default ever changes unseen."""

import io
import re
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import tyro

import agent.play.cli
import collect.cli
import collect.recordings.cli
import train.cli
from agent.command_line.flags import FLAGS, Group
from agent.play.options import PlayOptions
from collect.options import CollectOptions
from train.options import TrainOptions

# Every flag and its default. Who changes one changes what other programs, README and people's fingers rely on.
REQUIRED = "required"
COLLECT = {
    "out": None,
    "window": None,
    "game": None,
    "pick": False,
    "region": None,
    "keys": ("left=a", "forward=w", "right=d"),
    "default": None,
    "fps": 20.0,
    "size": "160x120",
    "crop": None,
    "color": "gray",
    "pack": False,
    "duration_s": None,
    "countdown_s": 3.0,
    "disturb": 0.0,
    "hotkeys": (),
    "check": False,
    "json": False,
}
TRAIN = {
    "recordings": REQUIRED,
    "out": REQUIRED,
    "resume": False,
    "start": None,
    "keep": (),
    "keep_share": 0.5,
    "validate": (),
    "encoder": "compact",
    "frames": 2,
    "apart_ms": 110.0,
    "join": "lstm",
    "epochs": 30,
    "patience": None,
    "max_minutes": 10.0,
    "seed": 0,
    "learning_rate": None,
    "deterministic": False,
    "precision": None,
    "weights": None,
    "batch": 32,
    "run": 3,
    "size": None,
    "crop": None,
    "color": None,
    "stride": 1,
    "keys": (),
    "label_shift_ms": None,
    "balance": "half",
    "change_weight": 2.0,
    "correction_weight": 1.0,
    "skip_disturbed": False,
    "drop_older": 0.0,
    "swap_older": 0.0,
    "brightness": 0.1,
    "shift": 0.02,
    "erase": 0.0,
    "mirror": (),
}
PLAY = {
    "policy": REQUIRED,
    "window": None,
    "game": None,
    "pick": False,
    "region": None,
    "duration_s": None,
    "shadow": False,
    "record": None,
    "no_touch": False,
    "preview": False,
    "report": None,
    "hotkeys": (),
    "threads": None,
    "check": False,
    "json": False,
}
RECORDINGS = {
    "list": {"recordings": (Path(),), "sheet": None, "policies": ()},
    "info": {"recordings": REQUIRED, "sheet": None},
    "view": {"recordings": REQUIRED, "policy": None, "save": None, "web": False},
    "video": {"recordings": REQUIRED, "out": None, "start_s": 0.0, "end_s": None},
    "trim": {"recordings": REQUIRED, "out": REQUIRED, "start_s": 0.0, "end_s": None, "cut": ()},
    "pack": {"recordings": REQUIRED},
    "unpack": {"recordings": REQUIRED},
    "export": {"recordings": REQUIRED, "out": None, "to": "csv"},
    "import": {
        "source": REQUIRED,
        "origin": REQUIRED,
        "out": REQUIRED,
        "keys": (),
        "default": None,
        "fps": None,
        "size": None,
        "color": None,
        "picture": None,
        "csv": None,
    },
}
EXPERIMENTAL = {"--patience", "--join", "--skip-disturbed", "--drop-older", "--swap-older", "--erase"}
NAMED = {"start": "from", "origin": "from"}  # a word that Python keeps for itself
NEEDED = {"--out", "--resume", "--max-minutes", "--epochs", "--validate", "--from", "--keep", "--keep-share"}


@dataclass(frozen=True, slots=True)
class Command:
    main: Callable[[Sequence[str]], int]
    options: type
    table: dict[str, Any]
    words: tuple[str, ...] = ()
    positional: str | None = None


COMMANDS = {
    "collect": Command(collect.cli.main, CollectOptions, COLLECT, positional="out"),
    "train": Command(train.cli.main, TrainOptions, TRAIN, positional="recordings"),
    "play": Command(agent.play.cli.main, PlayOptions, PLAY, positional="policy"),
    **{
        f"recordings {name}": Command(
            collect.recordings.cli.main,
            getattr(collect.recordings.cli, name.title()),
            table,
            (name,),
            next(iter(table)),
        )
        for name, table in RECORDINGS.items()
    },
}
every_command = pytest.mark.parametrize("name", COMMANDS)


Helped = Callable[..., list[str]]


def printed(command: Callable[[], object]) -> str:
    """What `command`, which ends with 0, prints to a terminal of today: the boxes of its help are drawn."""
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with redirect_stdout(terminal), pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == 0
    terminal.seek(0)
    return terminal.read()


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> Helped:
    """The lines that a command prints for `--help` where a terminal is so wide."""

    def helped(name: str, columns: int = 100) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        return printed(lambda: COMMANDS[name].main([*COMMANDS[name].words, "--help"])).splitlines()

    return helped


def boxes(lines: list[str]) -> dict[str, dict[str, list[str]]]:
    """The lines of each flag, or of the metavar of what has no flag, by the titles of the boxes that they are in."""
    found: dict[str, dict[str, list[str]]] = {}
    told: list[str] = []
    for line in lines:
        if title := re.match(r"╭─ (.+?) ─", line):
            found[title[1]] = {}
        elif new := re.match(r"│ (--[a-z-]+|[A-Z]+)(?= )", line):
            box = list(found.values())[-1]
            assert new[1] not in box
            told = box[new[1]] = [line.strip("│ ")]
        elif re.match(r"│  ", line):
            told.append(line.strip("│ "))
    return found


def flag(name: str) -> str:
    return f"--{NAMED.get(name, name).replace('_', '-')}"


@every_command
def test_no_name_and_no_default_has_changed(name: str) -> None:
    command = COMMANDS[name]
    given = {field.name: REQUIRED if field.default is MISSING else field.default for field in fields(command.options)}
    assert given == command.table


@every_command
def test_what_is_not_given_is_as_the_table_says(name: str) -> None:
    command = COMMANDS[name]
    arguments = ["there"] if command.table[command.positional or ""] is REQUIRED else []
    arguments += ["--out", "here"] if command.table.get("out") is REQUIRED else []
    arguments += ["--from", "ocap"] if command.table.get("origin") is REQUIRED else []
    read = tyro.cli(command.options, args=arguments, registry=FLAGS)
    expected = {name: value for name, value in command.table.items() if value is not REQUIRED}
    assert {name: getattr(read, name) for name in expected} == expected


@every_command
def test_every_flag_is_in_one_group_of_the_help(name: str, helped: Helped) -> None:
    command = COMMANDS[name]
    listed = [flag for box in boxes(helped(name)).values() for flag in box]
    positional = {"out": "OUT", "recordings": "RECORDING", "policy": "POLICY", "source": "SOURCE"}
    expected = [positional[field] if field == command.positional else flag(field) for field in command.table]
    assert sorted(listed) == sorted(expected)


def test_flags_that_brought_no_gain_are_experimental_and_come_last(helped: Helped) -> None:
    found = boxes(helped("train"))
    assert set(found["experimental options"]) == EXPERIMENTAL
    assert list(found)[-1] == "experimental options"


def test_flags_that_most_need_come_first(helped: Helped) -> None:
    found = boxes(helped("train"))
    assert list(found)[:2] == ["positional arguments", "options"]
    assert set(found["options"]) == NEEDED
    assert list(boxes(helped("collect"))["options"])[:2] == ["--window", "--keys"]
    assert list(boxes(helped("play"))["options"])[:2] == ["--window", "--record"]


def test_the_help_of_train_fits_a_persons_patience(helped: Helped) -> None:
    assert len(helped("train", 100)) <= 62
    assert len(helped("train", 80)) <= 82


@every_command
@pytest.mark.parametrize("columns", [80, 100, 120])
def test_the_help_fits_the_terminal_and_has_no_holes(name: str, columns: int, helped: Helped) -> None:
    lines = helped(name, columns)
    assert [line for line in lines if len(line) > columns and not line.startswith("usage: ")] == []
    assert [line for line in lines if re.fullmatch(r"│ +│", line)] == []


@every_command
def test_every_flag_is_told_in_one_line_or_two_and_names_what_may_be_chosen(name: str, helped: Helped) -> None:
    told = {flag: lines for box in boxes(helped(name)).values() for flag, lines in box.items()}
    for field, kind in get_type_hints(COMMANDS[name].options).items():
        if field != COMMANDS[name].positional:
            lines = told[flag(field)]
            assert len(lines) <= 2 and re.search(r"  [a-zA-Z]", lines[0])
            assert [choice for choice in choices(kind) if choice not in " ".join(lines)] == []


def choices(kind: Any) -> list[str]:
    if get_origin(kind) is Literal:
        return list(get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return [choice for part in get_args(kind) for choice in choices(part)]
    return []


def test_a_command_of_several_tells_what_each_does(helped: Helped) -> None:
    assert "Copy a part of one recording, by time, into a new one." in helped("recordings trim")


def test_options_given_as_defaults_stay_but_for_what_is_told(tmp_path: Path) -> None:
    began = TrainOptions((tmp_path,), tmp_path / "policy", frames=3, shift=0.0, keys=("left=a",), weights="float32")
    arguments = ["--out", str(tmp_path / "policy"), "--resume", "--erase", "0.5"]
    read = tyro.cli(TrainOptions, args=arguments, default=began, registry=FLAGS)
    assert read == replace(began, resume=True, erase=0.5)


def test_settings_are_stored_flat_by_name(tmp_path: Path) -> None:
    options = TrainOptions((tmp_path,), tmp_path / "policy", mirror=("left=right",), patience=3)
    stored = options.to_json()
    assert stored.keys() == TRAIN.keys()
    assert stored["patience"] == 3
    assert TrainOptions.from_json(dict(reversed(stored.items()))) == options


def test_flags_of_a_group_share_a_box_under_its_note() -> None:
    rare = Group("rare", "Few need these.")

    @dataclass(frozen=True, slots=True)
    class Options:
        often: int = 1
        """What is often told."""
        seldom: Annotated[bool, rare] = False
        """What is seldom
        told."""
        never: Annotated[str | None, rare, tyro.conf.arg(metavar="WORD", help_behavior_hint="(or not)")] = None
        """What is never told."""

    assert tyro.cli(Options, args=["--seldom", "--never=x"], registry=FLAGS) == Options(1, True, "x")
    said = printed(lambda: tyro.cli(Options, args=["--help"], registry=FLAGS))
    found = boxes(said.splitlines())
    assert {title: list(box) for title, box in found.items()} == {
        "options": ["--often"],
        "rare options": ["--seldom", "--never"],
    }
    texts = (
        "--often INT   What is often told. (default: 1)",
        "│ Few need these. ",
        "--seldom      What is seldom told. ",
        "--never WORD  What is never told. (or not)",
    )
    for text in texts:
        assert text in said
    with pytest.raises(SystemExit):
        tyro.cli(Options, args=["--no-seldom"], registry=FLAGS)

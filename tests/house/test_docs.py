"""What is written for people holds: links lead somewhere, files are there, and every command line parses.

A command line is read by the parser of the command itself, which is stopped before anything is done. In a block of
code it must be whole; within a sentence it may leave out what it is not about (`train --size`), but no flag that is
not there.
"""

import argparse
import importlib.util
import inspect
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tyro
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = (
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "experiments/LOG.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md")),
)
ROOMS = ("agent", "bench", "collect", "demo", "docs", "experiments", "games", "tests", "train")
MADE = ("demo/out", "bench/out")  # by commands, never part of the repository
COMMANDS = {
    "collect": "collect.cli",
    "play": "agent.play.cli",
    "recordings": "collect.recordings.cli",
    "train": "train.cli",
}
LACKING = {  # what a sentence about a flag leaves out: of `recordings` behind its subcommand
    "collect": ["OUT"],
    "play": ["POLICY"],
    "train": ["RECORDING", "--out", "POLICY"],
    "recordings": ["RECORDING"],
    "recordings import": ["SOURCE", "--from", "ocap"],
}


class Parsed(BaseException):
    """The command line was understood; no handler of errors stops it."""


class Line(NamedTuple):
    """A command line in a file; `whole` in a block of code, or else within a sentence."""

    place: str
    text: str
    whole: bool


@cache
def tokens(file: str) -> tuple[Token, ...]:
    parsed = MarkdownIt().enable("table").parse((ROOT / file).read_text(encoding="utf-8"))
    return tuple(parsed)


def inline(file: str, kind: str) -> Iterator[tuple[int, Token]]:
    """The tokens of this kind within sentences, each with its line."""
    line = 0
    for token in tokens(file):
        line = token.map[0] + 1 if token.map else line
        yield from ((line, child) for child in token.children or () if child.type == kind)


def headings(file: str) -> list[str]:
    found = []
    for before, token in pairwise(tokens(file)):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children or ())
            anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            count = sum(re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", other) is not None for other in found)
            found.append(f"{anchor}-{count}" if count else anchor)
    return found


def broken_links(file: str) -> list[str]:
    links = [(line, str(token.attrs["href"])) for line, token in inline(file, "link_open")]
    links += [(line, str(token.attrs["src"])) for line, token in inline(file, "image")]
    return [f"{file}:{line}: {link}" for line, link in links if not leads_somewhere(file, link)]


def leads_somewhere(file: str, link: str) -> bool:
    if re.match(r"[a-z]+:", link):
        return True  # another site, which no test asks
    path, _, anchor = link.partition("#")
    target = (ROOT / file).parent / path if path else ROOT / file
    if not target.exists() or not target.resolve().is_relative_to(ROOT):
        return False
    return not anchor or (target.suffix == ".md" and anchor in headings(str(target.resolve().relative_to(ROOT))))


def missing_files(file: str) -> list[str]:
    """Inline code that names a file, a folder or a module of ours which is not there."""
    return [
        f"{file}:{line}: {token.content}"
        for line, token in inline(file, "code_inline")
        if not is_there(token.content.strip())
    ]


def is_there(text: str) -> bool:
    if re.fullmatch(rf"({'|'.join(ROOMS)}|\.ci)/[\w./-]*", text):
        return text.startswith(MADE) or (ROOT / text).exists()
    if re.fullmatch(r"[\w-]+\.(md|toml)|Makefile|constraints\.txt", text) and text.split(".")[0].isupper():
        return (ROOT / text).exists()
    if re.fullmatch(rf"({'|'.join(ROOMS)})(\.\w+)+", text):
        return is_module_or_in_one(text)
    return True


def is_module_or_in_one(name: str) -> bool:
    """`bench.latency`, or what stands in one, such as `games.game.Game`."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    last = name.rpartition(".")[2]
    module = path.parent.with_suffix(".py")
    return module.is_file() and re.search(rf"^(def|class) {last}\b|^{last}\b", module.read_text(), re.M) is not None


def command_lines(file: str) -> Iterator[Line]:
    for token in tokens(file):
        if token.type == "fence" and token.info in ("", "sh", "bash", "console"):
            assert token.map
            content = token.content.replace("\\\n", " ")
            for row, text in enumerate(content.splitlines(), token.map[0] + 2):
                yield from (Line(f"{file}:{row}", part, True) for part in re.split(r"&&|;|\|", text.strip()))
    for row, code in inline(file, "code_inline"):
        yield Line(f"{file}:{row}", code.content, False)


def refused(line: Line) -> list[str]:
    """What is wrong with a command line of ours; nothing with one of somebody else."""
    wrong = complaint(line)
    return [f"{line.place}: {line.text}: {wrong}"] if wrong else []


def complaint(line: Line) -> str | None:
    try:
        words = shlex.split(line.text.removeprefix("$ "), comments=line.whole)
    except ValueError:
        return "found a quotation that does not end" if line.whole else None
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        words = words[1:]
    if not words or (len(words) == 1 and not line.whole):
        return None  # nothing, or the name of a command
    if words[0] == "make":
        return next((f"found no target {word}" for word in words[1:] if not is_target(word)), None)
    module, arguments = command_of(words)
    if module is None:
        return None
    if importlib.util.find_spec(module) is None:
        return f"found no module {module}"
    return first_complaint(module, arguments) if line.whole else complaint_of_mention(module, arguments)


def complaint_of_mention(module: str, arguments: tuple[str, ...]) -> str | None:
    """Within a sentence a command line may lack what it is not about, not have what is not there."""
    said = first_complaint(module, arguments)
    if said is None or not arguments:
        return None
    unknown = {word.split("=")[0] for word in arguments if word.startswith("--")} - flags(module, arguments)
    if unknown:
        return f"found no flag {', '.join(sorted(unknown))}"
    values = [word for flag, word in pairwise(arguments) if flag.startswith("--")]
    if "..." in arguments or any(re.fullmatch(r"[A-Z]+", value) for value in values):
        return None  # a row that goes on, or a word in place of a value
    name = next((name for name, own in COMMANDS.items() if own == module), None)
    if name is None:
        return None if "required" in said else said
    given = arguments[:-1] if arguments[-1].startswith("--") else arguments
    behind = 1 if name == "recordings" else 0
    lacking = LACKING.get(" ".join((name, *given[:behind])), LACKING[name])
    filled = (*given[:behind], *lacking, *given[behind:])
    return first_complaint(module, filled) and (first_complaint(module, (*filled, "--out", "OUT")) and said)


def is_target(word: str) -> bool:
    return "=" in word or re.search(rf"^{re.escape(word)}:", (ROOT / "Makefile").read_text(), re.M) is not None


def command_of(words: list[str]) -> tuple[str | None, tuple[str, ...]]:
    """The module behind a command line, and its arguments; None where it is not ours."""
    if words[0] in COMMANDS:
        return COMMANDS[words[0]], tuple(words[1:])
    if words[1:2] != ["-m"] or Path(words[0]).name not in ("python", "python3", "py") or len(words) < 3:
        return None, ()
    module, arguments = words[2], tuple(words[3:])
    if module.split(".")[0] not in ROOMS or "NAME" in module:
        return None, ()
    alone = {"collect": "collect", "collect.recordings": "recordings", "train": "train", "agent": "play"}
    if module in alone:
        return COMMANDS[alone[module]], arguments
    return module + ".__main__" if (ROOT / module.replace(".", "/")).is_dir() else module, arguments


@cache
def first_complaint(module: str, arguments: tuple[str, ...]) -> str | None:
    """What the module's own parser says against the arguments, in one line; None if it takes them, or has no parser."""
    entry: Callable[..., Any] = importlib.import_module(module).main
    if "argv" not in inspect.signature(entry).parameters:
        return None
    said = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tyro, "cli", stopped(tyro.cli))
        patch.setattr(argparse.ArgumentParser, "parse_args", stopped(argparse.ArgumentParser.parse_args))
        try:
            with redirect_stderr(said), redirect_stdout(said):
                status = entry(list(arguments))
        except Parsed:
            return None
        except SystemExit as end:
            status = end.code
    if not status:
        return None  # --help
    words = " ".join(re.sub(r"[─-╿]", " ", said.getvalue()).split())
    return words.rpartition("error: ")[2][:200] or f"ends with {status}"


def stopped(parse: Callable[..., Any]) -> Callable[..., Any]:
    def parse_and_stop(*arguments: Any, **options: Any) -> Any:
        parse(*arguments, **options)
        raise Parsed

    return parse_and_stop


@cache
def help_of(module: str, subcommand: tuple[str, ...]) -> str:
    said = StringIO()
    with redirect_stdout(said), pytest.raises(SystemExit):
        importlib.import_module(module).main([*subcommand, "--help"])
    return said.getvalue()


def flags(module: str, arguments: tuple[str, ...]) -> set[str]:
    """The flags that the command's help lists, each at the beginning of a line."""
    subcommand = arguments[:1] if module == COMMANDS["recordings"] else ()
    return {"--help", *re.findall(r"^[│ ]*(?:-\w, )?(--[\w-]+)", help_of(module, subcommand), re.M)}


@pytest.mark.parametrize("file", FILES)
def test_links_lead_somewhere(file: str) -> None:
    assert not (broken := broken_links(file)), "\n".join(broken)


@pytest.mark.parametrize("file", FILES)
def test_files_and_modules_that_are_named_exist(file: str) -> None:
    assert not (missing := missing_files(file)), "\n".join(missing)


@pytest.mark.parametrize("file", FILES)
def test_command_lines_parse(file: str) -> None:
    problems = [problem for line in command_lines(file) for problem in refused(line)]
    assert not problems, "\n".join(problems)


def test_every_file_has_its_line_in_the_architecture() -> None:
    named = {token.content for _, token in inline("docs/architecture.md", "code_inline")}
    rooms = [room for room in ROOMS if room not in ("docs", "tests")]
    files = [path for room in rooms for path in (ROOT / room).rglob("*.py") if path.name != "__init__.py"]
    unnamed = sorted({str(path.relative_to(ROOT)) for path in files} - named)
    assert not unnamed, "\n".join(unnamed)


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, rest = set(), ["README.md"]
    while rest:
        file = rest.pop()
        if file in reached or not (ROOT / file).is_file():
            continue
        reached.add(file)
        links = [str(token.attrs["href"]).partition("#")[0] for _, token in inline(file, "link_open")]
        there = [((ROOT / file).parent / link).resolve() for link in links if link.endswith(".md")]
        rest += [str(path.relative_to(ROOT)) for path in there if path.is_relative_to(ROOT)]
    assert set(FILES) - reached == set()


def test_each_result_in_the_readme_names_what_measured_it() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text[text.index("## How well it works") :].split("\n\n")[2]
    rows = [row for row in table.splitlines()[2:] if row.startswith("|")]
    assert len(rows) >= 5
    assert [row for row in rows if not re.search(r"`(python -m (bench|experiments)|make )[^`]*` \|$", row)] == []


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("train runs/monday", True),
        ("train runs/monday --out policies/first --no-such-flag", True),
        ("collect out --fps fast", True),
        ("collect out --colour gray", False),
        ("train --no-such-flag", False),
        ("recordings look runs", True),
        ("python -m bench.no_such_bench", False),
        ("python -m bench.latency --slow", False),
        ("make nothing", True),
    ],
)
def test_a_command_line_that_cannot_be_meant_is_found(text: str, whole: bool) -> None:
    assert len(refused(Line("here:1", text, whole))) == 1


@pytest.mark.parametrize("link", ["docs/nothing.md", "README.md#no-such-heading", "#no-such-heading", "../outside"])
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    assert not leads_somewhere("README.md", link)


@pytest.mark.parametrize("text", ["agent/nothing.py", "bench.nothing", "docs/nothing.md", "NOTHING.md"])
def test_a_file_that_is_not_there_is_found(text: str) -> None:
    assert not is_there(text)

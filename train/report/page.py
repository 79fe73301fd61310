"""`report/index.html`: all that a person can look at after a training, on one page that needs nothing beside it.

The page is a tree of elements (`xml.etree`), which escapes whatever a window's title or a folder's name holds.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, SubElement, tostring

from agent.command_line.terminal import begun, typed
from agent.errors import printable
from agent.json_files import write_whole
from train.fitting.fit import Fit
from train.fitting.history import Epoch
from train.metrics import share
from train.options import TrainOptions
from train.prepared_dataset import PreparedDataset
from train.report.advice import Figures, advice
from train.report.console import copycat_line, truth_rows
from train.report.copycat import Copycat
from train.report.gains import gain_lines

PAGE_FILE = "index.html"


class _Picture(NamedTuple):
    """A file in the same folder, what it shows, and how a person reads it; `shape` is for narrow screens."""

    file: str
    title: str
    reading: str
    shape: str = ""


_PICTURES = (  # in the order of the page
    _Picture(
        "worst.png",
        "What it got most wrong",
        "Of each moment the pictures it decided by, the newest on the right; above them what was played, what the "
        "policy said, and how sure it was. (Where it is seldom wrong, those follow in which it was least sure.) Could "
        "you tell from these pictures what to do? If not, record larger ones or crop closer. If you could, more play "
        "like this helps.",
        "tall",
    ),
    _Picture(
        "timeline.png",
        "Moment by moment",
        "The parts that it did not learn from, from left to right. The line is what was played, each dot what the "
        "policy said, each cross a mistake. Crosses where the line steps are decisions a little early or late; a row "
        "of them is a situation it does not know.",
    ),
    _Picture(
        "confusion.png",
        "Which action it takes for which",
        "A row for each action that was played, a column for what the policy said, as a count and as a share of the "
        "row. What lies on the diagonal is right; a dark field elsewhere names two actions that it does not tell "
        "apart.",
        "square",
    ),
    _Picture(
        "curves.png",
        "How it learned",
        "On the left both lines should fall. Where validation rises while training goes on falling, it gets "
        "surer of itself than it should be; it can play better for all that, unless it is right less often, too. Where "
        "validation still falls at the end, more time helps. On the right watch the dashed line, how often it is right "
        "where the action changes.",
    ),
)
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #5a6272; --paper: #fff; --card: #f3f5f8; --line: #d6dbe3;
  --mark: #1b6e3c; --advice: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e7ec; --soft: #a3abb9; --paper: #14171c; --card: #1f242c;
  --line: #39414d; --mark: #7ed6a0; --advice: #3a3116; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 68rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { margin: 0; font-size: 1.6rem; }
h2 { margin: 2.2rem 0 .3rem; font-size: 1.2rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft, footer { color: var(--soft); }
code { padding: .1em .35em; border-radius: 4px; background: var(--card); font-size: .92em; overflow-wrap: anywhere; }
ul.advice { margin: .6rem 0; padding: .6rem 1rem .6rem 2rem; border-radius: 8px; background: var(--advice); }
.wide { overflow-x: auto; margin: .6rem 0; }
.wide img { display: block; max-width: 100%; border: 1px solid var(--line); border-radius: 8px; background: #fff; }
@media (max-width: 46rem) { .wide img { max-width: none; width: auto; height: 20rem; } .wide img.tall { height: auto;
  width: 44rem; } .wide img.square { height: auto; width: 100%; } }
table { border-collapse: collapse; }
th, td { padding: .25rem .9rem .25rem 0; text-align: right; vertical-align: bottom;
  border-bottom: 1px solid var(--line); font-variant-numeric: tabular-nums; }
td { white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; }
td:nth-child(2), th:nth-child(2) { color: var(--mark); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .6rem 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
  table { font-size: .9rem; } th, td { padding-right: .5rem; } td:first-child { min-width: 8rem; } }
footer { margin-top: 2.5rem; border-top: 1px solid var(--line); }
"""


@dataclass(frozen=True, slots=True)
class Page:
    """What stands on the page of `policy`. `advice`, `gains` (of a training that went on) and `copycat` are the lines
    of the terminal; `table` is a head and rows; `facts` tell what was learned from, by name; `resume` is the command
    to go on with, of a training that was stopped."""

    policy: Path
    summary: str
    advice: Sequence[str]
    gains: Sequence[str]
    table: Sequence[Sequence[str]]
    copycat: str
    facts: Sequence[tuple[str, str]]
    resume: str = ""


def page_of(
    options: TrainOptions, prepared: PreparedDataset, figures: Figures, copycat: Copycat, fit: Fit, kept: Epoch
) -> Page:
    """What a training has to tell: the lines and the table that it prints in the end, and what it was."""
    dataset, epochs = prepared.dataset, len(fit.history.epochs)
    recordings = [str(recording.folder) for recording in prepared.sources.recordings]
    frames = "1 picture" if options.frames == 1 else f"{options.frames} pictures"
    apart = "" if options.frames == 1 else f", {1000 * dataset.apart / dataset.meta.fps:.0f} ms apart"
    played = zip(figures.names, figures.played, strict=True)
    facts = [
        ("recordings", ", ".join(recordings)),
        ("going on from", str(options.start or "")),
        ("game", dataset.meta.window or ""),
        ("actions", f"{dataset.actions}"),
        ("played", ", ".join(f"{name} {share(part)}" for name, part in played)),
        ("picture", f"{dataset.frame}, {dataset.fps:g} a second"),
        ("network", f"{options.encoder}, decides by {frames}{apart}"),
        ("learned", f"{len(prepared.training)} moments, {epochs} times in {fit.history.passed_s / 60:.1f} minutes"),
        ("judged on", f"{len(prepared.validation)} moments that it did not learn from"),
        ("weights", f"of epoch {kept.number}"),
        ("end", fit.ended or "stopped before its end"),
    ]
    return Page(
        policy=options.out,
        summary=f"{dataset.meta.window or 'A game'}, {len(recordings)} recording{'s'[: len(recordings) > 1]}, "
        f"{len(dataset)} pictures. This page needs nothing beside it; in it are pictures of the game, and the names "
        "of your folders.",
        advice=[line.removeprefix("advice: ") for line in advice(figures)],
        gains=list(gain_lines(**figures.gains)) if figures.gains else [],
        table=truth_rows(figures.names, {"this policy": figures.scores, **prepared.baselines}),
        copycat=copycat_line(copycat),
        facts=[(name, fact) for name, fact in facts if fact],
        resume="" if fit.ended else options.resume_command(),
    )


def write_page(folder: Path, page: Page) -> Path:
    """Write the page beside the pictures that are in `folder`, whole or not at all. Raises OSError."""
    path = folder / PAGE_FILE
    pictures = {picture.file: (folder / picture.file).read_bytes() for picture in _PICTURES}
    text = "<!DOCTYPE html>\n" + tostring(_page(page, pictures), encoding="unicode", method="html") + "\n"
    write_whole(path, text.encode())
    return path


def _page(page: Page, pictures: dict[str, bytes]) -> Element:
    html = Element("html", lang="en")
    head = SubElement(html, "head")
    SubElement(head, "meta", charset="utf-8")
    # Nothing is fetched and nothing runs, even if a text above should ever get past the escaping.
    allowed = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": allowed})
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", f"{page.policy}: what it learned")
    SubElement(head, "style").text = _STYLE
    body = SubElement(html, "body")
    _add(body, "h1", f"What {page.policy} learned")
    _add(body, "p", page.summary, of="soft")
    _next(body, page)
    _comparison(body, page)
    for picture in _PICTURES:
        _add(body, "h2", picture.title)
        _add(body, "p", picture.reading)
        source = f"data:image/png;base64,{base64.b64encode(pictures[picture.file]).decode()}"
        shown = {"src": source, "alt": picture.title, "class": picture.shape}
        SubElement(_add(body, "div", of="wide"), "img", shown)
    _add(body, "h2", "What it learned from")
    facts = SubElement(body, "dl")
    for name, fact in page.facts:
        _add(facts, "dt", name)
        _add(facts, "dd", fact)
    footer = SubElement(body, "footer")
    _add(footer, "p", "All of it as numbers is in metrics.json beside this page, as are the pictures.")
    return html


def _next(body: Element, page: Page) -> None:
    """What to do now, before anything that explains it."""
    if page.resume:
        _add(body, "p", "It was stopped before its end, but it can be played. It goes on with")
        _add(SubElement(body, "p"), "code", page.resume)
    if page.advice:
        _add(body, "h2", "Advice")
        advice = _add(body, "ul", of="advice")
        for line in page.advice:
            _add(advice, "li", line)
        if len(page.advice) > 1:
            _add(body, "p", "What weighs most comes first.")
    else:
        _add(body, "p", "No figure of it stands out as a fault.")
    _add(body, "p", "None of this tells as much as playing does: of two with equal figures one may play far better.")
    _add(SubElement(body, "p"), "code", f"{begun('play')} {typed(page.policy)} --preview")


def _comparison(body: Element, page: Page) -> None:
    _add(body, "h2", "Better than knowing nothing?")
    _add(
        body,
        "p",
        "Judged on parts of the recordings that it did not learn from, beside two players that know nothing. Both are "
        "right surprisingly often, so the accuracy alone proves little. The row to watch is the second: whoever "
        "repeats the last action is never right where it changes. Recall is the share of an action's moments in which "
        "it is said; F1 weighs it against how often it is said wrongly, all actions alike.",
    )
    head, *rows = page.table
    table = SubElement(_add(body, "div", of="wide"), "table")
    for kind, cells in (("th", head), *(("td", row) for row in rows)):
        line = SubElement(table, "tr")
        for cell in cells:
            _add(line, kind, cell)
    if page.copycat:
        _add(body, "h2", "Does it look, or repeat?")
        _add(body, "p", f"{page.copycat[:1].upper()}{page.copycat[1:]}.")
        _add(
            body,
            "p",
            "A policy that sees movement in its pictures decides otherwise, and is wrong more often, when the earlier "
            "one is replaced by the newest. One that hardly cares, and says the old action where a new one is due, "
            "repeats what you did before instead of looking.",
        )
    if page.gains:
        _add(body, "h2", "Gained and forgot")
        for gain in page.gains:
            _add(body, "p", f"{gain[:1].upper()}{gain[1:]}.")
        _add(
            body,
            "p",
            "Before and after this training, on the same moments, which neither this one nor those before have "
            "learned: in the recordings that were new to it, and in those that it knew.",
        )


def _add(parent: Element, name: str, text: str = "", *, of: str = "") -> Element:
    """A new element in `parent`, of a class of the style."""
    element = SubElement(parent, name, {"class": of} if of else {})
    element.text = printable(text)
    return element

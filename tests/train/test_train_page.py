"""`report/index.html`: one page that needs nothing beside it, whatever the titles and folders in it are called."""

import base64
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from train.report.page import Page, write_page

PICTURES = ("worst.png", "timeline.png", "confusion.png", "curves.png")
HOSTILE = """<script>alert("x")</script> <img src=b.png onerror=x> & 'quoted' \x1b[2J \udcff"""
SHOWN = HOSTILE.replace("\x1b", "?").replace("\udcff", "?")
PAGE = Page(
    policy=Path("policies/first"),
    summary="Game, 1 recording",
    advice=["record more"],
    gains=["on the new recordings it gained: loss 0.7 -> 0.4"],
    table=[["", "this policy"], ["accuracy", "89.8 %"]],
    copycat="it looks",
    facts=[("game", "Game")],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A report whose pictures are all magenta, a color that is nowhere else on the page."""
    for name in PICTURES:
        assert cv2.imwrite(str(tmp_path / name), np.full((300, 700, 3), (255, 0, 255), np.uint8))
    return tmp_path


class Read(HTMLParser):
    """The elements of a page with their attributes, and its texts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_holds_all_and_refers_to_nothing(folder: Path) -> None:
    page = Read(write_page(folder, PAGE))
    told = "\n".join(page.texts)
    for text in ("What policies/first learned", "record more", "On the new recordings it gained: loss 0.7 -> 0.4."):
        assert text in told
    for text in ("89.8 %", "It looks.", "Game", "play policies/first --preview"):
        assert text in told
    assert "stopped" not in told
    sources = [str(attributes["src"]) for _, attributes in page.elements if "src" in attributes]
    held = [base64.b64decode(source.removeprefix("data:image/png;base64,"), validate=True) for source in sources]
    assert held == [(folder / name).read_bytes() for name in PICTURES]
    assert [attributes for _, attributes in page.elements if "href" in attributes] == []
    assert {"script", "link", "iframe", "object"}.isdisjoint(tag for tag, _ in page.elements)
    assert "url(" not in told and "@import" not in told  # nor does its style


def test_a_training_that_was_stopped_tells_how_it_goes_on(folder: Path) -> None:
    told = Read(write_page(folder, replace(PAGE, advice=[], resume="train --out 'my policy' --resume"))).texts
    assert "train --out 'my policy' --resume" in told
    assert "Advice" not in told


def test_what_titles_and_folders_hold_is_text_and_nothing_else(folder: Path) -> None:
    plain = Read(write_page(folder, PAGE))
    lines = [HOSTILE]
    hostile = Read(
        write_page(
            folder,
            Page(Path(HOSTILE), HOSTILE, lines, lines, [["", *lines], lines * 2], HOSTILE, [(HOSTILE, HOSTILE)]),
        )
    )
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    assert [sorted(attributes) for _, attributes in hostile.elements] == [
        sorted(attributes) for _, attributes in plain.elements
    ]
    assert sum(SHOWN in text for text in hostile.texts) == 11  # each value of the page, the policy's name three times


def test_a_page_for_which_there_is_no_room_leaves_the_old_one(folder: Path, small_disk: Path) -> None:
    for name in PICTURES:
        shutil.copy(folder / name, small_disk)
    path = write_page(small_disk, PAGE)
    before = path.read_bytes()
    with pytest.raises(OSError, match="No space left"):
        write_page(small_disk, replace(PAGE, summary="much" * 300_000))
    assert path.read_bytes() == before
    assert sorted(found.name for found in small_disk.iterdir()) == sorted([*PICTURES, "index.html"])


@pytest.mark.slow(5)
@pytest.mark.skipif(not shutil.which("chromium"), reason="needs Chromium")
@pytest.mark.parametrize("size", ["1100,2600", "390,4600"], ids=["wide", "phone"])
def test_a_browser_shows_the_pictures_and_a_hostile_title_as_text(size: str, folder: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken.png"
    page = write_page(folder, replace(PAGE, facts=[("game", "<style>img { display: none }</style>")]))
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'browser'}")
    asked = (f"--window-size={size}", f"--screenshot={taken}", page.as_uri())
    subprocess.run(["chromium", *flags, *asked], check=True, capture_output=True)
    shown = cv2.imread(str(taken))
    assert shown is not None
    magenta = (shown == (255, 0, 255)).all(axis=2)
    begins = np.diff(magenta.any(axis=1).astype(int)) == 1
    assert begins.sum() == len(PICTURES)  # each is there, beneath the other
    assert magenta.sum(axis=1).max() > 0.6 * shown.shape[1]  # and as wide as the page

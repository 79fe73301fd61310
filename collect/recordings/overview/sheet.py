"""`recordings list --sheet`: a picture with a row for each recording, of some of its frames and what it is."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from agent.errors import TwoframeError, UsageError, printable
from agent.json_files import write_whole
from agent.recording.reader import Recording
from collect.recordings.overview.rows import Row

MOST = 300  # rows: more are no overview, and a picture that few programs open
FRAMES, THUMBNAIL = 6, (160, 120)
TEXT_WIDTH, MARGIN = 330, 12
ROW = THUMBNAIL[1] + 30
PAPER, INK, SOFT, LINE, WRONG = "#ffffff", "#1d2330", "#5a6272", "#d6dbe3", "#b3261e"


def write_overview(path: Path, rows: Sequence[Row]) -> list[str]:
    """The picture is written whole or not at all. What is wrong with frames that were found broken only now, in lines.

    Raises `TwoframeError`.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"--sheet: found the ending {path.suffix!r} of {path}, expected .png")
    if len(rows) > MOST:
        raise UsageError(f"--sheet: found {len(rows)} recordings, expected {MOST} at most; name fewer")
    width = TEXT_WIDTH + FRAMES * (THUMBNAIL[0] + MARGIN) + MARGIN
    sheet = Image.new("RGB", (width, ROW * len(rows) + MARGIN), PAPER)
    draw = ImageDraw.Draw(sheet)
    faults = []
    for i, row in enumerate(rows):
        top = i * ROW + MARGIN
        if i:
            draw.line([(MARGIN, top - 7), (width - MARGIN, top - 7)], LINE)
        _tell(draw, row, top)
        if not row.problem:
            try:
                _show(sheet, draw, Recording.open(row.folder), top)
            except TwoframeError as error:  # packed frames are read only now
                _fault(draw, str(error), TEXT_WIDTH, top)
                faults.append(f"{row.folder}: broken: {error}")
    content = io.BytesIO()
    sheet.save(content, "PNG", optimize=True)
    try:
        write_whole(path, content.getvalue())
    except OSError as error:
        raise TwoframeError(f"{path}: found {error.strerror or error}, expected a place for the picture") from None
    return faults


def _tell(draw: ImageDraw.ImageDraw, row: Row, top: int) -> None:
    """On the left what it is; below that a bar of its balance."""
    width = TEXT_WIDTH - 2 * MARGIN
    _text(draw, top, _from_the_end(str(row.folder), width, _font(15, bold=True)), 15, INK, bold=True)
    if row.problem:
        _fault(draw, row.problem, MARGIN, top + 22)
        return
    gaps = f", {row.gaps} gap{'s' * (row.gaps != 1)}"
    cut = ", cut off" if row.is_cut_off else ""
    _text(draw, top + 22, f"{row.began}  {row.source}".strip(), 12, SOFT)
    _text(draw, top + 39, f"{row.length} at {row.rate_hz:g} fps{gaps}, {row.size}{cut}", 12, SOFT)
    left = float(MARGIN)
    for _, share, color in row.balance:
        draw.rectangle((left, top + 62, max(left, left + share * width - 1), top + 74), color)
        left += share * width
    place, line = MARGIN, top + 80
    for name, share, color in row.balance:
        words = f"{name} {share:.0%}"
        length = int(_font(12).getlength(printable(words)))
        if place + 13 + length > TEXT_WIDTH - MARGIN and place > MARGIN:
            place, line = MARGIN, line + 16
        if line > top + ROW - 52:
            break  # of very many actions the bar tells
        draw.rectangle((place, line + 4, place + 8, line + 12), color)
        _text(draw, line, words, 12, INK, left=place + 13)
        place += 13 + length + 12
    if row.used:
        learned_by = _from_the_end(f"learned by {', '.join(row.used)}", width, _font(12))
        _text(draw, top + ROW - 38, learned_by, 12, SOFT)


def _fault(draw: ImageDraw.ImageDraw, problem: str, left: int, top: int) -> None:
    for line, words in enumerate(textwrap.wrap(f"broken: {problem}", 42)[:6]):
        _text(draw, top + 16 * line, words, 12, WRONG, left=left)


def _show(sheet: Image.Image, draw: ImageDraw.ImageDraw, recording: Recording, top: int) -> None:
    """Frames spread evenly over the recording, with the seconds at which they came."""
    if not len(recording):
        return
    chosen = np.linspace(0, len(recording) - 1, FRAMES + 2)[1:-1].round().astype(int)
    for i, t in enumerate(np.unique(chosen)):
        frame = np.asarray(recording.frames[t])
        picture = ImageOps.contain(Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame), THUMBNAIL)
        left = TEXT_WIDTH + i * (THUMBNAIL[0] + MARGIN)
        sheet.paste(picture, (left, top))
        _text(draw, top + THUMBNAIL[1] + 1, f"{int(recording.captured_ns[t] / 1e8) / 10:.1f} s", 11, SOFT, left=left)


def _text(
    draw: ImageDraw.ImageDraw, top: int, text: str, size: int, color: str, *, left: int = MARGIN, bold: bool = False
) -> None:
    draw.text((left, top), printable(text), color, _font(size, bold=bold))


def _font(size: int, *, bold: bool = False) -> Any:
    """matplotlib's own font: it is there on every system, and knows most alphabets."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size)


def _from_the_end(text: str, width: int, font: Any) -> str:
    """The end of a path tells more than its beginning."""
    shown = printable(text)
    while font.getlength(shown) > width:
        shown = f"\u2026{shown.removeprefix(chr(0x2026))[1:]}"
    return shown

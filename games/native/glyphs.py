"""Reading a number off the screen, by the pictures of digits that a game draws it with."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from agent.arrays import Array, Floats
from agent.frames import Image

# Mean difference of levels up to which a place shows a digit: the right one gives less than 1, none over 25.
LIKE = 10.0
PINK = (255, 0, 255)  # between the letters of an SFont, in its first row


@dataclass(frozen=True, slots=True)
class Glyph:
    """One digit as it is drawn on black, (h, w) of the brightest colour's level; and how far right the next begins."""

    digit: int
    level: Floats
    advance: int


def level_of(picture: Array) -> Floats:
    """(h, w) level of the brightest of the first three colours."""
    return np.asarray(picture[:, :, :3].max(axis=2), np.float32)


def drawn_on_black(picture: Array) -> Floats:
    """(h, w) levels of (h, w, 4) uint8 BGRA with the last as opacity; of (h, w, 3), white is not drawn."""
    opacity = picture[:, :, 3] / 255 if picture.shape[2] == 4 else (picture < 255).any(axis=2)
    return np.asarray(level_of(picture) * opacity, np.float32)


def glyphs_of_files(files: dict[int, Path], advance: int) -> list[Glyph]:
    """One picture for each digit, all as wide as `advance`."""
    pictures = {digit: cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for digit, file in files.items()}
    return [Glyph(digit, drawn_on_black(picture), advance) for digit, picture in pictures.items()]


def glyphs_of_sfont(file: Path) -> list[Glyph]:
    """The digits of an SFont, a picture with all letters from `!` on, where pink in the first row parts them (SFont.c
    by Karl Bartel)."""
    picture = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    pink = (picture[0, :, :3] == PINK[::-1]).all(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], pink, [False]]).astype(np.int8)))  # begin, end, begin, ...
    level = drawn_on_black(picture)[1:]
    glyphs = []
    for digit in range(10):
        place = (ord(str(digit)) - ord("!")) * 2 + 1
        begin, stop = edges[place : place + 2]
        glyphs.append(Glyph(digit, level[:, begin:stop], int(stop - begin)))
    return glyphs


def read_number(picture: Image, glyphs: list[Glyph], left: int, top: int, most: int) -> int | None:
    """The number of at most `most` digits whose first is drawn at `left`, `top`; None where there is none."""
    level = level_of(picture[top : top + max(len(glyph.level) for glyph in glyphs)])
    text = ""
    while len(text) < most:
        far, best = min(((_difference(level, glyph, left), glyph) for glyph in glyphs), key=lambda found: found[0])
        if far > LIKE:
            break
        text += str(best.digit)
        left += best.advance
    return int(text) if text else None


def _difference(level: Floats, glyph: Glyph, left: int) -> float:
    """Mean over the picture of the digit, from the top of `level` on."""
    height, width = glyph.level.shape
    place = level[:height, left : left + width]
    if place.shape != glyph.level.shape:
        return float("inf")
    return float(np.abs(place - glyph.level).mean())

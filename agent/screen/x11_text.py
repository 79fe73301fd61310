"""Text in the properties of X11 windows, in the encoding that the type of the property names."""

import re

# Compound Text Encoding, version 1.1 (X Consortium), section 5: character sets by the final byte of their escape
# sequences; those of several bytes a character as Python calls them with the eighth bits set.
_PARTS = (1, 2, 3, 4, 7, 6, 8, 5, 9, 11, 10, 13, 14, 15)  # of ISO 8859
_OF_94 = {ord("B"): "ascii", ord("J"): "ascii", ord("I"): "shift_jis"}
_OF_96 = {final: f"iso8859-{part}" for final, part in zip(b"ABCDFGHLMTVY_b", _PARTS, strict=True)}
_OF_94_BY_94 = {ord("A"): "gb2312", ord("B"): "euc_jp", ord("C"): "euc_kr"}

_PIECE = re.compile(
    rb"\x1b%G(?P<utf8>.*?)(?:\x1b%@|\Z)"
    rb"|\x1b(?P<into>\$?[()-])(?P<final>.)"
    rb"|\x9b[12]?\]"  # which way it is written
    rb"|(?P<left>[\x00-\x1a\x1c-\x7f]+)|(?P<right>[\x80-\xff]+)|.",
    re.DOTALL,
)


def text_of(value: bytes, kind: str) -> str:
    """`kind` is the name of the property's type; bytes that are no text in it are shown somehow."""
    if kind == "UTF8_STRING":
        return value.decode("utf-8", "replace")
    if kind == "COMPOUND_TEXT":
        return _compound_text(value)
    return value.decode("latin-1")


def _compound_text(value: bytes) -> str:
    """Two character sets are in use at a time: one for bytes below 128, one for those above."""
    left, right = "ascii", "iso8859-1"
    text = ""
    for piece in _PIECE.finditer(value):
        if piece["utf8"] is not None:
            text += piece["utf8"].decode("utf-8", "replace")
        elif piece["into"] is not None:
            sets = _OF_94_BY_94 if b"$" in piece["into"] else _OF_96 if piece["into"] == b"-" else _OF_94
            encoding = sets.get(piece["final"][0], "iso8859-1")
            left, right = (encoding, right) if b"(" in piece["into"] else (left, encoding)
        elif piece["left"] is not None:
            many = left in _OF_94_BY_94.values()
            text += (bytes(byte | 0x80 for byte in piece["left"]) if many else piece["left"]).decode(left, "replace")
        elif piece["right"] is not None:
            text += piece["right"].decode(right, "replace")
    return text

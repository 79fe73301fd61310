"""`.npy` files of version 1 as recordings hold them: their header, and the rows that are there, mapped."""

import math
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO
from warnings import catch_warnings, simplefilter

import numpy as np

from agent.arrays import Array
from agent.errors import TwoframeError

HEADER_BYTES = 10 + 65535  # the most that a header of version 1 can take


def mapped(path: Path, dtype: np.dtype[Any], row: tuple[int, ...]) -> tuple[Array, str | None]:
    """The array in `path` as far as the file reaches, mapped read-only, and what it lacks.

    Its header must announce `dtype` and rows of shape `row`. Raises `TwoframeError`.
    """
    require_plain(path)
    with path.open("rb") as file:
        announced = read_header(file, path, dtype, row)
        offset = file.tell()
        size = file.seek(0, 2)
    held = min(announced, (size - offset) // (dtype.itemsize * math.prod(row)))
    lost = f"{path.name}: found {held} of {announced} rows in the file" if held < announced else None
    if held == 0:
        return np.empty((0, *row), dtype), lost
    return np.memmap(path, dtype, "r", offset, (held, *row)), lost


def require_plain(path: Path) -> None:
    """Raise `TwoframeError` unless `path` is a file and no link."""
    if path.is_symlink() or not path.is_file():
        raise TwoframeError(f"{path}: found no plain file, expected an array; copy the whole recording again")


def read_header(file: BinaryIO, path: Path, dtype: np.dtype[Any], row: tuple[int, ...]) -> int:
    """How many rows of shape `row` and `dtype` the header of `file` announces, whose name is `path`; what follows in
    `file` are the rows. Raises `TwoframeError` for any other header than a plain one of version 1."""
    expected = f"expected {dtype} (T, {', '.join(map(str, row))})"
    try:
        shape, fortran, found = _header(file)
    except _NO_HEADER as error:
        found_text = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise TwoframeError(f"{path}: found no readable header ({found_text}), {expected}") from None
    if found != dtype or fortran or len(shape) != 1 + len(row) or tuple(shape[1:]) != row or shape[0] < 0:
        raise TwoframeError(f"{path}: found {str(found)[:80]} {str(shape)[:80]}, {expected}; record again")
    return shape[0]


# All that numpy raises for a header that is none, depending on where its parser gives up.
_NO_HEADER = (ValueError, TypeError, SyntaxError, RecursionError, MemoryError, EOFError, TokenError, Warning)


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, Fortran order and dtype; what numpy only warns of, such as headers of Python 2, is refused."""
    version = np.lib.format.read_magic(file)
    if version != (1, 0):
        raise ValueError(f"npy version {version}")
    with catch_warnings():
        simplefilter("error")
        return np.lib.format.read_array_header_1_0(file)


def header_of(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """The header of an array in C order; it has room for `shape[0]` to grow."""
    header = _Bytes()
    np.lib.format.write_array_header_1_0(
        header, {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    )
    return header.content


class _Bytes:
    """Gathers what numpy writes piece by piece, so that a header reaches the file in one write."""

    def __init__(self) -> None:
        self.content = b""

    def write(self, content: bytes) -> int:
        self.content += content
        return len(content)

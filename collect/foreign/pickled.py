"""Arrays out of a pickle of numpy's, without running anything that is in it.

A pickle is a program. This reads the few instructions that numpy's `save` of a list of pictures and labels is made of,
and of the names in it only numpy's own constructors, which are stand-ins here: plain Python that keeps what it is given
until it has been checked. All others are refused before anything is called.
"""

import io
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import Any, BinaryIO

import numpy as np

from agent.arrays import Array
from agent.errors import TwoframeError

MAX_BYTES = 4_000_000_000
MAX_ROW = 64  # as many actions as there can be
_PLAIN = re.compile(r"[<>|=]?([biuf][1248]|\?)")


class _DType:
    """Stands for a `numpy.dtype`: its name, and the order of its bytes."""

    def __init__(self, name: Any, *_: Any) -> None:
        self.name = name
        self.order = "="

    def set(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) >= 2 and state[1] in ("<", ">", "|", "=")):
            raise pickle.UnpicklingError("a kind of numbers that numpy does not write")
        self.order = state[1]

    def known(self) -> np.dtype[Any]:
        if not (isinstance(self.name, str) and _PLAIN.fullmatch(self.name)):
            raise pickle.UnpicklingError(f"an array of {str(self.name)[:20]}")
        return np.dtype(self.name).newbyteorder("=" if self.order == "|" else self.order)  # type: ignore[arg-type]


class _Array:
    """Stands for a `numpy.ndarray`, empty until its state is set."""

    def __init__(self) -> None:
        self.content: Array | list[Any] = []
        self.shape: tuple[int, ...] = ()

    def set(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) == 5 and isinstance(state[2], _DType)):
            raise pickle.UnpicklingError("an array that numpy does not write")
        _, shape, kind, fortran, data = state
        self._fill(shape, kind, data, "F" if fortran else "C")

    def _fill(self, shape: Any, kind: _DType, data: Any, order: str) -> None:
        if not (isinstance(shape, tuple) and len(shape) <= 8 and all(type(n) is int and n >= 0 for n in shape)):
            raise pickle.UnpicklingError("an array of no shape")
        if kind.name in ("O", "O4", "O8"):
            if not (isinstance(data, list) and len(data) == math.prod(shape) and order == "C"):
                raise pickle.UnpicklingError("an array of objects that lacks some")
            self.content = data
        else:
            flat = np.frombuffer(data, kind.known())
            self.content = flat.reshape(shape, order=order)  # type: ignore[call-overload]
        self.shape = shape


def _reconstruct(kind: Any, *_: Any) -> _Array:
    if kind is not _Array:
        raise pickle.UnpicklingError("a kind of array that is not numpy's")
    return _Array()


def _from_buffer(data: Any, kind: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    if not isinstance(kind, _DType) or axes is not None:
        raise pickle.UnpicklingError("an array that numpy does not write")
    made = _Array()
    made._fill(shape, kind, bytes(data), "F" if order == "F" else "C")
    return made


def _scalar(kind: Any, data: Any) -> Any:
    if not isinstance(kind, _DType):
        raise pickle.UnpicklingError("a number of no kind")
    value = np.frombuffer(data, kind.known())
    if len(value) != 1:
        raise pickle.UnpicklingError("a number of no size")
    return value[0].item()


def _latin1(text: Any, encoding: Any) -> bytes:
    """What `_codecs.encode` is in the old protocols: their way to write bytes."""
    if not (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        raise pickle.UnpicklingError("text that is no bytes of numpy's")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


_NAMES: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _latin1,
    ("__builtin__", "bytes"): _no_bytes,
}
for _core in ("numpy.core", "numpy._core"):
    _NAMES |= {
        (f"{_core}.multiarray", "_reconstruct"): _reconstruct,
        (f"{_core}.multiarray", "scalar"): _scalar,
        (f"{_core}.numeric", "_frombuffer"): _from_buffer,
    }
_CALLED = (_reconstruct, _from_buffer, _scalar, _latin1, _no_bytes, _DType)

# What numpy's pickles are made of. Not among them: whatever makes objects of classes, and names of a registry.
_INSTRUCTIONS = (
    "PROTO FRAME STOP MARK POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT "
    "BINFLOAT STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 BYTEARRAY8 UNICODE BINUNICODE "
    "SHORT_BINUNICODE BINUNICODE8 EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST LIST APPEND APPENDS PUT BINPUT "
    "LONG_BINPUT MEMOIZE GET BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD"
)


def _call(reader: Any) -> None:
    arguments = reader.stack.pop()
    called = reader.stack[-1]
    if not (any(called is each for each in _CALLED) and type(arguments) is tuple):
        raise pickle.UnpicklingError("a call of something else")
    reader.stack[-1] = called(*arguments)


def _set_state(reader: Any) -> None:
    state = reader.stack.pop()
    made = reader.stack[-1]
    if type(made) not in (_Array, _DType):
        raise pickle.UnpicklingError("the state of something else")
    made.set(state)


class _Allowed(dict[int, Callable[[Any], None]]):
    def __missing__(self, code: int) -> Callable[[Any], None]:
        raise pickle.UnpicklingError(f"the instruction {bytes([code])!r}")


# Python's own, whose memo is a dictionary: that in C takes as much memory as a number in the pickle says.
class _Unpickler(pickle._Unpickler):
    dispatch = _Allowed(
        (code, {"REDUCE": _call, "BUILD": _set_state}.get(name) or pickle._Unpickler.dispatch[code])
        for name in _INSTRUCTIONS.split()
        for code in getattr(pickle, name)
    )

    def find_class(self, module: str, name: str) -> Any:
        found = _NAMES.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(f"the name {module}.{name}"[:60])
        return found


# All that reading a damaged or a hostile pickle ends in.
_NO_PICKLE = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    SyntaxError,
    TokenError,
    TypeError,
    ValueError,
)


def read_saved(path: Path) -> list[Any] | Array:
    """What `numpy.save` wrote: an array of numbers, or of objects as a list whose items are arrays, lists and numbers.

    Raises `TwoframeError` for anything else; nothing in the file is run.
    """
    if not path.is_file():
        raise TwoframeError(f"{path}: found no file, expected one that numpy saved")
    if path.stat().st_size > MAX_BYTES:
        raise TwoframeError(f"{path}: found more than {MAX_BYTES / 1e9:g} GB, expected less; split it")
    try:
        with path.open("rb") as file:
            shape, fortran, kind = _header(file)
            if not kind.hasobject:
                file.seek(0)
                return np.load(file, allow_pickle=False)  # type: ignore[no-any-return]
            if fortran or len(shape) > 2:
                raise ValueError(f"an array of objects of shape {shape}")
            found = _Unpickler(io.BytesIO(file.read())).load()
        return _opened(found, _Budget())  # type: ignore[no-any-return]
    except _NO_PICKLE as error:
        what = " ".join(str(error).split())[:80] or type(error).__name__
        raise TwoframeError(
            f"{path}: found something that numpy does not save of pictures and labels ({what}), expected training data "
            "of the tutorial; nothing in it was run"
        ) from None


def _header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f"npy version {version}")
    return read(file)


class _Budget:
    """How many items may still be opened: a few bytes of a pickle can stand for lists of lists without an end."""

    def __init__(self, items: int = 10_000_000) -> None:
        self._left = items

    def take(self, items: int) -> None:
        self._left -= items
        if self._left < 0:
            raise ValueError("more than ten million items")


def _opened(value: Any, budget: _Budget, depth: int = 0) -> Any:
    """`value` without stand-ins: arrays of numbers as numpy's, those of objects as lists, nested by their shape."""
    if isinstance(value, _Array) and not isinstance(value.content, list):
        return value.content
    if isinstance(value, _Array):
        items = value.content
        if len(value.shape) > 1:
            width = math.prod(value.shape[1:])
            items = [items[i * width : (i + 1) * width] for i in range(value.shape[0])]
    elif isinstance(value, list | tuple):
        items = list(value)
    elif isinstance(value, int | float):
        return value
    else:
        raise ValueError(f"{type(value).__name__.strip('_').lower()} among the labels")
    budget.take(len(items))
    if depth > 2 or (depth and len(items) > MAX_ROW):
        raise ValueError("lists within lists that are neither pairs nor rows")
    return [_opened(item, budget, depth + 1) for item in items]

"""JSON that describes a recording or a policy: written whole or not at all, as other small files are, and read with
distrust."""

import json
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError, raise_if_any

MAX_JSON_BYTES = 4_000_000


def write_json(path: Path, value: Any) -> None:
    """Raises OSError; then the file is as it was."""
    write_whole(path, (json.dumps(value, indent=2) + "\n").encode())


def write_whole(path: Path, content: bytes) -> None:
    """Written aside and renamed: the file is the old one or the new one, never half of it. Raises OSError."""
    aside = path.with_name(f"{path.name}.new")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def read_json(path: Path) -> Any:
    """The JSON in a plain file of at most 4 MB. Raises `TwoframeError` for anything else."""
    if path.is_symlink() or not path.is_file():
        raise TwoframeError("found no plain file, expected JSON")
    content = read_short(path, MAX_JSON_BYTES)
    try:
        return json.loads(content, parse_int=_number)
    except (ValueError, RecursionError) as error:
        raise TwoframeError(f"found no JSON ({str(error)[:80]}), expected what twoframe wrote") from None


def _number(text: str) -> int:
    """No longer than 64 bits: who makes a float of it, or an array, need not think of others."""
    number = int(text)
    if number.bit_length() > 63:
        raise ValueError(f"a number of {len(text)} digits")
    return number


def read_short(path: Path, most: int) -> bytes:
    """What is in a file of at most so many bytes. Raises `TwoframeError` for a longer one, and OSError."""
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise TwoframeError(f"found more than {most} bytes, expected a short file")
    return content


def check_version(value: Any, what: str, *versions: int) -> None:
    """Raise `TwoframeError` unless `value` is an object of one of these format versions."""
    found = value.get("format_version") if isinstance(value, dict) else None
    if type(found) is not int or found not in versions:
        newer = "; install a newer twoframe" if type(found) is int and found > max(versions) else ""
        expected = " or ".join(map(str, versions))
        raise TwoframeError(f"found format version {str(found)[:20]}, expected {expected} of a {what}{newer}")


def check_types(value: dict[str, Any], typed: dict[str, Any]) -> None:
    """Raise one `TwoframeError` for all the entries of `value` that are missing or of another type."""
    wrong = [
        name
        for name, kind in typed.items()
        if not isinstance(value.get(name), kind) or (kind is not bool and isinstance(value.get(name), bool))
    ]
    raise_if_any(f"{name}: found {str(value.get(name))[:40]!r}, expected another type" for name in wrong)

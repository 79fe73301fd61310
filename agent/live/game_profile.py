"""What is known of one game, in a file that `collect` and `play` read: `--game FILE`.

Its values are written as the flags of `collect` take them, so that one rule says what each may be.
"""

import json
import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from agent.actions import ActionSet
from agent.errors import TwoframeError, raise_if_any
from agent.frames import Box, FrameSpec, parse_size
from agent.json_files import read_short, write_whole
from agent.live.hotkeys import Hotkeys
from agent.recording.format import MAX_FPS
from agent.recording.window_marks import WindowMarks

MAX_BYTES = 64_000
MAX_TEXT = 500  # characters of one text; titles are no longer
_NAMED = {"window_class": "class"}  # a word that Python keeps for itself
_TEXTS = ("title", "class", "program", "default", "size", "color", "crop", "crop_of")
_LISTS = ("keys", "hotkeys")


@dataclass(frozen=True, slots=True)
class GameProfile:
    """One game: its window, its actions, its picture. What is None or empty is not said.

    `crop_of`, as WIDTHxHEIGHT, is the size of the window that `crop` is meant for. Raises `TwoframeError` naming every
    problem.
    """

    title: str | None = None
    window_class: str | None = None
    program: str | None = None
    keys: tuple[str, ...] = ()
    default: str | None = None
    size: str | None = None
    color: str | None = None
    fps: float | None = None
    crop: str | None = None
    crop_of: str | None = None
    hotkeys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        problems = []
        if self.title is None and (self.window_class is not None or self.program is not None):
            problems.append("found a class or a program without a title, expected the title too")
        if self.title == "":
            problems.append("title: found an empty text, expected a part of the window's title")
        if self.crop_of is not None and self.crop is None:
            problems.append("crop_of: found it without crop, expected both")
        if self.default is not None and not self.keys:
            problems.append("default: found it without keys, expected both")
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            problems.append(f"fps: found {str(self.fps)[:20]}, expected more than 0 and at most {MAX_FPS:g}")
        for check in (self._check_keys, self._check_picture):
            try:
                check()
            except TwoframeError as error:
                problems.append(str(error))
        raise_if_any(problems)

    @property
    def marks(self) -> WindowMarks:
        """By what the window is known. A title alone is meant as `--window` is, and is followed by that."""
        is_known = self.window_class is not None or self.program is not None
        return WindowMarks(None if is_known else self.title, self.window_class, self.program)

    @property
    def crop_size(self) -> tuple[int, int] | None:
        """Width and height of the window that `crop` is meant for, None where they are not said."""
        return parse_size(self.crop_of) if self.crop_of is not None else None

    def flags(self) -> dict[str, Any]:
        """What it says that is a flag of `collect`, by name."""
        said = {name: getattr(self, name) for name in ("keys", "default", "size", "color", "fps", "crop", "hotkeys")}
        return {name: value for name, value in said.items() if value not in (None, ())}

    def _check_keys(self) -> None:
        if self.keys:
            Hotkeys.parse(self.hotkeys, ActionSet.parse(self.keys, self.default))

    def _check_picture(self) -> None:
        crop = Box.parse(self.crop, "crop") if self.crop is not None else None
        width, height = parse_size(self.size or "160x120")
        whole = self.crop_size or (crop and (crop.left + crop.width, crop.top + crop.height))
        FrameSpec(width, height, self.color or "gray", crop, whole)  # type: ignore[arg-type]  # it checks the color

    @classmethod
    def read(cls, path: Path) -> "GameProfile":
        """Raises `TwoframeError` for a file that is none, telling all that is wrong with it."""
        try:
            return cls._of(_table(path))
        except TwoframeError as error:
            raise TwoframeError(f"{path}: {error}") from None
        except OSError as error:
            raise TwoframeError(f"{path}: found {error.strerror or error}, expected a profile of a game") from None

    @classmethod
    def _of(cls, table: dict[str, Any]) -> "GameProfile":
        allowed = {_NAMED.get(field.name, field.name): field.name for field in fields(cls)}
        problems = [
            f"found {name[:40]!r}, expected one of {', '.join(allowed)}" for name in table if name not in allowed
        ]
        for name in _TEXTS:
            if name in table and not _is_text(table[name]):
                problems.append(f"{name}: found {_shown(table[name])}, expected a text of at most {MAX_TEXT} letters")
        for name in _LISTS:
            value = table.get(name, [])
            if not (isinstance(value, list) and all(map(_is_text, value))):
                problems.append(f'{name}: found {_shown(value)}, expected a list of texts such as ["left=a"]')
        if "fps" in table and type(table["fps"]) not in (int, float):
            problems.append(f"fps: found {_shown(table['fps'])}, expected a number")
        raise_if_any(problems)
        values: dict[str, Any] = {allowed[name]: value for name, value in table.items()}
        return cls(**values | {name: tuple(table[name]) for name in _LISTS if name in table})

    def write(self, path: Path) -> None:
        """Into a new file; one that is there is never overwritten. Raises `TwoframeError`."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(exist_ok=False)
            try:
                write_whole(path, self.to_toml().encode("utf-8", "replace"))
            except OSError:
                path.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise TwoframeError(f"{path}: found {error.strerror or error}, expected a place for a new file") from None

    def to_toml(self) -> str:
        lines = ["# A game for twoframe: collect OUT --game FILE, play POLICY --game FILE", "# Flags win over it."]
        for field in fields(self):
            value = getattr(self, field.name)
            if value in (None, ()):
                continue
            if isinstance(value, tuple):
                text = f"[{', '.join(map(_quoted, value))}]"
            else:
                text = _quoted(value) if isinstance(value, str) else f"{value:g}"
            lines.append(f"{_NAMED.get(field.name, field.name)} = {text}")
        return "\n".join(lines) + "\n"


def free_path(folder: Path, title: str) -> Path:
    """A file in `folder` named after the game, and not there yet."""
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "game"
    paths = [folder / f"{name}{number}.toml" for number in ("", *(f"-{n}" for n in range(2, 1000)))]
    return next((path for path in paths if not path.exists()), paths[-1])


def _table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise TwoframeError("found no plain file, expected a profile of a game")
    content = read_short(path, MAX_BYTES)
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise TwoframeError(f"found no TOML ({str(error)[:80]}), expected lines such as fps = 20") from None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_TEXT


def _shown(value: Any) -> str:
    return str(value)[:40] if not isinstance(value, str) else repr(value[:40])


def _quoted(text: str) -> str:
    """A basic string of TOML, which is one of JSON but for DEL (TOML 1.0, String)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

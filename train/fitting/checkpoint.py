"""`checkpoint.npz` in the policy folder: an unfinished training, written aside and renamed, so it is always whole."""

import json
import os
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from agent.arrays import Array
from agent.errors import TwoframeError
from agent.json_files import check_types, check_version
from train.fitting.history import History

FORMAT_VERSION = 1
CHECKPOINT_FILE = "checkpoint.npz"
_TYPES = {"settings": dict, "recordings": str, "course": dict}
Result = TypeVar("Result")
Arrays = list[Array]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`settings` are those of the command line, `recordings` a digest of what is learned from, `state` the
    learner's; `sources` tell where the recordings lie and what each is (not in a checkpoint of an older train)."""

    settings: dict[str, Any]
    recordings: str
    history: History
    state: Arrays
    sources: dict[str, Any] = field(default_factory=dict)


def write_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the checkpoint in `folder`; the old one stays if the disk does not take the new one (OSError)."""
    path = folder / CHECKPOINT_FILE
    aside = path.with_name(f"{path.name}.new")
    header = {
        "format_version": FORMAT_VERSION,
        "settings": checkpoint.settings,
        "recordings": checkpoint.recordings,
        "sources": checkpoint.sources,
        "course": checkpoint.history.to_json(),
    }
    arrays = {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)}
    arrays |= {f"state_{i}": array for i, array in enumerate(checkpoint.state)}
    arrays |= {f"best_{i}": array for i, array in enumerate(checkpoint.history.best_weights)}
    try:
        with aside.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]  # allow_pickle is the next keyword in numpy's stub
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise


def read_settings(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings and sources in the checkpoint in `folder`, without its arrays. Raises `TwoframeError` as
    `read_checkpoint`."""
    return _read(folder, lambda content, header: (dict(header["settings"]), dict(header.get("sources", {}))))


def read_checkpoint(folder: Path) -> Checkpoint:
    """Raises `TwoframeError` if there is none in `folder`, or one that `write_checkpoint` cannot have written."""

    def read(content: Any, header: dict[str, Any]) -> Checkpoint:
        history = History.from_json(header["course"])
        history.best_weights = _numbered(content, "best")
        state = _numbered(content, "state")
        return Checkpoint(header["settings"], header["recordings"], history, state, dict(header.get("sources", {})))

    return _read(folder, read)


def _read(folder: Path, read: Callable[[Any, dict[str, Any]], Result]) -> Result:
    path = folder / CHECKPOINT_FILE
    if not path.is_file() or path.is_symlink():
        raise TwoframeError(
            f"{folder}: found no {CHECKPOINT_FILE}, expected an unfinished training; start one without --resume"
        )
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            header = json.loads(content["header"].tobytes())
            check_version(header, "checkpoint", FORMAT_VERSION)
            check_types(header, _TYPES)
            return read(content, header)
    except TwoframeError as error:
        raise TwoframeError(f"{path}: {error}") from None
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        EOFError,
        MemoryError,
        RecursionError,
        zipfile.BadZipFile,
    ) as error:
        raise TwoframeError(
            f"{path}: found something else ({type(error).__name__}), expected a checkpoint that train wrote; "
            "start again in a new folder"
        ) from None


def _numbered(content: Any, name: str) -> Arrays:
    count = sum(key.startswith(f"{name}_") for key in content.files)
    return [content[f"{name}_{i}"] for i in range(count)]

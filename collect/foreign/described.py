"""The `meta.json` of a recording that a dataset of another format was made of: it goes with it, and comes back."""

from pathlib import Path

from agent.errors import TwoframeError
from agent.json_files import read_json, write_json
from agent.recording.format import Meta
from collect.foreign.episodes import Episode

NAME = "twoframe.json"


def describe(folder: Path, episodes: list[Episode]) -> None:
    """Write what is known of the recordings, as the first of them says it, into `folder`."""
    write_json(folder / NAME, episodes[0].recording.meta.to_json())


def described_in(folder: Path) -> Meta | None:
    """What is written there; None where nothing is. Raises `TwoframeError` for what we cannot have written."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return Meta.from_json(read_json(path))
    except TwoframeError as error:
        raise TwoframeError(f"{path}: {error}; delete it to import without") from None

"""What is told of each recording in the overview, and which policies learned from it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from agent.errors import TwoframeError
from agent.json_files import read_json
from agent.live_line import clock
from agent.recording.format import PERSON
from agent.recording.learned_from import LearnedFrom, recording_digest
from agent.recording.reader import Recording
from collect.summary import action_counts, megabytes

POLICY_JSON = "policy.json"  # of a policy's folder
# One for each action in their order; the first eight are those of Okabe and Ito (2008) for the colour-blind.
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#c8b900", "#7f7f7f", "#8c564b", "#9467bd")

Learned = Mapping[str, Sequence[str]]  # by the digest of a recording, the policies that know it


@dataclass(frozen=True, slots=True)
class Row:
    """A recording among the others; of a broken one only `folder` and `problem` are told.

    `began` is local time, `counts` are the frames of each of the actions `names`, `source` is who played, `used` are
    policies that learned from it or were judged by it.
    """

    folder: Path
    problem: str = ""
    is_cut_off: bool = False
    began: str = ""
    frames: int = 0
    duration_s: float = 0.0
    rate_hz: float = 0.0
    gaps: int = 0
    names: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    source: str = ""
    size_bytes: int = 0
    used: tuple[str, ...] = ()

    @property
    def length(self) -> str:
        return clock(self.duration_s)

    @property
    def size(self) -> str:
        return megabytes(self.size_bytes)

    @property
    def balance(self) -> list[tuple[str, float, str]]:
        """Of each action its name, its share in 0..1 and its color."""
        total = max(sum(self.counts), 1)
        colors = (COLORS[i % len(COLORS)] for i in range(len(self.names)))
        return [
            (name, count / total, color) for name, count, color in zip(self.names, self.counts, colors, strict=True)
        ]


def row_of(folder: Path, learned: Learned) -> Row:
    try:
        recording = Recording.open(folder)
        used = tuple(learned.get(recording_digest(recording), ())) if learned else ()
    except TwoframeError as error:
        return Row(folder, problem=str(error))  # told in its place: the next one may be sound
    meta = recording.meta
    return Row(
        folder,
        is_cut_off=not meta.complete,
        began=_local(meta.started_utc),
        frames=len(recording),
        duration_s=recording.duration_s,
        rate_hz=recording.rate_hz,
        gaps=int(recording.gap_before()[1:].sum()),
        names=meta.actions.names,
        counts=tuple(action_counts(recording).tolist()),
        source=source_of(recording),
        size_bytes=sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        used=used,
    )


def source_of(recording: Recording) -> str:
    """Who played: a person before `collect`, a script that wrote a recording itself, or an agent, and who beside."""
    meta, control = recording.meta, recording.control
    theirs = float((control == PERSON).mean()) if control is not None and len(control) else 1.0
    if meta.source == "rollout":
        return f"agent, {theirs:.0%} corrected" if theirs else "agent"
    who = "person" if "mss" in meta.versions else "script"  # what collect grabs the screen with
    return f"{who}, {1 - theirs:.0%} disturbed" if theirs < 1 else who


def _local(started_utc: str) -> str:
    try:
        began = datetime.fromisoformat(started_utc)
        return (began if began.tzinfo else began.replace(tzinfo=UTC)).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return ""  # not a time that we wrote


def places_of_policies(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The current folder, those that hold the recordings, and those above these, where `policies` often lies."""
    places = [Path()]
    for folder in folders:
        above = [place for place in (folder.absolute().parent, folder.absolute().parent.parent) if place.name]
        places += [place for place in above if place not in places and place != Path().absolute()]
    return tuple(places)


def learned_in(places: Iterable[Path]) -> tuple[Learned, int]:
    """What the policies in `places` learned from, those two folders deep too; and how many policies there are."""
    learned: dict[str, list[str]] = {}
    seen = set()
    for place in places:
        found = (path for depth in ("", "*/", "*/*/") for path in sorted(place.glob(f"{depth}{POLICY_JSON}")))
        for path in found:
            if path.resolve() in seen or (recordings := _recordings_of(path)) is None:
                continue
            seen.add(path.resolve())
            for one in recordings:
                learned.setdefault(one.digest, []).append(from_here(path.parent))
    return learned, len(seen)


def _recordings_of(path: Path) -> list[LearnedFrom] | None:
    """Of a `policy.json`; None where it is none of ours, as many other programs have a file of that name."""
    try:
        settings = read_json(path)
        if not (isinstance(settings, dict) and isinstance(settings.get("recordings", []), list)):
            return None
        if "actions" not in settings or "feature_size" not in settings:
            return None
        return [LearnedFrom.from_json(one) for one in settings.get("recordings", [])]
    except (TwoframeError, OSError):
        return None


def from_here(folder: Path) -> str:
    """As one types it in the current folder, where it lies in that."""
    here = Path().absolute()
    return str(folder.absolute().relative_to(here) if folder.absolute().is_relative_to(here) else folder)

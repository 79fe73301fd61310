"""Which recordings a training learns from, and finding them again by what they hold, wherever they have gone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError, UsageError
from agent.recording.learned_from import recording_digest
from agent.recording.reader import Recording, find_recordings, matching, open_recordings
from train.options import TrainOptions
from train.starting_policy import StartingPolicy


@dataclass(frozen=True, slots=True)
class Sources:
    """Recordings to learn from and, if told, to judge by; `kept` are old ones of the policy that a training starts
    from. `notes` says what deserves a line: which were left out."""

    learned: tuple[Recording, ...]
    judges: tuple[Recording, ...] = ()
    notes: tuple[str, ...] = ()
    kept: tuple[Recording, ...] = ()

    @property
    def recordings(self) -> tuple[Recording, ...]:
        """All of them, in the order of the dataset."""
        return (*self.learned, *self.kept, *self.judges)

    def to_json(self) -> dict[str, Any]:
        """Where they are and what they are, to find them again."""

        def told(recordings: Sequence[Recording]) -> list[dict[str, str]]:
            return [{"folder": str(each.folder.resolve()), "digest": recording_digest(each)} for each in recordings]

        return {"learned": told(self.learned), "judges": told(self.judges), "kept": told(self.kept)}


def find_sources(options: TrainOptions, start: StartingPolicy | None = None) -> Sources:
    """What the command line names, and what the policy to `start` from was learned from, where that is found; an empty
    or broken recording among others is left out.

    Raises `TwoframeError` if there is no sound one, `UsageError` if one is both learned and judged by.
    """
    learned, wrong = open_recordings(find_recordings(options.recordings))
    judges, also_wrong = open_recordings(find_recordings(options.validate)) if options.validate else ([], [])
    if both := {each.folder.resolve() for each in learned} & {each.folder.resolve() for each in judges}:
        raise UsageError(
            f"--validate: found {', '.join(sorted(path.name for path in both))} among what is learned from, "
            "expected other recordings"
        )
    notes = [f"left out: {line}" for line in (*wrong, *also_wrong)]
    kept: list[Recording] = []
    if start:
        known = {one.digest for one in start.meta.recordings}
        learned.sort(key=lambda each: recording_digest(each) in known)  # those to draw from are neighbours
        old, about_old = _old_ones(options, start)
        named = {recording_digest(each) for each in (*learned, *judges)}
        kept = [each for each in old if recording_digest(each) not in named]
        notes += about_old
    return Sources(tuple(learned), tuple(judges), tuple(notes), tuple(kept))


def _old_ones(options: TrainOptions, start: StartingPolicy) -> tuple[list[Recording], list[str]]:
    """What --keep names, else what the policy tells of and is found; and lines about what is not."""
    if options.keep:
        old, wrong = open_recordings(find_recordings(options.keep))
        return old, [f"left out: {line}" for line in wrong]
    told = {one.digest: start.folder / one.folder for one in start.meta.recordings}
    search = _Search(options)
    found = {digest: search.find(folder, digest) for digest, folder in told.items()}
    missing = [str(folder.resolve()) for digest, folder in told.items() if found[digest] is None]
    lines = []
    if missing:
        lines.append(
            f"warning: {', '.join(missing)}: found no such recording any more, which {start.folder} was learned from; "
            "what it forgets of that is not seen: name the place with --keep"
        )
    if not told:
        lines.append(
            f"warning: {start.folder} does not tell what it was learned from, as one of an older train; what it "
            "forgets is not seen: name its recordings with --keep"
        )
    return [recording for recording in found.values() if recording], lines


def find_again(kept: dict[str, Any], options: TrainOptions) -> Sources:
    """Those that `Sources.to_json` told of: where they were, beside that, or in what the command line names.

    Raises `TwoframeError` naming those that are not found.
    """
    try:
        told = {"kept": [], **kept}  # not in a checkpoint of an older train
        wanted = {part: [(Path(one["folder"]), str(one["digest"])) for one in told[part]] for part in _PARTS}
    except (KeyError, TypeError):
        raise TwoframeError(f"{options.out}: found a checkpoint with odd recordings, expected one of train") from None
    search = _Search(options)
    found: dict[str, list[Recording]] = {part: [] for part in _PARTS}
    notes, problems = [], []
    for part in _PARTS:
        for folder, digest in wanted[part]:
            recording = search.find(folder, digest)
            if recording is None:
                is_changed = (folder / "meta.json").exists()
                what = "another recording than" if is_changed else "no recording, neither there nor beside it, that is"
                problems.append(f"{folder}: found {what} the one that this training learns from")
                continue
            if recording.folder.resolve() != folder:
                notes.append(f"{folder} is now {recording.folder}")
            found[part].append(recording)
    if problems:
        raise TwoframeError(
            f"{'; '.join(problems)}; expected it as it was when the training began: put it back or name its place, "
            f"{options.resume_command('RECORDING...')}"
        )
    return Sources(tuple(found["learned"]), tuple(found["judges"]), tuple(notes), tuple(found["kept"]))


_PARTS = ("learned", "judges", "kept")


class _Search:
    """Looks each recording up by its digest, the likely places first; a place is read once."""

    def __init__(self, options: TrainOptions) -> None:
        given = (*options.recordings, *options.validate, *options.keep)
        self._named = [path for one in given for path in matching(one) if path.exists()]
        self._seen: dict[Path, tuple[str, Recording] | None] = {}

    def find(self, folder: Path, digest: str) -> Recording | None:
        for place in self._places(folder):
            key = place.resolve()
            if key not in self._seen:
                self._seen[key] = _opened(place)
            seen = self._seen[key]
            if seen and seen[0] == digest:
                return seen[1]
        return None

    def _places(self, folder: Path) -> Iterator[Path]:
        yield folder
        for path in (*self._named, folder.parent):
            yield path
            yield from _inside(path)


def _inside(path: Path) -> Iterable[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def _opened(folder: Path) -> tuple[str, Recording] | None:
    try:
        recording = Recording.open(folder)
    except TwoframeError:
        return None  # not the one: that had been opened
    return recording_digest(recording), recording

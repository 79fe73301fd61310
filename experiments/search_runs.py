"""What a search makes, each once, in programs of its own: recordings and their parts, policies, episodes."""

import hashlib
import json
import os
import shlex
import statistics
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError
from agent.recording.reader import Recording
from bench.closed_loop.measure import keep, read_kept, say
from collect.recordings.copies import trim
from games.game import Game
from games.programs import Program, end

REFERENCES = ("scripted", "random")
OURS = ("--out", "--resume", "--seed")  # flags of `train` that are not a variant's to set
NEARLY = 0.95  # of the minutes: nothing is recorded between episodes


@dataclass(frozen=True, slots=True)
class Variant:
    """What is compared: flags of `train` under a name."""

    name: str
    flags: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """Of NAME=FLAGS. Raises `TwoframeError`."""
        name, equals, flags = text.partition("=")
        name = name.strip()
        if not (name and equals) or name.startswith("-"):
            raise TwoframeError(f"--variant: found {text!r}, expected NAME=FLAGS, the flags of `train` or nothing")
        try:
            variant = cls(name, tuple(shlex.split(flags)))
        except ValueError as error:
            raise TwoframeError(f"--variant {name}: found {flags!r} ({error}), expected flags of `train`") from None
        if taken := [flag for flag in variant.flags if flag.partition("=")[0] in OURS]:
            raise TwoframeError(f"--variant {name}: found {taken[0]}, expected none of {', '.join(OURS)}: set here")
        return variant


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which everything is recorded and played."""

    episode_seeds: tuple[int, ...]
    delay_ms: float
    max_frames: int | None
    disturb: float
    """Wrong actions a minute."""
    disturbed: bool
    reaction_ms: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Programs:
    """Our modules as programs with `threads` threads each, their output in logs; from any thread."""

    def __init__(self, threads: int) -> None:
        self._env = {**os.environ, **dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"), str(threads))}
        self._running: set[Program] = set()
        self._ended = False
        self._lock = threading.Lock()

    def run(self, log: Path, module: str, *arguments: object) -> float:
        """Seconds that it took. Raises `TwoframeError` if it fails, or `end` is called before it is done."""
        begun_s = time.monotonic()
        with self._lock:
            if self._ended:
                raise TwoframeError(f"{module}: found the search at its end, expected time for it")
            program = Program(module, *arguments, log=log, env=self._env)
            self._running.add(program)
        code = program.process.wait()
        with self._lock:
            self._running.discard(program)
            ended = self._ended
        if code or ended:
            raise program.failure()
        return time.monotonic() - begun_s

    def end(self) -> None:
        """End what runs, in order, or by force if it does not; nothing begins any more."""
        with self._lock:
            self._ended = True
            running = [program.process for program in self._running]
        end(*running)


class Runs:
    """Recordings, policies and episodes in `out`: what is there from before is taken as it is."""

    def __init__(self, out: Path, conditions: Conditions, programs: Programs, recorded: Mapping[str, Path]) -> None:
        """`recorded`, by game: recordings to take, instead of making one."""
        self._out = out
        self._conditions = conditions
        self._programs = programs
        self._recorded = recorded

    def recordings(self, game: Game, minutes: Sequence[float]) -> dict[float, Path]:
        """Of the demonstrator's play, by minutes: the longest is recorded, the others are its beginnings.

        Raises `TwoframeError` if a recording to take is shorter.
        """
        longest = max(minutes)
        if given := self._recorded.get(game.name):
            has = len(Recording.open(given)) / game.record_fps / 60
            if has < NEARLY * longest:
                raise TwoframeError(f"{given}: found {has:.1f} minutes, expected {longest:g} as --minutes says")
            return {share: self._beginning(game, given, share) for share in minutes}
        whole = self._recording(game, longest)
        parts = {share: self._beginning(game, whole, share) for share in minutes if share < longest}
        return parts | {longest: whole}

    def policy(self, game: Game, recording: Path, flags: Sequence[str], seed: int) -> tuple[Path, dict[str, Any]]:
        """What `train` makes of the recording with these flags, and what is kept of it."""
        given = (*flags, "--seed", str(seed))
        folder = self._place(game, "policy", str(recording), *given)
        if (kept := read_kept(folder)) is None:
            log = folder / "train.log"
            seconds = self._programs.run(log, "train", recording, "--out", folder / "policy", *given)
            kept = keep(folder, {"seconds": seconds, "train": given, "recording": str(recording)})
        return folder / "policy", kept

    def agent(self, game: Game, recording: Path, flags: Sequence[str], seed: int) -> dict[str, Any]:
        """A policy's episodes in the order of the seeds, the seconds that it took, a `text` that says how it went."""
        policy, trained = self.policy(game, recording, flags, seed)
        kept = self._episodes(game, str(policy), policy.parent.name)
        text = f"{game.name} {recording.parent.name} {' '.join(trained['train'])}: {_mean(kept)}"
        return {"policy": str(policy), "train_s": trained["seconds"], "play_s": kept["seconds"], "text": text} | kept

    def player(self, game: Game, name: str) -> dict[str, Any]:
        """The same of one of `REFERENCES`."""
        reaction = ("--reaction-ms", f"{self._conditions.reaction_ms:g}") if name == "scripted" else ()
        kept = self._episodes(game, name, name, *reaction)
        return kept | {"text": f"{game.name} {name}: {_mean(kept)}"}

    def _recording(self, game: Game, minutes: float) -> Path:
        had = self._conditions
        given = ["--seconds", f"{60 * minutes:g}", "--disturb", f"{had.disturb:g}"]
        given += ["--reaction-ms", f"{had.reaction_ms:g}", *(["--disturbed"] if had.disturbed else [])]
        folder = self._place(game, "recording", *given)
        recording = folder / "recording"
        if read_kept(folder) is None:
            say(f"{game.name}: record the demonstrator for {minutes:g} minutes of play")
            log = folder / "record.log"
            seconds = self._programs.run(log, "games.lockstep_record", game.name, recording, *given)
            keep(folder, {"seconds": seconds, "lockstep_record": given})
        return recording

    def _beginning(self, game: Game, whole: Path, minutes: float) -> Path:
        """The first frames of a recording. Counted, not by the clock: between episodes it goes on without frames."""
        recording, count = Recording.open(whole), round(60 * minutes * game.record_fps)
        if count >= len(recording):
            return whole
        folder = self._place(game, "recording", str(whole), f"{minutes:g}")
        if read_kept(folder) is None:
            trim(recording, folder / "recording", range(count))
            keep(folder, {"of": str(whole), "minutes": minutes, "frames": count})
        return folder / "recording"

    def _episodes(self, game: Game, player: str, name: str, *flags: str) -> dict[str, Any]:
        had = self._conditions
        given = ["--delay-ms", f"{had.delay_ms:g}", "--seeds", *map(str, had.episode_seeds), *flags]
        given += ["--max-frames", str(had.max_frames)] if had.max_frames else []
        folder = self._place(game, "rollout", name, *given)
        if (kept := read_kept(folder)) is None:
            log, found = folder / "play.log", folder / "lockstep.json"
            seconds = self._programs.run(log, "experiments.lockstep", game.name, player, *given, "--json", found)
            episodes = json.loads(found.read_text(encoding="utf-8"))["rows"][0]["episodes"]
            kept = keep(folder, {"seconds": seconds, "lockstep": given, "player": player, "episodes": episodes})
        return kept

    def _place(self, game: Game, what: str, *given: str) -> Path:
        """The folder for what is made in just this way."""
        return self._out / game.name / f"{what}-{hashlib.sha256(json.dumps(given).encode()).hexdigest()[:12]}"


def _mean(kept: dict[str, Any]) -> str:
    return f"mean {statistics.fmean(episode['return'] for episode in kept['episodes']):.1f}"

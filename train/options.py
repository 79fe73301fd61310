"""The command line of `train`: one dataclass is its configuration, its flags, its help, and what the policy keeps."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from agent.actions import ActionSet
from agent.command_line.flags import Group
from agent.command_line.terminal import begun, typed
from agent.errors import TwoframeError, UsageError, raise_if_any, usage
from agent.frames import LEAST_SIDE, Box, Color, FrameSpec, parse_size
from agent.policy.format import MAX_FRAMES
from train.dataset.batches import Augmentation
from train.dataset.rates import MAX_APART_MS

DESCRIPTION = """Learn to play from recordings of somebody playing, and write a policy for play.
  train runs/monday runs/tuesday --out policies/first
  train --out policies/first --resume              go on after Ctrl-C or a crash
  train runs/corrections --from policies/first --out policies/second

RECORDING and --out are all it needs; the defaults are a good start."""

PICTURE = Group("picture")
ACTIONS = Group("action")
TRAINING = Group("network and training")
EXPERIMENTAL = Group("experimental", "They brought no gain in the games that were tried (experiments/LOG.md).")

Precision = Literal["float32", "bfloat16"]
Weights = Literal["int8", "float16", "float32"]
Join = Literal["lstm", "channels"]
Balance = Literal["none", "half", "full"]
# What a network with its weights is made for; the rest of the options tells how it learns.
NETWORK = ("size", "crop", "color", "frames", "apart_ms", "stride", "keys", "label_shift_ms", "encoder", "join")
NO_MIRROR = ("none",)
KEEP_SHARE = 0.5  # as much of the old as of the new: Mandlekar et al. 2020 weigh corrections so
BALANCE = {"none": 0.0, "half": 0.5, "full": 1.0}  # the power of an action's share that its weight takes off


@dataclass(frozen=True, slots=True)
class TrainOptions:
    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECORDING")]
    """Recordings, or folders that hold some."""
    out: Annotated[Path, tyro.conf.arg(metavar="POLICY")]
    """New folder for the policy."""
    resume: bool = False
    """Go on with the unfinished training in POLICY."""
    max_minutes: Annotated[float, tyro.conf.arg(metavar="M")] = 10.0
    """Learn for M minutes at most."""
    epochs: Annotated[int, tyro.conf.arg(metavar="N")] = 30
    """Learn each recording N times at most."""
    validate: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RECORDING")] = ()
    """Judge by these recordings, not by parts of the rest."""
    start: Annotated[Path | None, tyro.conf.arg(name="from", metavar="POLICY")] = None
    """Teach this policy RECORDING, such as corrections."""
    keep: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RECORDING", help_behavior_hint="(default: its own)")] = ()
    """Old ones, not to be forgotten."""
    keep_share: Annotated[float, tyro.conf.arg(metavar="SHARE")] = KEEP_SHARE
    """How much of what it learns is old."""

    size: Annotated[str | None, PICTURE, tyro.conf.arg(metavar="WIDTHxHEIGHT")] = None
    """Make the frames smaller than recorded, or all alike."""
    crop: Annotated[str | None, PICTURE, tyro.conf.arg(metavar="L,T,W,H")] = None
    """Part to look at: left,top,width,height in pixels."""
    color: Annotated[Color | None, PICTURE, tyro.conf.arg(metavar="gray|rgb")] = None
    """gray to leave out the colors of rgb recordings."""
    frames: Annotated[int, PICTURE, tyro.conf.arg(metavar="N")] = 2
    """Frames to decide by; 2 show movement."""
    apart_ms: Annotated[float, PICTURE, tyro.conf.arg(metavar="MS")] = 110.0
    """Time between these frames; more shows slower moves."""
    stride: Annotated[int, PICTURE, tyro.conf.arg(metavar="N")] = 1
    """Use only every N-th frame; play then decides less often."""

    keys: Annotated[tuple[str, ...], ACTIONS, tyro.conf.arg(metavar="NAME=KEY")] = ()
    """Other actions over the recorded keys, e.g. left=a right=d rest="""
    mirror: Annotated[
        tuple[str, ...], ACTIONS, tyro.conf.arg(metavar="NAME=NAME", help_behavior_hint="(default: as found)")
    ] = ()
    """Mirror frames and swap actions: left=right or none."""
    label_shift_ms: Annotated[
        float | None, ACTIONS, tyro.conf.arg(metavar="MS", help_behavior_hint="(default: what fits best)")
    ] = None
    """Learn the keys held MS after each frame, where you know how late you react."""
    balance: Annotated[Balance, ACTIONS, tyro.conf.arg(metavar="HOW")] = "half"
    """none, half or full: how much more rare actions count."""
    change_weight: Annotated[float, ACTIONS, tyro.conf.arg(metavar="W")] = 2.0
    """Weight of frames where the action changes."""
    correction_weight: Annotated[float, ACTIONS, tyro.conf.arg(metavar="W")] = 1.0
    """Weight of frames where you corrected the agent."""

    encoder: Annotated[Literal["compact", "alexnet"], TRAINING, tyro.conf.arg(metavar="NAME")] = "compact"
    """compact (quick) or alexnet (the classic)."""
    weights: Annotated[
        Weights | None,
        TRAINING,
        tyro.conf.arg(metavar="TYPE", help_behavior_hint="(default: int8 if as good)"),
    ] = None
    """int8 (quick), float16 or float32, for play."""
    precision: Annotated[
        Precision | None,
        TRAINING,
        tyro.conf.arg(metavar="TYPE", help_behavior_hint="(default: by the hardware)"),
    ] = None
    """float32 or bfloat16 (newer GPUs), to train."""
    seed: Annotated[int, TRAINING, tyro.conf.arg(metavar="N")] = 0
    """Another number gives another policy."""
    deterministic: Annotated[bool, TRAINING] = False
    """The same seed gives the same policy; slower, --max-minutes is ignored."""
    learning_rate: Annotated[
        float | None, TRAINING, tyro.conf.arg(metavar="RATE", help_behavior_hint="(default: the encoder's)")
    ] = None
    """Largest step of learning."""
    batch: Annotated[int, TRAINING, tyro.conf.arg(metavar="N")] = 32
    """Examples per step; more is steadier."""
    run: Annotated[int, TRAINING, tyro.conf.arg(metavar="N")] = 3
    """Frames taken in a row; more is quicker, but teaches less."""
    brightness: Annotated[float, TRAINING, tyro.conf.arg(metavar="SHARE")] = 0.1
    """Vary brightness and contrast at random, by so much."""
    shift: Annotated[float, TRAINING, tyro.conf.arg(metavar="SHARE")] = 0.02
    """Move images at random, by so much, in the first half."""

    patience: Annotated[int | None, EXPERIMENTAL, tyro.conf.arg(metavar="N", help_behavior_hint="(default: never)")] = (
        None
    )
    """Stop after N epochs without progress and keep the best."""
    join: Annotated[Join, EXPERIMENTAL, tyro.conf.arg(metavar="HOW")] = "lstm"
    """lstm (one after another) or channels (as one image)."""
    skip_disturbed: Annotated[bool, EXPERIMENTAL] = False
    """Leave out the frames under collect --disturb."""
    drop_older: Annotated[float, EXPERIMENTAL, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Share of examples with the newest frame only."""
    swap_older: Annotated[float, EXPERIMENTAL, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Share of examples with earlier frames from elsewhere."""
    erase: Annotated[float, EXPERIMENTAL, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Share of runs with a part of the image blotted out."""

    def __post_init__(self) -> None:
        def shares(*names: str) -> list[str]:
            found = {name: getattr(self, name) for name in names}
            return [
                f"{flag_of(name)}: found {value:g}, expected 0 to 1"
                for name, value in found.items()
                if not 0 <= value <= 1
            ]

        def at_least(least: float, *names: str) -> list[str]:
            found = {name: getattr(self, name) for name in names}
            return [
                f"{flag_of(name)}: found {value:g}, expected at least {least:g}"
                for name, value in found.items()
                if not (math.isfinite(value) and value >= least)
            ]

        with usage():
            problems = at_least(1, "frames", "epochs", "batch", "run", "stride")
            problems += at_least(0, "seed", "apart_ms", "change_weight", "correction_weight")
            problems += shares("drop_older", "swap_older", "brightness", "shift", "erase")
            if not 0 <= self.keep_share < 1:
                problems.append(f"--keep-share: found {self.keep_share:g}, expected 0 to less than 1")
            if not self.start and (self.keep or self.keep_share != KEEP_SHARE):
                problems.append(
                    "--keep, --keep-share: found no --from, expected it with them; without it all RECORDING count alike"
                )
            if not self.recordings and not self.resume:
                problems.append("RECORDING: found nothing, expected at least one folder made by collect")
            if self.apart_ms > MAX_APART_MS:
                problems.append(f"--apart-ms: found {self.apart_ms:g}, expected at most {MAX_APART_MS:g}")
            if self.patience is not None:
                problems += at_least(1, "patience")
            if self.label_shift_ms is not None:
                problems += at_least(0, "label_shift_ms")
            if self.frames > MAX_FRAMES:
                problems.append(f"--frames: found {self.frames}, expected at most {MAX_FRAMES}")
            if not self.max_minutes > 0:
                problems.append(f"--max-minutes: found {self.max_minutes:g}, expected more than 0")
            if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
                problems.append(f"--learning-rate: found {self.learning_rate:g}, expected more than 0")
            if self.drop_older + self.swap_older > 1:
                problems.append("--drop-older, --swap-older: found more than 1 together, expected at most 1")
            raise_if_any(problems)

    def augmentation(self, actions: ActionSet) -> Augmentation:
        """Raises `UsageError` if --mirror swaps what is not in `actions`."""
        mirror = mirrored(self.mirror, actions)
        return Augmentation(self.brightness, self.shift, self.erase, mirror, self.drop_older, self.swap_older)

    def frame_of(self, recorded: FrameSpec) -> FrameSpec:
        """What the policy is to see of `recorded` frames. Raises `UsageError` for more than they hold."""
        with usage():
            width, height = recorded.width, recorded.height
            crop = Box.parse(self.crop, "--crop") if self.crop else None
            if crop:
                width, height = crop.width, crop.height
            if self.size:
                wide, high = parse_size(self.size)
                if wide > width or high > height:
                    raise UsageError(
                        f"--size: found {self.size}, expected at most {width}x{height} as recorded; "
                        "record larger frames for more"
                    )
                width, height = wide, high
            if min(width, height) < LEAST_SIDE:
                raise UsageError(f"--crop: found {width}x{height}, expected at least {LEAST_SIDE}x{LEAST_SIDE}")
            if self.color == "rgb" and recorded.color == "gray":
                raise UsageError("--color: found rgb for gray recordings, expected gray; record with --color rgb")
            return FrameSpec(
                width,
                height,
                self.color or recorded.color,
                crop,
                (recorded.width, recorded.height) if crop else None,
                recorded.interpolation,
            )

    def resume_command(self, *recordings: str) -> str:
        """What one types to go on, in the folder where this training began or with other places of its recordings."""
        return " ".join([begun("train"), *recordings, typed("--out", self.out, "--resume")])

    def to_json(self) -> dict[str, Any]:
        """All settings by name, as `policy.json` keeps them."""
        return {
            **asdict(self),
            "recordings": [str(path) for path in self.recordings],
            "validate": [str(path) for path in self.validate],
            "keep": [str(path) for path in self.keep],
            "start": str(self.start) if self.start else None,
            "out": str(self.out),
            "keys": list(self.keys),
            "mirror": list(self.mirror),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "TrainOptions":
        """The inverse of `to_json`. Raises `TwoframeError` for anything else."""
        try:
            lists = {name: tuple(value[name]) for name in ("keys", "mirror")}
            paths = {name: tuple(Path(path) for path in value[name]) for name in ("recordings", "validate")}
            paths["keep"] = tuple(Path(path) for path in value.get("keep", ()))  # not in those of an older train
            start = Path(value["start"]) if value.get("start") else None
            return cls(**{**value, **lists, **paths, "start": start, "out": Path(value["out"])})
        except (KeyError, TypeError):
            raise TwoframeError("settings: found something else, expected those of a training") from None

    def differences(self, other: "TrainOptions") -> list[str]:
        """What is set otherwise in `other`, as `--flag: found HERE, expected THERE`; where and how to write aside.

        Recordings and policies are known by what they hold, not by where they lie.
        """
        here, there = self.to_json(), other.to_json()
        free = {"out", "resume", "weights", "recordings", "validate", "keep", "start"}
        return [
            f"{flag_of(name)}: found {shown(here[name])}, expected {shown(there[name])}"
            for name in here
            if name not in free and here[name] != there[name]
        ]


def mirrored(pairs: Sequence[str], actions: ActionSet) -> tuple[int, ...]:
    """The action that each action becomes in a mirror, of `left=right` and the like; empty without any, or for `none`.

    Raises `UsageError` for names that are not in `actions`, or twice.
    """
    if tuple(pairs) == NO_MIRROR:
        return ()
    swapped = list(range(len(actions)))
    for pair in pairs:
        names = pair.split("=")
        if len(names) != 2 or not set(names) <= set(actions.names) or len(set(names)) < 2:
            raise UsageError(
                f"--mirror: found {pair!r}, expected two of {', '.join(actions.names)}, such as left=right, or none"
            )
        one, other = (actions.names.index(name) for name in names)
        if swapped[one] != one or swapped[other] != other:
            raise UsageError(f"--mirror: found {pair!r} with an action that is swapped already, expected each once")
        swapped[one], swapped[other] = other, one
    return tuple(swapped) if pairs else ()


def flag_of(name: str) -> str:
    """As it is typed."""
    named = {"recordings": "RECORDING", "start": "--from"}
    return named.get(name, f"--{name.replace('_', '-')}")


def shown(value: Any) -> str:
    """A value of `TrainOptions.to_json` in an error."""
    if isinstance(value, list):
        return " ".join(map(str, value)) or "nothing"
    return "nothing" if value is None else str(value)

"""The command line of `train`: one dataclass is its configuration, its flags, its help, and what the policy keeps."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from agent.actions import ActionSet
from agent.errors import TwoframeError, UsageError, raise_if_any, usage
from agent.frames import Box, Color, FrameSpec, parse_size
from agent.policy.format import MAX_FRAMES
from train.dataset.batches import Augmentation

DESCRIPTION = """Learn to play from recordings of somebody playing.

For instance

    train runs/monday runs/tuesday --out policies/first

learns from two recordings made with collect and writes a policy, which `play policies/first` plays. It
judges itself by a part of the recordings that it did not learn from and tells how good it is there,
beside two players that know nothing: the one that repeats the last action and the one that always takes
the commonest.

Ctrl-C stops it and keeps all it has learned; `train --out policies/first --resume` goes on, also after a
crash."""

Precision = Literal["float32", "bfloat16"]
Weights = Literal["int8", "float16", "float32"]
Join = Literal["lstm", "channels"]
Balance = Literal["none", "half", "full"]
MAX_APART_MS = 1000.0
BALANCE = {"none": 0.0, "half": 0.5, "full": 1.0}  # the power of an action's share that its weight takes off


@dataclass(frozen=True, slots=True)
class TrainOptions:
    recordings: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RECORDING")]
    """Folders made by collect or by play --record, or folders that hold such."""
    out: Annotated[Path, tyro.conf.arg(metavar="POLICY")]
    """New folder for the policy; an existing one is never overwritten."""
    resume: bool = False
    """Go on with the unfinished training in POLICY, with its recordings and settings."""
    validate: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RECORDING")] = ()
    """Recordings to judge by, instead of parts of those to learn from."""
    encoder: Literal["compact", "alexnet"] = "compact"
    """The network that looks at one image: compact is small and quick, alexnet is the classic of 2012."""
    frames: Annotated[int, tyro.conf.arg(metavar="N")] = 2
    """Images the policy decides by; two show where things move, 1 is a plain image classifier."""
    apart_ms: Annotated[float, tyro.conf.arg(metavar="MS")] = 110.0
    """How long after one another they were taken, to the nearest frame; at least one frame. Further apart shows slow
    movements, closer together quick ones."""
    join: Join = "lstm"
    """How they come together: an LSTM reads the features of each in order, or they are the channels of one image,
    which play encodes anew for every decision."""
    epochs: Annotated[int, tyro.conf.arg(metavar="N")] = 30
    """How often to go through the recordings at most. The policy is what the last epoch makes: the learning rate falls
    towards it."""
    patience: Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="(default: never)")] = None
    """Stop after so many epochs without a lower validation loss, and keep the epoch that had the lowest."""
    max_minutes: Annotated[float, tyro.conf.arg(metavar="M")] = 10.0
    """Stop learning after so many minutes; the learning rate falls in time for it."""
    seed: Annotated[int, tyro.conf.arg(metavar="N")] = 0
    """Another seed: other first weights, another order, another part to judge by."""
    learning_rate: Annotated[float | None, tyro.conf.arg(metavar="RATE")] = None
    """The highest step of the optimiser; without it the encoder's own."""
    deterministic: bool = False
    """The same seed gives the same policy, bit for bit; slower, and --max-minutes is not looked at."""
    precision: Annotated[
        Precision | None, tyro.conf.arg(help_behavior_hint="(default: what the hardware is good at)")
    ] = None
    """Numbers to compute with: bfloat16 is quicker on GPUs since 2020, and slower on most processors."""
    weights: Annotated[Weights | None, tyro.conf.arg(help_behavior_hint="(default: int8, if it decides alike)")] = None
    """Weights of the network as play runs it: int8 is small and quick, float32 exact, float16 between."""
    batch: Annotated[int, tyro.conf.arg(metavar="N")] = 32
    """Windows per step of the optimiser. More makes each step steadier, but fewer of them fit into --max-minutes."""
    run: Annotated[int, tyro.conf.arg(metavar="N")] = 3
    """Consecutive frames that a batch takes together; each is encoded once for all windows that hold it. More is
    quicker, but then a batch has seen fewer places, and learns less from each window."""
    size: Annotated[str | None, tyro.conf.arg(metavar="WIDTHxHEIGHT")] = None
    """Smaller frames than recorded."""
    crop: Annotated[str | None, tyro.conf.arg(metavar="LEFT,TOP,WIDTH,HEIGHT")] = None
    """The part of the frames to look at, in pixels of the recorded frames."""
    color: Color | None = None
    """gray, of recordings in rgb."""
    stride: Annotated[int, tyro.conf.arg(metavar="N")] = 1
    """See only every N-th frame: play decides less often."""
    keys: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=KEY")] = ()
    """Other actions over the recorded keys, e.g. left=a right=d rest=; without it those of the recording."""
    label_shift_ms: Annotated[
        float | None, tyro.conf.arg(metavar="MS", help_behavior_hint="(default: half of a frame's time and 6 ms)")
    ] = None
    """Learn for each frame the action held so much later. Without it what was held in the middle of the time for which
    play holds its decision. People react 200 to 270 ms late: with that much the agent reacts at once."""
    balance: Balance = "half"
    """Whether rare actions count more: not, by the root of their share, or until all count alike."""
    change_weight: Annotated[float, tyro.conf.arg(metavar="W")] = 2.0
    """How much more a frame counts at which the action changes. 1: no more than others."""
    correction_weight: Annotated[float, tyro.conf.arg(metavar="W")] = 1.0
    """How much more a frame counts at which a person corrected the agent (play --record)."""
    skip_disturbed: bool = False
    """Learn nothing from the frames under `collect --disturb`. Without it they are learned too, by the keys you held
    against what it pressed."""
    drop_older: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Share of windows that are learned without their earlier frames, against repeating what was done."""
    swap_older: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Share of windows whose earlier frames are taken from another window."""
    brightness: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.1
    """Random change of brightness and contrast, as a share of their range."""
    shift: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.02
    """Random move of the image, as a share of its side, in the epochs that begin in the first half of the training."""
    erase: Annotated[float, tyro.conf.arg(metavar="SHARE")] = 0.0
    """Share of runs that are learned with a random part of the image blotted out."""
    mirror: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=NAME")] = ()
    """Learn from mirrored images too, with these actions swapped, e.g. left=right. For games without a side."""

    def __post_init__(self) -> None:
        def shares(*names: str) -> list[str]:
            found = {name: getattr(self, name) for name in names}
            return [
                f"{_flag(name)}: found {value:g}, expected 0 to 1"
                for name, value in found.items()
                if not 0 <= value <= 1
            ]

        def at_least(least: float, *names: str) -> list[str]:
            found = {name: getattr(self, name) for name in names}
            return [
                f"{_flag(name)}: found {value:g}, expected at least {least:g}"
                for name, value in found.items()
                if not (math.isfinite(value) and value >= least)
            ]

        with usage():
            problems = at_least(1, "frames", "epochs", "batch", "run", "stride")
            problems += at_least(0, "seed", "apart_ms", "change_weight", "correction_weight")
            problems += shares("drop_older", "swap_older", "brightness", "shift", "erase")
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

    def to_json(self) -> dict[str, Any]:
        """All settings by name, as `policy.json` keeps them."""
        return {
            **asdict(self),
            "recordings": [str(path) for path in self.recordings],
            "validate": [str(path) for path in self.validate],
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
            return cls(**{**value, **lists, **paths, "out": Path(value["out"])})
        except (KeyError, TypeError):
            raise TwoframeError("settings: found something else, expected those of a training") from None

    def differences(self, other: "TrainOptions") -> list[str]:
        """What is set otherwise in `other`, as `--flag: found HERE, expected THERE`; where and how to write aside."""
        here, there = self.to_json(), other.to_json()
        free = {"out", "resume", "weights"}
        return [
            f"{_flag(name)}: found {_shown(here[name])}, expected {_shown(there[name])}"
            for name in here
            if name not in free and here[name] != there[name]
        ]


def mirrored(pairs: Sequence[str], actions: ActionSet) -> tuple[int, ...]:
    """The action that each action becomes in a mirror, of `left=right` and the like; empty without any.

    Raises `UsageError` for names that are not in `actions`, or twice.
    """
    swapped = list(range(len(actions)))
    for pair in pairs:
        names = pair.split("=")
        if len(names) != 2 or not set(names) <= set(actions.names) or len(set(names)) < 2:
            raise UsageError(
                f"--mirror: found {pair!r}, expected two of {', '.join(actions.names)}, such as left=right"
            )
        one, other = (actions.names.index(name) for name in names)
        if swapped[one] != one or swapped[other] != other:
            raise UsageError(f"--mirror: found {pair!r} with an action that is swapped already, expected each once")
        swapped[one], swapped[other] = other, one
    return tuple(swapped) if pairs else ()


def _flag(name: str) -> str:
    return "RECORDING" if name == "recordings" else f"--{name.replace('_', '-')}"


def _shown(value: Any) -> str:
    return (" ".join(map(str, value)) or "nothing") if isinstance(value, list) else str(value)

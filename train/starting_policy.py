"""The policy that a training starts from (`train --from`): what must stay as it is, and what it was learned from."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.errors import TwoframeError, UsageError
from agent.policy.format import SETTINGS_FILE, PolicyMeta, read_policy_meta
from train.options import NETWORK, TrainOptions, flag_of, shown

# How a policy was learned is how it goes on learning, unless told otherwise. The other options are told anew.
_LEARNING = ("mirror", "balance", "change_weight", "correction_weight", "batch", "run", "brightness", "shift", "erase")
_AS_LEARNED = (*NETWORK, *_LEARNING, "skip_disturbed", "drop_older", "swap_older")


@dataclass(frozen=True, slots=True)
class StartingPolicy:
    """The policy in `folder`; `options` are those it was learned with."""

    folder: Path
    meta: PolicyMeta
    options: TrainOptions

    @classmethod
    def read(cls, folder: Path) -> "StartingPolicy":
        """Raises `TwoframeError` if there is none, or one that is not what `train` writes."""
        meta = read_policy_meta(folder)
        try:
            options = TrainOptions.from_json(meta.training)
        except TwoframeError as error:
            raise TwoframeError(f"{folder / SETTINGS_FILE}: {error}") from None
        return cls(folder, meta, options)

    def defaults(self, given: TrainOptions) -> TrainOptions:
        """What holds where the command line, of which `given` was read, says nothing."""
        learned: dict[str, Any] = {name: getattr(self.options, name) for name in _AS_LEARNED}
        return TrainOptions(given.recordings, given.out, start=given.start, **learned)

    def with_its_network(self, options: TrainOptions) -> TrainOptions:
        """`options`, where what the network was made for is told as it was then; the same in other words is the same.

        Raises `UsageError` if they ask for what a network with these weights cannot do.
        """
        asked, had = options.to_json(), self.options.to_json()
        problems = []
        for name in NETWORK:
            expected = had[name] if had[name] not in (None, []) else self._has(name)
            if asked[name] != had[name] and shown(asked[name]) != shown(expected):
                problems.append(f"{flag_of(name)}: found {shown(asked[name])}, expected {shown(expected)}")
        if problems:
            raise UsageError(
                f"{', '.join(problems)} as {self.folder} has it; leave it out, or learn anew from all recordings "
                "without --from"
            )
        return replace(options, **{name: getattr(self.options, name) for name in NETWORK})

    def _has(self, name: str) -> Any:
        """What nobody told when the policy was learned, in the words of its flag."""
        frame = self.meta.frame
        told = {
            "size": f"{frame.width}x{frame.height}",
            "color": frame.color,
            "keys": str(self.meta.actions),
            "label_shift_ms": self.meta.label_shift_ms,
        }
        return told.get(name)

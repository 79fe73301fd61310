"""A dataset prepared for one training: what there is to learn from and to judge by, and what must be beaten there."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.actions import ActionSet
from agent.arrays import Floats, Ints
from agent.errors import usage
from agent.frames import Image
from train.dataset.batches import Augmentation
from train.dataset.dataset import Dataset, channel_statistics, open_dataset
from train.dataset.frame_windows import Split, frame_windows_of, split, split_off
from train.metrics import Scores, commonest, score, share
from train.options import TrainOptions
from train.sources import Sources, find_sources

STANDING = 0.9  # of the windows: more are no game that is played


@dataclass(frozen=True, slots=True)
class PreparedDataset:
    """`training` and `validation` (M,) int64 are the last frames of the windows.

    `baselines` are the players that know nothing, by name, on the validation windows. `mean` and `deviation` (C,)
    float32 are those of the pixels to learn from, 0..255.
    """

    sources: Sources
    dataset: Dataset
    split: Split
    training: Ints
    validation: Ints
    baselines: dict[str, Scores]
    augmentation: Augmentation
    mean: Floats
    deviation: Floats

    def digest(self) -> str:
        """Of what is learned from: the actions and times of all frames, and their pixels here and there."""
        dataset = self.dataset
        digest = hashlib.sha256(str(dataset.frame).encode())
        for array in (dataset.labels, dataset.captured_ns, dataset.is_target):
            digest.update(np.ascontiguousarray(array).tobytes())
        for source in dataset.sources:
            for t in np.linspace(0, len(source) - 1, 16).astype(int):
                digest.update(source[t].tobytes())
        return digest.hexdigest()


def prepare_dataset(options: TrainOptions, room: Path, sources: Sources | None = None) -> PreparedDataset:
    """Bring the recordings together and split them; frames prepared anew go to the folder `room`.

    `sources` are the recordings, unless those that `options` name. Raises `TwoframeError` for whatever of it cannot
    be learned from.
    """
    with usage():
        actions = ActionSet.parse(options.keys) if options.keys else None
    sources = sources or find_sources(options)
    dataset = open_dataset(
        [*sources.learned, *sources.judges],
        actions=actions,
        frame_of=options.frame_of,
        shift_ms=options.label_shift_ms,
        stride=options.stride,
        apart_ms=options.apart_ms,
        frames=options.frames,
        told=[name for name in ("size", "crop", "color") if getattr(options, name)],
        skip_disturbed=options.skip_disturbed,
        room=room,
    )
    if sources.judges:
        drawn = split_off(dataset, int(dataset.starts[len(sources.learned)]), frames=options.frames)
    else:
        drawn = split(dataset, frames=options.frames, seed=options.seed)
    validation = frame_windows_of(dataset, drawn.validation, options.frames)
    training = frame_windows_of(dataset, drawn.training, options.frames)
    mean, deviation = channel_statistics(dataset, training)
    labels, is_change = dataset.labels[validation], dataset.is_change[validation]
    players = {
        "repeat the last action": dataset.previous[validation],
        "always the commonest": commonest(labels, len(dataset.actions)),
    }
    return PreparedDataset(
        sources=sources,
        dataset=dataset,
        split=drawn,
        training=training,
        validation=validation,
        baselines={name: score(labels, said, is_change, len(dataset.actions)) for name, said in players.items()},
        augmentation=options.augmentation(dataset.actions),
        mean=mean,
        deviation=deviation,
    )


def described(prepared: PreparedDataset) -> Iterator[str]:
    """What a person should know before the training starts, line by line."""
    dataset = prepared.dataset
    yield from (*prepared.sources.notes, *dataset.notes)
    yield (
        f"{len(dataset)} frames in {len(dataset.sources)} recording{'s'[: len(dataset.sources) > 1]}, "
        f"{dataset.frame} at {dataset.fps:g} fps; {len(prepared.training)} windows to learn from, "
        f"{len(prepared.validation)} to judge by"
    )
    counts = np.bincount(dataset.labels[prepared.training], minlength=len(dataset.actions))
    parts = zip(dataset.actions.names, counts / counts.sum(), strict=True)
    yield f"actions played: {', '.join(f'{name} {share(part)}' for name, part in parts)}"
    judged = np.bincount(dataset.labels[prepared.validation], minlength=len(dataset.actions))
    if unjudged := [name for name, count in zip(dataset.actions.names, judged, strict=True) if not count]:
        yield (
            f"warning: {', '.join(unjudged)} is learned but not judged: played too little, or in one place only; "
            "record more of it"
        )
    if (standing := standing_share(prepared)) > STANDING:
        yield (
            f"warning: in {share(standing)} of the windows the picture stands still, as where black or a frozen window "
            "was recorded; look at it with recordings video"
        )
    scores = [f"'{name}' is right in {share(player.accuracy)}" for name, player in prepared.baselines.items()]
    yield f"to beat: {', '.join(scores)}"


def standing_share(prepared: PreparedDataset, most: int = 500) -> float:
    """The share of the frames to learn from, at most `most` of them, that equal the frame `apart` before."""
    dataset = prepared.dataset
    ends = frame_windows_of(dataset, prepared.split.training, 2)
    ends = ends[:: max(1, len(ends) // most)]
    pair: Image = np.empty((2, *dataset.frame.shape), np.uint8)
    standing = 0
    for end in ends:
        dataset.gather(np.array([end - dataset.apart_at(end), end]), pair)
        standing += np.array_equal(*pair)
    return standing / max(1, len(ends))

"""`report/` in the policy folder: the scores as JSON, and pictures that a person can look at."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from agent.json_files import write_json
from train.dataset.dataset import Dataset
from train.fitting.fit import Judgement
from train.fitting.history import Epoch

matplotlib.use("Agg")  # no window, whatever the display

import matplotlib.pyplot as plt

_TIMELINE = 600  # windows per picture row
_WORST, _WORST_IN_ROW = 24, 4


def write_report(
    folder: Path,
    dataset: Dataset,
    epochs: Sequence[Epoch],
    judgement: Judgement,
    metrics: dict[str, Any],
    *,
    frames: int,
) -> None:
    """`metrics.json`, `curves.png`, `confusion.png`, `timeline.png` and `worst.png` in `folder`, which is made.

    `frames` is the number of frames in a window.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "metrics.json", metrics)
    _picture(folder / "curves.png", (10, 4), lambda figure: _curves(figure, epochs, dataset.actions.names))
    _picture(folder / "confusion.png", (5, 5), lambda figure: _confusion(figure, judgement, dataset.actions.names))
    _picture(folder / "timeline.png", (14, 6), lambda figure: _timeline(figure, judgement, dataset))
    chosen = _worst_windows(judgement, apart=dataset.meta.fps / 4)
    spec = dataset.frame
    row_in = 0.35 + 14 / _WORST_IN_ROW * min(1.5, spec.height / (frames * spec.width))
    size = (14.0, 0.5 + row_in * -(-len(chosen) // _WORST_IN_ROW))
    _picture(folder / "worst.png", size, lambda figure: _worst(figure, judgement, dataset, frames, chosen))


def _picture(path: Path, size: tuple[float, float], draw: Callable[[Any], None]) -> None:
    figure = plt.figure(figsize=size, layout="constrained")
    draw(figure)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def _curves(figure: Any, epochs: Sequence[Epoch], names: Sequence[str]) -> None:
    loss, accuracy = figure.subplots(1, 2)
    numbers = [epoch.number for epoch in epochs]
    loss.plot(numbers, [epoch.loss for epoch in epochs], label="training")
    loss.plot(numbers, [epoch.validation_loss for epoch in epochs], label="validation")
    best = min(epochs, key=lambda epoch: epoch.validation_loss)
    loss.axvline(best.number, color="gray", linestyle=":", label="lowest")
    loss.set(xlabel="epoch", title="loss", ylim=(0, None))
    loss.legend()
    scores = [epoch.scores for epoch in epochs]
    accuracy.plot(numbers, [score.accuracy for score in scores], color="black", label="accuracy")
    accuracy.plot(numbers, [score.change_accuracy for score in scores], color="black", ls="--", label="at changes")
    for i, name in enumerate(names):
        accuracy.plot(numbers, [score.recalls[i] for score in scores], alpha=0.7, label=f"recall {name}")
    accuracy.set(xlabel="epoch", title="validation windows", ylim=(0, 1))
    accuracy.legend(fontsize="small")
    for axes in (loss, accuracy):
        axes.xaxis.get_major_locator().set_params(integer=True)


def _confusion(figure: Any, judgement: Judgement, names: Sequence[str]) -> None:
    counts = np.array(judgement.scores.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for truth, said in np.ndindex(*counts.shape):
        color = "white" if shares[truth, said] > 0.5 else "black"
        axes.text(
            said,
            truth,
            f"{counts[truth, said]}\n{shares[truth, said]:.0%}",
            ha="center",
            va="center",
            color=color,
        )
    axes.set(
        xticks=range(len(names)),
        yticks=range(len(names)),
        xticklabels=names,
        yticklabels=names,
        xlabel="the policy said",
        ylabel="the person played",
        title="validation windows",
    )


def _timeline(figure: Any, judgement: Judgement, dataset: Dataset) -> None:
    """The validation windows in a row; a break where the stretch changes."""
    ends = judgement.ends[: 3 * _TIMELINE]
    rows = figure.subplots(-(-len(ends) // _TIMELINE), 1, squeeze=False)[:, 0]
    for row, axes in enumerate(rows):
        part = slice(row * _TIMELINE, (row + 1) * _TIMELINE)
        shown = ends[part]
        x = np.arange(len(shown)) + row * _TIMELINE
        truth, said = dataset.labels[shown], judgement.said[: len(ends)][part]
        axes.step(x, truth, where="mid", color="black", linewidth=1, label="the person played")
        axes.plot(x, said, ".", markersize=4, color="tab:green", label="the policy said")
        wrong = said != truth
        axes.plot(x[wrong], said[wrong], "x", markersize=5, color="tab:red", label="wrong")
        for border in np.flatnonzero(np.diff(shown) != 1):
            axes.axvline(x[border] + 0.5, color="gray", linestyle=":", linewidth=0.8)
        axes.set(yticks=range(len(dataset.actions)), yticklabels=dataset.actions.names, xlim=(x[0] - 1, x[-1] + 1))
    rows[0].legend(loc="lower left", bbox_to_anchor=(0, 1), fontsize="small", ncols=3)  # above, never over the plot
    rows[-1].set_xlabel("validation window (dotted: another stretch)")


def _worst_windows(judgement: Judgement, apart: float) -> list[int]:
    """Rows of the windows with the largest losses; of those less than `apart` frames from each other only the worst."""
    chosen: list[int] = []
    for row in np.argsort(-judgement.losses):
        if all(abs(judgement.ends[row] - judgement.ends[other]) >= apart for other in chosen):
            chosen.append(int(row))
        if len(chosen) == _WORST:
            break
    return chosen


def _worst(figure: Any, judgement: Judgement, dataset: Dataset, frames: int, chosen: Sequence[int]) -> None:
    """The chosen windows, the oldest frame left."""
    names = dataset.actions.names
    grid = figure.subplots(-(-len(chosen) // _WORST_IN_ROW), _WORST_IN_ROW, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for row, axes in zip(chosen, grid, strict=False):
        end = judgement.ends[row]
        window = np.empty((frames, *dataset.frame.shape), np.uint8)
        dataset.gather(end - np.arange(frames)[::-1] * dataset.apart_at(end), window)
        border = np.full((dataset.frame.height, 2, dataset.frame.channels), 255, np.uint8)
        images = [image for frame in window for image in (frame, border)][:-1]
        picture = np.concatenate(images, axis=1)
        axes.imshow(picture[:, :, 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=255)
        truth, said = names[dataset.labels[end]], names[judgement.said[row]]
        axes.set_title(f"{truth}, said {said} {judgement.probabilities[row].max():.0%} (frame {end})", fontsize="small")
    figure.suptitle("the validation windows that it got most wrong: what the person played, what the policy said")

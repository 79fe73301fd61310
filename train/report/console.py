"""What a person sees of a training: shares before it, a bar and a line per epoch, and a table of the truth after it."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from agent.live_line import say
from train.fitting.history import Epoch
from train.metrics import Scores, share
from train.report.copycat import NEWEST, Copycat


class EpochLines:
    """An `Observer`: a bar within the epoch on a terminal, and a line that stays for each epoch."""

    def __init__(self, console: Console, names: Sequence[str]) -> None:
        self._console = console
        self._names = names
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def begin_epoch(self, number: int, steps: int, done: int) -> None:
        if self._console.is_terminal:
            text, loss = TextColumn("{task.description}"), TextColumn("loss {task.fields[loss]}")
            columns = (text, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), loss)
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._task = self._bar.add_task(f"epoch {number}", total=steps, completed=done, loss="")
            self._bar.start()

    def end_step(self, loss: float) -> None:
        if self._bar:
            self._bar.update(self._task, advance=1, loss=f"{loss:.3f}")

    def end_epoch(self, epoch: Epoch) -> None:
        self.close()
        scores = epoch.scores
        recalls = " ".join(f"{name} {share(recall)}" for name, recall in zip(self._names, scores.recalls, strict=True))
        say(
            self._console,
            f"epoch {epoch.number:3}  loss {epoch.loss:.3f}, validation {epoch.validation_loss:.3f}"
            f"{'*' if epoch.is_best else ' '} accuracy {share(scores.accuracy)}, at changes "
            f"{share(scores.change_accuracy)}, recall {recalls}; {epoch.samples_per_s:.0f} samples/s",
        )

    def close(self) -> None:
        """Take the bar away, where one is left."""
        if self._bar:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def truth_rows(names: Sequence[str], players: Mapping[str, Scores]) -> list[list[str]]:
    """A head and rows, with a column per player: the policy and those that it must beat."""
    rows: dict[str, Callable[[Scores], float]] = {
        "accuracy": lambda scores: scores.accuracy,
        "accuracy where the action changes": lambda scores: scores.change_accuracy,
        "macro F1": lambda scores: scores.macro_f1,
    }
    for i, name in enumerate(names):
        rows[f"recall of {name}"] = lambda scores, i=i: scores.recalls[i]  # type: ignore[misc]
    return [
        ["", *players],
        *([row, *(share(value(scores)) for scores in players.values())] for row, value in rows.items()),
    ]


def truth_table(names: Sequence[str], players: Mapping[str, Scores]) -> Table:
    """`truth_rows` for a terminal."""
    (first, *others), *rows = truth_rows(names, players)
    table = Table(title="on the validation windows, which were not learned from")
    table.add_column(first)
    for player in others:
        table.add_column(player, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def copycat_line(copycat: Copycat) -> str:
    """Whether it looks or repeats, in words; what came of other earlier frames than the newest is in the report."""
    parts = []
    if not math.isnan(copycat.repeats):
        parts.append(f"where the action changes it still says the old one in {share(copycat.repeats)}")
    if tampered := copycat.tampered.get(NEWEST):
        parts.append(
            f"without its earlier frames it decides otherwise in {share(tampered.otherwise)} (accuracy "
            f"{share(tampered.scores.accuracy)}, at changes {share(tampered.scores.change_accuracy)})"
        )
    return "; ".join(parts)

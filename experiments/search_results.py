"""What a search found: a row for each variant, for a table and a program, and a picture."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape

from bench.closed_loop.results import episode_scores, panels
from experiments.intervals import (
    Estimate,
    Scores,
    difference_of,
    mean_of,
    normalised_of,
    sd_of_episodes,
    verdict,
)
from games.game import Game


@dataclass(frozen=True, slots=True)
class Row:
    """One variant at one game, trained on so many minutes."""

    game: str
    minutes: float
    variant: str
    mean: Estimate
    sd_episodes: float
    sd_training_seeds: float
    """Of the training seeds' means."""
    means: dict[int, float]
    """By training seed."""
    scores: dict[int, list[float]]
    """By training seed, in the order of the episode seeds."""
    worst: dict[str, float]
    """Score, training seed and episode seed of the lowest score."""
    normalised: Estimate | None
    difference: Estimate | None
    """To the first variant; None for that one."""
    verdict: str | None
    runs: dict[int, dict[str, Any]]
    """By training seed: policy, seconds, episodes."""

    def to_json(self) -> dict[str, Any]:
        estimates = {name: getattr(self, name) for name in ("mean", "normalised", "difference")}
        return asdict(self) | {
            name: estimate and {"value": estimate.value, "interval": list(estimate.interval)}
            for name, estimate in estimates.items()
        }

    def for_table(self) -> dict[str, Any]:
        return {
            "game": self.game,
            "minutes": f"{self.minutes:g}",
            "variant": escape(self.variant),
            "mean": short(self.mean.value),
            "": str(self.mean.interval),
            "by training seed": " ".join(short(mean) for mean in self.means.values()),
            "sd of episodes": short(self.sd_episodes),
            "worst": short(self.worst["score"]),
            "normalised": self.normalised and f"{self.normalised.value:.2f} ({self.normalised.interval})",
            "difference": self.difference and f"{short(self.difference.value)} ({self.difference.interval})",
            "verdict": self.verdict,
        }


def short(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.0f}"


def scores_of(kept: Sequence[dict[str, Any]]) -> Scores:
    """(S, E) of what is kept of S players, each with its `episodes`."""
    return np.array([episode_scores(one) for one in kept])


def rows_of(
    game: str,
    minutes: float,
    agents: dict[str, list[dict[str, Any]]],
    players: dict[str, dict[str, Any]],
    training_seeds: Sequence[int],
) -> list[Row]:
    """A row for each variant in `agents`, which has what is kept of it in the order of the training seeds."""
    first = scores_of(next(iter(agents.values())))
    floor, best = (scores_of([players[name]])[0] for name in ("random", "scripted"))
    rows: list[Row] = []
    for name, kept in agents.items():
        scores = scores_of(kept)
        difference = difference_of(scores, first) if rows else None
        seed, episode = (int(place) for place in np.unravel_index(scores.argmin(), scores.shape))
        means = scores.mean(axis=1)
        row = Row(
            game=game,
            minutes=minutes,
            variant=name,
            mean=mean_of(scores),
            sd_episodes=sd_of_episodes(scores),
            sd_training_seeds=float(means.std(ddof=1)) if len(means) > 1 else 0.0,
            means=dict(zip(training_seeds, means.tolist(), strict=True)),
            scores=dict(zip(training_seeds, scores.tolist(), strict=True)),
            worst={
                "score": float(scores[seed, episode]),
                "training_seed": training_seeds[seed],
                "episode_seed": kept[seed]["episodes"][episode]["seed"],
            },
            normalised=normalised_of(scores, floor, best),
            difference=difference,
            verdict=difference and verdict(difference),
            runs=dict(zip(training_seeds, kept, strict=True)),
        )
        rows.append(row)
    return rows


def players_for_table(players: dict[str, dict[str, dict[str, Any]]]) -> list[dict[str, Any]]:
    """Rows for the players that the variants are measured by, with the columns of `Row.for_table`."""
    rows = []
    for game, of_game in players.items():
        for name, kept in of_game.items():
            scores = scores_of([kept])
            row = dict.fromkeys(("game", "minutes", "variant", "mean", "", "by training seed", "sd of episodes"))
            row |= dict.fromkeys(("worst", "normalised", "difference", "verdict"))
            mean, sd, worst = short(float(scores.mean())), short(sd_of_episodes(scores)), short(float(scores.min()))
            rows.append(row | {"game": game, "variant": name, "mean": mean, "sd of episodes": sd, "worst": worst})
    return rows


def plot(rows: Sequence[Row], players: dict[str, dict[str, dict[str, Any]]], games: Sequence[Game], path: Path) -> None:
    """A panel for each game: the variants side by side, or for several minutes the score against these."""
    with panels(games, path, size=(6, 4.5)) as axes:
        for axis, game in zip(axes, games, strict=True):
            mine = [row for row in rows if row.game == game.name]
            (_side_by_side if len({row.minutes for row in mine}) == 1 else _against_minutes)(axis, mine)
            for name, style in (("scripted", "--"), ("random", ":")):
                mean = statistics.fmean(episode_scores(players[game.name][name]))
                axis.axhline(mean, color="tab:gray", linestyle=style, label=name)
            axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))


def _side_by_side(axis: Any, rows: Sequence[Row]) -> None:
    """A dot for each episode, a column of them for each training seed; beside them the mean and its interval."""
    for place, row in enumerate(rows):
        for column, (seed, scores) in enumerate(row.scores.items()):
            x = place - 0.3 + 0.4 * column / max(1, len(row.scores) - 1)
            label = f"training seed {seed}" if place == 0 else None
            axis.plot([x] * len(scores), scores, ".", color=f"C{column}", alpha=0.5, label=label)
        axis.errorbar(place + 0.25, row.mean.value, _errors([row]), fmt="o", color="black", capsize=4)
    axis.set_xticks(range(len(rows)), [row.variant for row in rows], rotation=30, ha="right", fontsize=7)


def _against_minutes(axis: Any, rows: Sequence[Row]) -> None:
    """A line for each variant, its intervals a little beside those of the others."""
    for place, name in enumerate(dict.fromkeys(row.variant for row in rows)):
        mine = [row for row in rows if row.variant == name]
        x = [row.minutes * 1.03**place for row in mine]
        axis.errorbar(x, [row.mean.value for row in mine], _errors(mine), fmt="o-", capsize=4, label=name)
    minutes = sorted({row.minutes for row in rows})
    axis.set_xscale("log")
    axis.set_xticks(minutes, [f"{m:g}" for m in minutes])
    axis.minorticks_off()
    axis.set_xlabel("minutes of play learned from")


def _errors(rows: Sequence[Row]) -> Scores:
    """(2, n): from the mean down and up to its interval. A mean of few seeds may lie on its edge."""
    pairs = [(row.mean.value - row.mean.interval.low, row.mean.interval.high - row.mean.value) for row in rows]
    return np.array(pairs).T.clip(0)

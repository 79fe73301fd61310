"""What the bench found: one row a player, the figures for a program, a picture for a person."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from games.game import WindowGame

MOST_LATE = 0.01  # a game with more late ticks was not the game
AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Row:
    """Some episodes of one player at one game. `player`: a scripted one, or `agent` with the `train` flags."""

    game: str
    player: str
    flags: str
    scores: tuple[float, ...]
    normalised: float | None
    """0 as random keys, 1 as the demonstrator; None where these are too close to tell."""
    late: float
    """Share of the game's ticks that came late."""
    key_changes_s: float
    valid: bool
    """Whether the demonstrator was good and the game's ticks came in time."""
    seconds: float
    """That the rollout took."""
    record_s: float | None
    train_s: float | None
    play: dict[str, Any] | None
    """What `play` reports."""
    episodes: list[dict[str, Any]]

    @property
    def mean(self) -> float:
        return statistics.fmean(self.scores)

    @property
    def sd(self) -> float:
        return sd_of(self.scores)

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"mean": self.mean, "sd": self.sd}

    def for_table(self) -> dict[str, Any]:
        return {
            "game": self.game,
            "player": f"{self.player} {self.flags}".strip(),
            "mean": f"{self.mean:.0f}",
            "sd": f"{self.sd:.0f}",
            "normalised": None if self.normalised is None else f"{self.normalised:.2f}",
            "late %": f"{100 * self.late:.2f}",
            "changes/s": f"{self.key_changes_s:.1f}",
            "valid": "yes" if self.valid else "NO",
            "every score": every_score(self.scores),
        }


def episode_scores(kept: dict[str, Any]) -> tuple[float, ...]:
    """Of what is kept of a rollout."""
    return tuple(float(episode["return"]) for episode in kept["episodes"])


def sd_of(scores: Sequence[float]) -> float:
    return statistics.stdev(scores) if len(scores) > 1 else 0.0


def every_score(scores: Iterable[float]) -> str:
    return " ".join(f"{score:.0f}" for score in scores)


def key_changes_s(episodes: Sequence[dict[str, Any]], fps: float) -> float:
    return float(sum(e["key_changes"] for e in episodes) * fps / sum(e["frames"] for e in episodes))


def late_share(episodes: Sequence[dict[str, Any]]) -> float:
    return float(sum(e["late_ticks"] for e in episodes) / max(1, sum(e["frames"] for e in episodes)))


def rows_of(
    game: WindowGame,
    players: dict[str, dict[str, Any]],
    agents: dict[str, dict[str, Any]],
    *,
    record_s: float,
    train_s: dict[str, float],
) -> list[Row]:
    """`players` has the rollouts of the scripted ones, `agents` those of the policies by their `train` flags."""
    means = {name: statistics.fmean(episode_scores(kept)) for name, kept in players.items()}
    best, floor = means["scripted"], means["random"]
    too_close = best - floor < 1e-9

    def row(player: str, flags: str, kept: dict[str, Any]) -> Row:
        episodes = kept["episodes"]
        scores, late = episode_scores(kept), late_share(episodes)
        return Row(
            game=game.name,
            player=player,
            flags=flags,
            scores=scores,
            normalised=None if too_close else (statistics.fmean(scores) - floor) / (best - floor),
            late=late,
            key_changes_s=key_changes_s(episodes, game.fps),
            valid=best >= game.bar and late <= MOST_LATE,
            seconds=kept["seconds"],
            record_s=record_s if player == AGENT else None,
            train_s=train_s[flags] if player == AGENT else None,
            play=kept.get("play"),
            episodes=episodes,
        )

    rows = [row(AGENT, flags, kept) for flags, kept in agents.items()]
    return rows + [row(name, "", kept) for name, kept in players.items()]


def plot(rows: Sequence[Row], games: Sequence[WindowGame], path: Path) -> None:
    """A dot for each episode, a bar at the mean of each player."""
    with panels(games, path, size=(4.5, 4)) as axes:
        for axis, game in zip(axes, games, strict=True):
            mine = [row for row in rows if row.game == game.name]
            for place, row in enumerate(mine):
                color = "tab:blue" if row.player == AGENT else "tab:gray"
                axis.plot([place] * len(row.scores), row.scores, "o", color=color, alpha=0.5)
                axis.hlines(row.mean, place - 0.3, place + 0.3, color=color)
            axis.axhline(game.bar, color="tab:green", linestyle=":", label="good enough to learn from")
            labels = [f"{row.player}\n{row.flags}".strip() for row in mine]
            axis.set_xticks(range(len(mine)), labels, rotation=30, ha="right", fontsize=7)
        axes[0].legend(fontsize=7)


@contextmanager
def panels(games: Sequence[WindowGame], path: Path, size: tuple[float, float]) -> Iterator[Sequence[Any]]:
    """The axes to draw on, one for each game, of so many inches; in `path` afterwards."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(games), figsize=(size[0] * len(games), size[1]), squeeze=False)
    try:
        for axis, game in zip(axes[0], games, strict=True):
            axis.set_title(f"{game.name}: {game.score}", fontsize=8)
        yield axes[0]
        figure.tight_layout()
        figure.savefig(path, dpi=120)
    finally:
        pyplot.close(figure)

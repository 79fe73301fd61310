"""Laps over a list of seeds, played by keys, in real time: what every demo game needs around its environment."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, SupportsFloat

import gymnasium as gym
import pygame

from games.players.player import START_KEY
from games.window.laps import Lap
from games.window.video import LapVideo

Step = tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]


class LapLog(Protocol):
    """Takes each lap that has ended."""

    def append(self, lap: Lap) -> None: ...


@dataclass(frozen=True, slots=True)
class Controls:
    """The keys that play, by their names (letters), and the environment's action for any set of them held."""

    keys: tuple[str, ...]
    action: Callable[[frozenset[str]], Any]

    def codes(self) -> dict[tuple[int, ...], int]:
        """For Gymnasium's `play`: every set of keys, the start key among them, as a number with a bit for each.

        All sets are there, since `play` takes one that it does not know for no key at all.
        """
        code_of = [pygame.K_RETURN if key == START_KEY else ord(key) for key in self._all]
        sets = itertools.chain.from_iterable(
            itertools.combinations(range(len(code_of)), n) for n in range(1, len(code_of) + 1)
        )
        return {tuple(code_of[i] for i in chosen): sum(1 << i for i in chosen) for chosen in sets}

    def held(self, number: int) -> frozenset[str]:
        return frozenset(key for i, key in enumerate(self._all) if number >> i & 1)

    @property
    def count(self) -> int:
        """How many numbers there are; 0 is no key."""
        return 1 << len(self._all)

    @property
    def _all(self) -> tuple[str, ...]:
        return (*self.keys, START_KEY)


class LapGame(gym.Wrapper[Any, Any, Any, Any]):
    """Plays `seeds` one after the other, one lap each, and writes each lap down when it ends.

    Time passes while a key is held, or from Return to the end of the lap; else it stands still. With
    `started_by_return` only Return starts it, once for all laps: for a game where no key is a move, too. `turn` is
    called in every tick with whether time passes, before the picture is shown: a player in this process acts there.
    `on_end` is called after the last lap.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        controls: Controls,
        seeds: Sequence[int],
        laps: LapLog,
        *,
        fps: float,
        on_lap: Callable[[Lap], None],
        started_by_return: bool = False,
        video: Path | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(env)
        self.action_space = gym.spaces.Discrete(controls.count)
        self.turn: Callable[[bool], None] = lambda running: None
        self.on_end: Callable[[], None] = lambda: None
        self.fps = fps
        self.controls = controls
        self._seeds = list(seeds)
        self._laps = laps
        self._on_lap = on_lap
        self._started_by_return = started_by_return
        self._video_folder = video
        self._clock = clock
        self._done = 0
        self._lap: Lap | None = None
        self._video: LapVideo | None = None
        self._started = False
        self._held: frozenset[str] = frozenset()
        self._ticked_s: float | None = None
        self._begun: tuple[Any, dict[str, Any]] = (None, {})
        self._picture: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """The next lap; the same one again as long as nothing happened in it (`play` resets twice at its start)."""
        if self._lap is None:
            lap = Lap(self._seeds[self._done])
            self._begun = super().reset(seed=lap.seed, options=options)
            self._lap = lap
            self._started &= self._started_by_return
            self._held = frozenset()
            self._ticked_s = self._picture = None
        return self._begun

    def step(self, action: int) -> Step:
        assert self._lap is not None, "reset comes before the first step"
        held = self.controls.held(action)
        self._started |= START_KEY in held
        held -= {START_KEY}
        running = self._started or (bool(held) and not self._started_by_return)
        self._count_tick(running)
        if not running:
            self.turn(False)
            return self._begun[0], 0.0, False, False, {}
        result = self._advance(self._lap, held)
        if not (result[2] or result[3]):
            self.turn(True)
        return result

    def render(self) -> Any:
        """(H, W, 3) uint8; the same picture as long as time stands still."""
        if self._picture is None:
            picture: Any = self.env.render()
            self._picture = picture
            if self._video is not None:
                self._video.add(picture, self._held)
        return self._picture

    def close(self) -> None:
        self._close_video()
        super().close()

    def _advance(self, lap: Lap, held: frozenset[str]) -> Step:
        if self._video_folder is not None and self._video is None:
            self._video = LapVideo(self._video_folder / f"lap_{self._done + 1}.mp4", self.controls.keys, self.fps)
        result = self.env.step(self.controls.action(held))
        _, reward, terminated, truncated, info = result
        lap.score += float(reward)
        lap.frames += 1
        lap.ticks_with_key += bool(held)
        lap.key_changes += held != self._held
        lap.finished = bool(info.get("lap_finished", terminated))
        self._held = held
        self._picture = None
        if terminated or truncated:
            self._end_lap(lap)
        return result

    def _end_lap(self, lap: Lap) -> None:
        self._laps.append(lap)
        self._close_video()
        self._lap = None
        self._done += 1
        self._on_lap(lap)
        if self._done == len(self._seeds):
            self.on_end()

    def _count_tick(self, running: bool) -> None:
        """Ticks that follow each other while time passes make up the lap's seconds."""
        now_s = self._clock()
        if self._lap is not None and running and self._ticked_s is not None:
            spacing_s = now_s - self._ticked_s
            self._lap.seconds += spacing_s
            self._lap.late_ticks += spacing_s > 1.5 / self.fps
        self._ticked_s = now_s if running else None

    def _close_video(self) -> None:
        if self._video is not None:
            self._video.close()
            self._video = None

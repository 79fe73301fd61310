"""Matches of a native game, one after the other: watched on the screen, led through its menus, written down."""

import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

from agent.errors import TwoframeError
from agent.frames import Image
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.pacing import Pacer
from agent.signals import ending_signals
from games.native.native_game import NativeGame, Sight, Stage
from games.native.program import NativeProgram
from games.players.player import START_KEY, Player
from games.window.hands import Hands, open_player_emitter
from games.window.laps import EpisodeLog, Lap

TAP_S, REST_S = 0.12, 0.3  # a key of the menus is held so long, and nothing for so long
ALIKE = 3  # looks in a row that must show another stage before it counts: menus fade
NO_SCORE_S = 20.0  # a match without a score for so long cannot be judged


class Held:
    """Which of `keys` anybody holds, told by the thread of a listener; and whether Return ever was."""

    def __init__(self, keys: Collection[str]) -> None:
        self._lock = threading.Lock()
        self._keys = keys
        self._down: dict[str, int] = {}
        self.started = False

    def on_event(self, event: KeyEvent) -> None:
        with self._lock:
            self._down[event.key] = max(0, self._down.get(event.key, 0) + (1 if event.down else -1))
            self.started |= event.key == START_KEY

    def now(self) -> frozenset[str]:
        with self._lock:
            return frozenset(key for key in self._keys if self._down.get(key))


class Matches:
    """Counts one match after the other, and says which key leads on between them."""

    def __init__(self, game: NativeGame, seeds: Sequence[int], max_frames: int) -> None:
        self._game = game
        self._seeds = list(seeds)
        self._max_s = max_frames / game.fps  # it goes on in its own time, however often it is looked at
        self._stage: Stage = "menu"
        self._other: list[Stage] = []  # the last looks, as far as they show another stage
        self._leaving = False
        self._blind = 0
        self._held: frozenset[str] = frozenset()
        self.lap: Lap | None = None
        """The match that is played now."""

    @property
    def are_over(self) -> bool:
        return not self._seeds

    def see(self, sight: Sight, held: frozenset[str], spacing_s: float) -> Lap | None:
        """One look at the game, so long after the last one; gives the match that has ended by it.

        Raises `TwoframeError` if the score cannot be read.
        """
        self._settle(sight.stage)
        if self._stage in ("menu", "over"):
            self._leaving = False
            return self._end(sight.score, finished=True) if self.lap else None
        if self.lap is None:
            if self._stage == "playing" and not self._leaving and self._seeds:
                self.lap, self._blind, self._held = Lap(self._seeds[0]), 0, held
            return None
        self._count(self.lap, sight.score, held, spacing_s)
        if self.lap.seconds < self._max_s:
            return None
        self._leaving = True
        return self._end(sight.score, finished=False)

    def key(self) -> str | None:
        """What to tap now."""
        return self._game.leaves if self._leaving else self._game.leads_on.get(self._stage)

    def _settle(self, stage: Stage) -> None:
        if stage == self._stage or (self._other and stage != self._other[-1]):
            self._other.clear()
        if stage != self._stage:
            self._other.append(stage)
        if len(self._other) == ALIKE:
            self._stage = stage
            self._other.clear()

    def _count(self, lap: Lap, score: int | None, held: frozenset[str], spacing_s: float) -> None:
        self._blind = self._blind + 1 if score is None else 0
        if self._blind > NO_SCORE_S * self._game.fps:
            raise TwoframeError(f"{self._game.name}: found no score in its window, expected one; is it covered?")
        lap.score = lap.score if score is None else float(score)
        lap.frames += 1
        lap.ticks_with_key += bool(held)
        lap.key_changes += held != self._held
        self._held = held
        lap.seconds += spacing_s
        lap.late_ticks += spacing_s > 1.5 / self._game.fps

    def _end(self, score: int | None, *, finished: bool) -> Lap:
        assert self.lap is not None
        ended, self.lap = self.lap, None
        ended.score = ended.score if score is None else float(score)
        ended.finished = finished
        self._seeds.pop(0)
        return ended


class Taps:
    """Keys of the menus, each held for a moment, with a rest between them; `first` before all others."""

    def __init__(self, first: Sequence[str]) -> None:
        self._first = list(first)
        self._key: str | None = None
        self._for_s = 0.0  # since the last press

    @property
    def has_begun(self) -> bool:
        """Whether the first ones have all been pressed, and let go of."""
        return not self._first and self._key is None

    def now(self, wanted: str | None, spacing_s: float) -> frozenset[str]:
        """What to hold till the next look, so long after the last one."""
        self._for_s += spacing_s
        if self._key and self._for_s >= TAP_S:
            self._key = None
        elif self._key is None and self._for_s >= TAP_S + REST_S:
            self._key = self._first.pop(0) if self._first else wanted
            self._for_s = 0.0 if self._key else self._for_s
        return frozenset({self._key} if self._key else ())


def play_matches(
    game: NativeGame,
    make_player: Callable[[Callable[[], Image]], Player] | None,
    seeds: Sequence[int],
    log: Path,
    *,
    max_frames: int,
    on_lap: Callable[[Lap], None],
    on_ready: Callable[[], None],
) -> None:
    """Until the last match has ended, the window is closed, or a signal comes.

    The player, made with what gives the newest picture, presses keys from in here. Without one somebody else must, and
    nothing is pressed between matches before Return was, once: `on_ready` is called when that counts. Raises
    `TwoframeError`.
    """
    with ExitStack() as stack:
        reader = game.reader()
        program = stack.enter_context(NativeProgram(game))
        episodes = EpisodeLog(log)
        ended = threading.Event()
        stack.enter_context(ending_signals(ended.set))
        keys = game.action_set.keys
        held = Held(keys)
        stack.enter_context(KeyListener((*keys, START_KEY), held.on_event))
        menu_keys = {game.leaves, *game.opening, *game.leads_on.values()} - set(keys)
        hands = stack.enter_context(
            Hands(open_player_emitter((*keys, *sorted(menu_keys))), program.window_id, program.is_running)
        )
        newest: list[Image] = []
        player = make_player(lambda: newest[-1]) if make_player else None
        matches, taps = Matches(game, seeds, max_frames), Taps(game.opening)
        is_ready = False
        pacer = Pacer(game.fps)
        before_ns = pacer.clock_ns()
        while not (ended.is_set() or matches.are_over) and program.is_running():
            pacer.wait()
            now_ns = pacer.clock_ns()
            spacing_s, before_ns = (now_ns - before_ns) / 1e9, now_ns
            picture = program.look()
            if picture is None:
                hands.hold(frozenset())
                continue
            newest[:] = [picture]
            if lap := matches.see(reader.read(picture), held.now(), spacing_s):
                episodes.append(lap)
                on_lap(lap)
            if not is_ready:
                held.started = False  # it may have been us
                if is_ready := taps.has_begun:
                    on_ready()
            waits = player is None and not held.started
            wanted = player.keys(running=True) if player and matches.lap else frozenset[str]()
            hands.hold(wanted | taps.now(None if waits else matches.key(), spacing_s))

"""The bench of real play, without its windows: players like people, games like the live ones, honest rows."""

import statistics
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
import pytest

pytest.importorskip("ale_py", reason="pip install -e '.[bench]'")

from agent.frames import mean_difference
from agent.recording.reader import Recording
from bench.closed_loop.__main__ import main, parsed
from bench.closed_loop.measure import FULL, KEPT, QUICK, RECORD_SEED, Disturb, Workshop, keep, read_kept
from bench.closed_loop.results import rows_of
from experiments import pong_learn, takeover
from experiments.lockstep import IN_PLACE, Agent, InTurns, OncePerFrame, episode, played, shown
from games.atari import pong
from games.car5 import corrector
from games.catalogue import GAMES
from games.catch import SEEN_FRAMES, STAND, Catcher
from games.drivers import EachEpisode, Late, Starting, player_of
from games.game import Disturbed, Env, Opening
from games.gates import BOAT_Y
from games.lander import rescuer
from games.lockstep_record import record
from games.players.corrector import Corrector
from games.players.player import TAKEOVER_KEY
from games.players.road_driver import RoadSight
from games.window.display import VirtualDisplay


class Script:
    """A player that holds these keys, tick by tick."""

    def __init__(self, keys: str) -> None:
        self._keys = iter(keys)

    def keys(self, *, running: bool) -> frozenset[str]:
        return frozenset(next(self._keys).strip())


class Moment:
    """A policy that chooses the action numbered like the brightness of the picture's middle, each picture once."""

    class Meta:
        frames_per_window = 2
        feature_size = 1
        apart = 1
        fps = 15.0
        cut_difference = np.inf

        def __init__(self, game: Any) -> None:
            self.actions = game.action_set

        def prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
            return image[:1, :1, :1]

    def __init__(self, game: Any) -> None:
        self.meta = self.Meta(game)
        self.seen: list[int] = []

    def step(self, frame: Any, features: Any) -> tuple[Any, Any]:
        self.seen.append(int(frame.item()))
        return np.zeros((1, 1), np.float32), np.eye(len(self.meta.actions))[int(frame.item())]


class Echo(gym.Env[Any, Any]):
    """Remembers the actions that reach it."""

    action_space = gym.spaces.Discrete(5)

    def __init__(self) -> None:
        self.done: list[int] = []

    def reset(self, **_: Any) -> tuple[None, dict[str, Any]]:
        return None, {}

    def step(self, action: int) -> tuple[None, float, bool, bool, dict[str, Any]]:
        self.done.append(action)
        return None, 0.0, False, False, {}


class Clock:
    """An environment that shows how many steps were taken, modulo the five actions there are."""

    def __init__(self) -> None:
        self.steps = 0

    def render(self) -> npt.NDArray[np.uint8]:
        return np.full((2, 2, 3), self.steps % 5, np.uint8)


@pytest.mark.parametrize("name", GAMES)
def test_every_game_is_described_soundly(name: str) -> None:
    game = GAMES[name]
    env = game.make(False, 10)
    try:
        env.reset(seed=1)
        height, width = shown(env, game.zoom).shape[:2]
        left, top, wide, high = map(int, game.crop.split(","))
        assert left + wide <= width and top + high <= height
        assert sorted(game.codes) == list(range(env.action_space.n))  # type: ignore[attr-defined]
        for chord, code in zip(game.chords, game.codes, strict=True):
            assert game.controls.action(chord) == code
    finally:
        env.close()
    assert game.fps % game.record_fps == 0 and game.record_fps <= 30
    assert all(max(FULL.seeds(game)) < RECORD_SEED for game in GAMES.values())


def test_the_lander_is_landed_like_a_person_would() -> None:
    (landing,) = played(GAMES["lander"], "scripted", [1], 0.0)
    assert landing["return"] > 200
    assert landing["key_changes"] < 5 * landing["frames"] / GAMES["lander"].fps


def test_a_lander_that_falls_is_rescued_and_one_that_lands_is_left_alone() -> None:
    game = GAMES["lander"]
    env = OncePerFrame(game.make(False, game.max_frames))
    try:
        saver, watcher = rescuer(env.unwrapped, game.fps), rescuer(env.unwrapped, game.fps)
        pilot = game.demonstrator(env.unwrapped, game.fps, 0.0)

        def land(env: Env) -> frozenset[str]:
            assert not watcher.keys(running=True)
            return pilot.keys(running=True)

        fallen = episode(game, env, 1, lambda env: saver.keys(running=True), drawn=True)
        landed = episode(game, env, 1, land, drawn=True)
    finally:
        env.close()
    assert fallen["return"] > 100 and saver.takeovers == 1
    assert landed["return"] > 200


@pytest.mark.slow(4)
def test_a_car_that_leaves_the_road_is_brought_back_and_handed_over_by_hotkey() -> None:
    game = GAMES["car5"]
    env = OncePerFrame(game.make(False, 400))
    held: list[frozenset[str]] = []
    off: list[float] = []
    try:
        player, look = corrector(env.unwrapped, game.fps), RoadSight(env.unwrapped)

        def drive(env: Env) -> frozenset[str]:
            held.append(player.keys(running=True))
            off.append(look().off_middle)
            return held[-1] - {TAKEOVER_KEY} or frozenset("w")  # an agent that only gives gas

        episode(game, env, 3, drive, drawn=False)
    finally:
        env.close()
    presses = sum(TAKEOVER_KEY in now - before for before, now in pairwise([frozenset[str](), *held]))
    assert presses in (2 * player.takeovers, 2 * player.takeovers - 1) and player.takeovers > 2
    assert 6 < max(off) < 15
    free = sum(not keys for keys in held)
    assert len(held) / 10 < free < len(held)


def test_a_hotkey_that_gives_back_is_pressed_without_the_keys() -> None:
    wrong = iter([True])
    player = Corrector(Script("dd"), goes_wrong=lambda: next(wrong), is_well=lambda: True, by_hotkey=True)
    assert player.keys(running=True) == {"d", TAKEOVER_KEY}
    assert player.keys(running=True) == {TAKEOVER_KEY}


def test_who_has_the_keys_when_an_episode_ends_gives_them_back_by_hotkey() -> None:
    wrong = iter([True, False])
    player = Corrector(Script("ddd"), goes_wrong=lambda: next(wrong), is_well=lambda: False, by_hotkey=True)
    assert player.keys(running=True) == {"d", TAKEOVER_KEY}
    player.next()
    assert player.keys(running=True) == {TAKEOVER_KEY}


def test_recorded_in_lockstep_an_episode_follows_the_one_before_as_in_a_window(tmp_path: Path) -> None:
    recording = Recording.open(record(GAMES["lander"], tmp_path / "recording", 40.0))
    assert len(recording) == 40 * GAMES["lander"].record_fps
    assert not recording.gap_before()[1:].any()
    moved = [mean_difference(*pair) for pair in pairwise(np.asarray(recording.frames))]
    cuts = [difference for difference in moved if difference > 2]
    assert 1 <= len(cuts) <= 6 and statistics.median(moved) < 1


def test_pong_is_won() -> None:
    (start,) = played(GAMES["pong"], "scripted", [2], 0.0, max_frames=6000)
    (lost,) = played(GAMES["pong"], "none", [2], 0.0, max_frames=3000)
    assert start["return"] > 0 > lost["return"]
    assert start["key_changes"] < 6 * start["frames"] / GAMES["pong"].fps


def test_the_road_is_kept_with_five_actions() -> None:
    (drive,) = played(GAMES["car5"], "scripted", [3], 0.0, max_frames=150)
    assert drive["return"] > 80


@pytest.mark.slow(5)
def test_all_five_actions_are_shown_in_a_lap_with_hairpins() -> None:
    """`train` refuses a recording in which one of them is never played."""
    game = GAMES["car5"]
    env = OncePerFrame(game.make(False, 1000))
    shown: set[frozenset[str]] = set()
    try:
        driver = player_of("scripted", game, env.unwrapped, seed=5)

        def drive(env: Env) -> frozenset[str]:
            shown.add(held := driver.keys(running=True))
            return held

        lap = episode(game, env, 5, drive, drawn=False)
    finally:
        env.close()
    assert shown == {frozenset(keys) for keys in ("a", "d", "w", "s", "")}
    assert lap["return"] > 750


@pytest.mark.parametrize("reaction_s", [0.0, 0.2])
def test_every_ball_is_caught(reaction_s: float) -> None:
    (game,) = played(GAMES["catch"], "scripted", [1], reaction_s)
    (missed,) = played(GAMES["catch"], "none", [1], 0.0)
    assert game["return"] > 25 and missed["return"] < -15
    assert game["key_changes"] < 2 * game["frames"] / GAMES["catch"].fps


def test_a_catcher_stands_till_two_pictures_tell_where_the_ball_goes() -> None:
    env = GAMES["catch"].make(False, None)
    env.reset(seed=1)
    env.unwrapped.x, env.unwrapped.bar = 300.0, 30.0  # type: ignore[attr-defined]
    catcher = Catcher(env.unwrapped, GAMES["catch"].fps, 0.0)
    held = []
    for _ in range(SEEN_FRAMES + 1):
        held.append(catcher.keys(running=True))
        env.step(STAND)
    assert held == [frozenset()] * SEEN_FRAMES + [frozenset("d")]


@pytest.mark.parametrize("reaction_s", [0.0, 0.1])
def test_every_gap_is_gone_through(reaction_s: float) -> None:
    (trip,) = played(GAMES["gates"], "scripted", [1], reaction_s)
    (drifted,) = played(GAMES["gates"], "none", [1], 0.0)
    assert trip["return"] > 35 and drifted["return"] < 0
    assert trip["key_changes"] < 4 * trip["frames"] / GAMES["gates"].fps


def test_the_picture_of_the_gates_scrolls_without_a_seam() -> None:
    env = GAMES["gates"].make(False, None)
    env.reset(seed=1)
    before = env.render()
    for _ in range(10):  # the first wall is above the picture still
        env.step(0)
    after = env.render()
    assert (after[40 : BOAT_Y - 10] == before[: BOAT_Y - 50]).all()
    jumps = np.abs(np.diff(after[: BOAT_Y - 10].astype(int), axis=0)).max(axis=(1, 2))
    assert 0 < jumps[39] <= jumps[60:].max()  # where the water begins again


def test_without_a_ball_pongs_player_is_told_nothing_of_one() -> None:
    memory = np.zeros(128, np.uint8)
    memory[[pong.BALL_X, pong.PADDLE_Y, pong.MACHINE_Y]] = 90, 120, 100
    gone = pong.positions(memory)
    memory[pong.BALL_Y] = 130
    there = pong.positions(memory)
    assert gone.tolist() == [0, 0, 120, 100] and there.tolist() == [90, 130, 120, 100]
    told = pong.features(np.stack([there, there]), np.stack([gone, there]))
    assert told.shape == (2, 11) and told.dtype == np.float32
    assert told[:, -2:].tolist() == [[1, 0], [1, 1]]
    assert not told[:, 4:6].any()  # a ball that was not there before does not move


@pytest.mark.slow(5)
def test_what_the_player_of_pong_learns_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "player.npz"
    monkeypatch.setattr(pong_learn, "STAGES", pong_learn.STAGES[:1])
    assert pong_learn.main([str(out), "--minutes", "0.05"]) == 0
    learned = pong.layers(out)
    assert [weights.shape for weights, _ in learned] == [(11, 64), (64, 64), (64, 3)]
    assert any(biases.any() for _, biases in learned)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["nowhere/player.npz"], "found no folder nowhere"), (["player.npz", "--minutes", "0"], "--minutes: found 0")],
)
def test_a_player_of_pong_without_place_or_time_is_not_learned(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert pong_learn.main(arguments) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_keys_come_late_by_about_the_reaction_time_and_in_order() -> None:
    wanted = "a" * 30 + "d" * 30 + " " * 30 + "w" * 30 + " " * 30
    late = Late(Script(wanted), fps=60, reaction_s=0.2, seed=4)
    got = "".join("".join(late.keys(running=True)) or " " for _ in wanted)
    assert "".join(key for key, after in pairwise(got) if key != after) == " ad w"
    delays = [got.index(key) - wanted.index(key) for key in "adw"]
    assert statistics.fmean(delays) == pytest.approx(12, abs=3)
    assert len(set(delays)) > 1


def test_a_player_presses_return_only_where_the_game_waits() -> None:
    player = Starting(Script("aa"))
    assert player.keys(running=False) == {"enter"}
    assert player.keys(running=True) == {"a"}


def test_an_episode_is_played_alike_whatever_came_before() -> None:
    both = EachEpisode(lambda seed: player_of("random", GAMES["car5"], None, seed=seed), [1, 2])
    for _ in range(10):
        both.keys(running=True)
    both.next()
    alone = player_of("random", GAMES["car5"], None, seed=2)
    assert [both.keys(running=True) for _ in range(200)] == [alone.keys(running=True) for _ in range(200)]
    both.next()  # after the last one there is nothing to prepare for


def test_random_keys_reach_every_action() -> None:
    game = GAMES["car5"]
    player = player_of("random", game, None, seed=1)
    counts = Counter(player.keys(running=True) for _ in range(60 * game.fps))
    assert set(counts) == set(game.chords)


def test_an_opening_differs_between_seeds_and_repeats_for_one() -> None:
    def picture(seed: int) -> npt.NDArray[np.uint8]:
        env.reset(seed=seed)
        return shown(env, 1)

    env = GAMES["pong"].make(False, 10)
    assert isinstance(env, Opening)
    try:
        assert (picture(1) == picture(1)).all()
        assert (picture(1) != picture(2)).any()
    finally:
        env.close()


def test_a_disturbed_game_mostly_does_what_the_keys_say() -> None:
    echo = Echo()
    env = Disturbed(echo, calm=(40, 120), spell=(2, 6))
    env.reset(seed=3)
    for _ in range(3000):
        env.step(9)
    other = sum(action != 9 for action in echo.done)
    assert 0.02 < other / 3000 < 0.1
    assert set(echo.done) <= {0, 1, 2, 3, 4, 9}


def test_in_lockstep_a_decision_takes_effect_the_delay_later() -> None:
    game = GAMES["car5"]  # two frames of the game a decision
    policy, clock = Moment(game), Clock()
    agent = InTurns(Agent(policy, game), game, delay_ms=0)  # type: ignore[arg-type]
    agent.begin(clock, 0)  # type: ignore[arg-type]
    held = []
    for clock.steps in range(5):
        held.append(agent.keys(clock))  # type: ignore[arg-type]
    assert policy.seen == [0, 0, 2, 4]  # the first fills the window
    assert held == [game.chords[0]] * 3 + [game.chords[2]] * 2
    agent.begin(clock, 0)  # type: ignore[arg-type]
    clock.steps = 4
    next_held = [agent.keys(clock) for _ in range(2)]  # type: ignore[arg-type]
    assert policy.seen == [0, 0, 2, 4, 4]  # the window is full of the episode before
    assert next_held == [game.chords[2], game.chords[4]]  # and so are the hands, till the first decision counts


def test_a_frame_is_drawn_once_however_often_it_is_looked_at() -> None:
    once = OncePerFrame(GAMES["lander"].make(False, 50))
    try:
        once.reset(seed=1)
        for _ in range(20):
            once.step(2)
            picture = once.render()
        assert once.render() is picture
        once.step(2)
        assert (once.render() != picture).any()
    finally:
        once.close()


@pytest.mark.parametrize(("delay_ms", "expected"), [(0, {1}), (20, {1, 2}), (40, {2, 3})])
def test_the_delay_is_whole_frames_by_when_a_picture_was_grabbed(delay_ms: float, expected: set[int]) -> None:
    game = GAMES["car5"]  # a frame is 33 ms in the window, not 33.3: after 100 decisions grabs are two frames later
    policy, clock = Moment(game), Clock()
    agent = InTurns(Agent(policy, game), game, delay_ms=delay_ms)  # type: ignore[arg-type]
    agent.begin(clock, 3)  # type: ignore[arg-type]
    grabbed, held = [], []
    for clock.steps in range(200):
        before = len(policy.seen)
        held.append(agent.keys(clock))  # type: ignore[arg-type]
        grabbed += [clock.steps] * (len(policy.seen) > before)
    assert {later - earlier for earlier, later in pairwise(grabbed)} == {2, 3}
    waits = [held.index(game.chords[step % 5], step) - step for step in grabbed[1:-2]]
    assert set(waits) == expected
    assert sum(one != other for one, other in pairwise(waits)) <= 4  # not by chance: long stretches of each


@pytest.mark.slow(3)
def test_the_demonstrator_in_the_agents_place_plays_its_game_a_little_late() -> None:
    game = GAMES["lander"]
    itself, in_place, late = (
        played(game, player, [2], delay_ms) for player, delay_ms in (("scripted", 0), (IN_PLACE, 0), (IN_PLACE, 400))
    )
    slow = played(game, IN_PLACE, [2], 0, reaction_s=0.4)
    assert itself[0]["return"] > 200
    assert in_place[0]["return"] > 200
    assert in_place != itself
    assert late[0]["return"] < 0
    assert slow not in (in_place, played(game, "scripted", [2], 0, reaction_s=0.4))


def test_an_episode_is_the_same_again_for_its_seed() -> None:
    game = GAMES["lander"]
    env = game.make(False, 100)
    try:
        once, again = (episode(game, env, 7, lambda _: frozenset("w"), drawn=True) for _ in range(2))
    finally:
        env.close()
    assert once == again


def kept(*scores: float, late: int = 0) -> dict[str, Any]:
    episodes = [{"return": s, "frames": 100, "late_ticks": late, "key_changes": 10} for s in scores]
    return {"seconds": 1.0, "episodes": episodes}


def test_normalised_is_0_as_random_and_1_as_the_demonstrator() -> None:
    players = {"scripted": kept(290, 310), "random": kept(-100), "none": kept(0)}
    agents = {"": kept(200), "--frames 1": kept(-100, late=2)}
    rows = rows_of(GAMES["lander"], players, agents, record_s=1.0, train_s={"": 1.0, "--frames 1": 1.0})
    assert [row.normalised for row in rows] == [0.75, 0.0, 1.0, 0.0, 0.25]
    assert [row.valid for row in rows] == [True, False, True, True, True]
    assert rows[2].sd == pytest.approx(200**0.5)


def test_a_bad_demonstrator_makes_nothing_valid() -> None:
    rows = rows_of(GAMES["lander"], {"scripted": kept(150), "random": kept(0)}, {}, record_s=0.0, train_s={})
    assert not any(row.valid for row in rows)


def test_what_was_left_halfway_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "policy"
    (folder / "policy").mkdir(parents=True)
    assert read_kept(folder) is None
    assert list(folder.iterdir()) == []
    keep(folder, {"seconds": 1.0})
    (folder / "policy").mkdir()
    assert read_kept(folder) == {"seconds": 1.0}
    assert {path.name for path in folder.iterdir()} == {KEPT, "policy"}


@pytest.mark.parametrize(
    ("told", "disturb", "expected"),
    [
        (None, "collect", {"breakout": 10, "car3": 60}),
        (30.0, "collect", {"breakout": 30, "car3": 30}),
        (0.0, "collect", {"breakout": 0, "car3": 0}),
        (None, "game", {"breakout": 0, "car3": 0}),
    ],
)
def test_wrong_keys_are_as_many_as_the_game_bears_unless_told(
    told: float | None, disturb: Disturb, expected: dict[str, float], tmp_path: Path
) -> None:
    workshop = Workshop(tmp_path, cast(VirtualDisplay, None), QUICK, wrong_keys=told, disturb=disturb)
    assert {name: workshop.wrong_keys(GAMES[name]) for name in expected} == expected


def test_flags_of_train_pass_through_as_they_are() -> None:
    assert parsed(["--train=--frames 1", "--train", "--seed 1"]).train == ["--frames 1", "--seed 1"]
    assert len(QUICK.seeds(GAMES["pong"])) == 2


def test_an_unknown_game_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--games", "chess"]) == 2
    assert (
        "expected one of car3, car5, pong, lander, catch, gates, breakout, freeway, skiing" in capsys.readouterr().err
    )


@pytest.mark.parametrize(("flag", "count"), [("--agent-episodes", "0"), ("--episodes", "1000")])
def test_episodes_that_would_be_recorded_ones_are_refused(
    flag: str, count: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([flag, count]) == 2
    assert f"{flag}: found {count}, expected 1 to 999" in capsys.readouterr().err


@pytest.mark.parametrize("command", [main, takeover.main])
@pytest.mark.parametrize("rate", ["100", "nan"])
def test_a_rate_that_collect_would_refuse_is_said_before_anything_is_played(
    command: Callable[[list[str]], int], rate: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["--wrong-keys", rate]) == 2
    assert f"--wrong-keys: found {rate}, expected 0 to 60 times a minute" in capsys.readouterr().err

"""The parts of `play`: agreement, spacing, threads, warnings, a model that fails, the preview."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from conftest import NEEDS_TK, PATIENCE_S, ROOT, Start, ended, wait_for
from played import Held, held_key, keys_down

from agent.frames import Box, Image
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Hotkeys, Switches
from agent.pacing import WAITING, Pacer
from agent.play.control import Control
from agent.play.live_loop import LiveLoop
from agent.play.long_holds import LongHolds
from agent.play.report import report, summary
from agent.play.rollout import Agreement, Rollout
from agent.play.warnings import holdable_hz, warnings
from agent.policy.format import file_digest
from agent.policy.step import Policy, fewest_threads, threads_to_try
from agent.screen.target import FixedRegion
from games.window.display import VirtualDisplay

MS = 1_000_000


def test_agreement_counts_frames_actions_and_changes() -> None:
    agreement = Agreement(3, 0)
    assert agreement.share is None
    for decided, person in ((0, 0), (0, 0), (1, 2), (2, 2), (2, 1)):
        agreement.seen(decided, person)
    assert agreement.share == 3 / 5
    assert agreement.shares() == [1.0, 0.0, 0.5]
    assert (agreement.changes, agreement.share_at_changes) == (2, 0.0)


def test_agreement_waits_for_what_a_shifted_label_tells_of() -> None:
    agreement = Agreement(2, 2)
    for decided, person in ((1, 0), (1, 0), (0, 1), (0, 1), (0, 0)):
        agreement.seen(decided, person)
    assert agreement.confusion.tolist() == [[1, 0], [0, 2]]
    agreement.broken_off()
    agreement.seen(0, 1)
    assert agreement.confusion.sum() == 3


def test_a_first_frame_has_no_spacing() -> None:
    rollout = Rollout(3)
    for spacing_ns in (None, 33 * MS, None, 34 * MS):
        rollout.decided(0, 1.0, (0, 1, 2, 3, 4), spacing_ns)
    assert rollout.spacing_ns.tolist() == [33 * MS, 34 * MS]
    assert rollout.decisions == 4


def test_a_hold_far_longer_than_any_that_was_learned_is_found() -> None:
    rollout = Rollout(2, long_holds=LongHolds((1.5, 60.0)))

    def held(action: int, from_s: float, to_s: float) -> None:
        for now_s in np.arange(from_s, to_s + 0.05, 0.1):
            rollout.decided(action, 0.9, (round(now_s * 1e9),) * 5)

    held(0, 0.0, 3.0)  # twice as long is no more than that
    held(1, 3.1, 20.0)
    assert rollout.long_holds.found == []
    held(0, 20.1, 25.1)
    held(1, 25.2, 26.0)
    held(0, 26.1, 28.0)
    rollout.broken_off()  # a pause: nothing was held
    held(0, 29.0, 31.0)
    rollout.person_plays = True
    held(0, 31.1, 40.0)
    (found,) = rollout.long_holds.found
    assert (found.action, round(found.from_s, 1), round(found.seconds, 1)) == (0, 20.1, 5.0)


def test_a_short_hold_leaves_nobody_stuck_and_an_older_policy_knows_of_none() -> None:
    tapped, unknown = LongHolds((0.1, 0.1)), LongHolds()
    for tick in range(20):
        tapped.decided(0, tick * 100 * MS)
    for tick in range(2000):
        unknown.decided(0, tick * 100 * MS)
    assert tapped.found == unknown.found == []


def test_threads_are_few_and_leave_the_game_its_cores() -> None:
    assert [threads_to_try(cores) for cores in (1, 2, 4, 6, 8, 64)] == [
        [1],
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 4],
        [1, 2, 4],
    ]
    assert fewest_threads({1: 1.1, 2: 1.0, 4: 1.2}) == 1
    assert fewest_threads({1: 4.0, 2: 2.2, 4: 2.0}) == 2


def test_the_fastest_is_chosen_by_measuring(policy: Path) -> None:
    measured = Policy.load(policy, threads=None, cores=8)
    assert set(measured.step_ms) == {1, 2, 4}
    assert measured.threads in measured.step_ms
    assert Policy.load(policy, threads=2).step_ms == {}


def rolled(policy: Policy, *, latency_ms: float, late: int, stage: str = "model") -> list[str]:
    rollout, pacer = Rollout(3), Pacer(policy.meta.fps)
    rollout.resume()
    for n in range(100):
        edges = tuple(round(latency_ms * MS * part) for part in (0, 0.1, 0.2, 0.9, 1))
        rollout.decided(n % 3, 0.9, edges, policy.meta.spacing.median_ns)
    pacer.ticks, pacer.late = 100, late
    for n in range(late):
        pacer.blame.add(stage, (n + 1) * MS)
    return warnings(rollout, pacer, policy)


def test_warnings_name_the_rate_that_this_machine_holds_and_what_helps(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    assert rolled(loaded, latency_ms=10, late=0) == []
    (slow,) = rolled(loaded, latency_ms=50, late=40)
    assert "40 of 100 ticks were late, 40 because model took up to 40 ms: this machine" in slow
    assert "holds 20 fps, not the 30" in slow
    assert "collect --fps 20" in slow
    (crowded,) = rolled(loaded, latency_ms=10, late=40)
    assert "though this machine can hold up to 100 fps: other programs took the cores" in crowded
    (asleep,) = rolled(loaded, latency_ms=10, late=40, stage=WAITING)
    assert "the system woke the loop up to 40 ms too late: other programs took the cores" in asleep
    (looking,) = rolled(loaded, latency_ms=50, late=40, stage="looking at the window")
    assert (
        "40 because looking at the window took up to 40 ms: the system was slow to tell where the window is" in looking
    )
    assert holdable_hz(Rollout(3)) is None


def test_warnings_name_pixels_spacing_focus_and_a_single_action(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    loaded.pixel_difference = 1
    loaded.meta = replace(loaded.meta, versions={"opencv-python": "5.0.0"})
    rollout = Rollout(3, paused_s={"the window is unfocused": 7.0})
    for _ in range(100):
        rollout.decided(1, 0.9, (0, 1, 2, 3, 4), 90 * MS)
    text = "\n".join(warnings(rollout, Pacer(30), loaded))
    for part in ("pip install opencv-python==5.0.0", "90.0 ms apart", "for 7 s", "forward nearly all the time"):
        assert part in text


def test_stuck_holds_are_told_with_where_they_were(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    loaded.meta = replace(loaded.meta, longest_holds_s=(1.0, 2.5, 1.0))
    rollout = Rollout(3, long_holds=LongHolds(loaded.meta.longest_holds_s))
    for tick in range(1000):
        action = 1 if 100 <= tick < 200 or tick >= 700 else tick % 3
        rollout.decided(action, 0.9, tuple(tick * 100 * MS + n for n in range(5)), loaded.meta.spacing.median_ns)
    (stuck,) = (text for text in warnings(rollout, Pacer(30), loaded) if "stuck" in text)
    assert "it held forward for 29.9 s, 2.5 s at most in what it learned from (at 1:10, and 1 more, the first" in stuck
    assert "at 0:10); play --record" in stuck
    told = report(rollout, Pacer(30), loaded, shadow=False)["long_holds"]
    assert [hold["action"] for hold in told] == ["forward", "forward"]
    assert [hold["seconds"] for hold in told] == [9.9, 29.9]


class SlowScreen:
    """A screen that takes 80 ms for a picture."""

    is_of_window = False

    def aim(self, window_id: int | None) -> None:
        pass

    def is_hidden(self) -> bool:
        return False

    def holds(self, box: Box) -> bool:
        return True

    def grab(self, box: Box) -> Image:
        time.sleep(0.08)
        return np.zeros((box.height, box.width, 4), np.uint8)


def loop_over(
    screen: SlowScreen,
    policy: Policy,
    rollout: Rollout,
    pacer: Pacer,
    switches: Switches,
    say: Callable[[str], None],
    check: Callable[[], None],
) -> LiveLoop:
    """The live loop on a region of `screen`; its keys go nowhere."""
    return LiveLoop(
        FocusGate(FixedRegion(Box(0, 0, 64, 48)), screen, switches),  # type: ignore[arg-type]
        screen,  # type: ignore[arg-type]
        policy,
        Control(Held(), switches, Hotkeys(), touch=True),
        pacer,
        switches,
        rollout,
        say,
        check,
    )


def test_where_no_frame_follows_another_it_says_why_nothing_is_pressed(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    switches, rollout, pacer = Switches(), Rollout(3), Pacer(loaded.meta.fps)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        switches.ended = text.startswith("warning: a frame and its decision take")

    screen = SlowScreen()
    loop_over(screen, loaded, rollout, pacer, switches, say, lambda: None).run(duration_s=PATIENCE_S)
    assert rollout.decisions == 0
    assert switches.ended, said
    nothing, why, *_ = summary(rollout, pacer, loaded, shadow=False)
    assert nothing == "found no decision made"
    assert "not the 30 of this policy" in why
    for line in (said[-1], why):
        assert "because grab took up to" in line


class StillScreen(SlowScreen):
    """Always the same picture, at once."""

    def grab(self, box: Box) -> Image:
        return np.zeros((box.height, box.width, 4), np.uint8)


def test_it_says_once_that_a_takeover_would_teach_where_it_is_stuck(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    loaded.meta = replace(loaded.meta, longest_holds_s=(0.1, 0.1, 0.1))
    switches, pacer = Switches(), Pacer(loaded.meta.fps)
    rollout = Rollout(3, long_holds=LongHolds(loaded.meta.longest_holds_s))
    said: list[str] = []
    screen = StillScreen()

    def check() -> None:
        # Till it was stuck twice: what is held is broken off in between, as by a pause.
        if rollout.long_holds.is_long:
            rollout.broken_off()
        switches.ended = len(rollout.long_holds.found) == 2

    loop_over(screen, loaded, rollout, pacer, switches, said.append, check).run(duration_s=PATIENCE_S)
    assert len(rollout.long_holds.found) == 2
    (stuck,) = (text for text in said if "stuck" in text)
    assert "taking over here would teach it most (play --record keeps it)" in stuck


def poisoned(policy: Path, tmp_path: Path) -> Path:
    """A copy whose network answers NaN: the biases of its last layer are no numbers."""
    copy = tmp_path / "poisoned"
    shutil.copytree(policy, copy)
    model = (copy / "policy.tflite").read_bytes()
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    hits = 0
    for details in interpreter.get_tensor_details():
        if details["dtype"] != np.float32 or tuple(details["shape"]) != (3,):
            continue
        try:
            bias = interpreter.get_tensor(details["index"]).tobytes()
        except ValueError:
            continue  # no constant
        hits += model.count(bias)
        model = model.replace(bias, np.full(3, np.nan, np.float32).tobytes())
    assert hits, "the biases of the last layer"
    (copy / "policy.tflite").write_bytes(model)
    described = json.loads((copy / "policy.json").read_text())
    described["digests"]["policy.tflite"] = file_digest(copy / "policy.tflite")
    (copy / "policy.json").write_text(json.dumps(described))
    return copy


def test_a_model_that_answers_nan_ends_play_with_one_line_and_no_key_down(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", poisoned(policy, tmp_path), "--window", "Counter", "--record", tmp_path / "rollout")
    status, out, err = ended(process)
    assert status == 1
    assert err.startswith("error: policy: found probabilities that are no numbers")
    assert err.count("\n") == 1
    assert keys_down(display) == set()
    assert "nothing was written to" in out  # it never decided
    assert not (tmp_path / "rollout").exists()


def titles(display: VirtualDisplay) -> list[str]:
    """Of all windows that can be seen, also those that no window manager knows."""
    with display.connection() as connection:
        windows = connection.screen().root.query_tree().children
        return [str(window.get_wm_name()) for window in windows if window.get_attributes().map_state == 2]


@NEEDS_TK
def test_the_preview_takes_no_focus_and_ends_with_play(
    start: Start, counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    process = start("agent", policy, "--window", "Counter", "--preview")
    wait_for(lambda: "twoframe preview" in titles(display), "the preview")
    held_key(display)
    listed = "import agent.screen.window as w; print(w.window_titles())"
    seen = subprocess.run(
        [sys.executable, "-c", listed], cwd=ROOT, env=display.env, capture_output=True, text=True, check=True
    )
    assert "Counter" in seen.stdout
    assert "preview" not in seen.stdout
    process.send_signal(signal.SIGINT)
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "the window is unfocused" not in out
    assert "preview" not in titles(display)


@NEEDS_TK
def test_where_the_game_fills_the_screen_there_is_no_preview_and_play_goes_on(
    start: Start, display: VirtualDisplay, policy: Path
) -> None:
    process = start("agent", policy, "--region", "0,0,1280,800", "--shadow", "--preview", "--duration-s", "2")
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "preview: found no room beside the game" in out and "decisions" in out


def test_without_tk_the_preview_says_so_and_play_goes_on(
    counter: Path, display: VirtualDisplay, policy: Path, tmp_path: Path
) -> None:
    (tmp_path / "tkinter.py").write_text("raise ImportError('no Tk here')")
    done = subprocess.run(
        [sys.executable, "-m", "agent", policy, "--window", "Counter", "--preview", "--duration-s", "2"],
        cwd=ROOT,
        env={**display.env, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("preview: found no tkinter (no Tk here)") == 1
    assert "decisions" in done.stdout

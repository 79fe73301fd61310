"""The parts of `play`: agreement, spacing, threads, warnings, a model that fails, the preview."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from conftest import PATIENCE_S, ROOT, Start, ended, wait_for
from played import Held, held_key, keys_down

from agent.frames import Box, Image
from agent.live.focus_gate import FocusGate
from agent.live.hotkeys import Hotkeys, Switches
from agent.pacing import WAITING, Pacer
from agent.play.control import Control
from agent.play.live_loop import LiveLoop
from agent.play.report import summary
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


def test_where_no_frame_follows_another_it_says_why_nothing_is_pressed(policy: Path) -> None:
    loaded = Policy.load(policy, threads=1)
    held, switches, rollout, pacer = Held(), Switches(), Rollout(3), Pacer(loaded.meta.fps)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        switches.ended = text.startswith("warning: a frame and its decision take")

    screen = SlowScreen()
    loop = LiveLoop(
        FocusGate(FixedRegion(Box(0, 0, 64, 48)), screen, switches),  # type: ignore[arg-type]
        screen,  # type: ignore[arg-type]
        loaded,
        Control(held, switches, Hotkeys(), touch=True),
        pacer,
        switches,
        rollout,
        say,
        lambda: None,
    )
    loop.run(duration_s=PATIENCE_S)
    assert rollout.decisions == 0
    assert switches.ended, said
    nothing, why, *_ = summary(rollout, pacer, loaded, shadow=False)
    assert nothing == "found no decision made"
    assert "not the 30 of this policy" in why
    for line in (said[-1], why):
        assert "because grab took up to" in line


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


def test_where_the_game_fills_the_screen_there_is_no_preview_and_play_goes_on(
    start: Start, display: VirtualDisplay, policy: Path
) -> None:
    process = start("agent", policy, "--region", "0,0,1280,800", "--shadow", "--preview", "--duration-s", "2")
    status, out, err = ended(process)
    assert (status, err) == (0, "")
    assert "preview: found no room beside the game" in out
    assert "decisions" in out


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

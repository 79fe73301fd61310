"""`play POLICY --check` as its function sees it: a sound policy passes, each fault gets a line that says what to do."""

import base64
import json
import os
import shutil
import signal
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import PATIENCE_S, MadeOnce, wait_for
from x11_person import KeyWindow

from agent.check import policy as module
from agent.check.loop_back import STAGES, LoopBack, measure
from agent.check.machine import PROBE_KEY, Finding
from agent.check.policy import check_policy
from agent.check.probe_window import ProbeWindow, WindowKey
from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec, contract_patterns, prepare
from agent.keyboard.emitter import open_emitter
from agent.policy.format import MODEL_FILE, SETTINGS_FILE, STEP_FILE, file_digest, packed_patterns
from agent.policy.step import Policy
from agent.screen.grab import Screen
from bench.live import make_policy
from games.window.display import VirtualDisplay

FILES = ["policy", MODEL_FILE, STEP_FILE, "pixels", "network"]
MACHINE = ["session", "capture", "windows", "grab", "keyboard", "disk", "processor"]


@pytest.fixture(scope="session")
def sound(made_once: MadeOnce) -> Path:
    flags = ("--size", "32x24", "--fps", "10", "--region", "200,100,320,200")
    return made_once("sound", lambda folder: make_policy(folder, *flags))


@pytest.fixture
def policy(sound: Path, tmp_path: Path) -> Path:
    """A policy to spoil."""
    return Path(shutil.copytree(sound, tmp_path / "policy"))


@pytest.fixture(autouse=True)
def on_the_virtual_display(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)
    # How quick a machine must be is not what these tests are about: a busy one is sound too.
    monkeypatch.setattr("agent.check.loop_back.TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr("agent.check.machine.PROBE_TIMEOUT_S", PATIENCE_S)
    monkeypatch.setattr("agent.check.machine.SLOW_LOOP_BACK_MS", 1000 * PATIENCE_S)


@pytest.fixture
def no_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the policy is checked: the rest takes seconds and is not what the test is about."""
    monkeypatch.setattr(module, "check_machine", lambda *_: iter(()))
    monkeypatch.setattr(module, "measure", lambda *_, **__: LoopBack(np.ones((20, 4)), np.full(20, 5.0)))


def findings(folder: Path) -> dict[str, Finding]:
    found = list(check_policy(folder, threads=1))
    assert len({finding.part for finding in found}) == len(found)
    return {finding.part: finding for finding in found}


def wrong(folder: Path) -> dict[str, str]:
    """The lines of what is not as it should be; every one says what to do."""
    bad = [finding for finding in findings(folder).values() if not finding.ok]
    assert all(finding.remedy for finding in bad)
    assert not any("\n" in str(finding) for finding in bad)
    return {finding.part: str(finding) for finding in bad}


def change_settings(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    settings = json.loads((folder / SETTINGS_FILE).read_text())
    change(settings)
    (folder / SETTINGS_FILE).write_text(json.dumps(settings))


@pytest.mark.slow(8)
def test_sound_policy_on_a_sound_machine(counter: Path, policy: Path, display: VirtualDisplay) -> None:
    change_settings(policy, lambda settings: settings.update(fps=0.1))  # which a busy machine holds too
    found = findings(policy)
    assert list(found) == [*FILES, *MACHINE, "latency"]
    assert [str(finding) for finding in found.values() if not finding.ok and finding.part != "processor"] == []
    assert "2 frames of 32x24 gray at 0.1 fps, left=a forward=w right=d" in found["policy"].found
    assert found["pixels"].found == "prepared exactly as in training"
    assert all(f"{stage} " in found["latency"].found for stage in STAGES)
    assert "10000.0 ms is the time for a decision" in found["latency"].found
    with display.connection() as connection:
        assert not any(connection.query_keymap())


@pytest.mark.parametrize("name", [MODEL_FILE, STEP_FILE])
def test_altered_file_is_named_and_not_loaded(name: str, policy: Path, no_machine: None) -> None:
    content = bytearray((policy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (policy / name).write_bytes(content)
    assert wrong(policy) == {
        name: f"WRONG {name}: altered since train wrote it; copy the folder again or train again",
    }
    assert "network" not in findings(policy)
    assert "latency" not in findings(policy)


@pytest.mark.parametrize("name", [MODEL_FILE, STEP_FILE])
def test_missing_file_is_named(name: str, policy: Path, no_machine: None) -> None:
    (policy / name).unlink()
    assert wrong(policy) == {name: f"WRONG {name}: no such file; copy the whole folder again"}


def test_file_that_is_no_litert_model(policy: Path, no_machine: None) -> None:
    (policy / STEP_FILE).write_bytes(b"no model" * 100)
    digest = file_digest(policy / STEP_FILE)
    change_settings(policy, lambda settings: settings["digests"].update({STEP_FILE: digest}))
    bad = wrong(policy)
    assert list(bad) == ["network"]
    assert "expected a LiteRT model" in bad["network"]
    assert "latency" not in findings(policy)


def test_frame_spec_that_the_patterns_do_not_fit(policy: Path, no_machine: None) -> None:
    change_settings(policy, lambda settings: settings["frame"].update(width=40))
    assert list(wrong(policy)) == ["pixels", "network"]


def test_frame_spec_that_the_network_does_not_take(policy: Path, no_machine: None) -> None:
    spec = FrameSpec(40, 24)
    patterns = [base64.b64encode(packed).decode() for packed in packed_patterns(spec, spec)]
    change_settings(
        policy, lambda settings: settings.update(frame=spec.to_json(), recorded=spec.to_json(), patterns=patterns)
    )
    bad = wrong(policy)
    assert list(bad) == ["network"]
    assert "found inputs" in bad["network"]
    assert "(1, 24, 40, 1)" in bad["network"]


@pytest.mark.parametrize(("levels", "ok"), [(1, True), (2, True), (3, False), (40, False)])
def test_pixels_that_differ(levels: int, ok: bool, policy: Path, no_machine: None) -> None:
    def change(settings: dict[str, Any]) -> None:
        spec = FrameSpec.from_json(settings["frame"])
        frame = prepare(contract_patterns()[0], spec).astype(np.int64)
        frame = np.where(frame > 127, frame - levels, frame + levels).astype(np.uint8)
        settings["patterns"][0] = base64.b64encode(zlib.compress(frame.tobytes())).decode()

    change_settings(policy, change)
    pixels = findings(policy)["pixels"]
    assert pixels.ok == ok
    assert f"up to {levels} grey level" in pixels.found
    assert ("warning" in pixels.found) == ok
    assert "OpenCV" in str(pixels)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"format_version": 99}', "\x00" * 100])
def test_settings_that_cannot_be_read_are_the_only_finding(content: str, policy: Path) -> None:
    (policy / SETTINGS_FILE).write_text(content)
    assert list(wrong(policy)) == ["policy"]


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_policy_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(TwoframeError, match=r"found no policy\.json, expected a policy folder made by train"):
        next(check_policy(tmp_path / name, threads=1))


def test_without_a_display_each_part_says_so(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    bad = set(wrong(sound)) - {"processor"}
    assert bad == {"session", "capture", "windows", "grab", "keyboard", "latency"}


@pytest.mark.parametrize(("slow", "threads"), [("model", True), ("grab", False)])
def test_latency_beyond_the_period_names_a_rate_that_can_be_held(
    slow: str,
    threads: bool,
    sound: Path,
    no_machine: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stages_ms = np.ones((20, 4))
    stages_ms[:, STAGES.index(slow)] = 50
    total_ms = np.full(20, 60.0)
    total_ms[3] = 160  # one in twenty is too often
    monkeypatch.setattr(module, "measure", lambda *_, **__: LoopBack(stages_ms, total_ms))
    monkeypatch.setattr(module, "usable_cpus", lambda: 4)
    latency = findings(sound)["latency"]
    assert not latency.ok
    assert "in 60.0 ms (worst 160.0)" in latency.found
    assert "collect --fps 5.0" in latency.remedy  # 0.8 / 160 ms
    assert ("--threads 4" in latency.remedy) == threads


def test_loop_back_goes_through_all_stages(sound: Path) -> None:
    back = measure(Policy.load(sound, threads=1), PROBE_KEY, rounds=6)
    assert back.stages_ms.shape == (6, 4)
    assert (back.stages_ms > 0).all()
    assert (back.total_ms >= back.stages_ms.sum(axis=1)).all()


@pytest.mark.parametrize("region", [[900, 500, 3000, 2000], [-5000, -5000, 10**9, 10**9], [0, 0, 0, 0]])
def test_loop_back_finds_room_wherever_the_game_was(region: list[int], policy: Path) -> None:
    change_settings(policy, lambda settings: settings.update(region=region))
    assert len(measure(Policy.load(policy, threads=1), PROBE_KEY, rounds=2).total_ms) == 2


def test_window_that_hides_ours_is_told(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.check.loop_back.TIMEOUT_S", 0.2)
    monkeypatch.setattr(ProbeWindow, "show", lambda *_, **__: 0)  # nothing ever changes
    with pytest.raises(TwoframeError, match="is not seen within"):
        measure(Policy.load(sound, threads=1), PROBE_KEY, rounds=2)


@pytest.mark.parametrize("title", ["", "A window"])
def test_probe_window_shows_its_greys_and_tells_its_keys(title: str, display: VirtualDisplay) -> None:
    with ProbeWindow(Box(100, 50, 320, 200), ["a", "shift"], title=title) as window, Screen() as screen:
        assert (window.box.width, window.box.height) == (320, 200)
        for bright, grey in ((True, 136), (False, 112)):
            window.show(bright=bright)
            assert (screen.grab(window.box)[:, :, :3] == grey).all()
        with KeyWindow(display.name) as other:
            other.focus()
            window.focus()
            emitter = open_emitter(["a", "b", "shift"])
            emitter.press(["b", "a"])
            emitter.release(["b", "a"])
            emitter.close()
        first, second = window.next_key(PATIENCE_S), window.next_key(PATIENCE_S)
        assert isinstance(first, WindowKey)
        assert isinstance(second, WindowKey)
        assert [first[:2], second[:2]] == [("a", True), ("a", False)]
        assert window.next_key(0.05) is None


def test_probe_window_that_has_gone_is_told() -> None:
    with ProbeWindow(Box(100, 50, 320, 200), ["a"]) as window:
        os.kill(window._process.pid, signal.SIGKILL)
        wait_for(lambda: window._process.poll() is not None, "its end")
        with pytest.raises(TwoframeError, match="found ours closed"):
            window.show(bright=True)
        window.close()


def test_probe_window_without_a_display_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(TwoframeError, match="DISPLAY is not set"):
        ProbeWindow(Box(0, 0, 320, 200), ["a"])

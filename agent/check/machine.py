"""Can this machine record and press keys? Every part is tried for real; each answer comes with its remedy."""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console

from agent.check.finding import Finding, found
from agent.check.game import game, grab
from agent.check.probe_window import ProbeWindow
from agent.command_line.real_pixels import count_real_pixels
from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec, prepare
from agent.keyboard.emitter import open_emitter
from agent.keyboard.key_holder import KeyHolder
from agent.keyboard.listener import KeyEvent, KeyListener
from agent.live.own_presses import TAKEN_FOR_A_PERSON
from agent.live.place import Place
from agent.live_line import say
from agent.pacing import clock_ns
from agent.screen.grab import Screen

PROBE_KEY = "right_ctrl"  # types nothing, and hardly any program minds it
PROBES = 5
PROBE_TIMEOUT_S = 1.0
CAPTURE_S = 0.5
SLOW_LOOP_BACK_MS = 20.0
LOW_DISK_S = 3600.0


def check_machine(spec: FrameSpec, fps: float, folder: Path, place: Place | None) -> Iterator[Finding]:
    """One finding after the other: session, capture, windows, game, grab, keyboard and key holder, disk, processor.

    `spec` and `fps` are those of the recording that is to go into `folder`, `place` is where the game is, None where
    none was named. Presses the right Ctrl key a few times.
    """
    yield found("session", _session)
    yield found("capture", lambda: _capture(spec, fps))
    yield found("windows", _windows)
    if place is not None:
        yield found("game", lambda: game(place))
    yield found("grab", grab)
    yield found("keyboard", _keyboard)
    yield found("disk", lambda: _disk(spec, fps, folder))
    yield _processor()


def tell(findings: Iterable[Finding], console: Console, *, as_json: bool) -> int:
    """Print each finding as it comes, or all of them as JSON; 0 if all is well, else 1."""
    told = []
    for finding in findings:
        told.append(finding)
        if not as_json:
            say(console, str(finding))
    if as_json:
        print(json.dumps([finding.to_json() for finding in told], indent=2))
    return 0 if all(finding.ok for finding in told) else 1


def _session() -> Finding:
    if sys.platform == "win32":
        pixels = count_real_pixels()  # asked for at the very beginning: this tells what came of it
        return Finding(
            "session",
            ok=pixels is not None,
            found=f"Windows, real pixels {pixels or 'of no screen'}; keys go out as scan codes",
            remedy=f"in the properties of {getattr(sys, '_base_executable', sys.executable)}, under Compatibility: "
            "Change high DPI settings, let 'Application' override the scaling",
        )
    if sys.platform == "darwin":
        from agent.macos.permissions import PERMISSIONS, lacking, remedy, told

        missing = lacking(PERMISSIONS)
        text = f"without the permission for {told(missing)}" if missing else f"with {told(PERMISSIONS)} permitted"
        return Finding("session", ok=not missing, found=f"macOS, {text}", remedy=remedy(missing))
    display, wayland = os.environ.get("DISPLAY"), os.environ.get("WAYLAND_DISPLAY")
    if not display:
        remedy = "log in to a desktop, or set DISPLAY to one that runs X11 programs"
        text = "Wayland without X" if wayland else "no display (DISPLAY is not set)"
        return Finding("session", ok=False, found=text, remedy=remedy)
    from agent.x11 import ROOTFUL, is_rootful, is_xwayland

    if is_xwayland():
        if is_rootful():
            raise TwoframeError(ROOTFUL)
        text = f"Wayland, display {display} (Xwayland): games that run as X11 programs; native Wayland windows "
        return Finding("session", ok=True, found=f"{text}cannot be recorded")
    return Finding("session", ok=True, found=f"X11, display {display}")


def _capture(spec: FrameSpec, fps: float) -> Finding:
    with Screen() as screen, _in_sight(screen) as box:
        screen.grab(box)
        begun_s, frames, brightest = time.perf_counter(), 0, 0
        while time.perf_counter() - begun_s < CAPTURE_S:
            image = screen.grab(box)
            prepare(image, FrameSpec(spec.width, spec.height, spec.color))
            brightest = max(brightest, int(image[::8, ::8, :3].max()))
            frames += 1
        rate_hz = frames / (time.perf_counter() - begun_s)
        way = screen.way
        what = "a window" if screen.needs_window else "the whole screen"
    text = f"{rate_hz:.0f} pictures a second of {what} ({box.width}x{box.height}{_depth()}) to {spec} by {way}"
    if not brightest:
        return Finding(
            "capture",
            ok=False,
            found=f"{text}, all black",
            remedy="wake the screen; run the game in a window or borderless, not in exclusive full screen",
        )
    if rate_hz < 2 * fps:
        return Finding(
            "capture", ok=False, found=text, remedy=f"expected at least {2 * fps:.0f}: lower --fps or the resolution"
        )
    return Finding("capture", ok=True, found=text)


@contextmanager
def _in_sight(screen: Screen) -> Iterator[Box]:
    """Where there is something to grab, as large as the screen: the screen itself, else a window of ours."""
    if not screen.needs_window:
        yield screen.bounds
        return
    with ProbeWindow(screen.bounds, (), title="twoframe") as window:
        screen.aim(window.window_id)
        window.show(bright=True)
        yield window.box


def _depth() -> str:
    if sys.platform != "linux":
        return ""
    from agent.screen.x11_pixels import pixels

    return f", depth {pixels().depth}"


def _windows() -> Finding:
    from agent.screen.window import numbered_titles

    titled = [(number, title) for number, title in numbered_titles() if title]
    names = ", ".join(repr(title) for _, title in titled[:5]) or "none open"
    emitter = open_emitter([PROBE_KEY])
    try:
        focused = [title for number, title in titled if emitter.is_focused(number)]
        is_elsewhere = emitter.focused_window() is not None
    finally:
        emitter.close()
    if focused:
        return Finding("windows", ok=True, found=f"{names}; {focused[0]!r} has the focus")
    if titled and not is_elsewhere and not _may_have_native_windows():
        remedy = "click into a window; without a window manager (on a bare X server) start one"
        return Finding("windows", ok=False, found=f"{names}; none has the focus", remedy=remedy)
    return Finding("windows", ok=True, found=f"{names}; none of these has the focus" if titled else names)


def _may_have_native_windows() -> bool:
    """Whether the focus may be where X cannot see it: in a Wayland session the terminal has it, as a rule."""
    if sys.platform != "linux":
        return False
    from agent.x11 import is_xwayland

    return is_xwayland()


def _keyboard() -> Finding:
    """Through another process and back: the key holder presses, the listener hears it."""
    heard: list[KeyEvent] = []
    arrived = threading.Event()

    def hear(event: KeyEvent) -> None:
        heard.append(event)
        arrived.set()

    latencies_ms = []
    with KeyListener([PROBE_KEY], hear) as listener, KeyHolder([PROBE_KEY], window_id=None) as holder:
        if listener.held_at_start:
            raise TwoframeError("found the right Ctrl key held; let go of it and check again")
        for keys in ((PROBE_KEY,), ()) * PROBES:
            arrived.clear()
            sent_ns = clock_ns()
            holder.hold(keys)
            if not arrived.wait(PROBE_TIMEOUT_S):
                what = "press" if keys else "release"
                raise TwoframeError(f"found that the {what} of a key did not come back; {_keyboard_remedy()}")
            if heard[-1].injected is False:
                raise TwoframeError(TAKEN_FOR_A_PERSON)
            latencies_ms.append((heard[-1].time_ns - sent_ns) / 1e6)
    latency_ms = float(np.median(latencies_ms))
    return Finding(
        "keyboard",
        ok=latency_ms < SLOW_LOOP_BACK_MS,
        found=f"key pressed by the key holder and heard again in {latency_ms:.1f} ms (worst {max(latencies_ms):.1f})"
        f"{_keyboard_limit()}",
        remedy="close programs that hook the keyboard or take the cores",
    )


def _keyboard_limit() -> str:
    if sys.platform != "linux":
        return ""
    return (
        "; a game that answers your keys and not these reads the keyboard below X (evdev): "
        "choose another input driver in its settings"
    )


def _keyboard_remedy() -> str:
    if sys.platform == "darwin":
        from agent.macos.permissions import remedy

        return remedy(("Accessibility", "Input Monitoring"))
    if sys.platform == "win32":
        return "close keyboard tools; if the game runs as administrator, run this so too"
    return "allow it where the desktop asks for that, and XTEST on a remote display; else use an X11 session"


def _disk(spec: FrameSpec, fps: float, folder: Path) -> Finding:
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not os.access(there, os.W_OK):
        return Finding("disk", ok=False, found=f"{there} cannot be written", remedy="choose another folder")
    free = shutil.disk_usage(there).free
    seconds = free / (spec.width * spec.height * spec.channels * fps)
    text = f"{free / 1e9:.1f} GB free in {there}: {seconds / 3600:.1f} hours at {fps:g} fps of {spec}"
    return Finding("disk", ok=seconds > LOW_DISK_S, found=text, remedy="free some space or use a smaller --size")


def _processor() -> Finding:
    from agent.machine import usable_cpus

    cpus = usable_cpus()
    if not hasattr(os, "getloadavg"):
        return Finding("processor", ok=True, found=f"{cpus} cores")
    load = os.getloadavg()[0]
    text = f"{cpus} cores, load {load:.1f}"
    return Finding("processor", ok=load < 1.5 * cpus, found=text, remedy="close other programs")

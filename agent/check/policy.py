"""Can this machine play this policy? `play POLICY --check`: the files, the pixels, the machine, the latency."""

from collections.abc import Callable, Iterator
from pathlib import Path

from agent.check.finding import Finding, found
from agent.check.loop_back import measure
from agent.check.machine import PROBE_KEY, check_machine
from agent.errors import TwoframeError
from agent.json_files import read_json
from agent.live.place import Place
from agent.machine import usable_cpus
from agent.policy.format import (
    MAX_GREY_LEVELS,
    MODEL_FILE,
    SETTINGS_FILE,
    STEP_FILE,
    PolicyMeta,
    file_digest,
)
from agent.policy.step import Policy

ROUNDS = 20
SPARE = 0.8  # of a rate that could just be held


def check_policy(
    folder: Path, *, threads: int | None, place_of: Callable[[PolicyMeta], Place | None] = lambda meta: None
) -> Iterator[Finding]:
    """One finding after the other: the policy's files and pixels, the machine as `check_machine` has it, the latency.

    `place_of` tells where the game of a policy is, None where it need not be there.
    Opens a window where the game was recorded and presses the right Ctrl key in it. Where `policy.json` cannot be
    read, that is the only finding. Raises `TwoframeError` if `folder` is none that `train` made.
    """
    if not (folder / SETTINGS_FILE).is_file():
        raise TwoframeError(f"{folder}: found no {SETTINGS_FILE}, expected a policy folder made by train")
    try:
        meta = PolicyMeta.from_json(read_json(folder / SETTINGS_FILE))
    except TwoframeError as error:
        yield Finding("policy", ok=False, found=str(error), remedy=f"copy {folder} again or train again")
        return
    frames = f"{meta.frames_per_window} frames" if meta.frames_per_window > 1 else "1 frame"
    yield Finding("policy", ok=True, found=f"{frames} of {meta.frame} at {meta.fps:g} fps, {meta.actions}")
    whole = True
    for name in (MODEL_FILE, STEP_FILE):
        finding = _file(folder / name, meta.digests.get(name))
        whole = whole and finding.ok
        yield finding
    yield found("pixels", lambda: _pixels(meta))

    policies: list[Policy] = []
    if whole:
        yield found("network", lambda: _network(folder, threads, policies))
    yield from check_machine(meta.frame, meta.fps, Path(), place_of(meta))
    if policies:
        yield found("latency", lambda: _latency(policies[0]))


def _file(path: Path, digest: str | None) -> Finding:
    if not path.is_file():
        return Finding(path.name, ok=False, found="no such file", remedy="copy the whole folder again")
    try:
        if file_digest(path) == digest:
            return Finding(path.name, ok=True, found=f"{path.stat().st_size / 1e6:.1f} MB, as train wrote it")
    except OSError as error:
        return Finding(path.name, ok=False, found=error.strerror or str(error), remedy="make the file readable")
    return Finding(
        path.name, ok=False, found="altered since train wrote it", remedy="copy the folder again or train again"
    )


def _pixels(meta: PolicyMeta) -> Finding:
    difference = meta.pixel_contract()
    levels = "1 grey level" if difference == 1 else f"{difference} grey levels"
    opencv = meta.versions.get("opencv-python", "the version in policy.json")
    if not difference:
        return Finding("pixels", ok=True, found="prepared exactly as in training")
    text = f"prepared up to {levels} differently from training"
    if difference > MAX_GREY_LEVELS:
        return Finding("pixels", ok=False, found=text, remedy=f"install OpenCV {opencv} or train here")
    return Finding("pixels", ok=True, found=f"warning: {text}; OpenCV {opencv} would do without")


def _network(folder: Path, threads: int | None, policies: list[Policy]) -> Finding:
    """Leaves the policy in `policies` if it is sound."""
    policy = Policy.load(folder, threads=threads)
    policies.append(policy)
    return Finding("network", ok=True, found=f"LiteRT on {policy.threads} of {usable_cpus()} cores")


def _latency(policy: Policy) -> Finding:
    back = measure(policy, PROBE_KEY, rounds=ROUNDS)
    period_ms, worst_ms = 1000 / policy.meta.fps, float(back.total_ms.max())
    text = f"{back}; {period_ms:.1f} ms is the time for a decision"
    rate_hz = 1000 * SPARE / worst_ms
    rate = f"{rate_hz:.0f}" if rate_hz >= 10 else f"{rate_hz:.1f}"
    remedy = f"close other programs, or record and train for {rate} fps (collect --fps {rate})"
    if back.slowest == "model" and policy.threads < usable_cpus():
        remedy = f"try --threads {usable_cpus()}; {remedy}"
    return Finding("latency", ok=worst_ms <= period_ms, found=text, remedy=remedy)

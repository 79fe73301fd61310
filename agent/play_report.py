"""What a person is told of a rollout: the live line, the summary that names what went wrong, the JSON report."""

from typing import Any

import numpy as np

from agent.live_loop import STAGES, Rollout
from agent.pacing import Pacer
from agent.policy_format import PolicyMeta

LATE_SHARE = 0.01
MONOTONE_SHARE = 0.98


def live_text(rollout: Rollout, pacer: Pacer, meta: PolicyMeta) -> str:
    """Rate, latency median and worst, the action with its probability, late ticks, paused or not."""
    if rollout.paused_for:
        return f"no key is held: {rollout.paused_for}"
    recent = rollout.stages_ns[-200:].sum(axis=1) / 1e6
    if not len(recent) or rollout.action is None:
        return "filling the buffer of frames"
    rate_hz = 1e9 / np.median(rollout.spacing_ns[-200:])
    return (
        f"playing {rate_hz:.1f} fps  latency {np.median(recent):.1f} ms (worst {recent.max():.1f})  "
        f"{meta.actions.names[rollout.action]} {rollout.probability:.2f}  late {pacer.late}"
    )


def report(rollout: Rollout, pacer: Pacer, meta: PolicyMeta) -> dict[str, Any]:
    """The rollout as JSON: decisions, actions, late ticks, and the distribution of every stage in milliseconds."""
    stages = {name: rollout.stages_ns[:, i] / 1e6 for i, name in enumerate(STAGES)}
    stages["latency"] = rollout.stages_ns.sum(axis=1) / 1e6
    stages["spacing"] = rollout.spacing_ns / 1e6
    return {
        "decisions": rollout.decisions,
        "fps": meta.fps,
        "ticks": pacer.ticks,
        "late_ticks": pacer.late,
        "pauses": rollout.pauses,
        "stalls": rollout.stalls,
        "actions": {name: int(n) for name, n in zip(meta.actions.names, rollout.counts, strict=True)},
        "milliseconds": {name: _distribution(values) for name, values in stages.items()},
    }


def summary(rollout: Rollout, pacer: Pacer, meta: PolicyMeta, pixel_difference: int) -> list[str]:
    """How it went, and what went wrong with the command that helps."""
    if not rollout.decisions:
        return ["found no decision made; was the game's window focused?"]
    latency_ms = rollout.stages_ns.sum(axis=1) / 1e6
    spacing_ms = float(np.median(rollout.spacing_ns)) / 1e6
    total = rollout.counts.sum()
    shares = " ".join(f"{name} {n / total:.0%}" for name, n in zip(meta.actions.names, rollout.counts, strict=True))
    lines = [
        f"{rollout.decisions} decisions at {1000 / spacing_ms:.1f} fps, latency {np.median(latency_ms):.1f} ms "
        f"(99 %: {np.percentile(latency_ms, 99):.1f} ms), {pacer.late} late ticks; {shares}"
    ]
    if pacer.late > LATE_SHARE * pacer.ticks:
        slowest = STAGES[int(np.median(rollout.stages_ns, axis=0).argmax())]
        lines.append(
            f"warning: {pacer.late} of {pacer.ticks} ticks were late, mostly in {slowest} or because other programs "
            f"took the cores; close them, or record and train at fewer than {meta.fps:g} fps (collect --fps)"
        )
    low_ms, high_ms = meta.spacing.low_ns / 1e6 * 0.8, meta.spacing.high_ns / 1e6 * 1.2
    if not low_ms <= spacing_ms <= high_ms:
        lines.append(
            f"warning: frames came {spacing_ms:.1f} ms apart, in training {meta.spacing.median_ns / 1e6:.1f} ms; "
            f"the model sees other motion than it learned: record at the rate this machine holds (collect --fps)"
        )
    if pixel_difference:
        lines.append(
            f"warning: pixels are prepared up to {pixel_difference} grey levels differently from training; "
            "install the OpenCV version named in policy.json"
        )
    if rollout.counts.max() > MONOTONE_SHARE * total:
        lines.append(
            f"warning: it did {meta.actions.names[int(rollout.counts.argmax())]} nearly all the time; look at the "
            "recalls in the policy's report, and record more of the other actions"
        )
    if rollout.stalls:
        lines.append(f"warning: the loop stalled {rollout.stalls} times; the frames before were forgotten each time")
    return lines


def _distribution(values: np.ndarray[Any, Any]) -> dict[str, float] | None:
    if not len(values):
        return None
    low, median, high = np.percentile(values, [1, 50, 99])
    return {
        "min": float(values.min()),
        "p1": float(low),
        "median": float(median),
        "p99": float(high),
        "max": float(values.max()),
    }

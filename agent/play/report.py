"""What a person is told of a rollout: the live line, the summary, the JSON report. The warnings are beside it."""

from typing import Any

import numpy as np

from agent.pacing import Pacer
from agent.play.rollout import STAGES, Agreement, Rollout
from agent.play.warnings import holdable_hz, warnings
from agent.policy.format import PolicyMeta
from agent.policy.step import Policy


def live_text(
    rollout: Rollout, pacer: Pacer, meta: PolicyMeta, recorded: int | None = None, *, shadow: bool = False
) -> str:
    """Rate, latency median and worst, the action with its probability, late ticks, who has the keys, paused or not."""
    if rollout.paused_for:
        return f"no key is held: {rollout.paused_for}"
    recent = rollout.stages_ns[-200:].sum(axis=1) / 1e6
    spacing_ns = rollout.spacing_ns[-200:]
    if not len(recent) or not len(spacing_ns) or rollout.action is None:
        return "filling the buffer of frames"
    doing = "watching" if shadow else "you play" if rollout.person_plays else "playing"
    text = (
        f"{doing} {1e9 / np.median(spacing_ns):.1f} fps  latency {np.median(recent):.1f} ms "
        f"(worst {recent.max():.1f})  {meta.actions.names[rollout.action]} {rollout.probability:.2f}  late {pacer.late}"
    )
    if recorded is not None:
        text += f"  recorded {recorded}"
    if shadow:
        person, share = rollout.agreement.person, rollout.agreement.share
        text += f"  you: {meta.actions.names[person] if person is not None else '-'}  agrees {_percent(share)}"
    return text


def report(rollout: Rollout, pacer: Pacer, policy: Policy, *, shadow: bool) -> dict[str, Any]:
    """The rollout as JSON: decisions, actions, late ticks, and the distribution of every stage in milliseconds.

    `decisions` are the person's time included, `decisions_by_person` those that pressed nothing because the person had
    the keys; `long_holds` are those in which it may have been stuck; `agreement` is there after a shadow run.
    """
    meta = policy.meta
    stages = {name: rollout.stages_ns[:, i] / 1e6 for i, name in enumerate(STAGES)}
    stages["latency"] = rollout.stages_ns.sum(axis=1) / 1e6
    stages["spacing"] = rollout.spacing_ns / 1e6
    return {
        "decisions": rollout.decisions,
        "decisions_by_person": rollout.by_person,
        "takeovers": rollout.takeovers,
        "fps": meta.fps,
        "fps_this_machine_holds": holdable_hz(rollout),
        "ticks": pacer.ticks,
        "late_ticks": pacer.late,
        "late_ticks_by_stage": dict(pacer.blame.ticks),
        "pauses": rollout.pauses,
        "paused_s": {reason: round(seconds, 3) for reason, seconds in rollout.paused_s.items()},
        "stalls": rollout.stalls,
        "threads": policy.threads,
        "threads_tried_ms": {str(threads): round(ms, 3) for threads, ms in policy.step_ms.items()},
        "pixel_difference": policy.pixel_difference,
        "actions": {name: int(n) for name, n in zip(meta.actions.names, rollout.counts, strict=True)},
        "milliseconds": {name: _distribution(values) for name, values in stages.items()},
        "long_holds": [
            {
                "action": meta.actions.names[hold.action],
                "from_s": round(hold.from_s, 3),
                "seconds": round(hold.seconds, 3),
            }
            for hold in rollout.long_holds.found
        ],
        "agreement": _agreement(rollout.agreement, meta) if shadow else None,
    }


def summary(rollout: Rollout, pacer: Pacer, policy: Policy, *, shadow: bool) -> list[str]:
    """How it went, and what went wrong with the command that helps."""
    if not rollout.decisions:
        why = "" if rollout.stalls else "; was the game's window focused?"
        return [f"found no decision made{why}", *warnings(rollout, pacer, policy)]
    names = policy.meta.actions.names
    latency_ms = rollout.stages_ns.sum(axis=1) / 1e6
    shares = " ".join(f"{name} {n / rollout.decisions:.0%}" for name, n in zip(names, rollout.counts, strict=True))
    rate = f" at {1e9 / np.median(rollout.spacing_ns):.1f} fps" if len(rollout.spacing_ns) else ""
    threads = f"{policy.threads} thread{'s' * (policy.threads > 1)}"
    lines = [
        f"{rollout.decisions} decisions{rate}, latency {np.median(latency_ms):.1f} ms "
        f"(99 %: {np.percentile(latency_ms, 99):.1f} ms) on {threads}, {pacer.late} late ticks; {shares}"
    ]
    if rollout.takeovers:
        share = rollout.by_person / rollout.decisions
        times = "once" if rollout.takeovers == 1 else f"{rollout.takeovers} times"
        lines.append(f"you took over {times}, {share:.0%} of the time")
    if shadow:
        lines += _agreement_text(rollout.agreement, names)
    return lines + warnings(rollout, pacer, policy)


def _agreement_text(agreement: Agreement, names: tuple[str, ...]) -> list[str]:
    if agreement.share is None:
        return ["found no frame to compare with you, expected some play; is the game's window focused?"]
    each = " ".join(f"{name} {_percent(share)}" for name, share in zip(names, agreement.shares(), strict=True))
    at_changes = (
        f"where you changed your action {_percent(agreement.share_at_changes)} of {agreement.changes}"
        if agreement.changes
        else "you never changed your action"
    )
    return [f"it would have done what you did in {_percent(agreement.share)} of the frames ({each}); {at_changes}"]


def _agreement(agreement: Agreement, meta: PolicyMeta) -> dict[str, Any]:
    names = meta.actions.names
    return {
        "frames": int(agreement.confusion.sum()),
        "share": agreement.share,
        "by_action": dict(zip(names, agreement.shares(), strict=True)),
        "changes": agreement.changes,
        "share_at_changes": agreement.share_at_changes,
        "confusion": {
            name: dict(zip(names, map(int, row), strict=True))
            for name, row in zip(names, agreement.confusion, strict=True)
        },
    }


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


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

"""What went wrong in a rollout, each with what helps: the rate, the pixels, the spacing, the focus, a single action."""

import math

import numpy as np

from agent.live_line import clock
from agent.machine import usable_cpus
from agent.pacing import WAITING, Pacer
from agent.play.long_holds import LongHold
from agent.play.rollout import STAGES, Rollout
from agent.policy.format import PolicyMeta
from agent.policy.step import Policy

LATE_SHARE = 0.01
MONOTONE_SHARE = 0.98
STALLED_SHARE = 0.1
UNFOCUSED_S = 2.0  # less is the click into the game
_AWAY = ("the window is ", "the region is ")
_LEAST_TICKS = 20  # of fewer, one late tick says nothing
_OTHERS = {  # than those that a decision takes
    "looking at the window": "the system was slow to tell where the window is; close other programs on this screen",
    "handing over": "the recording was slow to be handed over; close other programs, or leave --record out",
}
_CORES = "other programs took the cores; close them or lower the game's own frame rate"


def warnings(rollout: Rollout, pacer: Pacer, policy: Policy) -> list[str]:
    """One line for each thing that is wrong, none for a rollout as it should be."""
    found = [
        _stalls(rollout, pacer, policy.meta),
        _rate(rollout, pacer, policy),
        _spacing(rollout, policy.meta),
        _pixels(policy),
        _focus(rollout),
        _stuck(rollout, policy.meta),
        _one_action(rollout, policy.meta),
    ]
    return [text for text in found if text]


def holdable_hz(rollout: Rollout) -> float | None:
    """The rate at which 99 of 100 decisions are made within their period; None before there was one."""
    if not rollout.decisions:
        return None
    latency_ns = float(np.percentile(rollout.stages_ns.sum(axis=1), 99))
    hz = 1e9 / max(latency_ns, 1.0)
    return float(math.floor(hz)) if hz >= 2 else round(hz, 2)


def _rate(rollout: Rollout, pacer: Pacer, policy: Policy) -> str | None:
    hz, fps = holdable_hz(rollout), policy.meta.fps
    if hz is None or pacer.ticks < _LEAST_TICKS or pacer.late <= LATE_SHARE * pacer.ticks:
        return None
    late, stage = f"warning: {pacer.late} of {pacer.ticks} ticks were late, {pacer.blame}", pacer.blame.stage
    if stage == WAITING or stage not in STAGES:
        return f"{late}: {_OTHERS.get(stage or '', _CORES)}"
    if hz >= fps:
        return f"{late}, though this machine can hold up to {hz:g} fps: {_CORES}"
    more = f"try play --threads {policy.threads + 1}, or " if policy.threads < usable_cpus() // 2 else ""
    return (
        f"{late}: this machine holds {hz:g} fps, not the {fps:g} of this policy; {more}"
        f"record at that rate (collect --fps {hz:g}) and train again, or train a smaller network (--encoder compact, "
        "--size)"
    )


def _stalls(rollout: Rollout, pacer: Pacer, meta: PolicyMeta) -> str | None:
    if not rollout.stalls:
        return None
    if rollout.stalls < STALLED_SHARE * (rollout.stalls + rollout.decisions):
        times = "once" if rollout.stalls == 1 else f"{rollout.stalls} times"
        return f"warning: the loop stalled {times}; the frames before were forgotten each time"
    spacing_ns = float(np.median(rollout.stalls_ns))
    blame = f" ({pacer.blame})" if pacer.blame.stage else ""
    return (
        f"warning: {rollout.stalls} frames came about {spacing_ns / 1e6:.0f} ms after the one before, too late to be "
        f"its neighbour{blame}: this machine holds {1e9 / spacing_ns:.2g} fps, not the {meta.fps:g} of this policy; "
        f"record at that rate (collect --fps {1e9 / spacing_ns:.2g}) and train again, or train a smaller network "
        "(--encoder compact, --size)"
    )


def _spacing(rollout: Rollout, meta: PolicyMeta) -> str | None:
    if not len(rollout.spacing_ns):
        return None
    spacing_ms = float(np.median(rollout.spacing_ns)) / 1e6
    low_ms, high_ms = meta.spacing.low_ns / 1e6 * 0.8, meta.spacing.high_ns / 1e6 * 1.2
    if low_ms <= spacing_ms <= high_ms:
        return None
    return (
        f"warning: frames came {spacing_ms:.1f} ms apart, in training {meta.spacing.median_ns / 1e6:.1f} ms: "
        "the model sees other motion than it learned; record at the rate this machine holds (collect --fps)"
    )


def _pixels(policy: Policy) -> str | None:
    if not policy.pixel_difference:
        return None
    version = policy.meta.versions.get("opencv-python")
    remedy = f"pip install opencv-python=={version}" if version else "train again on this machine"
    return (
        f"warning: pixels are prepared up to {policy.pixel_difference} grey levels differently from training; {remedy}"
    )


def _focus(rollout: Rollout) -> str | None:
    away_s = sum(seconds for reason, seconds in rollout.paused_s.items() if reason.startswith(_AWAY))
    if away_s < UNFOCUSED_S:
        return None
    return (
        f"warning: for {away_s:.0f} s no key was held because the game's window had not the focus or could not be "
        "seen; click into the game and leave it in front"
    )


def held_long(hold: LongHold, meta: PolicyMeta) -> str:
    """It may be stuck."""
    return (
        f"it may be stuck: it held {meta.actions.names[hold.action]} for {hold.seconds:.1f} s, "
        f"{meta.longest_holds_s[hold.action]:.1f} s at most in what it learned from"
    )


def _stuck(rollout: Rollout, meta: PolicyMeta) -> str | None:
    holds = rollout.long_holds.found
    if not holds:
        return None
    worst = max(holds, key=lambda hold: hold.seconds)
    where = f"at {clock(worst.from_s)}"
    if len(holds) > 1:
        where += f", and {len(holds) - 1} more, the first at {clock(holds[0].from_s)}"
    return (
        f"warning: {held_long(worst, meta)} ({where}); play --record and take over there, then train --from this policy"
    )


def _one_action(rollout: Rollout, meta: PolicyMeta) -> str | None:
    if not rollout.decisions or rollout.counts.max() <= MONOTONE_SHARE * rollout.decisions:
        return None
    name = meta.actions.names[int(rollout.counts.argmax())]
    return (
        f"warning: it did {name} nearly all the time; look at the balance of what it learned from (recordings info "
        "RECORDING...) and at the recalls in POLICY/report, and record more of the other actions"
    )

"""What a person is told of a recording: the live line, the summary with its warnings, the receipt."""

from collections.abc import Sequence

import numpy as np

from agent.actions import ActionSet
from agent.arrays import Ints
from agent.command_line.terminal import begun, typed
from agent.live_line import clock
from agent.pacing import WAITING
from agent.recording.format import AGENT
from agent.recording.journal import Journal
from agent.recording.key_log import KEYS_REMEDY, never_pressed
from agent.recording.reader import Recording
from collect.disturbance import Disturbance
from collect.enough import Figures, figures_line, verdict
from collect.recorder import Progress

LATE_SHARE = 0.001
REMEDIES = {
    WAITING: "other programs took the cores: close them, lower the game's own frame rate, or --fps",
    "looking at the window": "the system was slow to answer: close other programs, or lower --fps",
    "capture": "a smaller --region or window, or a lower --fps helps",
    "prepare": "a smaller window or a lower --fps helps",
}
OTHER_REMEDY = "close other programs, or lower --fps"


def live_text(progress: Progress, journal: Journal, actions: ActionSet) -> str:
    """Time, frames, measured rate, late and dropped frames, size on disk, share of each action, paused or not."""
    counts = journal.action_counts()
    rate_hz = journal.frame_count / progress.recorded_s if progress.recorded_s > 1 else 0.0
    state = f"paused ({progress.paused_for})" if progress.paused_for else "recording"
    return (
        f"{state} {clock(progress.recorded_s)}  {journal.frame_count} frames  {rate_hz:.1f} fps  late {progress.late}  "
        f"dropped {journal.dropped}  {megabytes(journal.size_bytes)}  {shares(actions.names, counts)}"
    )


def summary(recording: Recording, progress: Progress, journal: Journal, fps: float) -> list[str]:
    """What was recorded, how evenly, what is wrong with it, and the next command to type."""
    counts = action_counts(recording)
    lines = [describe(recording), f"balance: {shares(recording.meta.actions.names, counts)}"]
    lines += [*enough(recording), *warnings(recording)]
    worst = {**progress.longest_ms, "disk": journal.longest_flush_s * 1000}
    lines.append(
        f"{progress.late} of {progress.ticks} frames late by more than a period at {fps:g} fps, "
        f"{journal.dropped} dropped; longest: {', '.join(f'{name} {ms:.0f} ms' for name, ms in worst.items())}"
    )
    if progress.late > LATE_SHARE * progress.ticks:
        remedy = REMEDIES.get(progress.blame.stage or "", OTHER_REMEDY)
        lines.append(
            f"warning: this machine does not hold {fps:g} fps: {progress.late} of {progress.ticks} frames late, "
            f"{progress.blame}; {remedy}"
        )
    if journal.dropped:
        lines.append(
            f"warning: {journal.dropped} frames found no room: writing took up to {worst['disk']:.0f} ms; "
            "another disk or a smaller --size helps"
        )
    return lines


def disturbance_lines(recording: Recording, disturbance: Disturbance) -> list[str]:
    """How often `--disturb` pressed something, what share of the frames lies under it, whether its keys are known."""
    control = recording.control
    share = float((control == AGENT).mean()) if control is not None and len(control) else 0.0
    lines = [f"disturbed {disturbance.count} times; {share:.0%} of the frames lie under it, with your keys alone"]
    if disturbance.has_company:
        lines.append(
            "warning: a program pressed keys too (a remote desktop?); one that --disturb pressed at the same time "
            "counts as its own, not as yours; record at the machine itself, or train with --skip-disturbed"
        )
    return lines


def receipt(recording: Recording) -> list[str]:
    """Which files were written and which keys are in them; and what to type next."""
    files = ", ".join(f"{path.name} {megabytes(path.stat().st_size)}" for path in sorted(recording.folder.iterdir()))
    used = sorted({recording.meta.keys[k] for k in recording.key_events["key"]})
    return [
        f"written to {recording.folder}: {files}",
        f"keys in it: {', '.join(used) or 'none'} ({len(recording.key_events)} events); no other key, no sound "
        "and nothing outside the recorded picture was stored",
        f"next: {begun('train')} {typed(recording.folder)} --out POLICY",
    ]


def describe(recording: Recording) -> str:
    """Frames, duration, rate with its spread, gaps."""
    gaps = int(recording.gap_before()[1:].sum()) if len(recording) else 0
    spread = ""
    if len(recording) > 1:
        spacing_ms = np.diff(recording.captured_ns) / 1e6
        low, high = np.percentile(spacing_ms, [1, 99])
        spread = f", {recording.measured_hz:.1f} fps (spacing {low:.1f} to {high:.1f} ms)"
    return (
        f"{recording.folder}: {len(recording)} frames {recording.meta.frame}, "
        f"{clock(recording.duration_s)}{spread}, {gaps} gap{'s' * (gaps != 1)}"
    )


def enough(recording: Recording) -> list[str]:
    """How often each action was begun, and whether all is enough to learn from; nothing of a rollout, or of nothing."""
    if recording.meta.source == "rollout" or not len(recording.key_events) or not len(recording):
        return []
    figures = Figures.of(recording)
    return [figures_line(figures), verdict(figures)]


def warnings(recording: Recording) -> list[str]:
    """What is wrong with a recording."""
    if not len(recording):
        return ["warning: found no frames, expected some play; was the game focused?"]
    if not len(recording.key_events):
        return ["warning: found no key pressed in the whole recording; are these the game's keys?"]
    unheard = "" if recording.meta.source == "rollout" else never_pressed(recording.meta.actions, recording.pressed)
    return [f"warning: {unheard}; {KEYS_REMEDY}"] * bool(unheard)


def action_counts(recording: Recording) -> Ints:
    """(A,) int64: frames of each action."""
    actions = recording.meta.actions
    labels = actions.actions_of(recording.keys, recording.meta.keys)
    return np.bincount(labels, minlength=len(actions)).astype(np.int64)


def shares(names: Sequence[str], counts: Ints) -> str:
    """`left 20% forward 61% right 19%`."""
    total = max(int(counts.sum()), 1)
    return " ".join(f"{name} {count / total:.0%}" for name, count in zip(names, counts, strict=True))


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"

"""The policy folder: what was learned, what is known of it, and the report on it."""

from typing import Any

from agent.machine import versions
from agent.policy.format import PolicyMeta, packed_patterns
from train.export import Agreement, export
from train.model import copy_weights
from train.options import TrainOptions
from train.prepared_dataset import cut_difference, longest_holds_s, never_pressed_by_anybody, played_shares, remembered
from train.report.advice import Figures
from train.report.page import page_of, write_page
from train.report.pictures import write_report
from train.training import Learned, build


def write_policy(options: TrainOptions, learned: Learned) -> Agreement:
    """Write the policy folder, the report first. Raises OSError if the disk does not take it."""
    prepared, dataset, meta = learned.prepared, learned.prepared.dataset, learned.prepared.dataset.meta
    metrics = _metrics(learned)
    policy = PolicyMeta(
        recorded=meta.frame,
        frame=dataset.frame,
        actions=dataset.actions,
        fps=dataset.fps,
        spacing=dataset.spacing(prepared.training),
        frames_per_window=options.frames,
        feature_size=learned.network.feature_size,
        apart=dataset.apart // dataset.stride,
        label_shift_ms=dataset.shift_ms,
        window=meta.window,
        region=meta.region,
        training=options.to_json(),
        metrics=metrics,
        versions=versions(["tensorflow", "keras", "ai-edge-litert"]),
        patterns=packed_patterns(meta.frame, dataset.frame),
        digests={},
        window_marks=meta.window_marks,
        recordings=remembered(prepared, options.out),
        longest_holds_s=longest_holds_s(prepared),
        cut_difference=cut_difference(prepared),
    )
    epochs = learned.fit.history.epochs
    write_report(
        options.out / "report",
        dataset,
        epochs,
        learned.judgement,
        {**metrics, "epochs": [epoch.to_json() for epoch in epochs]},
        frames=options.frames,
    )
    figures = figures_of(learned)
    write_page(options.out / "report", page_of(options, prepared, figures, learned.copycat, learned.fit, learned.kept))
    # Of its own: on one device, in the precision that play computes with.
    network = build(options, prepared, "float32")
    copy_weights(learned.network, network, shift=learned.fit.history.shift or 0)
    return export(options.out, network, policy, dataset, learned.judgement, options.weights)


def figures_of(learned: Learned) -> Figures:
    """What advice goes by."""
    prepared, history = learned.prepared, learned.fit.history
    return Figures(
        names=prepared.dataset.actions.names,
        played=played_shares(prepared),
        scores=learned.judgement.scores,
        repeats=learned.copycat.repeats,
        losses=[(epoch.loss, epoch.validation_loss) for epoch in history.epochs[history.other_labels :]],
        best_accuracy=(history.best or learned.kept).scores.accuracy,
        limit=learned.fit.limit,
        never_pressed=never_pressed_by_anybody(prepared),
        gains=learned.gains,
    )


def _metrics(learned: Learned) -> dict[str, Any]:
    prepared = learned.prepared
    return {
        "validation": learned.judgement.to_json(),
        "baselines": {name: scores.to_json() for name, scores in prepared.baselines.items()},
        "copycat": learned.copycat.to_json(),
        **({"gains": learned.gains} if learned.gains else {}),
        "training_windows": len(prepared.training),
        "mirrored": bool(prepared.augmentation.mirror or learned.fit.history.mirror),
        "epoch": learned.kept.number,
        "ended": learned.fit.ended or "stopped",
        "samples_per_s": round(learned.kept.samples_per_s, 1),
        "seconds": round(learned.seconds, 1),
    }

"""One training from the prepared to the policy folder: build the network, fit it, write it, report on it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from agent.errors import TwoframeError, shortage
from agent.live_line import say
from agent.machine import usable_cpus, versions
from agent.policy.format import MODEL_FILE, PolicyMeta, packed_patterns
from train.dataset.batches import Batches, Share
from train.dataset.frame_windows import frame_window_weights
from train.encoders import RECIPES
from train.export import Agreement, export
from train.fitting.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from train.fitting.cluster import Cluster
from train.fitting.fit import Fit, Fitting, Judgement, Observer, Plan, judge
from train.fitting.history import Epoch, History
from train.fitting.learner import Learner
from train.fitting.together import arrays_to_all, require_alike, text_to_all
from train.model import Network, build_network, load_weights, parameters
from train.options import BALANCE, TrainOptions
from train.prepared_dataset import PreparedDataset, longest_holds_s, never_pressed_by_anybody, played_shares, remembered
from train.report.advice import Figures
from train.report.console import EpochLines
from train.report.copycat import Copycat, find_copycat
from train.report.event_files import EventFiles
from train.report.gains import Worth, is_worse, worth, worth_lines
from train.report.page import page_of, write_page
from train.report.pictures import write_report


@dataclass(frozen=True, slots=True)
class Learned:
    """A network with the weights of the epoch `kept`, and how it came to them; without one, only `fit`."""

    network: Network
    fit: Fit
    kept: Epoch
    judgement: Judgement
    copycat: Copycat
    seconds: float
    gains: dict[str, Worth]
    """Of a training that went on from a policy: `before` and `after`; else empty."""


def start_tensorflow(options: TrainOptions, here: Cluster) -> Any:
    """The `tf.distribute` strategy for this machine: all its GPUs, the whole cluster, or the one device there is.

    In a cluster it waits until all workers are there.
    """
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus and (options.deterministic or RECIPES[options.encoder].in_strands):
        _share_cores(one_after_another=options.deterministic)
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if here.workers > 1:
        return tf.distribute.MultiWorkerMirroredStrategy()
    return tf.distribute.MirroredStrategy() if len(gpus) > 1 else tf.distribute.get_strategy()


def _share_cores(*, one_after_another: bool) -> None:
    """Let as many operations run at once as there are cores, each on one: see `strands`. Or one after another, each on
    all cores: of two at once the sums are added up in the order in which they come to an end."""
    try:
        tf.config.threading.set_intra_op_parallelism_threads(0 if one_after_another else 1)
        tf.config.threading.set_inter_op_parallelism_threads(1 if one_after_another else usable_cpus())
    except RuntimeError:
        pass  # TensorFlow runs already, with the threads that it has


def strands() -> int:
    """In how many parts a step is computed, so that all cores have work."""
    return usable_cpus() if tf.config.threading.get_intra_op_parallelism_threads() == 1 else 1


def precision_of(options: TrainOptions) -> str:
    """bfloat16 where every device has it in hardware (NVIDIA since Ampere); processors lose by it."""
    if options.precision:
        return options.precision
    gpus = tf.config.list_physical_devices("GPU")
    capable = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)) >= (8, 0) for gpu in gpus
    ]
    return "bfloat16" if gpus and all(capable) else "float32"


def learn(
    options: TrainOptions,
    prepared: PreparedDataset,
    strategy: Any,
    here: Cluster,
    console: Console,
    asked_to_stop: Callable[[], bool],
) -> Learned | Fit:
    """Train, from the start or from the checkpoint. A `Fit` alone if stopped before one epoch was complete.

    Raises `TwoframeError` if not even one epoch gave numbers, or the checkpoint does not fit or cannot be written.
    """
    started_s = time.monotonic()
    try:
        return _learn(options, prepared, strategy, here, console, asked_to_stop, started_s)
    except tf.errors.OpError as error:
        if here.workers == 1 or shortage(error):
            raise
        raise TwoframeError(
            f"TF_CONFIG: found another worker gone ({type(error).__name__}), expected all {here.workers}; "
            "start all of them again with --resume"
        ) from None


def _learn(
    options: TrainOptions,
    prepared: PreparedDataset,
    strategy: Any,
    here: Cluster,
    console: Console,
    asked_to_stop: Callable[[], bool],
    started_s: float,
) -> Learned | Fit:
    dataset = prepared.dataset
    with strategy.scope():
        network = _build(options, prepared, precision_of(options))
        recipe = RECIPES[options.encoder]
        learning_rate = options.learning_rate or recipe.learning_rate
        learner = Learner(network, recipe.optimizer(learning_rate), learning_rate, recipe.clip_norm, strands=strands())
    say(
        console,
        f"{options.encoder}, {parameters(network.model):,} parameters; * marks the lowest validation loss so far",
    )
    training, validation = _batches(options, prepared, strategy, here)
    digest = prepared.digest()
    settings = {name: value for name, value in options.to_json().items() if name not in ("out", "resume")}
    require_alike(learner, here, {"settings": json.dumps(settings), "recordings": digest})
    history = _resumed(options, learner, here, digest) if options.resume else History()

    def worth_now(judgement: Judgement) -> Worth:
        return {} if prepared.is_new is None else worth(judgement, dataset, validation.weights, prepared.is_new)

    if prepared.start and not history.before:
        history.before = worth_now(judge(learner, dataset, validation))
    for line in worth_lines(history.before):
        say(console, line)
    sources = prepared.sources.to_json() if here.is_chief else {}

    def keep() -> None:
        if here.is_chief:
            checkpoint = Checkpoint(options.to_json(), digest, history, learner.state(), sources)
            write_checkpoint(options.out, checkpoint)

    budget_s = np.inf if options.deterministic else options.max_minutes * 60
    plan = Plan(options.epochs, options.patience, budget_s, options.seed, prepared.augmentation)
    with EpochLines(console, dataset.actions.names) as lines:
        files = EventFiles(options.out / "report" / "tensorboard")
        observers: list[Observer] = [lines, files] if here.is_chief else []
        fitting = Fitting(
            learner,
            dataset,
            training,
            validation,
            plan,
            history,
            observers=observers,
            keep=keep,
            asked_to_stop=asked_to_stop,
        )
        fit = fitting.run()
    if fit.kept is None:
        return fit
    judgement = judge(learner, dataset, validation)
    kept = epoch_to_keep(fit.kept, history, worth_now(judgement))
    if kept is not fit.kept:
        learner.set_weights(history.best_weights)
        judgement = judge(learner, dataset, validation)
    copycat = find_copycat(learner, dataset, validation, judgement, frames=options.frames)
    gains = {"before": history.before, "after": worth_now(judgement)} if history.before else {}
    return Learned(network, fit, kept, judgement, copycat, time.monotonic() - started_s, gains)


def epoch_to_keep(end: Epoch, history: History, worth_at_end: Worth) -> Epoch:
    """That of the end; the one with the lowest validation loss where a policy that went on is worse at the end, on the
    new recordings, than it was."""
    return history.best if history.best and is_worse(history.before, worth_at_end, "new") else end


def _build(options: TrainOptions, prepared: PreparedDataset, precision: str) -> Network:
    """A new network, or one with the weights of the policy to start from: what a layer makes of its constants it makes
    when they are loaded."""
    keras.utils.set_random_seed(options.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if precision == "bfloat16" else "float32")
    try:
        network = build_network(
            options.encoder,
            prepared.dataset.frame.shape,
            frames=options.frames,
            actions=len(prepared.dataset.actions),
            mean=prepared.mean,
            deviation=prepared.deviation,
            join=options.join,
        )
    finally:
        keras.config.set_dtype_policy(before)
    if prepared.start:
        load_weights(network, prepared.start.folder / MODEL_FILE)
    return network


def _batches(options: TrainOptions, prepared: PreparedDataset, strategy: Any, here: Cluster) -> tuple[Batches, Batches]:
    weights = frame_window_weights(
        prepared.dataset,
        prepared.training,
        balance=BALANCE[options.balance],
        change=options.change_weight,
        correction=options.correction_weight,
    )
    training, validation = (
        Batches(
            prepared.dataset,
            stretches,
            weights,
            frames=options.frames,
            run_frames=options.run,
            batch_windows=options.batch,
            share=Share(here.index, here.workers),
            parts=strategy.num_replicas_in_sync,
            rehearsal=rehearsal,
        )
        for stretches, rehearsal in (
            (prepared.split.training, prepared.rehearsal),
            (prepared.split.validation, None),
        )
    )
    return training, validation


def _resumed(options: TrainOptions, learner: Learner, here: Cluster, digest: str) -> History:
    """The history of the checkpoint, with the learner set to its state; the chief reads it for all."""
    like, weights = learner.state(), learner.weights()
    found = read_checkpoint(options.out) if here.is_chief else None
    problem = ""
    if found and found.recordings != digest:
        problem = (
            f"{options.out}: found a training on other recordings, or from another policy, expected the same as when "
            "it began; put them back or start in a new folder"
        )
    elif found and not (_alike(found.state, like) and _alike(found.history.best_weights, weights, or_none=True)):
        problem = f"{options.out}: found a checkpoint of another network, expected this one; start in a new folder"
    if problem := text_to_all(learner, here, problem):
        raise TwoframeError(problem)
    history = History.from_json(
        json.loads(text_to_all(learner, here, json.dumps(found.history.to_json() if found else "")))
    )
    learner.restore(arrays_to_all(learner, here, found.state if found else [], like))
    if history.best:
        best = found.history.best_weights if found else []
        history.best_weights = arrays_to_all(learner, here, best, weights)
    return history


def _alike(arrays: list[Any], like: list[Any], *, or_none: bool = False) -> bool:
    shapes = [(array.shape, array.dtype) for array in arrays]
    return (or_none and not shapes) or shapes == [(array.shape, array.dtype) for array in like]


def write_policy(options: TrainOptions, prepared: PreparedDataset, learned: Learned) -> Agreement:
    """Write the policy folder, the report first. Raises OSError if the disk does not take it."""
    dataset, meta = prepared.dataset, prepared.dataset.meta
    metrics = _metrics(prepared, learned)
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
    figures = figures_of(prepared, learned)
    write_page(options.out / "report", page_of(options, prepared, figures, learned.copycat, learned.fit, learned.kept))
    network = _build(
        options, prepared, "float32"
    )  # of its own: on one device, in the precision that play computes with
    network.model.set_weights([np.array(weight) for weight in learned.network.model.weights])
    return export(options.out, network, policy, dataset, learned.judgement, options.weights)


def figures_of(prepared: PreparedDataset, learned: Learned) -> Figures:
    """What advice goes by."""
    return Figures(
        names=prepared.dataset.actions.names,
        played=played_shares(prepared),
        scores=learned.judgement.scores,
        repeats=learned.copycat.repeats,
        losses=[(epoch.loss, epoch.validation_loss) for epoch in learned.fit.history.epochs],
        limit=learned.fit.limit,
        never_pressed=never_pressed_by_anybody(prepared),
        gains=learned.gains,
    )


def _metrics(prepared: PreparedDataset, learned: Learned) -> dict[str, Any]:
    return {
        "validation": learned.judgement.to_json(),
        "baselines": {name: scores.to_json() for name, scores in prepared.baselines.items()},
        "copycat": learned.copycat.to_json(),
        **({"gains": learned.gains} if learned.gains else {}),
        "training_windows": len(prepared.training),
        "epoch": learned.kept.number,
        "ended": learned.fit.ended or "stopped",
        "samples_per_s": round(learned.kept.samples_per_s, 1),
        "seconds": round(learned.seconds, 1),
    }

"""One training of what was prepared: build the network, fit it, find the labels that it tells best."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from agent.arrays import Floats
from agent.errors import TwoframeError, shortage
from agent.live_line import say
from agent.machine import usable_cpus
from agent.policy.format import MODEL_FILE
from train.dataset.batches import Batches, Share, sizes_to_judge
from train.dataset.dataset import ShiftedLabels
from train.dataset.frame_windows import frame_window_weights
from train.encoders import RECIPES
from train.fitting.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from train.fitting.cluster import Cluster
from train.fitting.fit import Fit, Fitting, JudgedBy, Judgement, Observer, Plan, judge
from train.fitting.history import Epoch, History
from train.fitting.label_shift import CHOSEN_AFTER, LATER_MS, LEAST_ASKED, best_shift
from train.fitting.learner import Learner
from train.fitting.mirror import is_alike, opposite
from train.fitting.together import arrays_to_all, require_alike, text_to_all
from train.model import Network, build_network, load_weights, parameters
from train.options import BALANCE, TrainOptions
from train.prepared_dataset import PreparedDataset, labels_later, relabelled, scrolls
from train.report.console import EpochLines
from train.report.copycat import Copycat, find_copycat
from train.report.event_files import EventFiles
from train.report.gains import Worth, is_worse, worth, worth_lines


@dataclass(frozen=True, slots=True)
class Learned:
    """A network with the weights of the epoch `kept`, and how it came to them; without one, only `fit`.

    `prepared` has the labels that were learned in the end; the network may answer for several shifts of them.
    """

    prepared: PreparedDataset
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
    tried = tried_labels(options, prepared)
    with strategy.scope():
        network = build(options, prepared, precision_of(options), shifts=len(tried))
        recipe = RECIPES[options.encoder]
        learning_rate = options.learning_rate or recipe.learning_rate
        learner = Learner(
            network,
            recipe.optimizer(learning_rate),
            learning_rate,
            recipe.clip_norm,
            strands=strands(),
            shifts=len(tried),
        )
    made = parameters(network.model) - parameters(network.answer) * (len(tried) - 1) // len(tried)
    say(console, f"{options.encoder}, {made:,} parameters; * marks the lowest validation loss so far")
    digest = prepared.digest()
    settings = {name: value for name, value in options.to_json().items() if name not in ("out", "resume")}
    require_alike(learner, here, {"settings": json.dumps(settings), "recordings": digest})
    history = _resumed(options, learner, here, digest) if options.resume else History()
    training = _training(options, prepared, strategy, here, tried)
    if history.shift is not None:
        learner.choose(history.shift)
        prepared = relabelled(prepared, options, tried[history.shift])
    validation = _validation(options, prepared, strategy, here)

    def worth_now(judgement: Judgement) -> Worth:
        if prepared.is_new is None:
            return {}
        return worth(judgement, prepared.dataset, validation.weights, prepared.is_new)

    if prepared.start and not history.before:
        history.before = worth_now(judge(learner, prepared.dataset, validation))
    for line in worth_lines(history.before):
        say(console, line)
    sources = prepared.sources.to_json() if here.is_chief else {}

    def keep() -> None:
        if here.is_chief:
            checkpoint = Checkpoint(options.to_json(), digest, history, learner.state(), sources)
            write_checkpoint(options.out, checkpoint)

    def relabel(progress: float) -> JudgedBy | None:
        nonlocal prepared, validation
        if history.shift is not None or progress < CHOSEN_AFTER:
            return None
        history.shift = best_shift(learner, training, prepared.training, tried) if progress < 1 else 0
        learner.choose(history.shift)
        if not history.shift:
            return None
        prepared = relabelled(prepared, options, tried[history.shift])
        validation = _validation(options, prepared, strategy, here)
        shift_ms = prepared.dataset.shift_ms
        say(console, f"pictures tell best what is held {shift_ms:.0f} ms later: from here on it learns that")
        return JudgedBy(prepared.dataset, validation)

    def look_in_mirror(progress: float) -> None:
        if history.mirror is not None or not CHOSEN_AFTER <= progress < 1:
            return
        mirror = () if options.mirror else opposite(prepared.dataset.actions)
        history.mirror = mirror if mirror and is_alike(learner, prepared.dataset, validation, mirror) else ()
        if history.mirror:
            say(console, "it knows what to do in mirrored pictures too: from here on it learns them as well")

    def at_epoch_end(progress: float) -> JudgedBy | None:
        judged_by = relabel(progress)
        look_in_mirror(progress)
        return judged_by

    budget_s = np.inf if options.deterministic else options.max_minutes * 60
    plan = Plan(options.epochs, options.patience, budget_s, options.seed, prepared.augmentation)
    with EpochLines(console, prepared.dataset.actions.names) as lines:
        files = EventFiles(options.out / "report" / "tensorboard")
        observers: list[Observer] = [lines, files] if here.is_chief else []
        fitting = Fitting(
            learner,
            prepared.dataset,
            training,
            validation,
            plan,
            history,
            observers=observers,
            keep=keep,
            relabel=at_epoch_end,
            asked_to_stop=asked_to_stop,
        )
        fit = fitting.run()
    if fit.kept is None:
        return fit
    judgement = judge(learner, prepared.dataset, validation)
    kept = epoch_to_keep(fit.kept, history, worth_now(judgement))
    if kept is not fit.kept:
        learner.set_weights(history.best_weights)
        judgement = judge(learner, prepared.dataset, validation)
    copycat = find_copycat(learner, prepared.dataset, validation, judgement, frames=options.frames)
    gains = {"before": history.before, "after": worth_now(judgement)} if history.before else {}
    return Learned(prepared, network, fit, kept, judgement, copycat, time.monotonic() - started_s, gains)


def epoch_to_keep(end: Epoch, history: History, worth_at_end: Worth) -> Epoch:
    """That of the end; the one with the lowest validation loss where a policy that went on is worse at the end, on the
    new recordings, than it was."""
    return history.best if history.best and is_worse(history.before, worth_at_end, "new") else end


def build(options: TrainOptions, prepared: PreparedDataset, precision: str, *, shifts: int = 1) -> Network:
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
            shifts=shifts,
            scrolls=scrolls(prepared),
        )
    finally:
        keras.config.set_dtype_policy(before)
    if prepared.start:
        load_weights(network, prepared.start.folder / MODEL_FILE)
    return network


def tried_labels(options: TrainOptions, prepared: PreparedDataset) -> list[ShiftedLabels]:
    """Those of each shift to choose from: one alone where it was told, or too little is learned from."""
    given = options.label_shift_ms is not None or prepared.start is not None
    later_ms = LATER_MS[:1] if given or len(prepared.training) < LEAST_ASKED else LATER_MS
    return [labels_later(prepared, options, prepared.dataset.shift_ms + ms) for ms in later_ms]


def _training(
    options: TrainOptions, prepared: PreparedDataset, strategy: Any, here: Cluster, tried: Sequence[ShiftedLabels]
) -> Batches:
    """What is learned, with the labels of every shift that is tried."""
    prepared_for = [relabelled(prepared, options, labels) for labels in tried]
    return _batches(
        options,
        prepared,
        strategy,
        here,
        stretches=prepared.split.training,
        weights=np.stack([_weights(options, each) for each in prepared_for], axis=1),
        labels=np.stack([each.labels for each in tried], axis=1),
        run_frames=options.run,
        batch_windows=options.batch,
        rehearsal=prepared.rehearsal,
    )


def _validation(options: TrainOptions, prepared: PreparedDataset, strategy: Any, here: Cluster) -> Batches:
    weights, sizes = _weights(options, prepared), sizes_to_judge(options.frames, options.batch)
    return _batches(options, prepared, strategy, here, stretches=prepared.split.validation, weights=weights, **sizes)


def _weights(options: TrainOptions, prepared: PreparedDataset) -> Floats:
    return frame_window_weights(
        prepared.dataset,
        prepared.training,
        balance=BALANCE[options.balance],
        change=options.change_weight,
        correction=options.correction_weight,
    )


def _batches(options: TrainOptions, prepared: PreparedDataset, strategy: Any, here: Cluster, **what: Any) -> Batches:
    return Batches(
        prepared.dataset,
        frames=options.frames,
        share=Share(here.index, here.workers),
        parts=strategy.num_replicas_in_sync,
        **what,
    )


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
    elif found and not (
        found.history.shift in (None, *range(learner.shifts))
        and _alike(found.state, like)
        and _alike(found.history.best_weights, weights, or_none=True)
    ):
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

"""One training from the lesson to the policy folder: build the network, fit it, write it, report on it."""

import time
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from rich.console import Console

from agent.policy_format import PolicyMeta, packed_patterns
from agent.versions import versions
from train.batches import Batches
from train.dataset import pixel_statistics
from train.encoders import RECIPES
from train.export import Agreement, export
from train.fit import Epoch, Fit, Plan, fit
from train.learner import Learner
from train.lesson import Lesson
from train.model import Network, build_network, parameters
from train.options import BALANCE, TrainOptions
from train.progress import EpochLines, say
from train.report import write_report
from train.windows import window_weights


@dataclass(frozen=True, slots=True)
class Learned:
    """A network with the weights of the `best` epoch, and how it came to them."""

    network: Network
    best: Epoch
    fit: Fit
    seconds: float


def start_tensorflow() -> None:
    """Look for devices now, where what TensorFlow writes about them is kept back."""
    tf.config.list_physical_devices()


def learn(options: TrainOptions, lesson: Lesson, console: Console) -> Learned:
    """Train a new network. Raises `TwoframeError` if not even one epoch gave numbers."""
    started_s = time.monotonic()
    dataset = lesson.dataset
    keras.utils.set_random_seed(options.seed)
    recipe = RECIPES[options.encoder]
    learning_rate = options.learning_rate or recipe.learning_rate
    with tf.distribute.get_strategy().scope():
        mean, deviation = pixel_statistics(dataset, lesson.training)
        network = build_network(
            options.encoder,
            frames=options.frames,
            actions=len(dataset.actions),
            mean=mean,
            deviation=deviation,
        )
        learner = Learner(network, recipe.optimizer(learning_rate), learning_rate)
    say(console, f"{options.encoder}, {parameters(network.model):,} parameters; * marks the best epoch so far")

    weights = window_weights(dataset, lesson.training, balance=BALANCE[options.balance], change=options.change_weight)
    training, validation = (
        Batches(
            dataset,
            stretches,
            weights,
            frames=options.frames,
            run_frames=options.run,
            batch_windows=options.batch,
        )
        for stretches in (lesson.split.training, lesson.split.validation)
    )
    plan = Plan(options.epochs, options.patience, options.max_minutes * 60, options.seed, options.augmentation)
    with EpochLines(console, dataset.actions.names) as lines:
        fitted = fit(learner, dataset, training, validation, plan, [lines])
    if fitted.ended:
        say(console, f"{fitted.ended}; epoch {fitted.best.number} was the best")
    return Learned(network, fitted.best, fitted, time.monotonic() - started_s)


def write_policy(options: TrainOptions, lesson: Lesson, learned: Learned) -> Agreement:
    """Write the policy folder, the report first. Raises `TwoframeError` if the disk does not take it."""
    dataset, meta = lesson.dataset, lesson.dataset.meta
    metrics = _metrics(lesson, learned)
    policy = PolicyMeta(
        recorded=meta.frame,
        frame=dataset.frame,
        actions=dataset.actions,
        fps=meta.fps,
        spacing=dataset.spacing(lesson.training),
        frames=options.frames,
        feature_size=learned.network.feature_size,
        label_shift_ms=options.label_shift_ms,
        window=meta.window,
        region=meta.region,
        training=options.to_json(),
        metrics=metrics,
        versions=versions(["tensorflow", "keras", "ai-edge-litert"]),
        patterns=packed_patterns(meta.frame, dataset.frame),
        digests={},
    )
    epochs = [_epoch_json(epoch) for epoch in learned.fit.epochs]
    write_report(
        options.out / "report",
        dataset,
        learned.fit.epochs,
        learned.best.judgement,
        {**metrics, "epochs": epochs},
    )
    return export(options.out, learned.network, policy, dataset, learned.best.judgement)


def _metrics(lesson: Lesson, learned: Learned) -> dict[str, Any]:
    return {
        "validation": learned.best.judgement.to_json(),
        "baselines": {name: scores.to_json() for name, scores in lesson.baselines.items()},
        "training_windows": len(lesson.training),
        "best_epoch": learned.best.number,
        "ended": learned.fit.ended or "a loss that is no number",
        "samples_per_s": round(learned.best.samples_per_s, 1),
        "seconds": round(learned.seconds, 1),
    }


def _epoch_json(epoch: Epoch) -> dict[str, Any]:
    return {
        "epoch": epoch.number,
        "loss": round(epoch.loss, 6),
        "accuracy": round(epoch.accuracy, 6),
        "validation": epoch.judgement.to_json(),
        "samples_per_s": round(epoch.samples_per_s, 1),
        "seconds": round(epoch.seconds, 2),
    }

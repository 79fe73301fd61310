"""`train RECORDING... --out POLICY`: learn a policy from recordings. `python -m train` is the same."""

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from agent.command_line.flags import FLAGS
from agent.command_line.terminal import begun, typed
from agent.errors import Shortage, TwoframeError, UsageError, raise_if_any, run_command, shortage, usage
from agent.live_line import say, unhurried_console
from agent.machine import find_cpp_run_time
from agent.quiet import kept_back, silence_libraries
from agent.recording.reader import named
from agent.recording.writer import require_new_folder
from agent.signals import ending_signals
from train.fitting.checkpoint import CHECKPOINT_FILE, read_settings
from train.fitting.cluster import Cluster, cluster
from train.metrics import share
from train.options import DESCRIPTION, TrainOptions
from train.prepared_dataset import described, prepare_dataset
from train.quiet import quieten_tensorflow
from train.report.advice import advice
from train.report.console import copycat_line, truth_table
from train.report.gains import gain_lines
from train.sources import find_again, find_sources
from train.starting_policy import StartingPolicy

STOPPED = 130  # as a shell says it of Ctrl-C: not done, but nothing is lost


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        here = cluster()
        options, sources = read_options(argv, here)
        with unhurried_console(quiet=not here.is_chief) as console:
            return train(options, console, here, sources)

    return run_command(command)


def read_options(argv: Sequence[str] | None, here: Cluster) -> tuple[TrainOptions, dict[str, Any]]:
    """From the command line; with --resume what is not given there is as it was when the training began, with --from
    most of it as that policy was learned.

    Beside them what the checkpoint tells of its recordings, if it does.
    """

    def parsed(default: TrainOptions | None = None) -> TrainOptions:
        return tyro.cli(
            TrainOptions,
            prog="train",
            description=DESCRIPTION,
            args=argv,
            default=tyro.MISSING_NONPROP if default is None else default,
            registry=FLAGS,
        )

    options = parsed()
    if options.start and not options.resume:
        start = StartingPolicy.read(options.start)
        options = parsed(start.defaults(options))
        options = start.with_its_network(options)
    if not options.resume:
        learned, judges, kept = (tuple(named(paths)) for paths in (options.recordings, options.validate, options.keep))
        return replace(options, recordings=learned, validate=judges, keep=kept), {}
    if not (here.is_chief or (options.out / CHECKPOINT_FILE).exists()):
        return options, {}
    settings, sources = read_settings(options.out)
    began = replace(TrainOptions.from_json(settings), out=options.out, resume=False)
    options = parsed(began)
    with usage():
        raise_if_any(
            f"{difference} as when this training began; leave it out or start in a new folder"
            for difference in options.differences(began)
        )
    return options, sources


def train(options: TrainOptions, console: Console, here: Cluster, sources: dict[str, Any]) -> int:
    """Learn from the recordings, write the policy and tell the truth about it. Raises `TwoframeError`.

    `sources` is what an earlier sitting's checkpoint tells of its recordings, empty for a new training.
    TensorFlow takes seconds to start, so all that can be wrong with the recordings is looked at before.
    """
    with policy_folder(options, here), shortages_told(options, here):
        start = StartingPolicy.read(options.start) if options.start else None
        found = find_again(sources, options) if sources else find_sources(options, start)
        prepared = prepare_dataset(options, options.out, found, start)
        for line in described(prepared):
            say(console, line)

        say(console, "starting TensorFlow ..." if here.workers == 1 else "waiting for the other workers ...")
        quieten_tensorflow()
        find_cpp_run_time()
        with kept_back():
            from train.training import Learned, learn, start_tensorflow
            from train.writing import figures_of, write_policy

            strategy = start_tensorflow(options, here)
        stop = threading.Event()
        with ending_signals(stop.set), kept_back():
            learned = learn(options, prepared, strategy, here, console, stop.is_set)
        resume = f"go on with: {options.resume_command()}"
        if not isinstance(learned, Learned):
            say(console, f"stopped in the first epoch, before there was a policy; {resume}")
            return STOPPED
        if here.workers > 1:
            silence_libraries()  # a worker that leaves before the others counts as crashed with TensorFlow
        if not here.is_chief:
            return 0
        say(console, f"{learned.fit.ended or 'stopped'}; kept are the weights of epoch {learned.kept.number}")
        say(console, "writing the policy ...")
        with kept_back():
            agreement = write_policy(options, learned)
        if learned.fit.ended:
            (options.out / CHECKPOINT_FILE).unlink(missing_ok=True)

    names, baselines = learned.prepared.dataset.actions.names, learned.prepared.baselines
    console.print(truth_table(names, {"this policy": learned.judgement.scores, **baselines}))
    for line in gain_lines(**learned.gains) if learned.gains else ():
        say(console, line)
    if line := copycat_line(learned.copycat):
        say(console, line)
    if agreement.weights == "float32" and not options.weights:
        say(
            console,
            f"int8 weights decided otherwise in more than 0.5 % of the windows: {options.out} has float32 ones",
        )
    say(
        console,
        f"LiteRT with {agreement.weights} weights decides as Keras in {share(agreement.same)} of "
        f"{agreement.windows} windows (largest difference of a probability {agreement.largest_difference:.4f})",
    )
    if learned.fit.failure:
        raise learned.fit.failure
    say(console, f"pictures and figures on a page: {options.out / 'report' / 'index.html'}")
    for line in advice(figures_of(learned)):
        say(console, line)
    if not learned.fit.ended:
        say(console, f"stopped before its end, but it can be played; {resume}")
        return STOPPED
    say(console, f"next: {begun('play')} {typed(options.out)}")
    return 0


@contextmanager
def shortages_told(options: TrainOptions, here: Cluster) -> Iterator[None]:
    """A full disk and too little memory become a `TwoframeError` that tells what is kept, and how to go on."""
    try:
        yield
    except Exception as error:
        lacking = shortage(error)
        if lacking is None and isinstance(error, OSError):
            lacking = Shortage(error.strerror or str(error), "a folder that takes what is learned", "put that right")
        if lacking is None or os.environ.get("TWOFRAME_TRACEBACK"):
            raise
        if not here.is_chief or (options.out / CHECKPOINT_FILE).is_file():
            kept = "what was learned up to the last checkpoint is kept"
            remedy = f"{lacking.remedy} and go on with: {options.resume_command()}"
        else:
            kept = "nothing was learned yet"
            less = ", or learn with a smaller --batch, --size or --encoder" if lacking.is_memory else ""
            remedy = f"{lacking.remedy} and start again{less}"
        raise TwoframeError(
            f"{options.out}: found {lacking.found}, expected {lacking.expected}; {kept}: {remedy}"
        ) from error


@contextmanager
def policy_folder(options: TrainOptions, here: Cluster) -> Iterator[None]:
    """Make the folder, which must be new or empty, before any work goes into what it shall hold.

    If nothing came to lie in it, it is taken away again. Raises `TwoframeError` if it is in use or cannot be made.
    """
    folder: Path = options.out
    if here.is_chief and not options.resume:
        if (folder / CHECKPOINT_FILE).is_file():
            raise UsageError(
                f"{folder}: found an unfinished training, expected a new folder; go on with --resume or choose another"
            )
        require_new_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TwoframeError(
            f"{folder}: found {error.strerror or error}, expected a folder that can be made; choose another"
        ) from None
    try:
        yield
    finally:
        with suppress(OSError):  # it holds something, or another worker was quicker
            folder.rmdir()

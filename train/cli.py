"""`train RECORDING... --out POLICY`: learn a policy from recordings. `python -m train` is the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import tyro
from rich.console import Console

from agent.errors import TwoframeError, run_command
from agent.quiet import kept_back
from agent.recording_writer import require_new_folder
from train.lesson import described, prepare_lesson
from train.options import DESCRIPTION, TrainOptions
from train.progress import say, share, truth_table
from train.quiet import quieten_tensorflow


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options = tyro.cli(TrainOptions, prog="train", description=DESCRIPTION, args=argv)
        return train(options, Console())

    return run_command(command)


def train(options: TrainOptions, console: Console) -> int:
    """Learn from the recordings, write the policy and tell the truth about it. Raises `TwoframeError`.

    TensorFlow takes seconds to start, so all that can be wrong with the recordings is looked at before.
    """
    with new_folder(options.out):
        lesson = prepare_lesson(options, options.out)
        for line in described(lesson):
            say(console, line)

        say(console, "starting TensorFlow ...")
        quieten_tensorflow()
        with kept_back():
            from train.session import learn, start_tensorflow, write_policy

            start_tensorflow()
        learned = learn(options, lesson, console)
        say(console, "writing the policy ...")
        with kept_back():
            agreement = write_policy(options, lesson, learned)

    names = lesson.dataset.actions.names
    console.print(truth_table(names, {"this policy": learned.best.judgement.scores, **lesson.baselines}))
    if agreement.weights == "float32":
        say(
            console,
            f"int8 weights decided otherwise in more than 1 % of the windows: {options.out} has float32 ones",
        )
    say(
        console,
        f"LiteRT with {agreement.weights} weights decides as Keras in {share(agreement.same)} of "
        f"{agreement.windows} windows (largest difference of a probability {agreement.largest_difference:.4f})",
    )
    if learned.fit.failure:
        raise learned.fit.failure
    say(console, f"pictures and figures: {options.out / 'report'}")
    say(console, f"next: play {options.out}")
    return 0


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Make `folder`, which must be new or empty, before any work goes into what it shall hold.

    If nothing came to lie in it, it is taken away again. Raises `TwoframeError` if it is in use or cannot be.
    """
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
        if not any(folder.iterdir()):
            folder.rmdir()

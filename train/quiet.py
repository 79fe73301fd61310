"""TensorFlow without its noise, before it is imported; see `agent.quiet` for what no setting silences."""

import os


def quieten_tensorflow() -> None:
    """Errors still pass. The level of a user who wants to read more stays; the backend is always TensorFlow."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ["KERAS_BACKEND"] = "tensorflow"

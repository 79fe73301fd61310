"""TensorFlow without its noise: what its C++ parts write to stderr is kept back, and shown if something fails."""

import os

_SETTINGS = {
    "TF_CPP_MIN_LOG_LEVEL": "2",  # errors still pass
    "TF_ENABLE_DEPRECATION_WARNINGS": "0",
    "KERAS_BACKEND": "tensorflow",
}


def quieten_tensorflow() -> None:
    """Before TensorFlow is imported. What the user has set stays, apart from the backend: this is TensorFlow."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    os.environ["KERAS_BACKEND"] = "tensorflow"

"""What the workers of a cluster tell each other beside gradients: through sums, the one thing all of them share."""

import hashlib
from collections.abc import Sequence

import numpy as np

from agent.arrays import Array, Ints
from agent.errors import TwoframeError
from train.fitting.cluster import Cluster
from train.fitting.learner import Learner


def require_alike(learner: Learner, here: Cluster, what: dict[str, str]) -> None:
    """Raise `TwoframeError` on every worker if `what` (a name: a text) is not the same on all of them.

    Every worker must call it: one that only saw its own text would leave the others waiting.
    """
    if here.workers == 1:
        return
    digests = [hashlib.sha256(text.encode()).digest()[:4] for text in what.values()]
    own = np.frombuffer(b"".join(digests), np.uint32).astype(np.int64)
    differs = learner.summed((own != numbers_to_all(learner, here, own)).astype(np.int64))
    if differs.any():
        names = [name for name, count in zip(what, differs, strict=True) if count]
        raise TwoframeError(
            f"TF_CONFIG: found workers with other {' and '.join(names)} than worker 0 has, expected the same; "
            "give all of them the same command and the same recordings"
        )


def numbers_to_all(learner: Learner, here: Cluster, own: Ints) -> Ints:
    """The chief's values, all of one length."""
    return learner.summed(own if here.is_chief else np.zeros_like(own))


def text_to_all(learner: Learner, here: Cluster, own: str) -> str:
    """The chief's text."""
    if here.workers == 1:
        return own
    content = np.frombuffer(f"{own}\n".encode(), np.uint8).astype(np.int64)  # an empty sum would crash TensorFlow
    length = int(numbers_to_all(learner, here, np.array([len(content)]))[0])
    padded = content if here.is_chief else np.zeros(length, np.int64)
    return numbers_to_all(learner, here, padded).astype(np.uint8).tobytes().decode()[:-1]


def arrays_to_all(learner: Learner, here: Cluster, own: Sequence[Array], like: Sequence[Array]) -> list[Array]:
    """The chief's arrays, with the shapes and dtypes of `like`; whole numbers travel as int64, exactly."""
    if here.workers == 1:
        return list(own)
    result = []
    for i, array in enumerate(like):
        kind = np.int64 if array.dtype.kind in "iub" else array.dtype
        content = own[i].astype(kind) if here.is_chief else np.zeros(array.shape, kind)
        result.append(learner.summed(content).astype(array.dtype))
    return result

"""Which of the machines that train together this one is: read from TF_CONFIG, TensorFlow's own variable."""

import json
import os
from dataclasses import dataclass

from agent.errors import UsageError


@dataclass(frozen=True, slots=True)
class Cluster:
    """Worker `index` of `workers`. The chief, worker 0, tells how it goes and writes the policy."""

    index: int = 0
    workers: int = 1

    @property
    def is_chief(self) -> bool:
        return self.index == 0


def cluster() -> Cluster:
    """This process's place; alone without TF_CONFIG. Raises `UsageError` for one that cannot be meant."""
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return Cluster()
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        kind, index = task["type"], task["index"]
        others = set(config["cluster"]) - {"worker"}
    except (ValueError, KeyError, TypeError):
        raise _wrong(text) from None
    is_list = isinstance(workers, list) and all(isinstance(address, str) and ":" in address for address in workers)
    if not (is_list and not others and kind == "worker" and type(index) is int and 0 <= index < len(workers)):
        raise _wrong(text)
    return Cluster(index, len(workers))


def _wrong(text: str) -> UsageError:
    return UsageError(
        f"TF_CONFIG: found {text[:120]}, expected "
        '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}; '
        "set it on every machine, each with its own index, or unset it"
    )

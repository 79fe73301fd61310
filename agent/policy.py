"""A policy at play: LiteRT runs one step at a time, so that a live frame is encoded once. No TensorFlow here."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.errors import TwoframeError
from agent.frames import Image
from agent.policy_format import MAX_GREY_LEVELS, STEP_FILE, PolicyMeta, read_policy_meta
from agent.quiet import kept_back


class Policy:
    """One step of the network: a frame and the features of the earlier ones give features and probabilities.

    `meta` is what `policy.json` holds; `pixel_difference` the grey levels by which this machine prepares the
    contract's patterns differently from the one that trained (0 is as it should be).
    """

    def __init__(self, meta: PolicyMeta, model: bytes, *, threads: int, origin: str) -> None:
        self.meta = meta
        self.pixel_difference = meta.pixel_contract()
        if self.pixel_difference > MAX_GREY_LEVELS:
            raise TwoframeError(
                f"{origin}: found pixels prepared {self.pixel_difference} grey levels off, expected at most "
                f"{MAX_GREY_LEVELS}; this OpenCV resizes differently: install the version in policy.json or train here"
            )
        try:
            self._interpreter = _interpreter(model, threads)
        except (ValueError, RuntimeError) as error:
            text = str(error).splitlines()[0][:100] if str(error) else "no model"
            raise TwoframeError(f"{origin}/{STEP_FILE}: found {text}, expected a LiteRT model; train again") from None
        self._frame, self._earlier = self._inputs(origin)
        self._features, self._probabilities = self._outputs(origin)

    @classmethod
    def load(cls, folder: Path, *, threads: int) -> "Policy":
        """Raises `TwoframeError` if a file is missing, altered or not what `train` writes."""
        meta = read_policy_meta(folder)
        return cls(meta, (folder / STEP_FILE).read_bytes(), threads=threads, origin=str(folder))

    def step(
        self, frame: Image, earlier: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Encode `frame` (H, W, C) uint8 once and decide, given `earlier` (1, N-1, D) float32.

        Gives its features (1, D) float32 and the probabilities of the actions (A,) float32, both valid until
        the next step. Raises `TwoframeError` if the network answers with something that is no probability.
        """
        self._interpreter.set_tensor(self._frame, frame[None])
        if self._earlier is not None:
            self._interpreter.set_tensor(self._earlier, earlier)
        self._interpreter.invoke()
        probabilities = self._interpreter.get_tensor(self._probabilities)[0]
        if not math.isfinite(probabilities.sum()):
            raise TwoframeError("policy: found probabilities that are no numbers (NaN), expected 0 to 1; train again")
        return self._interpreter.get_tensor(self._features), probabilities

    def _inputs(self, origin: str) -> tuple[int, int | None]:
        n, d = self.meta.frames, self.meta.feature_size
        frame, earlier = (1, *self.meta.frame.shape), (1, n - 1, d)
        expected = {frame: np.uint8} | ({earlier: np.float32} if n > 1 else {})
        found = {tuple(int(side) for side in i["shape"]): i for i in self._interpreter.get_input_details()}
        if {shape: i["dtype"] for shape, i in found.items()} != expected:
            raise TwoframeError(
                f"{origin}/{STEP_FILE}: found inputs {', '.join(map(str, found))}, "
                f"expected {', '.join(map(str, expected))} as policy.json says; train again"
            )
        return found[frame]["index"], found[earlier]["index"] if n > 1 else None

    def _outputs(self, origin: str) -> tuple[int, int]:
        """The tensors of features and probabilities. LiteRT keeps the order (features, probabilities) in which
        they were exported but not their names, so the order is checked against the shapes."""
        details = self._interpreter.get_output_details()
        found = [tuple(int(side) for side in output["shape"]) for output in details]
        expected = [(1, self.meta.feature_size), (1, len(self.meta.actions))]
        if found != expected:
            order = [found.index(shape) for shape in expected if shape in found]
            if sorted(order) != [0, 1]:
                raise TwoframeError(
                    f"{origin}/{STEP_FILE}: found outputs {found}, expected {expected} as policy.json says; train again"
                )
            details = [details[i] for i in order]
        return details[0]["index"], details[1]["index"]


def _interpreter(model: bytes, threads: int) -> Any:
    from ai_edge_litert.interpreter import Interpreter

    with kept_back():  # it announces its delegate
        interpreter = Interpreter(model_content=model, num_threads=threads)
        interpreter.allocate_tensors()
    return interpreter


def usable_cpus() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

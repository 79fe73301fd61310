"""A policy at play: LiteRT runs one step at a time, so that a live frame is encoded once. No TensorFlow here."""

import math
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from agent.arrays import Floats
from agent.errors import TwoframeError
from agent.frames import Image, RollingFrames, mean_difference
from agent.machine import find_cpp_run_time, usable_cpus
from agent.policy.format import MAX_GREY_LEVELS, STEP_FILE, PolicyMeta, read_policy_meta
from agent.quiet import kept_back

MOST_THREADS = 4
NEARLY_AS_FAST = 1.15  # a core more must be worth more than that: the game needs it too
_WARM_UP_S = 0.03  # for each number of threads tried


class Policy:
    """One step of the network: a frame and the features of the earlier ones give features and probabilities.

    `meta` is what `policy.json` holds; `pixel_difference` the grey levels by which this machine prepares the
    contract's patterns differently from the one that trained (0 is as it should be). `threads` is the number of cores
    it runs on: as told, or (None) the smallest number that a short measurement finds nearly as fast as the fastest,
    of at most half the `cores` (all usable ones, unless told); `step_ms` are then the medians that it found.
    """

    def __init__(
        self, meta: PolicyMeta, model: bytes, *, threads: int | None, origin: str, cores: int | None = None
    ) -> None:
        self.meta = meta
        self.pixel_difference = meta.pixel_contract()
        if self.pixel_difference > MAX_GREY_LEVELS:
            raise TwoframeError(
                f"{origin}: found pixels prepared {self.pixel_difference} grey levels off, expected at most "
                f"{MAX_GREY_LEVELS}; this OpenCV resizes differently: install the version in policy.json or train here"
            )
        self.step_ms: dict[int, float] = {}
        candidates = threads_to_try(cores or usable_cpus()) if threads is None else [threads]
        self.threads = candidates[0]
        self._open(model, self.threads, origin)
        if len(candidates) > 1:
            self._choose_threads(model, candidates, origin)

    @classmethod
    def load(cls, folder: Path, *, threads: int | None, cores: int | None = None) -> "Policy":
        """Raises `TwoframeError` if a file is missing, altered or not what `train` writes."""
        meta = read_policy_meta(folder)
        return cls(meta, (folder / STEP_FILE).read_bytes(), threads=threads, origin=str(folder), cores=cores)

    def step(self, frame: Image, earlier: Floats) -> tuple[Floats, Floats]:
        """Encode `frame` (H, W, C) uint8 once and decide, given `earlier` (1, N-1, D) float32.

        Gives its features (1, D) float32 and the probabilities of the actions (A,) float32, both valid until
        the next step. Raises `TwoframeError` if the network answers with something that is no probability.
        """
        self._run(frame, earlier)
        probabilities = self._interpreter.get_tensor(self._probabilities)[0]
        if not math.isfinite(probabilities.sum()):
            raise TwoframeError("policy: found probabilities that are no numbers (NaN), expected 0 to 1; train again")
        return self._interpreter.get_tensor(self._features), probabilities

    def _open(self, model: bytes, threads: int, origin: str) -> None:
        origin = f"{origin}/{STEP_FILE}"
        self._interpreter = open_model(model, threads, origin)
        self._inputs = Inputs(self._interpreter, self.meta, origin)
        self._features, self._probabilities = self._outputs(origin)

    def _choose_threads(self, model: bytes, candidates: list[int], origin: str) -> None:
        """Try each number for a moment; the one chosen stays open."""
        for threads in candidates:
            if threads != self.threads:
                self._open(model, threads, origin)
                self.threads = threads
            self.step_ms[threads] = self._median_step_ms()
        chosen = fewest_threads(self.step_ms)
        if chosen != self.threads:
            self._open(model, chosen, origin)
            self.threads = chosen

    def _median_step_ms(self) -> float:
        frame = np.zeros(self.meta.frame.shape, np.uint8)
        earlier = np.zeros((1, max(self.meta.frames_per_window - 1, 0), self.meta.feature_size), np.float32)
        self._run(frame, earlier)  # the first is no measure
        took_ms: list[float] = []
        end_s = time.perf_counter() + _WARM_UP_S
        while len(took_ms) < 3 or time.perf_counter() < end_s:
            begun_s = time.perf_counter()
            self._run(frame, earlier)
            took_ms.append((time.perf_counter() - begun_s) * 1000)
        return statistics.median(took_ms)

    def _run(self, frame: Image, earlier: Floats) -> None:
        self._inputs.put(frame, earlier)
        self._interpreter.invoke()

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
                    f"{origin}: found outputs {found}, expected {expected} as policy.json says; train again"
                )
            details = [details[i] for i in order]
        return details[0]["index"], details[1]["index"]


def decide(policy: Policy, frame: Image, frames: RollingFrames) -> Floats:
    """The probabilities (A,) float32 for `frame` after the earlier `frames`, among which it is from now on."""
    stand_after_cut(policy, frame, frames)
    features, probabilities = policy.step(frame, frames.features)
    frames.push(frame, features)
    return probabilities


def stand_after_cut(policy: Policy, frame: Image, frames: RollingFrames) -> None:
    """Where the picture was cut, a new life or a new level, what came before `frame` is no neighbour: it counts as if
    it had stood still, as at the beginning of a game."""
    if frames.newest is not None and mean_difference(frame, frames.newest) > policy.meta.cut_difference:
        frames.stand(policy.step(frame, frames.features)[0])


class Inputs:
    """The tensors of an `interpreter` that take a frame and the features of the earlier ones, told by their shapes.

    Raises `TwoframeError` if they are not those that `meta` says.
    """

    def __init__(self, interpreter: Any, meta: PolicyMeta, origin: str) -> None:
        n, d = meta.frames_per_window, meta.feature_size
        frame, earlier = (1, *meta.frame.shape), (1, n - 1, d)
        expected = {frame: np.uint8} | ({earlier: np.float32} if n > 1 else {})
        found = {tuple(int(side) for side in i["shape"]): i for i in interpreter.get_input_details()}
        if {shape: i["dtype"] for shape, i in found.items()} != expected:
            raise TwoframeError(
                f"{origin}: found inputs {', '.join(map(str, found))}, "
                f"expected {', '.join(map(str, expected))} as policy.json says; train again"
            )
        self._interpreter = interpreter
        self._frame: int = found[frame]["index"]
        self._earlier: int | None = found[earlier]["index"] if n > 1 else None

    def put(self, frame: Image, earlier: Floats) -> None:
        """`frame` (H, W, C) uint8 and `earlier` (1, N-1, D) float32 for the next run."""
        self._interpreter.set_tensor(self._frame, frame[None])
        if self._earlier is not None:
            self._interpreter.set_tensor(self._earlier, earlier)


def open_model(model: bytes, threads: int, origin: str) -> Any:
    """The interpreter of a LiteRT `model`. Raises `TwoframeError`, which names `origin`, if it is none."""
    find_cpp_run_time()
    from ai_edge_litert.interpreter import Interpreter

    try:
        with kept_back():  # it announces its delegate
            interpreter = Interpreter(model_content=model, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        text = str(error).splitlines()[0][:100] if str(error) else "no model"
        raise TwoframeError(f"{origin}: found {text}, expected a LiteRT model; train again") from None
    return interpreter


def threads_to_try(cores: int) -> list[int]:
    """1, 2, 4: up to half of `cores`, for the game needs the others, and at most `MOST_THREADS`."""
    most = max(1, min(MOST_THREADS, cores // 2))
    return [threads for threads in (1, 2, 3, 4) if threads in (1, 2, 4, most) and threads <= most]


def fewest_threads(step_ms: dict[int, float]) -> int:
    """The smallest number of threads that is nearly as fast as the fastest, by median milliseconds of a step."""
    fast_enough_ms = min(step_ms.values()) * NEARLY_AS_FAST
    return min(threads for threads, ms in step_ms.items() if ms <= fast_enough_ms)

"""Writing the policy folder: the network, its one step in LiteRT, and all that `play` needs beside them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from agent.arrays import Floats, Ints
from agent.frames import RollingFrames
from agent.json_files import write_json
from agent.policy.format import ATTENTION_FILE, MODEL_FILE, SETTINGS_FILE, STEP_FILE, PolicyMeta, file_digest
from agent.policy.step import Policy
from train.dataset.dataset import Dataset
from train.encoders import ATTENTION
from train.fitting.fit import Judgement
from train.model import Network, step

LEAST_AGREEMENT = 0.995
_COMPARED = 2000  # windows; more would take minutes with a large encoder
UNFINISHED = "unfinished"  # a folder inside the policy's until everything is written


@dataclass(frozen=True, slots=True)
class Agreement:
    """How LiteRT and Keras compare on the validation windows: `same` is the share of equal actions, 0..1.

    `weights` says what the LiteRT file holds: `int8`, `float16` or `float32`.
    """

    weights: str
    windows: int
    same: float
    largest_difference: float

    def to_json(self) -> dict[str, Any]:
        return {
            "weights": self.weights,
            "windows": self.windows,
            "same": round(self.same, 6),
            "largest_difference": round(self.largest_difference, 6),
        }


def export(
    folder: Path,
    network: Network,
    meta: PolicyMeta,
    dataset: Dataset,
    judgement: Judgement,
    weights: str | None = None,
) -> Agreement:
    """Write `model.keras`, `policy.tflite`, `attention.tflite` of an encoder with maps, and, last, `policy.json` into
    `folder`.

    `weights` is int8, float16 or float32; None takes int8 where it decides as Keras does on at least 99.5 % of the
    validation windows, else float32. `meta` comes without digests and agreement. Raises OSError if the disk does not
    take it.
    """
    aside = folder / UNFINISHED
    try:
        aside.mkdir(parents=True, exist_ok=True)
        network.model.save(aside / MODEL_FILE)
        written = [MODEL_FILE, STEP_FILE]
        if maps := attention_to_litert(network):
            (aside / ATTENTION_FILE).write_bytes(maps)
            written.append(ATTENTION_FILE)
        for kind in [weights] if weights else ["int8", "float32"]:
            (aside / STEP_FILE).write_bytes(to_litert(network, weights=kind))
            whole = replace(meta, digests={name: file_digest(aside / name) for name in written})
            write_json(aside / SETTINGS_FILE, whole.to_json())
            agreement = compare(Policy.load(aside, threads=1), kind, dataset, judgement)
            if agreement.same >= LEAST_AGREEMENT:
                break
        whole = replace(whole, metrics={**meta.metrics, "litert": agreement.to_json()})
        write_json(aside / SETTINGS_FILE, whole.to_json())
        for name in (*written, SETTINGS_FILE):  # policy.json last: it makes the folder a policy
            (aside / name).replace(folder / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)  # what is left there is of no use, least of all on a full disk
    return agreement


def to_litert(network: Network, *, weights: str) -> bytes:
    """One decision as a LiteRT model, see `train.model.step`: built-in operations of static shape only.

    Inputs: frame (1, H, W, C) uint8 and, for windows of N > 1 frames, earlier (1, N-1, D) float32.
    Outputs, in this order: features (1, D), probabilities (1, A), float32.
    """
    converter = _one_decision(network)
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]  # dynamic range: int8 weights, float activations
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    content: bytes = converter.convert()
    return content


def attention_to_litert(network: Network) -> bytes | None:
    """Where the network looks in the live frame, as a LiteRT model; None of an encoder without attention maps.

    Inputs as those of `to_litert`. Output: (1, maps, h, w) float32, each map the shares of its places. What the layer
    named `ATTENTION` is called with while one decision is traced, for it lies within models within the network.
    """
    layer = _layer_named(ATTENTION, network.model)
    if layer is None:
        return None
    seen: list[Any] = []
    as_it_was = layer.call

    def call(maps: Any) -> Any:
        seen.append(maps)
        return as_it_was(maps)

    layer.call = call
    try:
        # The frames in order, the live one last.
        content: bytes = _one_decision(network, lambda features, probabilities: seen[-1][-1:]).convert()
    finally:
        layer.call = as_it_was
    return content


def _layer_named(name: str, model: Any) -> Any | None:
    for layer in model.layers:
        found = layer if layer.name == name else _layer_named(name, layer) if hasattr(layer, "layers") else None
        if found is not None:
            return found
    return None


class _Weights(tf.Module):  # type: ignore[misc]  # TensorFlow comes without types
    """The weights as TensorFlow's own variables, and nothing else: only those that a module tracks are converted to
    constants, and the layers, if it tracked them too, would be walked through one by one, several times."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.weights = [variable.value for variable in network.model.variables]


def _one_decision(network: Network, told: Callable[[Any, Any], Any] = lambda *both: both) -> Any:
    """The converter of one decision, of which `told` is made from features and probabilities."""

    def decide(frame: Any, earlier: Any = None) -> Any:
        return told(*step(network, frame, earlier))

    frame = tf.TensorSpec((1, *network.encoder.input_shape[1:]), tf.uint8, "frame")
    earlier = tf.TensorSpec((1, network.frames_per_window - 1, network.feature_size), tf.float32, "earlier")
    inputs = [frame, earlier] if network.frames_per_window > 1 else [frame]
    traced = tf.function(decide).get_concrete_function(*inputs)
    return tf.lite.TFLiteConverter.from_concrete_functions([traced], _Weights(network))


def compare(policy: Policy, weights: str, dataset: Dataset, judgement: Judgement) -> Agreement:
    """Let `policy` play the first validation windows as `play` does, beside what Keras said of them."""
    said = played(policy, dataset, judgement.ends[:_COMPARED])
    keras_said = judgement.probabilities[:_COMPARED]
    return Agreement(
        weights=weights,
        windows=len(said),
        same=float((said.argmax(axis=1) == keras_said.argmax(axis=1)).mean()),
        largest_difference=float(np.abs(said - keras_said).max()),
    )


def played(policy: Policy, dataset: Dataset, ends: Ints) -> Floats:
    """(M, A) float32: what `policy` says at the increasing `ends` (M,), where in a row each frame encoded once."""
    frames = policy.meta.frames_per_window
    image = np.empty((1, *dataset.frame.shape), np.uint8)
    result = np.empty((len(ends), len(dataset.actions)), np.float32)
    before = -1
    for row, end in enumerate(ends.tolist()):
        first = end
        if end != before + 1:  # another stretch
            apart = dataset.apart_at(end)
            rolling = RollingFrames(frames, policy.meta.feature_size, apart)
            first = end - (frames - 1) * apart
        for t in range(first, end + 1):
            dataset.gather(np.array([t]), image)
            features, result[row] = policy.step(image[0], rolling.features)
            rolling.push(image[0], features)
        before = end
    return result

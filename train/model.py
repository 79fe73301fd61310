"""Two images and a recurrent network: how an image classifier learns to use more than one frame.

    (batch, 2, H, W, C) -> reshape (batch * 2, H, W, C) -> one encoder -> (batch * 2, D)
                        -> reshape (batch, 2, D) -> LSTM -> dense softmax -> (batch, actions)

The encoder's weights are shared over time, so at play a live frame is encoded once (`step`), and in training
a frame serves all windows that hold it (`train/runs.py`): the same probabilities, less work.

AlexNet encodes each image alone. `compact` sees each beside what changed since the one before: what is kept of a frame
are its patches, and the rest of the encoder comes after the window is put together, as it does when, to compare
with, the images are the channels of one image.
"""

import io
import math
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import numpy as np
from keras import layers, ops

from agent.errors import TwoframeError
from train.encoders import ANSWER, RECIPES, ChannelLevels, Recipe, build_encoder, weights_dtype
from train.options import Join


class Moving(NamedTuple):
    """What a decider is made of that sees each frame beside what changed in it.

    own and changes: patches (B, h, w, c) and their differences to their parts of the first layer, (B, h, w, C); look:
    the sum of both to features (B, D).
    """

    own: Any
    changes: Any
    look: Any


class Network(NamedTuple):
    """One set of weights seen three ways.

    encoder (B, H, W, C) uint8 -> (B, D); decider (B, N, D) -> (B, A) probabilities; model is both,
    (B, N, H, W, C) uint8 -> (B, A).
    """

    encoder: Any
    decider: Any
    model: Any

    @property
    def recall(self) -> Any:
        """The part of the decider that reads the frames in order: features (B, N, D) to what they come to (B, U)."""
        return self.decider.get_layer("recall")

    @property
    def states(self) -> Any:
        """The decider but for its last layer: (B, N, D) -> (B, U)."""
        return keras.Model(self.decider.input, self.answer.input)

    @property
    def answer(self) -> Any:
        """The decider's last layer, (B, U) -> (B, A)."""
        return self.decider.get_layer(ANSWER)

    @property
    def moving(self) -> Moving | None:
        """The parts of the decider, where it sees what changed."""
        names = {layer.name for layer in self.decider.layers}
        return Moving(*map(self.decider.get_layer, Moving._fields)) if names >= set(Moving._fields) else None

    @property
    def remembers_features(self) -> bool:
        """Whether an LSTM reads what the encoder gives as it is."""
        return self.moving is None and any(isinstance(layer, layers.LSTM) for layer in self.recall.layers)

    @property
    def frames_per_window(self) -> int:
        return int(self.decider.input_shape[1])

    @property
    def feature_size(self) -> int:
        return int(self.decider.input_shape[2])


def build_network(
    encoder_name: str,
    shape: tuple[int, ...],
    *,
    frames: int,
    actions: int,
    mean: ChannelLevels,
    deviation: ChannelLevels,
    join: Join = "lstm",
    shifts: int = 1,
    scrolls: bool = False,
) -> Network:
    """A new network over `frames` images of `shape` (H, W, C); `mean` and `deviation` (C,) float32 are those of the
    recording. With several `shifts` of the labels it answers for each, side by side: (B, shifts * A). `scrolls` where
    the whole picture moves: what is left out at random in learning differs, the weights are the same."""
    recipe = RECIPES[encoder_name]
    if scrolls and recipe.if_scrolling:
        recipe = replace(recipe, layers=recipe.if_scrolling)
    answer = last_layer(actions, shifts)
    if recipe.patches is None and join == "lstm":
        encoder = build_encoder(encoder_name, shape, recipe.layers, mean, deviation)
        decider = build_decider(frames, encoder.output_shape[-1], recipe.lstm_units, answer)
    else:
        maps = build_encoder(encoder_name, shape, recipe.patches or (lambda image: image), mean, deviation)
        encoder = keras.Model(maps.input, layers.Flatten()(maps.output), name=encoder_name)
        build = build_stacked_decider if join == "channels" else build_moving_decider
        decider = build(recipe, frames, maps.output_shape[1:], answer)
    return Network(encoder, decider, build_model(encoder, decider))


def build_model(encoder: Any, decider: Any) -> Any:
    """The answer: one encoder looks at every image of the window, a recurrent network reads them in order."""
    _, height, width, channels = encoder.input_shape
    _, frames, feature_size = decider.input_shape

    window = keras.Input((frames, height, width, channels), dtype="uint8", name="window")
    images = ops.reshape(window, (-1, height, width, channels))  # (batch * frames, H, W, C)
    features = encoder(images)  # (batch * frames, D)
    sequence = ops.reshape(features, (-1, frames, feature_size))  # (batch, frames, D)
    probabilities = decider(sequence)  # (batch, actions)
    return keras.Model(window, probabilities, name="two_frames")


def build_decider(frames: int, feature_size: int, lstm_units: int, answer: Any) -> Any:
    """An LSTM over the features of the frames, then the last layer."""
    sequence = keras.Input((frames, feature_size), name="sequence")
    return keras.Model(sequence, answer(recalled(sequence, lstm_units)), name="decider")


def recalled(sequence: Any, lstm_units: int) -> Any:
    """Features of the frames in order (B, N, D) to what they come to (B, U), in a model of its own.

    A single frame has no order to read: there the softmax sits on the features, as in the network that the
    question started from.
    """
    frames, feature_size = sequence.shape[1:]
    inside = keras.Input((frames, feature_size))
    if frames > 1:
        x = layers.LSTM(lstm_units, unroll=True)(inside)  # unrolled: LiteRT has no variables in a loop
    else:
        x = ops.reshape(inside, (-1, feature_size))
    return keras.Model(inside, x, name="recall")(sequence)


def last_layer(actions: int, shifts: int) -> Any:
    """One probability for each action, and so for each of the `shifts`."""

    def softmaxes(scores: Any) -> Any:
        each = ops.softmax(ops.reshape(scores, (-1, shifts, actions)), axis=-1)
        return ops.reshape(each, (-1, shifts * actions))

    activation = softmaxes if shifts > 1 else "softmax"
    return layers.Dense(shifts * actions, activation=activation, dtype=weights_dtype(), name=ANSWER)


def build_moving_decider(recipe: Recipe, frames: int, shape: tuple[int, ...], answer: Any) -> Any:
    """The rest of an encoder whose frames are patches (h, w, c), here flat: (B, N, h * w * c).

    It sees each frame beside what changed since the one before, nothing in the first. What an LSTM must find out by
    comparing two lists of features is so small a motion that it is lost before: told the changes, a network learned
    the speed of a lander from ten minutes of play, told them not, it never did (experiments/LOG.md).
    """
    patches = keras.Input(shape)
    own = keras.Model(patches, recipe.first_layer(patches), name="own")
    changes = keras.Model(patches, recipe.first_layer(patches, bias=False), name="changes")
    first = keras.Input(own.output_shape[1:])
    look = keras.Model(first, recipe.layers(first), name="look")  # the same weights for every frame

    sequence = keras.Input((frames, math.prod(shape)), name="sequence")
    maps = ops.reshape(sequence, (-1, frames, *shape))
    sums = own(ops.reshape(maps, (-1, *shape)))
    if frames > 1:
        moved = changes(ops.reshape(maps[:, 1:] - maps[:, :-1], (-1, *shape)))
        moved = ops.reshape(moved, (-1, frames - 1, *own.output_shape[1:]))
        moved = ops.concatenate([ops.zeros_like(moved[:, :1]), moved], axis=1)
        sums = sums + ops.reshape(moved, (-1, *own.output_shape[1:]))
    seen = ops.reshape(look(sums), (-1, frames, look.output_shape[-1]))
    return keras.Model(sequence, answer(recalled(seen, recipe.lstm_units)), name="decider")


def build_stacked_decider(recipe: Recipe, frames: int, shape: tuple[int, ...], answer: Any) -> Any:
    """The frames (B, N, h * w * c), their pixels or patches (h, w, c), become one image (B, h, w, N * c).

    So DQN sees motion (Mnih et al. 2015); the encoder must learn by itself that the channels are moments.
    """
    height, width, channels = shape
    sequence = keras.Input((frames, height * width * channels), name="sequence")
    x = ops.reshape(sequence, (-1, frames, height, width, channels))
    x = ops.reshape(ops.transpose(x, (0, 2, 3, 1, 4)), (-1, height, width, frames * channels))
    recall = keras.Model(sequence, recipe.layers(recipe.first_layer(x)), name="recall")
    return keras.Model(sequence, answer(recall(sequence)), name="decider")


def step(network: Network, frame: Any, earlier: Any | None) -> tuple[Any, Any]:
    """One decision at play: encode the live `frame` (1, H, W, C) only, the features `earlier` (1, N-1, D) are known.

    Gives the frame's features (1, D) and the probabilities (1, A).
    """
    features = network.encoder(frame, training=False)
    newest = ops.expand_dims(features, 1)
    sequence = newest if earlier is None else ops.concatenate([earlier, newest], axis=1)
    return features, network.decider(sequence, training=False)


def load_weights(network: Network, file: Path) -> None:
    """Those of the same network in a `model.keras`, what its images are normalised with among them.

    Only numbers are read of the file, no layer is made as it says. Raises `TwoframeError` for another network.
    """
    problem = ""
    try:
        with zipfile.ZipFile(file) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as weights:
            found: list[tuple[int, ...]] = []
            weights.visititems(lambda _, item: found.append(item.shape) if isinstance(item, h5py.Dataset) else None)
        if sorted(found) != sorted(tuple(variable.shape) for variable in network.model.weights):
            problem = "the weights of another network than this version of twoframe makes"
        else:
            network.model.load_weights(file)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        problem = f"no weights ({type(error).__name__})"
    if problem:
        raise TwoframeError(f"{file}: found {problem}, expected those of its policy; learn anew without --from")


def copy_weights(of: Network, to: Network, *, shift: int) -> None:
    """Give `to`, which answers for one shift of the labels, the weights of a network that answers for several."""
    actions = to.answer.units
    of_shift = slice(shift * actions, (shift + 1) * actions)
    to.model.set_weights(
        [
            np.array(weight) if weight.shape == wanted.shape else np.array(weight)[..., of_shift]
            for weight, wanted in zip(of.model.weights, to.model.weights, strict=True)
        ]
    )


def parameters(model: Any) -> int:
    """Trainable parameters."""
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)

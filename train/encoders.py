"""Encoders: from one image to its features. Each is one function; `train/model.py` puts two images together."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from agent.arrays import Floats

ChannelLevels = Floats  # (C,), 0..255
LEAST_DEVIATION = 32.0  # grey levels
MOST_PATCHES = 2000
WEIGHT_DECAY = 1e-2
ANSWER = "answer"  # the decider's last layer
ATTENTION = "attention"  # the layer whose output (B, maps, h, w) tells for each map how much it looks at each place


def alexnet(x: Any) -> Any:
    """Normalised images (B, H, W, C) to 4096 features: AlexNet (Krizhevsky et al. 2012) as tflearn's example builds it.

    The recording's mean and deviation are taken off first, and the convolutions start as He et al. 2015 have
    it: with plain 0..1 and Keras' own start the signal dies on its way to the 4096, and in minutes of
    recordings nothing is learned but the commonest action.
    """
    x = layers.Conv2D(96, 11, strides=4, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = local_response_normalization(x, "lrn1")
    x = layers.Conv2D(256, 5, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = local_response_normalization(x, "lrn2")
    x = layers.Conv2D(384, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Conv2D(384, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.Conv2D(256, 3, padding="same", activation="relu", kernel_initializer="he_normal")(x)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    x = local_response_normalization(x, "lrn3")
    x = layers.Flatten()(x)
    x = layers.Dense(4096, activation="tanh")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(4096, activation="tanh")(x)
    return layers.Dropout(0.5)(x)


def local_response_normalization(x: Any, name: str, radius: int = 5, bias: float = 1.0, alpha: float = 1e-4) -> Any:
    """x / (bias + alpha * sum of squares over the `2 * radius + 1` nearest channels) ** 0.75, tflearn's defaults.

    Keras has no such layer. Made of plain operations it loads anywhere and stays built-in in LiteRT; a model
    of its own keeps them together.
    """
    inside = keras.Input(x.shape[1:])
    channels = inside.shape[-1]
    squares = ops.pad(ops.square(inside), [[0, 0], [0, 0], [0, 0], [radius, radius]])
    near = squares[..., :channels]
    for offset in range(1, 2 * radius + 1):
        near = near + squares[..., offset : offset + channels]
    root = ops.rsqrt(bias + alpha * near)
    outside = inside * root * ops.sqrt(root)  # s ** -0.75 = s ** -0.5 * (s ** -0.5) ** 0.5, without a slow power
    return keras.Model(inside, outside, name=name)(x)


def compact(x: Any, *, left_out: float = 0.5) -> Any:
    """What the first layer makes of an image (B, h, w, 24), see `first_layer`, to the image's features: what is where.

    One more small convolution, then two ways. Attention: each of 16 maps says by a softmax over all places where its
    thing is, and what it is, so that a lander is found in front of mountains never seen, and to a fraction of a patch.
    And a coarse map, flattened, which tells how a road goes and which of two roads is the own one, but learns the
    mountains of a recording by heart; so it is `left_out` of such a share of what is learned, and attention must do
    alone. Where the whole picture moves there is little to learn by heart, and it is always there (experiments/LOG.md).
    """
    x = layers.Activation("relu")(x)
    x = layers.Conv2D(24, 3, padding="same", activation="relu")(x)
    where, what = attended(x, maps=16, contents=16)
    for _ in range(2):
        x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu")(x)
    coarse = layers.Flatten()(layers.Conv2D(16, 1, activation="relu")(x))
    coarse = layers.Dropout(0.5)(coarse)
    coarse = layers.Dropout(left_out, noise_shape=(None, 1))(coarse)  # all of it or nothing
    seen = layers.Dense(128)(ops.concatenate([where, what, coarse], axis=-1))
    seen = layers.Activation("relu")(layers.LayerNormalization()(seen))
    return ops.concatenate([where, seen], axis=-1)


def attended(x: Any, *, maps: int, contents: int) -> tuple[Any, Any]:
    """Of a map (B, h, w, c): where each of `maps` softmaxes over its places looks, (B, maps * 2), rows then columns
    in -2..2 (spatial softmax, Levine et al. 2016), and what is there, (B, maps * contents).

    The scores of each softmax have mean 0 and deviation 1 over the places of an image (instance normalisation, Ulyanov
    et al. 2016). So what is rare in an image scores far above all else, and a ball of a dozen pixels has a good part of
    a softmax from the start, not the thousandth that is its share of the places.
    """
    height, width = x.shape[1:3]
    scores = layers.Conv2D(maps, 1, use_bias=False)(x)
    scores = ops.reshape(ops.transpose(scores, (0, 3, 1, 2)), (-1, maps, height * width))
    attention = ops.softmax(layers.LayerNormalization(center=False, scale=False)(scores), axis=-1)
    attention = layers.Identity(name=ATTENTION)(ops.reshape(attention, (-1, maps, height, width)))
    attention = ops.reshape(attention, (-1, maps, height * width))
    rows, columns = np.meshgrid(np.linspace(-2, 2, height), np.linspace(-2, 2, width), indexing="ij")
    places = np.stack([rows.ravel(), columns.ravel()], axis=1).astype(weights_dtype())
    where = ops.matmul(attention, places)  # (B, maps, 2)
    values = ops.reshape(layers.Conv2D(contents, 1)(x), (-1, height * width, contents))
    what = ops.matmul(attention, values)  # (B, maps, contents)
    return ops.reshape(where, (-1, maps * 2)), ops.reshape(what, (-1, maps * contents))


def patches(x: Any) -> Any:
    """Normalised images (B, H, W, C) to overlapping patches of them (B, h, w, 16), at most `MOST_PATCHES` an image.

    A convolution without anything behind it, so that the difference of two images' patches is the patch of their
    difference.
    """
    stride = 2
    while math.ceil(x.shape[1] / stride) * math.ceil(x.shape[2] / stride) > MOST_PATCHES:
        stride *= 2
    return layers.Conv2D(16, 2 * stride, strides=stride, padding="same")(x)


def first_layer(x: Any, *, bias: bool = True) -> Any:
    """Patches (B, h, w, c), or what changed in them, to their part in the first layer of `compact`, (B, h, w, 24).

    The layer is the sum of both parts, so that a frame's own part serves every window that holds the frame.
    """
    return layers.Conv2D(24, 3, padding="same", use_bias=bias)(layers.Activation("relu")(x))


def weights_dtype() -> str:
    """What pixels, places and probabilities are computed in, also where the layers compute in bfloat16."""
    return str(keras.config.dtype_policy().variable_dtype)


def normalized(image: Any, mean: ChannelLevels, deviation: ChannelLevels) -> Any:
    """The image less the mean of all its pixels, over their deviation: constants of the model, so that it takes plain
    frames.

    The same for all places: with a mean of its own for each pixel, an object looks different wherever it is, and a
    network that finds it here does not find it there. Where hardly anything ever changes the deviation is taken as
    `LEAST_DEVIATION`.
    """
    layer = layers.Normalization(axis=-1, name="normalized")
    layer.build((None, *image.shape[1:]))
    layer.set_weights([mean, np.square(np.maximum(deviation, LEAST_DEVIATION)), np.zeros((), np.int32)])
    layer.finalize_state()
    return layer(ops.cast(image, weights_dtype()))


@dataclass(frozen=True, slots=True)
class Recipe:
    """An encoder with what it is trained with: the optimiser of a learning rate, the largest norm of all gradients.

    `layers` takes normalised images (B, H, W, C) to features (B, D). With `patches` it takes the sum of two parts of a
    first layer, (B, h, w, C): what `first_layer` makes of an image's patches, and what it makes of their change since
    the image before. `if_scrolling` are the layers where the whole picture moves. With `in_strands` a step is split
    into strands, see `train.fitting.learner.Learner`: of each the gradients are kept, and the weights are read anew,
    which large ones do not bear on many cores.
    """

    layers: Callable[[Any], Any]
    lstm_units: int
    learning_rate: float
    optimizer: Callable[[float], Any]
    clip_norm: float | None = None
    patches: Callable[[Any], Any] | None = None
    first_layer: Callable[..., Any] = lambda x: x
    if_scrolling: Callable[[Any], Any] | None = None
    in_strands: bool = False


def momentum(learning_rate: float) -> Any:
    """tflearn's Momentum."""
    return keras.optimizers.SGD(learning_rate, momentum=0.9)


def muon(learning_rate: float) -> Any:
    """Muon (Jordan et al. 2024, in the scale of Liu et al. 2025) for the matrices of the dense layers and of the LSTM,
    AdamW for convolutions, biases and the last layer."""
    decay = {"weight_decay": WEIGHT_DECAY, "adam_weight_decay": WEIGHT_DECAY}
    return keras.optimizers.Muon(learning_rate, **decay, exclude_layers=[ANSWER])


def build_encoder(
    name: str, shape: tuple[int, ...], layers_of: Callable[[Any], Any], mean: ChannelLevels, deviation: ChannelLevels
) -> Any:
    """The model from an image (H, W, C) uint8 to what `layers_of` makes of it, normalised by the recording's `mean`
    and `deviation` (C,)."""
    image = keras.Input(shape, dtype="uint8", name="image")
    return keras.Model(image, layers_of(normalized(image, mean, deviation)), name=name)


RECIPES = {
    "compact": Recipe(
        compact,
        lstm_units=128,
        learning_rate=1e-3,
        optimizer=muon,
        clip_norm=1.0,
        patches=patches,
        first_layer=first_layer,
        if_scrolling=partial(compact, left_out=0.0),
        in_strands=True,
    ),
    "alexnet": Recipe(alexnet, lstm_units=256, learning_rate=1e-2, optimizer=momentum),
}

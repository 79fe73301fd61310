"""Encoders: from one image to its features. Each is one function; `train/model.py` puts two images together."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

Pixels = npt.NDArray[np.float32]  # (H, W, C), 0..255
LEAST_DEVIATION = 32.0  # grey levels


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


def compact(x: Any) -> Any:
    """Normalised images (B, H, W, C) to 128 features: a few small convolutions that keep what is small.

    The recording's mean and deviation per pixel are taken off, so a ball of one pixel on a black field is as
    loud as a road; the first stride is 2 and nothing is pooled, so it is not averaged away; the map is
    flattened, not pooled, so the features know where things are and two of them show where they move.
    """
    x = layers.Conv2D(16, 5, strides=2, padding="same", activation="relu")(x)
    width = 32
    while math.prod(x.shape[1:3]) > 200:
        x = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(x)
        width = 64
    x = layers.Conv2D(64, 3, padding="same", activation="relu")(x)
    x = layers.Flatten()(x)
    x = layers.Dropout(0.2)(x)
    x = layers.Dense(128)(x)
    x = layers.LayerNormalization()(x)
    return layers.Activation("relu")(x)


def normalized(image: Any, mean: Pixels, deviation: Pixels) -> Any:
    """The image less `mean`, over `deviation`: constants of the model, so that it takes plain frames.

    A pixel that hardly ever changed would make noise deafening, and an object that comes where none has been: its
    deviation is taken as `LEAST_DEVIATION` at least.
    """
    layer = layers.Normalization(axis=(1, 2, 3), name="normalized")
    layer.build((None, *image.shape[1:]))
    layer.set_weights([mean, np.maximum(deviation, LEAST_DEVIATION) ** 2, np.zeros((), np.int32)])
    layer.finalize_state()
    return layer(ops.cast(image, "float32"))


@dataclass(frozen=True, slots=True)
class Recipe:
    """An encoder with what it is trained with: the optimiser of a learning rate, the largest norm of all gradients.

    `layers` takes normalised images (B, H, W, C) to features (B, D).
    """

    layers: Callable[[Any], Any]
    lstm_units: int
    learning_rate: float
    optimizer: Callable[[float], Any]
    clip_norm: float | None = None


def momentum(learning_rate: float) -> Any:
    """tflearn's Momentum."""
    return keras.optimizers.SGD(learning_rate, momentum=0.9)


def adamw(learning_rate: float) -> Any:
    return keras.optimizers.AdamW(learning_rate, weight_decay=1e-2)


def build_encoder(name: str, layers_of: Callable[[Any], Any], mean: Pixels, deviation: Pixels) -> Any:
    """The model from an image (H, W, C) uint8 to its features, normalised by the recording's `mean` and `deviation`."""
    image = keras.Input(mean.shape, dtype="uint8", name="image")
    return keras.Model(image, layers_of(normalized(image, mean, deviation)), name=name)


RECIPES = {
    "compact": Recipe(compact, lstm_units=128, learning_rate=1e-3, optimizer=adamw, clip_norm=1.0),
    "alexnet": Recipe(alexnet, lstm_units=256, learning_rate=1e-2, optimizer=momentum),
}

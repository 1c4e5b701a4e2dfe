"""The models that consume the batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

from feeders import variables
from feeders.catalogue import Catalogue
from feeders.keras_api import keras

# Of the transformer: side of an image's patches, width of a token, heads, blocks.
PATCH, WIDTH, HEADS, BLOCKS = 8, 256, 8, 6


def build(name: str, x_shape: tuple[int, ...], classes: int) -> Any:
    """Return an uncompiled Keras model that ends in probabilities (softmax).

    Args:
        name: "light", one dense layer and next to no work per step; "real", a small convolutional net; "resnet" and
            "transformer", deep enough to keep a GPU busy, and far too much for a few cores.
        x_shape: shape of a sample: features, (steps, channels) or (height, width, channels).
        classes: how many.

    Raises:
        FeedersError: no such model.
    """
    body = MODELS.named(name).body
    api = keras()
    layers = body(api, x_shape)
    return api.Sequential([api.Input(shape=x_shape), *layers, api.layers.Dense(classes, activation="softmax")])


def _light(keras: Any, x_shape: tuple[int, ...]) -> list[Any]:
    return [keras.layers.Flatten()]


def _real(keras: Any, x_shape: tuple[int, ...]) -> list[Any]:
    convolution, pooling, reshape = _of_rank(keras.layers, x_shape)
    return [
        *reshape,
        convolution(8, 3, strides=2, activation="relu"),
        convolution(16, 3, strides=2, activation="relu"),
        pooling(),
    ]


def _resnet(keras: Any, x_shape: tuple[int, ...]) -> list[Any]:
    """The 18 layers of K. He et al., Deep Residual Learning for Image Recognition (2016), first pooling left out."""
    layers = keras.layers
    convolution, pooling, reshape = _of_rank(layers, x_shape)

    def step(x: Any, width: int, strides: int) -> Any:
        x = convolution(width, 3, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization()(x)

    inputs = keras.Input(shape=x_shape)
    x = inputs
    for layer in reshape:
        x = layer(x)
    x = layers.ReLU()(step(x, 64, 1))
    for width, first in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for strides in (first, 1):
            short = x if strides == 1 else convolution(width, 1, strides=strides, use_bias=False)(x)
            x = step(layers.ReLU()(step(x, width, strides)), width, 1)
            x = layers.ReLU()(layers.Add()([x, short]))
    return [keras.Model(inputs, pooling()(x))]


def _transformer(keras: Any, x_shape: tuple[int, ...]) -> list[Any]:
    """Blocks of attention over patches, steps or features; without positions, for it is here to compute."""
    layers = keras.layers
    inputs = keras.Input(shape=x_shape)
    if len(x_shape) == 3:
        x = layers.Conv2D(WIDTH, PATCH, strides=PATCH)(inputs)
        x = layers.Reshape((-1, WIDTH))(x)
    else:
        x = layers.Dense(WIDTH)(layers.Reshape((*x_shape, 1))(inputs) if len(x_shape) == 1 else inputs)
    for _ in range(BLOCKS):
        y = layers.LayerNormalization()(x)
        x = layers.Add()([x, layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y)])
        y = layers.Dense(4 * WIDTH, activation="gelu")(layers.LayerNormalization()(x))
        x = layers.Add()([x, layers.Dense(WIDTH)(y)])
    return [keras.Model(inputs, layers.GlobalAveragePooling1D()(x))]


def _of_rank(layers: Any, x_shape: tuple[int, ...]) -> tuple[Any, Any, list[Any]]:
    """Convolution, pooling, and what gives features a channel."""
    if len(x_shape) == 3:
        return layers.Conv2D, layers.GlobalAveragePooling2D, []
    reshape = [layers.Reshape((*x_shape, 1))] if len(x_shape) == 1 else []
    return layers.Conv1D, layers.GlobalAveragePooling1D, reshape


@dataclass(frozen=True)
class Model:
    """What trains on the batches.

    Attributes:
        name: in FEEDERS_MODEL.
        body: takes Keras and the shape of a sample, and returns the layers before the last one.
    """

    name: str
    body: Callable[[Any, tuple[int, ...]], list[Any]]


MODELS = Catalogue(
    f"a value of {variables.MODEL}",
    (Model("light", _light), Model("real", _real), Model("resnet", _resnet), Model("transformer", _transformer)),
    hint=f"unset {variables.MODEL}",
)

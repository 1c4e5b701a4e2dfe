"""The models that consume the batches."""

from __future__ import annotations

from typing import Any

from feeders.errors import FeedersError


def build(name: str, x_shape: tuple[int, ...], classes: int) -> Any:
    """Return an uncompiled Keras model that ends in probabilities (softmax).

    Args:
        name: "dense", one layer and next to no work per step, or "conv", a small convolutional net.
        x_shape: shape of a sample: features, (steps, channels) or (height, width, channels).
        classes: how many.

    Raises:
        FeedersError: no such model.
    """
    if name not in _HEADS:
        raise FeedersError(f"model {name!r} is unknown; expected one of {', '.join(_HEADS)}")
    import tensorflow as tf

    layers = _HEADS[name](tf.keras.layers, x_shape)
    return tf.keras.Sequential(
        [tf.keras.Input(shape=x_shape), *layers, tf.keras.layers.Dense(classes, activation="softmax")]
    )


def _dense(layers: Any, x_shape: tuple[int, ...]) -> list[Any]:
    return [layers.Flatten()]


def _conv(layers: Any, x_shape: tuple[int, ...]) -> list[Any]:
    if len(x_shape) == 3:
        convolution, pooling = layers.Conv2D, layers.GlobalAveragePooling2D
    else:
        convolution, pooling = layers.Conv1D, layers.GlobalAveragePooling1D
    return [
        *([layers.Reshape((*x_shape, 1))] if len(x_shape) == 1 else []),
        convolution(8, 3, strides=2, activation="relu"),
        convolution(16, 3, strides=2, activation="relu"),
        pooling(),
    ]


_HEADS = {"dense": _dense, "conv": _conv}

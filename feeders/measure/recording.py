"""A model whose training step takes down the batches that reach it, on whichever backend Keras runs."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import numpy as np

from feeders.keras_api import JAX, TENSORFLOW, TORCH, backend, compile_options, keras, map_structure, no_autograph


def idle_model() -> Any:
    """Return a compiled model that trains nothing, and brings its batches nowhere that Keras does not bring them."""
    steps: dict[str, Callable[[], Any]] = {
        TENSORFLOW: _counting_step,
        JAX: lambda: _jax_step(None),
        TORCH: lambda: _torch_step(None),
    }
    return _model(steps[backend()]())


def recording_model(take_down: Callable[[Any], None]) -> Any:
    """Return a compiled model that trains nothing and takes its batches down.

    It sees a batch as the training step of that backend gets it: JAX has no 64-bit integers there by default.

    Args:
        take_down: called with each batch, in the structure it was fed in, its tensors as NumPy arrays, ragged ones as
            ``RaggedTensorValue``.
    """
    return _model({TENSORFLOW: _traced_step, JAX: _jax_step, TORCH: _torch_step}[backend()](take_down))


def _model(step: Any) -> Any:
    # Up to 2.8 Keras calls the model to learn its shapes.
    model = type("Recorder", (keras().Model,), {"train_step": step, "call": lambda self, x: x})()
    # What JAX traces may not call back; TensorFlow has an op for that.
    model.compile(**(compile_options() if backend() == TENSORFLOW else {"run_eagerly": True}))
    return model


def _traced_step(take_down: Callable[[Any], None]) -> Any:
    import tensorflow as tf

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        flat = tf.nest.flatten(data, expand_composites=True)

        def record(*arrays: Any) -> Any:
            rest = iter(arrays)
            take_down(tf.nest.pack_sequence_as(data, [_filled(leaf, rest) for leaf in tf.nest.flatten(data)]))
            return np.int64(0)

        # The output depends on the batch: a step whose fetch failed records nothing.
        done = tf.numpy_function(record, [leaf for leaf in flat if leaf is not None], tf.int64)
        return {"batches": tf.cast(done, tf.float32)}

    return no_autograph(train_step)


def _filled(leaf: Any, arrays: Iterator[Any]) -> Any:
    """Put arrays in the place of a tensor; a ragged one keeps its rows, a sparse one is a tuple of its parts."""
    import tensorflow as tf

    if leaf is None:
        return None
    parts = [next(arrays) for _ in tf.nest.flatten(leaf, expand_composites=True)]
    if not isinstance(leaf, tf.RaggedTensor):
        return parts[0] if len(parts) == 1 else tuple(parts)
    values, *splits = parts
    for part in reversed(splits):
        values = tf.compat.v1.ragged.RaggedTensorValue(values, part)
    return values


def _counting_step() -> Any:
    import tensorflow as tf

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        # The output depends on the batch, or TensorFlow would not fetch it.
        return {"batches": tf.cast(tf.shape(tf.nest.flatten(data)[0])[0], tf.float32)}

    return no_autograph(train_step)


def _jax_step(take_down: Callable[[Any], None] | None) -> Any:
    def train_step(self: Any, state: Any, data: Any) -> Any:
        if take_down:
            take_down(map_structure(np.asarray, data))
        return {"batches": 0.0}, state

    return train_step


def _torch_step(take_down: Callable[[Any], None] | None) -> Any:
    def train_step(self: Any, data: Any) -> dict[str, Any]:
        if take_down:
            take_down(map_structure(lambda leaf: leaf.detach().cpu().numpy(), data))
        return {"batches": 0.0}

    return train_step

"""A model whose training step takes down the batches that reach it, on whichever backend Keras runs."""

from __future__ import annotations

from typing import Any, Callable

from feeders.keras_api import keras

from . import backends


def idle_model() -> Any:
    """Return a compiled model that trains nothing, and brings its batches nowhere that Keras does not bring them."""
    return _model(None)


def recording_model(take_down: Callable[[Any], None]) -> Any:
    """Return a compiled model that trains nothing and takes its batches down; those it is tested on, too.

    It sees a batch as the training step of that backend gets it: JAX has no 64-bit integers there by default.

    Args:
        take_down: called with each batch, in the structure it was fed in, its tensors as NumPy arrays, ragged ones as
            ``RaggedTensorValue``.
    """
    return _model(take_down)


def _model(take_down: Callable[[Any], None] | None) -> Any:
    backend = backends.current()
    # Up to 2.8 Keras calls the model to learn its shapes.
    step = backend.train_step(take_down)
    predict = backend.predict_step(step)
    body = {"train_step": step, "test_step": step, "predict_step": predict, "call": lambda self, x: x}
    model = type("Recorder", (keras().Model,), body)()
    model.compile(**backend.compile_options())
    return model

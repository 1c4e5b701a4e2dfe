"""A model whose training step takes down the batches that reach it, on whichever backend Keras runs."""

from __future__ import annotations

import time
from typing import Any, Callable

from feeders.keras_api import keras

from . import backends
from .supervise import exact_sleeps


def idle_model(step_seconds: float = 0.0) -> Any:
    """Return a compiled model that trains nothing, and brings its batches nowhere that Keras does not bring them.

    Args:
        step_seconds: what a step takes beside that, without using a core: it stands in for an accelerator.
    """

    def pause() -> None:
        exact_sleeps()  # of whatever thread computes the step
        time.sleep(step_seconds)

    return _model(None, pause if step_seconds else None)


def recording_model(take_down: Callable[[Any], None]) -> Any:
    """Return a compiled model that trains nothing and takes its batches down; those it is tested on, too.

    It sees a batch as the training step of that backend gets it: JAX has no 64-bit integers there by default.

    Args:
        take_down: called with each batch, in the structure it was fed in, its tensors as NumPy arrays, ragged ones as
            ``RaggedTensorValue``, sparse ones as ``SparseTensorValue``.
    """
    return _model(take_down, None)


def _model(take_down: Callable[[Any], None] | None, pause: Callable[[], None] | None) -> Any:
    backend = backends.current()
    # Up to 2.8 Keras calls the model to learn its shapes.
    step = backend.train_step(take_down, pause)
    predict = backend.predict_step(step)
    body = {"train_step": step, "test_step": step, "predict_step": predict, "call": lambda self, x: x}
    model = type("Recorder", (keras().Model,), body)()
    model.compile(**backend.compile_options())
    return model

"""JAX: Keras pulls batches in Python, and hands them to a compiled step."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

import jax
import numpy as np

from feeders.keras_api import map_structure, trainer_module

from ..taps import PulledWaitTap


def visible_gpus() -> list[str]:
    """See `Backend`."""
    return [device.device_kind for device in jax.devices() if device.platform == "gpu"]


def copier(batch: tuple[Any, ...]) -> Callable[[], Any]:
    """See `Backend`."""
    return lambda: jax.block_until_ready(jax.device_put(batch))


def wait_tap() -> PulledWaitTap:
    """See `Backend`."""
    return PulledWaitTap(trainer_module().JAXEpochIterator)


def train_step(take_down: Callable[[Any], None] | None, pause: Callable[[], None] | None) -> Callable[..., Any]:
    """See `Backend`; there are no 64-bit integers by default."""

    def train_step(self: Any, state: Any, data: Any) -> Any:
        if take_down:
            take_down(map_structure(_on_host, data))
        if pause:
            pause()
        return {"batches": 0.0}, state

    return train_step


class _Sparse(NamedTuple):
    """The parts of a sparse matrix, as TensorFlow calls those of a sparse tensor."""

    indices: Any
    values: Any
    dense_shape: Any


def _on_host(leaf: Any) -> Any:
    """Bring an array to NumPy, and a sparse matrix as its parts: NumPy would make objects of it."""
    if hasattr(leaf, "todense"):
        return _Sparse(np.asarray(leaf.indices), np.asarray(leaf.data), leaf.shape)
    return np.asarray(leaf)


def predict_step(train_step: Callable[..., Any]) -> Callable[..., Any]:
    """See `Backend`; of a state of two parts Keras wants the second one back."""

    def predict_step(self: Any, state: Any, data: Any) -> Any:
        train_step(self, state, data)
        return np.zeros(1), state[1]

    return predict_step


def compile_options() -> dict[str, bool]:
    """See `Backend`; what JAX traces may not call back."""
    return {"run_eagerly": True}

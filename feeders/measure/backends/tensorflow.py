"""TensorFlow: the training function is traced, and fetches its batches itself.

The wait is stamped inside it, around the op that fetches the batch, into a ring on the host: Keras 3 fetches inside its
compiled function, where no callback can see it. Splitting fetch and step in Python, or a step of our own, would change
the program that is measured.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, Iterator

import numpy as np
import tensorflow as tf

from feeders.keras_api import compile_options, no_autograph

__all__ = ["WaitTap", "compile_options", "copier", "predict_step", "train_step", "visible_gpus", "wait_tap"]

# Half a second of batches at 0.1 ms each are 5,000. Of a longer steady part, the last batches are known.
RING = 1 << 14


def visible_gpus() -> list[str]:
    """See `Backend`."""
    devices = tf.config.list_physical_devices("GPU")
    return [tf.config.experimental.get_device_details(device).get("device_name", "GPU") for device in devices]


def copier(batch: tuple[Any, ...]) -> Callable[[], Any] | None:
    """See `Backend`; old releases can't wait for their devices."""
    wait = getattr(tf.test.experimental, "sync_devices", None)
    if wait is None:
        return None
    with tf.device("CPU:0"):
        tensors = [tf.constant(part) for part in batch]
    place = "GPU:0" if tf.config.list_logical_devices("GPU") else "CPU:0"

    def bring() -> None:
        with tf.device(place):
            for tensor in tensors:
                tf.identity(tensor)
        wait()

    return bring


def train_step(take_down: Callable[[Any], None] | None, pause: Callable[[], None] | None) -> Callable[..., Any]:
    """See `Backend`."""
    return no_autograph(_recording_step(take_down) if take_down else _counting_step(pause))


def predict_step(train_step: Callable[..., Any]) -> Callable[..., Any]:
    """See `Backend`; Keras joins what comes of the batches, so it has an axis."""

    def predict_step(self: Any, data: Any) -> Any:
        return tf.reshape(train_step(self, data)["batches"], [1])

    return no_autograph(predict_step)


def _counting_step(pause: Callable[[], None] | None) -> Callable[..., Any]:
    def paused(size: Any) -> Any:
        assert pause
        pause()
        return size

    def train_step(self: Any, data: Any) -> dict[str, Any]:
        # The output depends on the batch, or TensorFlow would not fetch it.
        first = next(leaf for leaf in tf.nest.flatten(data, expand_composites=True) if leaf is not None)
        size = tf.size(first)
        return {"batches": tf.cast(tf.numpy_function(paused, [size], tf.int32) if pause else size, tf.float32)}

    return train_step


def _recording_step(take_down: Callable[[Any], None]) -> Callable[..., Any]:
    def train_step(self: Any, data: Any) -> dict[str, Any]:
        flat = tf.nest.flatten(data, expand_composites=True)

        def record(*arrays: Any) -> Any:
            rest = iter(arrays)
            take_down(tf.nest.pack_sequence_as(data, [_filled(leaf, rest) for leaf in tf.nest.flatten(data)]))
            return np.int64(0)

        # The output depends on the batch: a step whose fetch failed records nothing.
        done = tf.numpy_function(record, [leaf for leaf in flat if leaf is not None], tf.int64)
        return {"batches": tf.cast(done, tf.float32)}

    return train_step


def _filled(leaf: Any, arrays: Iterator[Any]) -> Any:
    """Put arrays in the place of a tensor; a ragged one keeps its rows, a sparse one its three parts."""
    if leaf is None:
        return None
    parts = [next(arrays) for _ in tf.nest.flatten(leaf, expand_composites=True)]
    if isinstance(leaf, tf.SparseTensor):
        return tf.compat.v1.SparseTensorValue(*parts)
    if not isinstance(leaf, tf.RaggedTensor):
        return parts[0] if len(parts) == 1 else tuple(parts)
    values, *splits = parts
    for part in reversed(splits):
        values = tf.compat.v1.ragged.RaggedTensorValue(values, part)
    return values


def wait_tap() -> WaitTap:
    """See `Backend`."""
    return WaitTap()


class WaitTap:
    """Time that the training function is blocked for each batch, stamped by TensorFlow itself.

    It does not see the copy to an accelerator, nor anything outside the training function: time between epochs is the
    epoch clock's. Use one per ``fit()`` and enter it before the training function is traced.
    """

    def __init__(self) -> None:
        with tf.device("CPU:0"):
            self._count = tf.Variable(0, dtype=tf.int64, trainable=False)
            self._ring = tf.Variable(tf.zeros((RING, 2), tf.float64), trainable=False)
        # tf.timestamp reads the system clock; the offset takes it to the clock of the other taps.
        self._offset = time.time() - time.perf_counter()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Put the tap around the fetch of every iterator traced inside the context."""
        from tensorflow.python.data.ops import iterator_ops

        iterator = iterator_ops.OwnedIterator
        original = iterator._next_internal
        iterator._next_internal = no_autograph(self._tapped(original))
        try:
            yield
        finally:
            iterator._next_internal = original

    def _tapped(self, original: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def _next_internal(iterator: Any) -> Any:
            if tf.executing_eagerly():
                return original(iterator)
            before = tf.timestamp()
            with tf.control_dependencies([before]):
                batch = original(iterator)
            # A sparse tensor is none itself, and where there is nothing is nothing to wait for.
            parts = [part for part in tf.nest.flatten(batch, expand_composites=True) if part is not None]
            with tf.control_dependencies(parts):
                after = tf.timestamp()
                self._store(before, after)
            return batch

        return _next_internal

    def _store(self, before: Any, after: Any) -> None:
        with tf.device("CPU:0"):
            place = self._count % RING
            self._ring.scatter_nd_update([[place]], [tf.stack([before, after])])
            self._count.assign_add(1)

    def begin(self) -> None:
        """Training begins: nothing to do, what Keras fetches before runs in no traced function."""

    def read(self) -> list[tuple[float, float]]:
        """Return (asked, arrived) of the last `RING` batches in order, in seconds of ``time.perf_counter()``.

        Empty where the training function fetches in another way, as it does for several devices.
        """
        count = int(self._count.numpy())
        rows = self._ring.numpy()
        first = max(0, count - RING)
        return [tuple(rows[i % RING] - self._offset) for i in range(first, count)]

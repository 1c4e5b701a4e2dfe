"""Taps on a running ``fit()``: the wait for each batch, each step, each epoch.

With TensorFlow the wait is stamped inside the traced training function, around the op that fetches the batch, into a
ring on the host: Keras 3 fetches inside its compiled function, where no callback can see it. Splitting fetch and step
in Python, or a step of our own, would change the program that is measured. On JAX and torch Keras fetches in Python.
"""

from __future__ import annotations

import contextlib
import importlib
import time
from typing import Any, Callable, Iterable, Iterator

from feeders.keras_api import JAX, TENSORFLOW, backend, keras, no_autograph

# More batches than any take has: the longest steady part is about 30 epochs of 97 batches.
RING = 1 << 14


def wait_tap() -> WaitTap | PulledWaitTap:
    """Return a tap for the backend that Keras runs on."""
    return WaitTap() if backend() == TENSORFLOW else PulledWaitTap(backend())


class WaitTap:
    """Time that the training function is blocked for each batch, stamped by TensorFlow itself.

    It does not see the copy to an accelerator, nor anything outside the training function: time between epochs is the
    epoch clock's. Use one per ``fit()`` and enter it before the training function is traced.
    """

    def __init__(self) -> None:
        import tensorflow as tf

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
        import tensorflow as tf

        def _next_internal(iterator: Any) -> Any:
            if tf.executing_eagerly():
                return original(iterator)
            before = tf.timestamp()
            with tf.control_dependencies([before]):
                batch = original(iterator)
            with tf.control_dependencies(tf.nest.flatten(batch)):
                after = tf.timestamp()
                self._store(before, after)
            return batch

        return _next_internal

    def _store(self, before: Any, after: Any) -> None:
        import tensorflow as tf

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


class PulledWaitTap:
    """Time that ``fit()`` is blocked for each batch where Keras pulls batches in Python: on JAX and torch.

    On a GPU Keras 3 for JAX pulls one batch ahead and starts its copy: that is in the wait. Use one per ``fit()``.

    Args:
        backend: jax or torch.
    """

    def __init__(self, backend: str) -> None:
        trainer = importlib.import_module(f"keras.src.backend.{backend}.trainer")
        self._iterators: Any = trainer.JAXEpochIterator if backend == JAX else trainer.TorchEpochIterator
        self._stamps: list[tuple[float, float]] = []

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Put the tap around every iterator of batches that Keras makes inside the context."""
        original = self._iterators._get_iterator
        self._iterators._get_iterator = lambda *arguments: self._tapped(original(*arguments))
        try:
            yield
        finally:
            self._iterators._get_iterator = original

    def _tapped(self, batches: Iterable[Any]) -> Iterator[Any]:
        clock, append = time.perf_counter, self._stamps.append
        asked = clock()
        for batch in batches:
            append((asked, clock()))
            yield batch
            asked = clock()

    def begin(self) -> None:
        """Training begins: forget what Keras pulled before, to learn shapes."""
        self._stamps.clear()

    def read(self) -> list[tuple[float, float]]:
        """Return (asked, arrived) of all batches in order, in seconds of ``time.perf_counter()``."""
        return list(self._stamps)


class StepTap:
    """Start and end of every call of the training function, by the host clock.

    With TensorFlow and JAX the function fetches its batch, with torch it is given it. What it starts on an accelerator
    may go on after its end: nothing here waits for that.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[float, float]] = []

    def install(self, model: Any) -> None:
        """Put the tap around the model's training function, before ``fit()``."""
        original = model.make_train_function

        def make_train_function(*force: bool) -> Any:  # Keras 2.4 takes no `force`
            function = original(*force) or model.train_function
            model.train_function = self._timed(function)
            return model.train_function

        model.make_train_function = make_train_function

    def _timed(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        clock, append = time.perf_counter, self.steps.append

        def train_function(*arguments: Any) -> Any:  # the iterator or the batch, on JAX with the model's state
            start = clock()
            result = function(*arguments)
            append((start, clock()))  # not reached when the epoch has no batch left
            return result

        return train_function


def epoch_clock(on_end: Callable[[int], bool], on_begin: Callable[[], None] = lambda: None) -> Any:
    """Return a callback that calls ``on_end(epoch)`` after each epoch and stops training once it returns True.

    It overrides no batch hook: those cost some 45 us a step in Keras 2. Before the first epoch it calls ``on_begin()``.
    """

    class EpochClock(keras().callbacks.Callback):  # type: ignore[misc]
        def on_train_begin(self, logs: Any = None) -> None:
            on_begin()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if on_end(epoch):
                self.model.stop_training = True

    return EpochClock()

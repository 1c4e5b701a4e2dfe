"""Taps on a running ``fit()``: the wait for each batch, each step, each epoch.

Where a tap goes differs by backend: see `feeders.measure.backends`.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, Callable, Iterable, Iterator

from feeders.keras_api import keras


class PulledWaitTap:
    """Time that ``fit()`` is blocked for each batch where Keras pulls batches in Python: on JAX and torch.

    On a GPU Keras 3 for JAX pulls one batch ahead and starts its copy: that is in the wait. Use one per ``fit()``.

    Args:
        iterators: Keras' class of an epoch's iterator there.
    """

    def __init__(self, iterators: Any) -> None:
        self._iterators = iterators
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
        original, tapped = model.make_train_function, None

        def make_train_function(*force: bool) -> Any:  # Keras 2.4 takes no `force`
            nonlocal tapped
            function = original(*force) or model.train_function
            if function is not tapped:  # a second fit() finds what the first one made
                tapped = self._timed(function)
            model.train_function = tapped
            return tapped

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

"""Taps on a running ``fit()``: the wait for each batch, each step, each epoch.

Where a tap goes differs by backend: see `feeders.measure.backends`.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from typing import Any, Callable, Iterable, Iterator

from feeders.keras_api import flatten, keras


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

    With TensorFlow and JAX the function fetches its batch, with torch it is given it. On an accelerator, and with JAX
    on a CPU too, it returns before its result is computed; only the last step of an epoch is waited for, as Keras does.

    Args:
        steps: of an epoch.

    Attributes:
        steps: (start, end) of each call that trained.
        computed: when the last step of each epoch had been computed.
    """

    def __init__(self, steps: int) -> None:
        self.steps: list[tuple[float, float]] = []
        self.computed: list[float] = []
        self._of_epoch = steps

    def end(self) -> None:
        """Wait for no step any more."""
        self._of_epoch = 0

    def install(self, model: Any) -> None:
        """Put the tap around the model's training function, before ``fit()``."""
        wrap(model, self._timed)

    def _timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        clock, steps = time.perf_counter, self.steps

        def train_function(*arguments: Any) -> Any:  # the iterator or the batch, on JAX with the model's state
            start = clock()
            result = function(*arguments)
            steps.append((start, clock()))  # not reached when the epoch has no batch left
            if self._of_epoch and len(steps) % self._of_epoch == 0:
                wait_for(result)
                self.computed.append(clock())
            return result

        return train_function


def wrap(model: Any, wrapped: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put a function around the model's training function, before ``fit()``.

    Args:
        model: a compiled model.
        wrapped: takes the training function, and returns what is called in its place.
    """
    original, tapped = model.make_train_function, None

    def make_train_function(*force: bool) -> Any:  # Keras 2.4 takes no `force`
        nonlocal tapped
        function = original(*force) or model.train_function
        if function is not tapped:  # a second fit() finds what the first one made
            tapped = wrapped(function)
        model.train_function = tapped
        return tapped

    model.make_train_function = make_train_function


def after_each_step(model: Any, ended: Callable[[Any], None]) -> None:
    """Call a function with what each step returns, within the call of the training function.

    Args:
        model: a compiled model, before ``fit()``.
        ended: not called when the epoch has no batch left.
    """

    def ending(function: Callable[..., Any]) -> Callable[..., Any]:
        def train_function(*arguments: Any) -> Any:
            result = function(*arguments)
            ended(result)
            return result

        return train_function

    wrap(model, ending)


def wait_for(result: Any) -> None:
    """Return once what a training function has returned is computed: an accelerator may still be at it."""
    numbers = (leaf for leaf in flatten(result) if leaf is not None and len(getattr(leaf, "shape", ())) == 0)
    for number in itertools.islice(numbers, 1):
        float(number)


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

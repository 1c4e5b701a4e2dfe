"""The time of a batch within long epochs: what was read ahead is used up, and no epoch ends."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Callable

from feeders.strategies import Feed

from .settings import Settings
from .taps import StepTap

# Batches left out at the start: twice Keras' queue of 10 and what tf.data fetches ahead, and one for each worker.
READ_AHEAD = 24

# Batches of the epoch: more than any steady part needs, at 0.1 ms each. tfdata-map makes a counter for each.
MANY_BATCHES = 50_000


@dataclass(frozen=True)
class Pace:
    """Of a batch: seconds by the clock, and of CPU that this process alone used."""

    seconds: float
    cpu_seconds: float


class LongEpoch:
    """One epoch that does not end while it is timed; it is cut after whole passes over the loader's batches.

    Args:
        model: has been fitted already, so that its training function is there.
        steps: batches of a pass.
        workers: of the feeder.
        settings: how long it is at least.
        compiled: count of the batch shapes that the model has been given for the first time; None if not known.
    """

    def __init__(
        self, model: Any, steps: int, workers: int, settings: Settings, compiled: Callable[[], int | None]
    ) -> None:
        self._model, self._steps, self._settings, self._compiled = model, steps, settings, compiled
        self._warm_up = READ_AHEAD + workers
        self._done = self._first = self._known = 0
        self._began = self._cpu = 0.0

    @property
    def passes(self) -> int:
        """Passes that make an epoch long enough."""
        return max(2, MANY_BATCHES // self._steps)

    def run(self, feed: Feed, enough: Callable[[Pace], None]) -> None:
        """Fit.

        Args:
            feed: of `passes` passes.
            enough: called once within ``fit()`` with the pace of a batch; it ends the process.

        Raises:
            RuntimeError: the epoch was over before.
        """
        tap = _EachStep(lambda: self._step_ended(enough))
        tap.install(self._model)
        self._model.fit(feed.x, feed.y, epochs=1, shuffle=False, verbose=0, **feed.fit)
        raise RuntimeError(
            f"a long epoch ended after {self._done} batches, expected {self.passes * self._steps}: "
            "the feed ran out of data"
        )

    def _step_ended(self, enough: Callable[[Pace], None]) -> None:
        self._done += 1
        if self._done < self._warm_up:
            return
        now, compiled = time.perf_counter(), self._compiled() or 0
        if self._done == self._warm_up or compiled > self._known:
            self._first, self._known = self._done, compiled
            self._began, self._cpu = now, time.process_time()
            return
        batches, seconds = self._done - self._first, now - self._began
        if batches % self._steps == 0 and seconds >= self._settings.steady_seconds:
            enough(Pace(seconds / batches, (time.process_time() - self._cpu) / batches))


class _EachStep(StepTap):
    """Calls a function after each step, within the call of the training function."""

    def __init__(self, ended: Callable[[], None]) -> None:
        super().__init__()
        self._ended = ended

    def _timed(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def train_function(*arguments: Any) -> Any:
            result = function(*arguments)
            self._ended()  # not reached when the epoch has no batch left
            return result

        return train_function

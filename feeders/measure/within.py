"""The time of a batch within long epochs: what was read ahead is used up, and no epoch ends."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, Callable, Sequence

import numpy as np

from feeders.strategies import Feed

from .settings import Settings
from .taps import after_each_step, wait_for

# Batches left out at the start: twice Keras' queue of 10 and what tf.data fetches ahead, and one for each worker.
READ_AHEAD = 24

# Batches of the epoch: more than any steady part needs, at 0.1 ms each. tfdata-map makes a counter for each.
MANY_BATCHES = 50_000

# Parts that the epoch is split into, to tell how well its pace is known: batches of N workers come in bursts, and some
# of those are in each.
PARTS = 8

# The pace is known when the means of the parts tell its standard error to be so small a share; takes differ by more.
KNOWN = 0.02

# Never shorter: a burst of another program on a shared machine lasts as long, and hits all parts.
LEAST_SECONDS = 0.2

# Between two looks at whether it is known. One takes 0.1 ms, as long as a short step, and is in the time of the next.
LOOK_SECONDS = 0.02

# Of what a batch takes in each pass, what stands for a moment in which nothing else disturbed: other programs only add.
UNDISTURBED = 0.25


@dataclass(frozen=True)
class Pace:
    """What a batch takes, in each pass over the loader's batches.

    Attributes:
        passes: seconds by the clock, and of CPU that this process alone used.
        span: start and end of all passes, in seconds of ``time.perf_counter()``.
    """

    passes: Sequence[tuple[float, float]]
    span: tuple[float, float]

    @property
    def seconds(self) -> float:
        """By the clock, over all passes."""
        return float(np.mean(self.passes, axis=0)[0])

    def undisturbed(self) -> tuple[float, float]:
        """Return seconds by the clock and of CPU, of the passes that were disturbed least."""
        seconds, cpu_seconds = np.quantile(self.passes, UNDISTURBED, axis=0)
        return float(seconds), float(cpu_seconds)


class LongEpoch:
    """One epoch that does not end while it is timed; it is cut after whole passes over the loader's batches.

    Args:
        model: has been fitted already, so that its training function is there.
        steps: batches of a pass.
        workers: of the feeder.
        settings: how long it is at least, unless its pace is well known before.
        compiled: count of the batch shapes that the model has been given for the first time; None if not known.
        known: standard error at which the pace is known; 0 for one that is timed for as long as the settings say.
    """

    def __init__(
        self,
        model: Any,
        steps: int,
        workers: int,
        settings: Settings,
        compiled: Callable[[], int | None],
        known: float = KNOWN,
    ) -> None:
        self._model, self._steps, self._settings, self._compiled = model, steps, settings, compiled
        self._warm_up, self._error = READ_AHEAD + workers, known
        self._done = self._shapes = 0
        self._next_look = 0.0
        # Of each batch, and of CPU at the end of each pass.
        self._ends: list[float] = []
        self._cpu: list[float] = []

    @property
    def passes(self) -> int:
        """Passes that make an epoch long enough."""
        return max(2, MANY_BATCHES // self._steps)

    def run(self, feed: Feed, enough: Callable[[Pace], None]) -> None:
        """Fit.

        Args:
            feed: of `passes` passes.
            enough: called within ``fit()`` with the pace of a batch; it ends the process, or the next pace is timed.

        Raises:
            RuntimeError: the epoch was over before.
        """
        after_each_step(self._model, lambda result: self._step_ended(result, enough))
        self._model.fit(feed.x, feed.y, epochs=1, shuffle=False, verbose=0, **feed.fit)
        raise RuntimeError(
            f"a long epoch ended after {self._done} batches, expected {self.passes * self._steps}: "
            "the feed ran out of data"
        )

    def _step_ended(self, result: Any, enough: Callable[[Pace], None]) -> None:
        self._done += 1
        if self._done < self._warm_up:
            return
        shapes = self._compiled() or 0
        begins = self._done == self._warm_up or shapes > self._shapes
        if begins or len(self._ends) % self._steps == 0:
            wait_for(result)  # else a pass would take as long as its steps take to be sent to an accelerator
        now = time.perf_counter()
        if begins:
            self._shapes, self._ends, self._cpu = shapes, [now], [time.process_time()]
            return
        self._ends.append(now)
        if (len(self._ends) - 1) % self._steps:
            return
        self._cpu.append(time.process_time())
        if self._is_enough():
            each = np.diff([self._ends[:: self._steps], self._cpu]).T / self._steps
            passes = [(float(seconds), float(cpu)) for seconds, cpu in each]
            enough(Pace(passes, (self._ends[0], self._ends[-1])))
            self._ends, self._cpu = [time.perf_counter()], [time.process_time()]

    def _is_enough(self) -> bool:
        now, least = self._ends[-1], self._settings.steady_seconds
        seconds = now - self._ends[0]
        if seconds >= least or seconds < LEAST_SECONDS or now < self._next_look:
            return seconds >= least
        self._next_look = now + LOOK_SECONDS
        return standard_error(self._ends) <= self._error


def standard_error(ends: Sequence[float]) -> float:
    """Return the standard error of the mean time of a batch, as a share of it, from `PARTS` parts of an epoch.

    Args:
        ends: when each batch had been trained on, in seconds; infinite error for fewer than two batches a part.
    """
    if len(ends) <= 2 * PARTS:
        return float("inf")
    places = np.linspace(0, len(ends) - 1, PARTS + 1).astype(int)
    each = np.diff(np.asarray(ends)[places]) / np.diff(places)
    return float(each.std(ddof=1) / math.sqrt(PARTS) / each.mean()) if each.mean() > 0 else float("inf")

"""The timed ``fit()``: a first epoch, then steady ones, with taps."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import asdict, dataclass
from typing import Any, Callable, Mapping, Sequence

import numpy as np

from feeders.keras_api import TENSORFLOW, TORCH, backend, cast, compile_options, keras, no_autograph
from feeders.loaders import LABEL
from feeders.strategies import Feed

from . import backends
from .models import build
from .processes import cpu_seconds, pss_bytes, tree
from .recording import idle_model
from .settings import NO_MODEL, Settings
from .taps import StepTap, epoch_clock

WAIT_QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)

# Never reached: the steady part ends by time.
MANY_EPOCHS = 10_000

# Epochs that may be given up to new batch shapes before the steady part is taken as it comes. Keras on JAX moves the
# short last batch into the second epoch, so one is not enough, and a feeder may never come to rest.
WARM_EPOCHS = 3

# Gaps between epochs that a take has seen at least: one alone may have met a slow moment of the machine.
GAPS = 2

# Seconds of a gap that is not waited for again: Keras 2 waits five for the workers of a sequence.
LONG_GAP = 2.0


@dataclass(frozen=True)
class Usage:
    """What the process tree has used, and when we looked.

    Attributes:
        cpu_before: seconds of CPU before we looked at its memory, which takes some for each process.
        memory_bytes: of memory; None if not known.
        cpu_after: seconds of CPU after that.
        taken: when we had looked.
    """

    cpu_before: float
    memory_bytes: int | None
    cpu_after: float
    taken: float

    @classmethod
    def now(cls) -> Usage:
        """Look around."""
        processes = tree(os.getpid())
        return cls(cpu_seconds(processes), pss_bytes(processes), cpu_seconds(processes), time.perf_counter())


@dataclass(frozen=True)
class Timed:
    """What was timed.

    Attributes:
        metrics: name of a `Metric` to its value, every sample taken as effective.
        epochs: seconds of each epoch, the first from the call of ``fit()``.
        waits: wait per batch over the steady epochs, in seconds, at `WAIT_QUANTILES`; empty where that is not known.
        span: start and end of the steady part, in seconds of ``time.time()``.
        seconds: from the call of ``fit()`` to the end of all that was timed.
        batches: of an epoch.
    """

    metrics: Mapping[str, float]
    epochs: tuple[float, ...]
    waits: tuple[float, ...]
    span: tuple[float, float]
    seconds: float
    batches: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Timed:
        """Return what `to_json` was called on."""
        return cls(**{**values, **{name: tuple(values[name]) for name in ("epochs", "waits", "span")}})


class TimedFit:
    """One ``fit()`` of a fresh model.

    Args:
        feed: what is fed.
        model: a compiled model for its batches.
        steps: batches of an epoch.
        settings: when the steady part ends, and whether taps are in.
        compiled: count of the batch shapes that the model has been given for the first time; None if not known.

    Attributes:
        wait_tap: that of the model's training function, also where that is used again.
    """

    def __init__(
        self,
        feed: Feed,
        model: Any,
        steps: int,
        settings: Settings,
        compiled: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._feed, self._model, self._steps, self._settings = feed, model, steps, settings
        self._compiled = compiled
        self.wait_tap, self._step = backends.current().wait_tap(), StepTap(steps)
        self._steps_at_end: list[int] = []
        # Of each epoch; the next one starts after a look around.
        self._starts: list[float] = []
        self._ends: list[float] = []
        # At the start and at the end of the steady part; epochs before it; shapes known at its start.
        self._bounds: list[Usage] = []
        self._warm = self._known = 0

    def run(self) -> None:
        """Fit, until the last steady epoch has ended.

        Raises:
            RuntimeError: ``fit()`` returned before.
        """
        clock = epoch_clock(self._epoch_ended, self.wait_tap.begin)
        with contextlib.ExitStack() as stack:
            if self._settings.taps:
                stack.enter_context(self.wait_tap.installed())
                self._step.install(self._model)
            self._starts.append(time.perf_counter())
            feed = self._feed
            self._model.fit(feed.x, feed.y, epochs=MANY_EPOCHS, shuffle=False, verbose=0, callbacks=[clock], **feed.fit)
        self._step.end()
        if len(self._bounds) < 2:
            raise RuntimeError("fit() returned before its last epoch: the feed ran out of data")

    def _epoch_ended(self, epoch: int) -> bool:
        if len(self._bounds) == 2:  # begun for the gap before it, and cut
            return True
        self._ends.append(time.perf_counter())
        self._steps_at_end.append(len(self._step.steps))
        self._check_steps()
        if epoch == 0 or (self._new_shapes() and self._warm < WARM_EPOCHS):
            self._begin_steady()
            return False
        self._starts.append(self._ends[-1])
        if self._steady_seconds() < self._settings.steady_seconds:
            return False
        self._bounds.append(Usage.now())
        if not self._settings.taps or len(self._ends) - self._warm >= GAPS or self._last_gap() > LONG_GAP:
            return True
        self._stop_after_next_step()
        return False

    def _last_gap(self) -> float:
        """Seconds from an epoch's last step to the end of the next one's first."""
        at = self._steps_at_end[-2]
        return self._step.steps[at][1] - self._step.computed[-2]

    def _stop_after_next_step(self) -> None:
        """One more gap for the price of that gap: Keras stops within an epoch too."""
        model, function = self._model, self._model.train_function

        def last(*arguments: Any) -> Any:
            result = function(*arguments)
            model.train_function, model.stop_training = function, True
            return result

        model.train_function = last

    def _begin_steady(self) -> None:
        """The steady part starts after a look around."""
        self._bounds = [Usage.now()]
        self._starts.append(self._bounds[0].taken)
        self._warm, self._known = len(self._ends), self._compiled() or 0

    def _new_shapes(self) -> int | None:
        """Batch shapes that came first in the steady part; None if not known."""
        compiled = self._compiled()
        return None if compiled is None else compiled - self._known

    def _check_steps(self) -> None:
        """Raise if the epoch that has ended was not a whole one: Keras only warns when a feed runs out of data."""
        expected = self._steps * len(self._ends)
        if self._settings.taps and self._steps_at_end[-1] != expected:
            raise RuntimeError(
                f"after epoch {len(self._ends)} the model had trained on {self._steps_at_end[-1]} batches, "
                f"expected {expected}: the feed ran out of data"
            )

    def _steady_seconds(self) -> float:
        return self._ends[-1] - self._bounds[0].taken

    def timed(self, samples: int, copy: float | None) -> Timed:
        """Return what was timed.

        Args:
            samples: of an epoch.
            copy: seconds that the copy of a batch to the device takes; None if not known.
        """
        metrics = self._metrics(samples)
        if copy is not None:
            metrics["copy"] = copy
        offset = time.time() - time.perf_counter()
        return Timed(
            metrics=metrics,
            epochs=self._epochs(),
            waits=self._wait_quantiles(),
            span=(self._bounds[0].taken + offset, self._ends[-1] + offset),
            seconds=self._ends[-1] - self._starts[0],
            batches=self._steps,
        )

    def _epochs(self) -> tuple[float, ...]:
        return tuple(np.subtract(self._ends, self._starts[: len(self._ends)]).tolist())

    def _metrics(self, samples: int) -> dict[str, float]:
        epochs = len(self._ends) - self._warm
        before, after = self._bounds
        throughput = samples * epochs / self._steady_seconds()
        metrics = {
            "first_epoch": self._ends[0] - self._starts[0],
            "epoch": self._steady_seconds() / epochs,
            "throughput": throughput,
            "effective_throughput": throughput,
            "cpu": 1000 * (after.cpu_before - before.cpu_after) / (samples * epochs),
        }
        if before.memory_bytes and after.memory_bytes:
            metrics["memory"] = float(max(before.memory_bytes, after.memory_bytes))
            metrics["growth"] = (after.memory_bytes - before.memory_bytes) / epochs
        unsteady = self._new_shapes()
        if unsteady is not None:
            metrics["unsteady"] = unsteady
        if self._settings.taps:
            metrics.update(self._tapped())
        if "gap" in metrics:
            metrics["seconds_per_batch"] = (metrics["epoch"] - metrics["gap"]) / self._steps
        return metrics

    def _tapped(self) -> dict[str, float]:
        fetched, steps, steady = self._fetched(), np.array(self._step.steps), self._steady_steps()
        if not len(fetched):
            return _of_steps(np.diff(steps[steady]))
        waits = self._waits()
        p50, p95, p99 = np.quantile(waits, (0.5, 0.95, 0.99))
        # With torch the batch is there before the training function is called.
        begun = np.fmin(steps[steady, 0], fetched[steady, 0])
        gaps = self._gaps(fetched, steps)
        return {
            **({} if np.isnan(fetched[0][1]) else {"first_batch": fetched[0][1] - self._starts[0]}),
            **({"gap": float(np.mean(gaps))} if gaps else {}),
            "wait_mean": float(waits.mean()),
            "wait_p50": float(p50),
            "wait_p95": float(p95),
            "wait_p99": float(p99),
            "wait_max": float(waits.max()),
            **_of_steps(steps[steady, 1] - begun),
        }

    def _gaps(self, fetched: Any, steps: Any) -> list[float]:
        """Seconds from the end of each epoch's last step, computed, to the next one's first batch.

        Looking around is no part of them.
        """
        looked = {self._warm: self._bounds[0].taken - self._ends[self._warm - 1]}
        looked[len(self._ends)] = self._bounds[1].taken - self._ends[-1]
        return [
            fetched[at][1] - computed - looked.get(epochs, 0.0)
            for epochs, (at, computed) in enumerate(zip(self._steps_at_end, self._step.computed), start=1)
            if epochs >= self._warm and at < len(steps) and not np.isnan(fetched[at][1])
        ]

    def _fetched(self) -> Any:
        """(asked, arrived) of each batch, NaN of those that the tap has lost: a ring keeps the last ones."""
        known = np.array(self.wait_tap.read()).reshape(-1, 2)
        lost = max(0, len(self._step.steps) - len(known)) if len(known) else 0
        return np.vstack([np.full((lost, 2), np.nan), known])

    def _waits(self) -> Any:
        """Waits of the steady part, as far as they are known."""
        waits = np.diff(self._fetched()[self._steady_steps()])
        return waits[~np.isnan(waits)]

    def _steady_steps(self) -> slice:
        """Steps of the steady part."""
        return slice(self._steps_at_end[self._warm - 1], self._steps_at_end[-1])

    def _wait_quantiles(self) -> tuple[float, ...]:
        waits = self._waits()
        return tuple(np.quantile(waits, WAIT_QUANTILES).tolist()) if len(waits) else ()


def waited(fetched: Sequence[tuple[float, float]], span: tuple[float, float]) -> float | None:
    """Return the seconds of a span in which ``fit()`` was blocked for batches; None if not known for all of it.

    Args:
        fetched: (asked, arrived) of batches in order, as a `WaitTap` reads them.
        span: start and end, on the same clock.
    """
    if not fetched or fetched[0][0] > span[0]:
        return None
    return float(np.diff(np.clip(fetched, *span)).sum())


def _of_steps(lengths: Any) -> dict[str, float]:
    p50, p99 = np.quantile(lengths, (0.5, 0.99))
    return {"step_p50": float(p50), "step_p99": float(p99)}


class Shapes:
    """Counts the batch shapes that reach a model's loss for the first time: a backend may compile there.

    Pass `loss` to `make_model`.
    """

    def __init__(self) -> None:
        self._count = 0
        self._seen: set[Any] = set()
        # torch calls the loss at each step; the others where they trace a step, of a shape seen before as well.
        self._at_each_step = backend() == TORCH

    def count(self) -> int | None:
        """Return how many there were; None if no loss was called."""
        return self._count or None

    def loss(self, y: Any, predicted: Any) -> Any:
        """As the function `loss`."""
        rows = y.shape[0]
        if not self._at_each_step or rows not in self._seen:
            self._count += 1
        self._seen.add(rows)
        return loss(y, predicted)


def make_model(
    x_shape: tuple[int, ...], classes: int, settings: Settings, with_loss: Callable[[Any, Any], Any] | None = None
) -> Any:
    """Return a compiled model for a workload's batches, with the optimizer that adds least.

    Args:
        x_shape: shape of a sample.
        classes: how many.
        settings: name the model.
        with_loss: in the place of `loss`.
    """
    if settings.model == NO_MODEL:
        return idle_model()
    model, function = build(settings.model, x_shape, classes), with_loss or loss
    function = no_autograph(function) if backend() == TENSORFLOW else function
    model.compile(optimizer="sgd", loss=function, **compile_options())
    return model


def loss(y: Any, predicted: Any) -> Any:
    """Cross-entropy against the label; the other columns of y are for the audit."""
    return keras().losses.sparse_categorical_crossentropy(cast(y[:, LABEL], "int32"), predicted)

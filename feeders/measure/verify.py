"""One epoch of ``fit()`` whose training step writes down what it gets, before any speed is measured."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import dataclass
from typing import Any, Callable

from feeders.loaders import Batch, Material
from feeders.strategies import Feed

from . import device
from .delivery import Delivery, DeliveryLog
from .processes import tree
from .recording import recording_model

# A pool that is being shut down needs a moment; what is alive after it stays.
GRACE_SECONDS = 0.3


class CountedMaterial:
    """A material that counts how often a batch is prepared, in whatever thread or process.

    Args:
        material: what is counted.
        counter: an empty file; it grows by a byte each time.
    """

    def __init__(self, material: Material, counter: str) -> None:
        self._material = material
        self._counter = counter
        # Appending is atomic, across processes too, and needs no lock in the code under test.
        self._descriptor = os.open(counter, os.O_WRONLY | os.O_APPEND)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._material, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return CountedMaterial, (self._material, self._counter)

    def __len__(self) -> int:
        return len(self._material)

    def prepare(self, index: int, epoch: int) -> Batch:
        """Prepare the batch, and count."""
        os.write(self._descriptor, b".")
        return self._material.prepare(index, epoch)

    def reads(self) -> int:
        """Batches prepared so far."""
        return os.fstat(self._descriptor).st_size


@dataclass(frozen=True)
class Verified:
    """The verified epoch.

    Attributes:
        delivery: what reached the training step.
        steps: batches that did.
        reads: batches prepared meanwhile; 0 where the feeder prepares before ``fit()`` or without Python.
        left: Python threads and child processes still alive after ``fit()`` returned.
        seconds: what the ``fit()`` took.
    """

    delivery: Delivery
    steps: int
    reads: int
    left: int
    seconds: float

    def metrics(self) -> dict[str, float]:
        """The delivery metrics, those that are known."""
        names = ("missing", "duplicated", "disordered", "corrupt", "stale")
        counts = {name: getattr(self.delivery, name) for name in names}
        counts["left"] = self.left
        if self.reads and self.steps:
            counts["reads"] = self.reads / self.steps
        return {name: value for name, value in counts.items() if value is not None}


def verify(build: Callable[[Material, int], Feed], material: Material, workers: int, log: DeliveryLog) -> Verified:
    """Feed one epoch to a model whose training step only takes down ids, stamps and content.

    Args:
        build: makes the feed.
        material: what is fed.
        workers: passed to `build`.
        log: filled batch by batch, so that it tells how far delivery got when ``fit()`` raises.
    """
    with tempfile.NamedTemporaryFile() as counter:
        # Before the feed, which may wake up TensorFlow and its devices. Several of them get batches in another way.
        model = device.on_device(lambda: recording_model(lambda batch: log.add(*batch)))
        counted = CountedMaterial(material, counter.name)
        feed = build(counted, workers)  # type: ignore[arg-type]
        before = counted.reads()
        threads, children = _threads(), len(tree(os.getpid()))
        start = time.perf_counter()
        model.fit(feed.x, feed.y, epochs=1, shuffle=False, verbose=0, **feed.fit)
        seconds = time.perf_counter() - start
        reads, left = counted.reads() - before, _left_behind(threads, children)
    return Verified(log.count(material.samples), log.batches, reads, left, seconds)


def _threads() -> int:
    """Threads that Python has started; one of TensorFlow's own is listed too once it has asked Python for its name."""
    return sum(not isinstance(thread, threading._DummyThread) for thread in threading.enumerate())


def _left_behind(threads: int, children: int) -> int:
    end = time.perf_counter() + GRACE_SECONDS
    while True:
        extra = max(0, _threads() - threads) + max(0, len(tree(os.getpid())) - children)
        if not extra or time.perf_counter() > end:
            return extra
        time.sleep(GRACE_SECONDS / 10)

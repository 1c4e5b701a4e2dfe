"""One epoch of ``fit()`` whose training step writes down what it gets, before any speed is measured."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Iterator, Mapping

from feeders.loaders import Loader
from feeders.strategies import Feeder

from . import device
from .delivery import ContentLog, Delivery, DeliveryLog
from .processes import tree
from .recording import recording_model

# A pool that is being shut down needs a moment; what is alive after it stays.
GRACE_SECONDS = 0.3


class CountedLoader(Loader):
    """A loader that counts how often a batch is prepared, in whatever thread or process.

    Args:
        loader: what is counted.
        counter: an empty file; it grows by a byte each time.
    """

    def __init__(self, loader: Loader, counter: str) -> None:
        self.name, self.hooks, self.draws_late = loader.name, loader.hooks, loader.draws_late
        self._loader = loader
        self._counter = counter
        # Appending is atomic, across processes too, and needs no lock in the code under test.
        self._descriptor = os.open(counter, os.O_WRONLY | os.O_APPEND)

    @property
    def signature(self) -> Any:
        """That of the loader."""
        return self._loader.signature

    @property
    def offers(self) -> frozenset[str]:
        """Those of the loader."""
        return self._loader.offers

    def __reduce__(self) -> tuple[Any, ...]:
        return CountedLoader, (self._loader, self._counter)

    def __len__(self) -> int:
        return len(self._loader)

    def batch(self, index: int, epoch: int) -> Any:
        """Prepare the batch, and count."""
        os.write(self._descriptor, b".")
        return self._loader.batch(index, epoch)

    def batches(self, epoch: int) -> Iterator[Any]:
        """Yield those of the loader, and count."""
        for batch in self._loader.batches(epoch):
            os.write(self._descriptor, b".")
            yield batch

    def native(self, workers: int, epoch: Any) -> Any:
        """Return that of the loader: what is read there is not known."""
        return self._loader.native(workers, epoch)

    def on_epoch_begin(self) -> None:
        """Tell the loader."""
        self._loader.on_epoch_begin()

    def on_epoch_end(self) -> None:
        """Tell the loader."""
        self._loader.on_epoch_end()

    def reads(self) -> int:
        """Batches prepared so far."""
        return os.fstat(self._descriptor).st_size


@dataclass(frozen=True)
class Verified:
    """The verified epoch.

    Attributes:
        delivery: what reached the training step; None where that is not judged: for a feeder that repeats a batch, and
            a loader whose content differs from pass to pass.
        reads: batches prepared for each that was trained on; None where that is not known.
        left: Python threads and child processes still alive after ``fit()`` returned.
        seconds: what the ``fit()`` took.
        samples: of an epoch.
    """

    delivery: Delivery | None
    reads: float | None
    left: int
    seconds: float
    samples: int

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Verified:
        """Return what `to_json` was called on."""
        delivery = values["delivery"]
        return cls(**{**values, "delivery": Delivery(**delivery) if delivery else None})

    def metrics(self) -> dict[str, float]:
        """The delivery metrics, those that are known."""
        counts = self.delivery.faults() if self.delivery else {}
        known = {**counts, "left": self.left, "reads": self.reads if self.delivery else None}
        return {name: value for name, value in known.items() if value is not None}


def verify(row: Feeder, loader: Loader, workers: int, log: DeliveryLog | ContentLog, samples: int) -> Verified:
    """Feed one epoch to a model whose training step only takes down ids, stamps and content.

    Args:
        row: makes the feed.
        loader: what is fed.
        workers: of the feeder.
        log: filled batch by batch, so that it tells how far delivery got when ``fit()`` raises.
        samples: of an epoch.
    """
    with tempfile.NamedTemporaryFile() as counter:
        # Before the feed, which may wake up TensorFlow and its devices. Several of them get batches in another way.
        model = device.on_device(lambda: recording_model(log.take_down))
        counted = CountedLoader(loader, counter.name)
        with device.scope_of(model):
            feed = row.build(counted, workers)
        before = counted.reads()
        threads, children = _threads(), len(tree(os.getpid()))
        start = time.perf_counter()
        model.fit(feed.x, feed.y, epochs=1, shuffle=False, verbose=0, **feed.fit)
        seconds = time.perf_counter() - start
        reads, left = counted.reads() - before, _left_behind(threads, children)
    delivery = None if row.ceiling else log.count(samples)
    # A feeder may prepare before fit(), or without Python.
    share = reads / log.batches if reads and log.batches else None
    if delivery and device.current() == device.GPUS:
        # Each takes its part of a batch, in no order.
        delivery, share = replace(delivery, disordered=None), None
    return Verified(delivery, share, left, seconds, samples)


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

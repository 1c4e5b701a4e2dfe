"""Batches that one thread reads, taken down as they come."""

from __future__ import annotations

import time
from typing import Any, Callable

from feeders.loaders.opening import GENERATOR, ITERATOR, SEQUENCE
from feeders.measure.identity import Columns, leaves

from .events import Heartbeat
from .exceptions import describe_exception
from .inspection import DtypeChange, dtype_change, dtypes, memory_owner, share_memory
from .journal import Journal
from .loader import AuditedLoader
from .readings import FailedRead, ReusedBuffer

# Batches that are kept until the next one has been read, to see whether it writes into them.
KEPT = 16

# Fewer of large ones: what is kept here must not be what a loader is said to hold.
KEPT_BYTES = 512 << 20


class Recorder:
    """Takes down the batches of a serial pass.

    Args:
        loader: that is read.
        journal: gets an event per batch.
        backward: epochs are read from their last batch to their first.

    Attributes:
        epochs: that are complete, in the order of their indices.
        current: batches since.
        pulled: batches so far.
        first: seconds of the first of an epoch.
        slowest: seconds of the slowest other one.
        reused: the first that was overwritten when another one was made.
        changed_dtype: the first array of another dtype than in the first batch.
    """

    def __init__(self, loader: AuditedLoader, journal: Journal, backward: bool) -> None:
        self._loader, self._journal, self._backward = loader, journal, backward
        self._kept: list[tuple[int, Any, Columns]] = []
        self._at: int | None = None
        self._spent = 0.0
        self.epochs: list[tuple[Columns, ...]] = []
        self.current: list[Columns] = []
        self.pulled = 0
        self.first = self.slowest = 0.0
        self.reused: ReusedBuffer | None = None
        self.changed_dtype: DtypeChange | None = None
        self._dtypes: dict[str, str] = {}

    @property
    def mean(self) -> float:
        """Seconds of a batch."""
        return self._spent / max(1, self.pulled)

    def take(self, index: int, pull: Callable[[], Any]) -> None:
        """Pull a batch and take it down.

        Args:
            index: of the batch in its epoch.
            pull: gives it.
        """
        self._at = index
        self._journal.write(Heartbeat())
        start = time.perf_counter()
        batch = pull()
        took = time.perf_counter() - start
        columns = self._loader.identity.columns(batch)
        self._spent += took
        if self.current:
            self.slowest = max(self.slowest, took)
        else:
            self.first = max(self.first, took)
        self.pulled += 1
        self.current.append(columns)
        self._compare_dtypes(index, batch)
        self._look_for_reuse(index, batch, columns)

    def _compare_dtypes(self, index: int, batch: Any) -> None:
        """With the first batch, whose dtypes Keras takes for those of all."""
        if self._loader.kind not in (SEQUENCE, GENERATOR, ITERATOR) or self.changed_dtype or self._backward:
            return
        now = dtypes(batch)
        self._dtypes = self._dtypes or now
        self.changed_dtype = dtype_change(index, self._dtypes, now)

    def _look_for_reuse(self, index: int, batch: Any, columns: Columns) -> None:
        if self.reused is None and self._kept:
            # The one before, whatever it is made of; others, as of a ring of buffers, where memory tells.
            suspects = [one for one in self._kept[:-1] if share_memory(one[1], batch)] + self._kept[-1:]
            for earlier, kept, was in suspects:
                if self._loader.identity.columns(kept).contents != was.contents:
                    self.reused = ReusedBuffer(earlier, index, memory_owner(self._loader.x, kept))
                    break
        if self.pulled > KEPT:
            self._kept.clear()
            return
        self._kept.append((index, batch, columns))
        while len(self._kept) > 1 and sum(_size(one[1]) for one in self._kept) > KEPT_BYTES:
            self._kept.pop(0)

    def close_epoch(self, batches: int | None = None) -> None:
        """End an epoch after so many batches of the current one, or after all of them."""
        epoch, self.current = self.current[:batches], self.current[batches:] if batches else []
        self._kept.clear()  # a hook may change data in place: Keras has used up all batches by then
        if epoch:
            self.epochs.append(tuple(epoch[::-1] if self._backward else epoch))

    def failed(self, error: Exception) -> FailedRead:
        """Return where the pass broke."""
        return FailedRead(self._at, len(self.epochs), self.pulled, describe_exception(error))


def _size(batch: Any) -> int:
    """Bytes of its arrays, as far as they tell."""
    return sum(int(getattr(leaf, "nbytes", 0)) for leaf in leaves(batch))

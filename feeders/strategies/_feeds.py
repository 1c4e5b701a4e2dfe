"""What ``fit()`` is called with for an indexable feeder and for an iterator, by the generation of Keras."""

from __future__ import annotations

import contextlib
import weakref
from types import GeneratorType
from typing import Any, Iterator, Protocol

from feeders.errors import Unsupported
from feeders.keras_api import generation, tensorflow
from feeders.loaders import Loader

from ._feeder import Feed
from .pool_dataset import pool_dataset
from .tfdata import specs_of


def sequence_feed(sequence: Any, workers: int, processes: bool) -> Feed:
    """Feed a ``Sequence``/``PyDataset`` with ``workers`` threads or processes and Keras' default queue of 10."""
    if generation() == 2:
        return Feed(sequence, fit=_workers(workers, processes))
    sequence.workers = workers
    sequence.use_multiprocessing = processes
    return Feed(sequence)


def iterator_feed(iterator: Any, steps: int, workers: int, processes: bool) -> Feed:
    """Feed an endless iterator, ``steps`` batches to the epoch.

    Keras 3 has no workers for generators: asked for more than one, its ``fit()`` gets the arguments all the same, so
    that the refusal on record is its own.
    """
    fit: dict[str, Any] = {"steps_per_epoch": steps}
    if generation() == 2 or (workers > 1 and isinstance(iterator, GeneratorType)):
        fit.update(_workers(workers, processes))
    return Feed(iterator, fit=fit)


def _workers(workers: int, processes: bool) -> dict[str, Any]:
    return {"workers": workers, "use_multiprocessing": processes, "max_queue_size": 10}


def refuse_hooks(feeder: str, loader: Loader) -> None:
    """See to it that no hook is left out.

    Raises:
        Unsupported: the loader has hooks, and this feeder has no way to call them where its batches are prepared.
    """
    if loader.hooks:
        raise Unsupported(
            f"{feeder} on {loader.name}: its on_epoch_begin or on_epoch_end would not be called where batches are "
            "prepared. Try: lookahead-threads or lookahead-processes"
        )


class Pool(Protocol):
    """What the pools have in common."""

    def close(self) -> None:
        """End its workers."""

    def batches(self, epoch: int = 0) -> Iterator[Any]:
        """Yield batches without end, from the first of an epoch on; an earlier generator ends."""


class Numbered:
    """A loader as the pools take it: with the epoch of each batch, and with hooks only where they do something.

    Args:
        loader: what is pooled; it can be indexed.
    """

    def __init__(self, loader: Loader) -> None:
        self._loader = loader
        if loader.hooks:  # a loader without them is read ahead across the end of an epoch
            self.on_epoch_begin, self.on_epoch_end = loader.on_epoch_begin, loader.on_epoch_end

    def __len__(self) -> int:
        return len(self._loader)

    def batch(self, index: int, epoch: int) -> Any:
        """Prepare a batch."""
        return self._loader.batch(index, epoch)


def pool_feed(pool: Pool, loader: Loader) -> Feed:
    """Feed what a pool prepares; the pool ends with the feed.

    It is a plain generator, of which an epoch takes as many batches as the loader has. Under a strategy of
    ``tf.distribute`` it is a dataset: Keras begins a pass there that it does not train on, and a generator can't begin
    again.
    """
    tf = tensorflow()
    if tf is None or not tf.distribute.has_strategy():
        return iterator_feed(_batches_of(pool), len(loader), workers=1, processes=False)
    dataset = pool_dataset(pool, len(loader), specs_of(loader))
    weakref.finalize(dataset, pool.close)
    return Feed(dataset)


def _batches_of(pool: Pool) -> Iterator[Any]:
    with contextlib.closing(pool):
        yield from pool.batches()

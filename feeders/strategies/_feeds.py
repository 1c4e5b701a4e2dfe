"""What ``fit()`` is called with for an indexable feeder and for an iterator, by the generation of Keras."""

from __future__ import annotations

from types import GeneratorType
from typing import Any, Iterator, Protocol

from feeders.errors import Unsupported
from feeders.keras_api import generation
from feeders.loaders import Loader

from ._feeder import Feed


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
    """What the pools have in common: a context that ends them, and batches without end."""

    def __enter__(self) -> Any: ...

    def __exit__(self, *error: Any) -> None: ...

    def batches(self) -> Iterator[Any]:
        """Yield batches, epoch after epoch."""


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


def pool_feed(pool: Pool, steps: int) -> Feed:
    """Feed what a pool prepares as a plain generator, ``steps`` batches to the epoch; the pool ends with it."""
    return iterator_feed(_batches_of(pool), steps, workers=1, processes=False)


def _batches_of(pool: Pool) -> Iterator[Any]:
    with pool:
        yield from pool.batches()

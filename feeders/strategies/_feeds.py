"""What ``fit()`` is called with for an indexable feeder and for an iterator, by the generation of Keras."""

from __future__ import annotations

from types import GeneratorType
from typing import Any

from feeders.keras_api import generation

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

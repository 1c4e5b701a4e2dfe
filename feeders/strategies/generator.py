"""A plain generator, shared by all workers."""

from __future__ import annotations

from typing import Iterator

from feeders.errors import Unsupported
from feeders.keras_api import generation
from feeders.loaders import Batch, Material

from ._feeds import iterator_feed
from ._row import Feed, Feeder


def batches(material: Material) -> Iterator[Batch]:
    """Yield the epoch's batches in order, epoch after epoch, without end."""
    epoch = 0
    while True:
        for index in range(len(material)):
            yield material.prepare(index, epoch)
        epoch += 1


def _threads(material: Material, workers: int) -> Feed:
    return iterator_feed(batches(material), len(material), workers, processes=False)


def _processes(material: Material, workers: int) -> Feed:
    if generation() == 3:
        raise Unsupported("generator-processes: Keras 3 has no worker processes for generators; use a PyDataset")
    return iterator_feed(batches(material), len(material), workers, processes=True)


ROWS = (
    Feeder(
        "generator",
        _threads,
        "a plain generator, shared by all workers",
        "Keras 2 with worker threads: 'generator already executing'; Keras 3: one thread, whatever you do",
        shared_by="threads",
    ),
    Feeder(
        "generator-processes",
        _processes,
        "the same with use_multiprocessing=True (Keras 2 only)",
        "every worker process runs its own copy: each sample arrives several times, without a warning",
        shared_by="processes",
        mistake=True,
    ),
)

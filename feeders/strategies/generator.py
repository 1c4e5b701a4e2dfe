"""A plain generator, shared by all workers."""

from __future__ import annotations

import itertools
from typing import Any, Iterator

from feeders.errors import Unsupported
from feeders.keras_api import generation
from feeders.loaders import ITERATOR, Loader

from ._feeder import Feed, Feeder
from ._feeds import iterator_feed


def endless(loader: Loader, first: int = 0) -> Iterator[Any]:
    """Yield the batches of one epoch after the other, from the first batch of an epoch on, without end."""
    for epoch in itertools.count(first):
        loader.on_epoch_begin()
        yield from loader.batches(epoch)
        loader.on_epoch_end()


def _threads(loader: Loader, workers: int) -> Feed:
    return iterator_feed(endless(loader), len(loader), workers, processes=False)


def _processes(loader: Loader, workers: int) -> Feed:
    if generation() == 3:
        raise Unsupported("generator-processes: Keras 3 has no worker processes for generators; use a PyDataset")
    return iterator_feed(endless(loader), len(loader), workers, processes=True)


ROWS = (
    Feeder(
        "generator",
        _threads,
        "a plain generator, shared by all workers",
        "Keras 2 with worker threads: 'generator already executing'; Keras 3: one thread, whatever you do",
        shared_by="threads",
        pulls=ITERATOR,
    ),
    Feeder(
        "generator-processes",
        _processes,
        "the same with use_multiprocessing=True (Keras 2 only)",
        "every worker process runs its own copy: each sample arrives several times, without a warning",
        shared_by="processes",
        mistake=True,
        pulls=ITERATOR,
    ),
)

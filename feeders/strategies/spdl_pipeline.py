"""SPDL's ``Pipeline`` around the same loader, in threads, as a generator.

What its documents advise to those who come from torch's ``DataLoader``: one stage with ``concurrency``, and
``output_order="input"`` to keep the order. By default it goes on without a batch that failed; here it must not.
"""

from __future__ import annotations

import itertools
from typing import Any, Iterator

from feeders.loaders import Loader

from ._feeder import Feed, Feeder
from ._feeds import iterator_feed, refuse_hooks

# Batches that wait for training, as in the examples of SPDL.
WAITING = 3


def _batches(loader: Loader, workers: int) -> Iterator[Any]:
    from spdl.pipeline import PipelineBuilder

    steps = len(loader)

    def prepare(place: int) -> Any:
        epoch, index = divmod(place, steps)
        return loader.batch(index, epoch)

    builder = PipelineBuilder().add_source(itertools.count())
    builder = builder.pipe(prepare, concurrency=workers, output_order="input").add_sink(WAITING)
    pipeline = builder.build(num_threads=workers, max_failures=0)
    with pipeline.auto_stop():
        yield from pipeline


def _build(loader: Loader, workers: int) -> Feed:
    refuse_hooks("spdl", loader)
    return iterator_feed(_batches(loader, workers), len(loader), workers=1, processes=False)


ROWS = (
    Feeder(
        "spdl",
        _build,
        "SPDL's Pipeline with concurrency=workers, in threads, as a generator",
        "spares the training process; drops a batch that fails unless told otherwise",
        shared_by="threads",
        own_workers=True,
        library="spdl",
    ),
)

"""What competes: the catalogue of feeders, in the order of every table, plot and asv parameter."""

from __future__ import annotations

from feeders.catalogue import Catalogue

from . import (
    arrays,
    generator,
    grain_dataset,
    locked,
    lookahead_processes,
    lookahead_threads,
    prefetch_thread,
    queue_threads,
    sequence,
    spdl_pipeline,
    tfdata,
    tfdata_service,
    torch_dataloader,
)
from ._feeder import Feed, Feeder

# Appended and never reordered: asv stores results by parameter value, and tables follow this order.
FEEDERS: Catalogue[Feeder] = Catalogue(
    "a feeder",
    (
        *arrays.ROWS,
        *generator.ROWS,
        *locked.ROWS,
        *sequence.ROWS,
        *tfdata.ROWS,
        *lookahead_threads.ROWS,
        *lookahead_processes.ROWS,
        *prefetch_thread.ROWS,
        *queue_threads.ROWS,
        *tfdata_service.ROWS,
        *torch_dataloader.ROWS,
        *grain_dataset.ROWS,
        *spdl_pipeline.ROWS,
    ),
    hint="feeders list",
)


def feeder(name: str) -> Feeder:
    """Return the row of that name.

    Raises:
        FeedersError: no feeder has that name; the nearest ones are given.
    """
    return FEEDERS.named(name)


__all__ = ["FEEDERS", "Feed", "Feeder", "feeder"]

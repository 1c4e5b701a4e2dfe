"""What competes: the catalogue of feeders, in the order of every table, plot and asv parameter."""

from __future__ import annotations

import difflib

from feeders.errors import FeedersError

from . import (
    arrays,
    generator,
    locked,
    lookahead_processes,
    lookahead_threads,
    prefetch_thread,
    queue_threads,
    sequence,
    tfdata,
)
from ._row import Feed, Feeder

# Appended and never reordered: asv stores results by parameter value, and tables follow this order.
FEEDERS: tuple[Feeder, ...] = (
    *arrays.ROWS,
    *generator.ROWS,
    *locked.ROWS,
    *sequence.ROWS,
    *tfdata.ROWS,
    *lookahead_threads.ROWS,
    *lookahead_processes.ROWS,
    *prefetch_thread.ROWS,
    *queue_threads.ROWS,
)


def feeder(name: str) -> Feeder:
    """Return the row of that name.

    Raises:
        FeedersError: no feeder has that name; the nearest ones are given.
    """
    for row in FEEDERS:
        if row.name == name:
            return row
    names = [row.name for row in FEEDERS]
    near = difflib.get_close_matches(name, names) or names
    raise FeedersError(f"{name}: not a feeder. Known and near: {', '.join(near)}. Try: python -m feeders list")


__all__ = ["FEEDERS", "Feed", "Feeder", "feeder"]

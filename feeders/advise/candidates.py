"""Which feeders are tried, with how many workers, and what can be said of them before."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Mapping

from feeders.loaders import INDEX, OPS
from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE
from feeders.measure import WORKERS, Cell
from feeders.measure.gil import Preparation
from feeders.strategies import FEEDERS, Feeder, feeder

from .look import Look
from .patches import is_patched
from .request import AdviseRequest

# How a loader is read: by one thread at a time, by several threads at once, or by processes, each with a copy.
ONE, THREADS, PROCESSES = "one reader", "threads", "processes"

# It gives the batch that is ready first.
UNORDERED = "queue-threads"

# Feeders that are never advised, though they may be safe, and why.
PASSED_OVER: Mapping[str, str] = {
    "sequence-lock": "one worker at a time, as prefetch-thread, which needs no lock",
    "sequence-picklable-lock": "one worker at a time, as prefetch-thread, which needs no lock",
    "generator-locked": "one worker at a time, as prefetch-thread, and Keras 3 refuses it",
    "generator-locked-bridge": "one worker at a time, as prefetch-thread",
    "generator-serialized": "one worker at a time, as prefetch-thread",
    "tfdata-service": "processes of its own, for hosts beside this one; --by tfdata-service of `measure` tries it here",
    "torch-dataloader": "an engine of another project; --by torch-dataloader of `measure` tries it",
    "grain": "an engine of another project; --by grain of `measure` tries it",
    "spdl": "an engine of another project; --by spdl of `measure` tries it",
    "tfdata-interleave": "the same threads as tfdata-map, and each needs a part of the loader of its own",
}


# The reason of a way that may well be better.
NO_TIME = "no time was left to try it"


@dataclass(frozen=True)
class Dropped:
    """A way of feeding that was not tried, or not to the end.

    Attributes:
        feeder: its feeder.
        reason: why, in words.
        workers: None is any number of them.
    """

    feeder: str
    reason: str
    workers: int | None = None


def today(request: AdviseRequest, look: Look) -> Cell:
    """Return how the loader is fed now."""
    return Cell(look.feeder, request.loader, look.workers)


def candidates(request: AdviseRequest, look: Look, cores: int) -> tuple[list[Cell], list[Dropped]]:
    """Return the ways of feeding that can carry a loader, in catalogue order, and those that are left out.

    Args:
        request: what is asked for.
        look: at the loader.
        cores: that this process may use.
    """
    cells: list[Cell] = []
    dropped: list[Dropped] = []
    for row in FEEDERS:
        if row.ceiling or row.pulls not in look.offers:
            continue
        reason = _left_out(row, look)
        if reason:
            dropped.append(Dropped(row.name, reason))
        else:
            cells += [Cell(row.name, request.loader, count) for count in counts(row, request.workers, cores)]
    return cells, dropped


def _left_out(row: Feeder, look: Look) -> str:
    reason = _not_for(row, look)
    if reason:
        return reason
    if row.tensorflow and importlib.util.find_spec("tensorflow") is None:
        return "TensorFlow is not installed"
    if row.name in ("tfdata-generator", "tfdata-map"):
        return _left_out_of_a_pipeline(row.name, look)
    if row.name in PASSED_OVER:
        return PASSED_OVER[row.name]
    if not is_patched(row.name):
        return "no lines to copy are known for it"
    if look.batch_method and row.own_workers and row.pulls == INDEX:
        return "it would call the loader's method batch() in place of __getitem__"
    if row.shared_by == "processes" and look.unpicklable and row.own_workers:
        return f"its processes start anew, and {look.unpicklable}, which can't be sent there"
    return ""


def _not_for(row: Feeder, look: Look) -> str:
    """Why a feeder has no meaning for such a loader; empty if it has."""
    if row.mistake:
        return f"a mistake, whatever a short run shows: {row.belief}"
    if row.whole and look.kind != ARRAYS:
        return f"needs {row.needs}"
    if look.kind == DATASET and row.pulls != OPS:
        return "TensorFlow reads a tf.data pipeline itself; around it Python would be in the way"
    if look.kind == ARRAYS and not row.whole:
        return "fit(x, y) cuts arrays itself; around it Python would be in the way"
    if look.kind == SEQUENCE and not look.sized and row.name not in ("sequence", "sequence-processes"):
        return "it has no __len__, by which all but Keras know the batches of an epoch"
    if look.distributed and row.name == "prefetch-thread":
        return "under a strategy of tf.distribute a generator loses batches"
    return ""


def _left_out_of_a_pipeline(name: str, look: Look) -> str:
    """Why a pipeline around the loader can't be written in a few lines; empty if it can."""
    if not look.alike:
        return "the shape of its samples differs from batch to batch"
    if name == "tfdata-generator":
        if look.kind != SEQUENCE and not look.expression.endswith(")"):
            return (
                "it is an object that can't be begun anew, and its first batch, which tells the shapes, would be lost"
            )
        return "" if look.plain else "its batches hold lists, each of which tf.data takes for one array"
    if look.hooks:
        return "its on_epoch_begin or on_epoch_end would never be called"
    return "" if look.tuples else "its batches are no tuples of arrays, which tf.numpy_function takes apart"


def counts(row: Feeder, most: int | None, cores: int) -> list[int]:
    """Return the numbers of workers to try: up to twice the cores, and 4 anywhere, for loaders that wait."""
    if not row.parallel or row.pulls != INDEX:
        return [1]
    limit = most or max(4, 2 * cores)
    return [count for count in WORKERS if count <= limit]


def use_of(cell: Cell) -> str:
    """Return how a way of feeding reads the loader: `ONE`, `THREADS` or `PROCESSES`."""
    row = feeder(cell.feeder)
    if row.shared_by == "processes":
        return PROCESSES
    return THREADS if row.shared_by == "threads" and cell.workers > 1 else ONE


def gain(cell: Cell, preparation: Preparation, cores: float) -> float:
    """Return how many times as fast as one thread a way of feeding can prepare batches at best."""
    use = use_of(cell)
    if use == PROCESSES:
        return preparation.gain_of_processes(cell.workers, cores)
    return preparation.gain_of_threads(cell.workers, cores) if use == THREADS else 1.0

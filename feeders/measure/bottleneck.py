"""How slow a batch may be before what trains has to wait for it: what it takes, against what a feeder delivers."""

from __future__ import annotations

import dataclasses
from typing import Callable, Iterator, Mapping, Sequence

from feeders.results.record import MEASURED, Record

from .cells import Cell
from .device import CPU
from .epochs import batch_seconds, batches
from .metrics import PARTLY, spoken, stall_word
from .settings import NO_MODEL, Settings
from .store import CEILING_FEEDER, CEILING_WORKERS
from .takes import take

# Where the time of an epoch goes on a GPU.
SHARES = {
    "waits": "waits for the feeder",
    "copies": "copies to the GPU, as long as that takes alone",
    "computes": "computes: a kernel runs on the GPU",
}


def bottleneck(records: Sequence[Record], measure: Callable[[Cell, Settings], Record] = take) -> Iterator[str]:
    """Say how often the device takes a batch, how often the feeder delivers one, and where an epoch's time goes.

    What the device takes is told by the ceiling, the copy to it included; what the feeder delivers by a ``fit()`` whose
    step trains nothing. Both are measured here, once each. On a CPU the two share its cores: together they are slower.

    Args:
        records: takes of one feeder on one workload, with different workers.
        measure: makes the takes that are needed beside.

    Yields:
        Lines; none if no cell was measured, or those of the ceiling itself.
    """
    measured = [record for record in records if record.outcome == MEASURED]
    if not measured or measured[0].feeder == CEILING_FEEDER:
        return
    first = measured[0]
    settings = Settings(**first.settings)
    ceiling = measure(Cell(CEILING_FEEDER, first.workload, CEILING_WORKERS), settings)
    if ceiling.outcome != MEASURED:
        yield f"{CEILING_FEEDER}: {ceiling.outcome} {ceiling.message}"
        return
    idle = dataclasses.replace(settings, model=NO_MODEL)
    bare = [measure(Cell(record.feeder, record.workload, record.workers), idle) for record in measured]
    delivered = {record.workers: batch_seconds(record) for record in bare if record.outcome == MEASURED}
    yield from verdict(measured, batch_seconds(ceiling), delivered)


def verdict(records: Sequence[Record], taken: float, delivered: dict[int, float]) -> Iterator[str]:
    """Say who waits for whom.

    Args:
        records: measured takes of the feeder.
        taken: seconds after which the device takes the next batch if it is there.
        delivered: seconds for each batch that the feeder delivers, by workers.
    """
    device, feeder, size = _device(records[0]), records[0].feeder, records[0].settings.get("batch")
    load = f"{size} of {records[0].workload}" if size else records[0].workload
    each = [f"{_time(seconds)} with {_workers(workers)}" for workers, seconds in delivered.items()]
    yield (
        f"{device} with the model {records[0].settings['model']} takes a batch of {load} every {_time(taken)}; "
        f"{feeder} delivers one every {', '.join(each) or '(not known)'}"
    )
    for record in records:
        together = batch_seconds(record)
        stall = 100 * (1 - taken / together)
        line = f"together, with {_workers(record.workers)}, a batch every {_time(together)}: {stall_word(stall)}"
        if stall >= PARTLY:
            line += f", {_percent(stall)} of the time lost"
            if delivered.get(record.workers, together) <= taken:
                line += "; the feeder is fast enough alone: it shares this host with training, or they take turns"
        yield line
        if record.stack.get("device", CPU) != CPU:
            yield from split(record.metrics, batches(record))


def shares(metrics: Mapping[str, float], batches: int) -> dict[str, float | None]:
    """Return the shares of the time of an epoch in percent, that between two epochs included, by `SHARES`.

    They may overlap. What is not known is None.

    Args:
        metrics: of a take.
        batches: of an epoch.
    """
    each = 100 * batches / metrics["epoch"]
    wait, copy = (metrics[name] * each if name in metrics else None for name in ("wait_mean", "copy"))
    return dict(zip(SHARES, (wait, copy, metrics.get("gpu_busy"))))


def split(metrics: Mapping[str, float], batches: int) -> Iterator[str]:
    """Say where the time of an epoch goes on a GPU, as far as that is known.

    Args:
        metrics: of a take.
        batches: of an epoch.
    """
    known = shares(metrics, batches)
    yield "  of its time, that between two epochs included:"
    for name, share in known.items():
        yield f"  {'?' if share is None else f'{share:.0f}':>4} % {SHARES[name]}"
    # They may overlap, so that this is the least of it; what is unknown is in it.
    yield f"  {max(0.0, 100 - sum(share or 0.0 for share in known.values())):4.0f} % or more is none of these"


def _device(record: Record) -> str:
    name = record.stack.get("gpu") or record.stack.get("device", CPU).upper()
    return f"this {name}"


def _time(seconds: float) -> str:
    return spoken(seconds, "seconds")


def _percent(share: float) -> str:
    return spoken(share, "%")


def _workers(count: int) -> str:
    return f"{count} worker{'s' if count > 1 else ''}"

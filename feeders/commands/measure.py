"""``feeders measure``."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from feeders import variables
from feeders.measure.device import DEVICES
from feeders.terminal import Progress, table, write_atomically

from .arguments import count, counts, writable

if TYPE_CHECKING:
    from feeders.measure.limit import Limit
    from feeders.results.record import Record

# Of what --json writes.
SCHEMA = 1

# Metrics that stand beside the cell; all others are under "metrics".
WRITTEN = ("effective_throughput", "seconds_per_batch", "gap", "limit", "share_of_limit", "gil_share")


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("measure", help="measure one feeder on one workload, now")
    parser.add_argument("feeder", metavar="FEEDER")
    parser.add_argument("--workload", default="jpeg", help="default: %(default)s")
    parser.add_argument("--workers", type=counts, default=[1], metavar="N,N,...", help="default: 1")
    parser.add_argument(
        "--epoch", type=count, metavar="N", help="effective throughput is of epochs of so many batches; default: 1000"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers of each cell")
    parser.add_argument("--device", choices=DEVICES, help="what trains; default: a GPU that the backend can use")
    parser.set_defaults(command=_measure)


def _measure(options: argparse.Namespace) -> int:
    from feeders.measure import BROKEN, Cell, preload, take
    from feeders.measure.alone import measure_limit
    from feeders.measure.bottleneck import bottleneck
    from feeders.measure.epochs import EPOCH_BATCHES, of_length
    from feeders.measure.limit import with_limit

    if options.json:
        writable(options.json, example="measured.json")
    if options.device:
        os.environ[variables.DEVICE] = options.device
    cells = [Cell(options.feeder, options.workload, workers).checked() for workers in options.workers]
    with Progress() as progress:
        progress.update("importing Keras")
        preload()
    epoch, records = options.epoch or EPOCH_BATCHES, []
    with Progress() as progress:
        progress.update(f"how fast this host can prepare and train on {options.workload}, each alone")
        limit = measure_limit(options.workload)
    # Two takes more for each: see `bottleneck`.
    for made, cell in enumerate(cells):
        with Progress() as progress:
            progress.update(str(cell), made / (3 * len(cells)))
            record = with_limit(take(cell), cell.rows()[0], limit)
        records.append(record)
        print("\n".join(_lines(of_length(record, epoch), epoch)))
    if limit:
        print(_gains(limit, options.workload))
    with Progress() as progress:
        progress.update("how often the device takes a batch, and how often the feeder delivers one")
        lines = list(bottleneck(records))
    for line in lines:
        print(line)
    if options.json:
        cells_json = [_json(of_length(record, epoch), epoch) for record in records]
        write_atomically(options.json, json.dumps({"schema": SCHEMA, "cells": cells_json}, indent=2) + "\n")
    return int(any(record.outcome in BROKEN for record in records))


def _lines(record: Record, epoch: int) -> list[str]:
    from feeders.measure import METRICS, Cell

    cell = Cell(record.feeder, record.workload, record.workers)
    rows = [(row.name, row.format(record.metrics[row.name])) for row in METRICS if row.name in record.metrics]
    head = f"{cell}: {record.outcome} {record.guarantee or record.message}"
    if not rows:
        return [head]
    return [head, *table(rows, indent=2), f"  effective throughput and share of the limit: epochs of {epoch:,} batches"]


def _gains(limit: Limit, workload: str) -> str:
    """Say how much of preparing holds the GIL, and what that leaves for threads and processes to gain."""
    alone, cores, workers = limit.preparation(), limit.cores, max(2, limit.cores)
    threads = alone.gain_of_threads(workers, cores)
    processes = alone.gain_of_processes(workers, cores)
    return (
        f"preparing {workload} holds the GIL for {100 * limit.gil_share:.0f} % of its time: at best {workers} threads "
        f"prepare {threads:.1f} times as fast as one, {workers} processes {processes:.1f} times ({cores} cores)"
    )


def _json(record: Record, epoch: int) -> dict[str, Any]:
    """What is written of a cell; a value that is not known is null."""
    return {
        **{name: getattr(record, name) for name in ("feeder", "workload", "workers", "outcome", "message")},
        "guarantee": record.guarantee,
        "epoch_batches": epoch,
        **{name: record.metrics.get(name) for name in WRITTEN},
        "metrics": dict(record.metrics),
        "stack": dict(record.stack),
        "host": dict(record.host),
        "settings": dict(record.settings),
    }

"""``feeders measure``."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

from feeders import variables
from feeders.measure.device import DEVICES
from feeders.terminal import Progress, table

from .arguments import counts

if TYPE_CHECKING:
    from feeders.results.record import Record


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser("measure", help="measure one feeder on one workload, now")
    parser.add_argument("feeder", metavar="FEEDER")
    parser.add_argument("--workload", default="jpeg", help="default: %(default)s")
    parser.add_argument("--workers", type=counts, default=[1], metavar="N,N,...", help="default: 1")
    parser.add_argument("--device", choices=DEVICES, help="what trains; default: a GPU that the backend can use")
    parser.set_defaults(command=_measure)


def _measure(options: argparse.Namespace) -> int:
    from feeders.measure import BROKEN, Cell, preload, take
    from feeders.measure.bottleneck import bottleneck

    if options.device:
        os.environ[variables.DEVICE] = options.device
    cells = [Cell(options.feeder, options.workload, workers).checked() for workers in options.workers]
    with Progress() as progress:
        progress.update("importing Keras")
        preload()
    records = []
    for cell in cells:
        with Progress() as progress:
            progress.update(str(cell))
            records.append(take(cell))
        print("\n".join(_lines(records[-1])))
    with Progress() as progress:
        progress.update("how often the device takes a batch, and how often the feeder delivers one")
        lines = list(bottleneck(records))
    for line in lines:
        print(line)
    return int(any(record.outcome in BROKEN for record in records))


def _lines(record: Record) -> list[str]:
    from feeders.measure import METRICS, Cell

    cell = Cell(record.feeder, record.workload, record.workers)
    rows = [(row.name, row.format(record.metrics[row.name])) for row in METRICS if row.name in record.metrics]
    return [f"{cell}: {record.outcome} {record.guarantee or record.message}", *(table(rows, indent=2) if rows else [])]

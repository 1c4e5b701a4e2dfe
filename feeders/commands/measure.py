"""``feeders measure``."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Sequence

from feeders import variables
from feeders.errors import FeedersError
from feeders.measure.device import DEVICES
from feeders.terminal import Progress, table, write_atomically

from .arguments import LOADER, OWN_OPTIONS, add_own, count, counts, given_of_own, names, writable

if TYPE_CHECKING:
    from feeders.measure import Cell, Settings
    from feeders.measure.limit import Limit
    from feeders.measure.survey import Survey
    from feeders.results.record import Record

# Of what --json writes.
SCHEMA = 1

# Of a pass in which the lines of a loader are sampled: one of 1 % is seen ten times.
SAMPLED_SECONDS = 2.0

# Metrics that stand beside the cell; all others are under "metrics".
WRITTEN = ("effective_throughput", "seconds_per_batch", "gap", "limit", "share_of_limit", "gil_share")


def add(commands: Any) -> None:
    """Add the command to a parser's."""
    parser = commands.add_parser(
        "measure",
        help="how fast is a feeder, or your own loader, now?",
        description="Measure a feeder on a workload of the suite, or your own loader, in new processes. Samples that "
        "arrive are checked first, then timed. This takes about half a minute for each number of workers.",
        epilog="Exit status: 0 measured; 1 something failed, hung or crashed; 2 the call is wrong.",
    )
    parser.add_argument("feeder", metavar="FEEDER|LOADER", help=f"a feeder of `feeders list`; or {LOADER}")
    parser.add_argument("--workload", metavar="W", help="what the feeder carries, of `feeders list`; default: jpeg")
    parser.add_argument(
        "--by", type=names, metavar="FEEDER,...", help="feeders that carry your loader; default: the way you use it now"
    )
    parser.add_argument(
        "--workers",
        type=counts,
        metavar="N,N,...",
        help="numbers of threads or processes to measure; default: 1, or what your loader sets itself",
    )
    add_own(parser)
    parser.add_argument("--epoch", type=count, metavar="N", help="tell speeds for epochs of N batches; default: 1000")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers to FILE, as JSON")
    parser.add_argument("--device", choices=DEVICES, help="what trains; default: a GPU, if the backend can use one")
    parser.set_defaults(command=_measure)


def _measure(options: argparse.Namespace) -> int:
    from feeders.measure.epochs import EPOCH_BATCHES

    if options.json:
        writable(options.json, example="measured.json")
    if options.device:
        os.environ[variables.DEVICE] = options.device
    epoch = options.epoch or EPOCH_BATCHES
    if ":" in options.feeder:
        return _measure_own(options, epoch)
    given = [option for option, name in (("--by", "by"), *OWN_OPTIONS.items()) if getattr(options, name) is not None]
    if options.feeder.endswith(".py"):
        raise FeedersError(f"{options.feeder}: which loader in it? Expected FILE.py:NAME, as {options.feeder}:MyLoader")
    if given:
        raise FeedersError(
            f"{given[0]} is for a loader of your own, FILE.py:NAME; {options.feeder} is fed with a workload of `list`"
        )
    return _measure_feeder(options, epoch)


def _measure_feeder(options: argparse.Namespace, epoch: int) -> int:
    from feeders.measure import BROKEN, Cell, preload, take
    from feeders.measure.alone import measure_limit
    from feeders.measure.bottleneck import bottleneck
    from feeders.measure.epochs import of_length
    from feeders.measure.limit import with_limit

    load = options.workload or "jpeg"
    records: list[Record] = []
    cells = [Cell(options.feeder, load, workers).checked() for workers in options.workers or [1]]
    with Progress() as progress:
        progress.update("importing Keras")
        preload()
    with Progress() as progress:
        progress.update(f"how fast this host can prepare and train on {load}, each alone")
        limit = measure_limit(load)
    with _kept(options.json, records, epoch):
        # Two takes more for each: see `bottleneck`.
        for made, cell in enumerate(cells):
            with Progress() as progress:
                progress.update(str(cell), made / (3 * len(cells)))
                record = with_limit(take(cell), cell.rows()[0], limit)
            records.append(record)
            print("\n".join(_lines(of_length(record, epoch), epoch)))
    if limit:
        print(_gains(limit, load))
    with Progress() as progress:
        progress.update("how often the device takes a batch, and how often the feeder delivers one")
        lines = list(bottleneck(records))
    for line in lines:
        print(line)
    return int(any(record.outcome in BROKEN for record in records))


def _measure_own(options: argparse.Namespace, epoch: int) -> int:
    from feeders.measure import BROKEN, Settings, preload, take
    from feeders.measure.alone import measure_limit
    from feeders.measure.asked import look
    from feeders.measure.epochs import of_length
    from feeders.measure.limit import with_limit
    from feeders.strategies import feeder

    if options.workload:
        raise FeedersError(f"--workload {options.workload}: {options.feeder} is a loader itself. Try: leave it away")
    for name in options.by or ():
        feeder(name)
    address = options.feeder
    records: list[Record] = []
    with Progress() as progress:
        progress.update("importing Keras")
        preload()
        asked = dataclasses.replace(Settings.from_environment(), **given_of_own(options))
        progress.update(f"reading {address} by one thread")
        found = look(address, options.by or (), asked)
        print(_opening(address, found, asked))
        settings = found.settled(asked)
        progress.update(f"how fast this host can prepare and train on {address}, each alone")
        limit = measure_limit(address, settings)
    cells = list(_cells(address, found, options.by, options.workers))
    with _kept(options.json, records, epoch):
        for made, cell in enumerate(cells):
            with Progress() as progress:
                progress.update(str(cell), made / len(cells))
                record = with_limit(take(cell, settings, found), cell.rows()[0], limit)
            records.append(record)
            print("\n".join(_lines(of_length(record, epoch), epoch)))
    if limit:
        print(_gains(limit, address))
    for line in _slow_lines(address, asked):
        print(line)
    return int(any(record.outcome in BROKEN for record in records))


def _slow_lines(address: str, settings: Settings) -> Iterator[str]:
    """Say which lines of the loader preparing spends its time in."""
    from feeders.advise import AdviseRequest
    from feeders.advise.look import look_at
    from feeders.advise.show import line_table

    request = AdviseRequest(address, steps=settings.steps, call=settings.call)
    try:
        with Progress() as progress:
            progress.update(f"which lines of {address} take the time")
            rows = list(line_table(look_at(request, SAMPLED_SECONDS).lines))
    except FeedersError as error:  # all else is measured: such a look has less time, and less memory
        yield f"which lines take its time is not known: {error}"
        return
    if rows:
        yield from ("its time goes into", *rows)


def _opening(address: str, found: Survey, settings: Settings) -> str:
    """Say what is fed, and what trains."""
    from feeders.measure import device, trains

    where = device.current().upper()
    first = f"{address}, {found.title}: trained on by {trains.in_words(settings)}, on this {where}"
    known = found.length is not None and found.steps == found.length
    epoch = f"{found.steps:,} batches" if known else f"its first {found.steps:,} batches"
    return f"{first}\n  an epoch: {epoch}, {found.samples:,} samples; a batch: {found.batch}"


def _cells(address: str, found: Survey, by: Sequence[str] | None, workers: Sequence[int] | None) -> Iterator[Cell]:
    """The cells that are asked for; a feeder without workers has one."""
    from feeders.measure import Cell
    from feeders.measure.asked import as_used
    from feeders.strategies import feeder

    used = as_used(address, found)
    for name in by or [used.feeder]:
        counts = workers or [1 if by else used.workers]
        for number in counts if feeder(name).parallel else [1]:
            yield Cell(name, address, number)


@contextlib.contextmanager
def _kept(path: Path | None, records: Sequence[Record], epoch: int) -> Iterator[None]:
    """Write what the context has measured, also where Ctrl-C or an error ends it."""
    from feeders.measure.epochs import of_length

    try:
        yield
    finally:
        if path and records:
            cells = [_json(of_length(record, epoch), epoch) for record in records]
            write_atomically(path, json.dumps({"schema": SCHEMA, "cells": cells}, indent=2) + "\n")


def _lines(record: Record, epoch: int) -> list[str]:
    from feeders.measure import METRICS, Cell
    from feeders.measure.delivery import delivery_text

    cell = Cell(record.feeder, record.workload, record.workers)
    rows = [(row.name, row.format(record.metrics[row.name])) for row in METRICS if row.name in record.metrics]
    head = f"{cell}: {record.outcome} {delivery_text(record)}"
    if not rows:
        return [head]
    return [head, *table(rows, indent=2), f"  effective throughput and share of the limit: epochs of {epoch:,} batches"]


def _gains(limit: Limit, workload: str) -> str:
    """Say how much of preparing holds the GIL, and what that leaves for threads and processes to gain."""
    alone, cores, workers = limit.preparation(), limit.cores, max(2, math.ceil(limit.cores))
    threads = alone.gain_of_threads(workers, cores)
    processes = alone.gain_of_processes(workers, cores)
    return (
        f"preparing {workload} holds the GIL for {100 * limit.gil_share:.0f} % of its time: at best {workers} threads "
        f"prepare {threads:.1f} times as fast as one, {workers} processes {processes:.1f} times ({cores:g} cores)"
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

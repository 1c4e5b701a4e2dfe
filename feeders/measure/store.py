"""Takes shared by all asv series of a cell: the k-th value that each of them asks for is the cell's k-th take's."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Callable

from feeders.results.record import BROKEN, MEASURED, Record
from feeders.results.takes import append_take, takes_of_round

from .cells import Cell
from .delivery import FAULTS
from .epochs import batches
from .limit import Limit, with_limit
from .server import limit_by_server, take_by_server

# The file that takes are appended to; set by asv's environment.
TAKES_VARIABLE = "FEEDERS_TAKES"

# The run that takes are made for, and its first round that this store serves; set as well.
RUN_VARIABLE, ROUND_VARIABLE = "FEEDERS_RUN", "FEEDERS_ROUND"

# The feeder that costs nothing, with the one worker it is measured with: the ceiling of each workload.
CEILING_FEEDER, CEILING_WORKERS = "resident", 1


class Store:
    """Takes of one asv run, in a folder.

    Each asv series of a cell is read in a process of its own, one after the other, so the takes and how often each
    series has been read are files. A process may be killed at any point: a take is written beside its place and
    renamed. What an interrupted run has in the file of all takes is not made again when the run goes on. It does not
    see reads from two processes at once; asv makes none.

    Args:
        folder: an existing folder; empty at first.
        measure: makes a take.
        limit: measures the limit of a workload, once a round; None if it can't.
    """

    def __init__(
        self,
        folder: str,
        measure: Callable[[Cell], Record] = take_by_server,
        limit: Callable[[str], Limit | None] = limit_by_server,
    ) -> None:
        self._folder = Path(folder)
        self._measure, self._limit = measure, limit

    def value(self, series: str, cell: Cell) -> float | None:
        """Return the series' next value of a cell; None where it has none.

        Args:
            series: name of a `Metric`, or "broken": 1 for a take that failed, hung or crashed, else 0.
            cell: what is measured.
        """
        turn = self._turn(series, cell)
        record = self._take(cell, turn)
        if series == "broken":
            return int(record.outcome in BROKEN)
        # Faults are counted before anything is timed, so known whatever became of the timed part.
        if record.outcome != MEASURED and series not in FAULTS:
            return None
        if series == "stall":
            ceiling = dataclasses.replace(cell, feeder=CEILING_FEEDER, workers=CEILING_WORKERS)
            return stall(record, self._take(ceiling, turn))
        return record.metrics.get(series)

    def _turn(self, series: str, cell: Cell) -> int:
        """Count this read, one byte each, and return how many there were before."""
        # Counted before the take is made: a read that is killed halfway has had its turn.
        counter = self._folder / f"{_slug(cell)}.{series}.reads"
        with counter.open("ab") as file:
            file.write(b".")
            return file.tell() - 1

    def _take(self, cell: Cell, turn: int) -> Record:
        path = self._folder / f"{_slug(cell)}.{turn}.take"
        if path.exists():
            return Record.from_json(path.read_text(encoding="utf-8"))
        run, first = os.environ.get(RUN_VARIABLE, ""), int(os.environ.get(ROUND_VARIABLE) or 0)
        kept = _kept(cell, run, first + turn)
        record = kept or dataclasses.replace(self._measured(cell, turn), run=run, round=first + turn if run else None)
        line = record.to_json()
        _write(path, line)
        if not kept and os.environ.get(TAKES_VARIABLE):
            append_take(Path(os.environ[TAKES_VARIABLE]), record)
        return Record.from_json(line)  # rounded, as every later read of it

    def _measured(self, cell: Cell, turn: int) -> Record:
        """Make a take, and hold it against the limit of its workload."""
        record = self._measure(cell)
        return with_limit(record, cell.rows()[0], self._limit_of(cell, turn)) if record.outcome == MEASURED else record

    def _limit_of(self, cell: Cell, turn: int) -> Limit | None:
        """The limit that all cells of a workload have in a round."""
        path = self._folder / f"{cell.workload}.{turn}.limit"
        if not path.exists():
            limit = self._limit(cell.workload)
            _write(path, json.dumps(limit and dataclasses.asdict(limit)))
        values = json.loads(path.read_text(encoding="utf-8"))
        return None if values is None else Limit.from_json(values)


def stall(record: Record, ceiling: Record) -> float | None:
    """Return how much longer an epoch is than the ceiling's, in percent of the epoch; None where one is unknown.

    It is of epochs of as many batches: of a long epoch of a person's loader, takes measure as many as one reads in
    some seconds. Noise can take it a little below 0.
    """
    if record.feeder == ceiling.feeder:
        return 0.0
    actual, best = record.metrics.get("epoch"), ceiling.metrics.get("epoch")
    if not actual or not best or ceiling.outcome != MEASURED:
        return None
    best *= batches(record) / batches(ceiling)
    return round(100 * (1 - best / actual), 2)


def _slug(cell: Cell) -> str:
    return f"{cell.feeder}.{cell.workload}.{cell.workers}"


def _write(path: Path, line: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=str(path.parent), delete=False) as file:
        file.write(line)
    Path(file.name).replace(path)


def _kept(cell: Cell, run: str, number: int) -> Record | None:
    """The take of this cell that the run has already made in this round."""
    path = os.environ.get(TAKES_VARIABLE)
    if not run or not path:
        return None
    takes = takes_of_round(Path(path), run, number)
    return next((each for each in takes if Cell(each.feeder, each.workload, each.workers) == cell), None)

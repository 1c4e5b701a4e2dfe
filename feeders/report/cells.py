"""What was measured, as one table: a row for each cell of each release on each machine and device."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any, Iterable, Sequence

import numpy as np
import pandas as pd
from scipy import stats

from feeders.loaders import WORKLOADS
from feeders.measure import BROKEN, MEASURED, METRICS, Record
from feeders.measure.epochs import EPOCH_BATCHES, epoch_seconds, of_length
from feeders.results.audits import audits_file, by_feeder_and_workload, read_audits
from feeders.results.machines import machine_folder
from feeders.results.record import EXACTLY_ONCE
from feeders.results.takes import Takes
from feeders.strategies import FEEDERS

# What a number belongs to.
SUBJECT = ("machine", "release", "device")
KEY = (*SUBJECT, "workload", "feeder", "workers")

SAFE, UNSAFE, NO_NUMBER = "safe", "unsafe", "no-number"

# The one that ranks.
RANKING_METRIC = "effective_throughput"

CEILINGS = {row.name for row in FEEDERS if row.ceiling}

# What is wrong with a cell that has numbers: how it begins where some takes broke, and ends where an audit tells it.
BROKE, PROVOKED = "broke in some takes", "where an audit provokes races"

# Counted in all takes.
DELIVERY = ("missing", "duplicated", "disordered", "corrupt", "stale")

# Of an interval of a median.
MEDIAN_CONFIDENCE = 0.95

# Takes' waits are pooled as the median of each of their quantiles, which keeps a bad process from being the tail.
WAITS = "waits"


def cells_table(results: Path, parts: Iterable[Takes], epoch: int = EPOCH_BATCHES) -> pd.DataFrame:
    """Return a row per cell, in the order of the catalogues.

    Args:
        results: the results folder, for the audits beside the takes.
        parts: as `read_takes` returns them.
        epoch: batches of an epoch that effective throughput, stall and share of the limit are of.

    Returns:
        The columns of `KEY`; ``takes`` and ``measured`` (counts); ``state``: "safe", "unsafe" (in some take, or in an
        audit with several workers, not every sample arrived once and whole) or "no-number" (most takes have none);
        ``word``; ``message``, of a safe one why it is not known what arrived; ``why``, of an unsafe one and of one
        that broke in some takes; ``waits``; and for each metric its median over takes in its unit, with ``METRIC_low``
        and ``METRIC_high``, NaN where it is not known.

    Raises:
        FeedersError: a file of audits is damaged.
    """
    rows = []
    for part in parts:
        audits = by_feeder_and_workload(audits_of(results, part))
        subject = dict(zip(SUBJECT, subject_of(part)))
        ceilings = _ceilings(part.records, epoch)
        for (workload, feeder, workers), takes in by_cell(part.records):
            key = {**subject, "workload": workload, "feeder": feeder, "workers": workers}
            told = _of_epoch(takes, ceilings, epoch)
            numbers = _of_epoch(of_long_epochs(takes), ceilings, epoch)
            rows.append({**key, **_cell(told, numbers, audits.get((feeder, workload)))})
    names = [f"{row.name}{end}" for row in METRICS for end in ("", "_low", "_high")]
    columns = [*KEY, "takes", "measured", "state", "word", "message", "why", WAITS, *names]
    return pd.DataFrame(rows, columns=columns)


def of_other_length(cells: pd.DataFrame, epoch: int) -> pd.DataFrame:
    """Return the table for epochs of another length, from its medians: the page does the same.

    Args:
        cells: as `cells_table` returns it for the default length.
        epoch: batches.
    """
    gap, batch = cells["gap"].fillna(0.0), cells["seconds_per_batch"]
    factor = ((batch + gap / EPOCH_BATCHES) / (batch + gap / epoch)).fillna(1.0)
    where = [*SUBJECT, "workload"]
    of_ceilings = cells[where].assign(factor=factor)[cells["feeder"].isin(CEILINGS)].groupby(where)["factor"].first()
    of_ceiling = np.array([of_ceilings.get(key, np.nan) for key in zip(*(cells[name] for name in where))])
    ends = ("", "_low", "_high")
    scaled = cells.assign(**{f"stall{end}": 100 - (100 - cells[f"stall{end}"]) * factor / of_ceiling for end in ends})
    names = [f"{name}{end}" for name in (RANKING_METRIC, "share_of_limit") for end in ends]
    scaled[names] = scaled[names].mul(factor, axis=0)
    return scaled


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table, by the names of its columns."""
    names = [str(name) for name in frame.columns]
    # Column by column: a row that pandas makes costs more than all of its values.
    return [dict(zip(names, row)) for row in zip(*(frame[name].tolist() for name in frame.columns))]


def subject_of(part: Takes) -> tuple[str, str, str]:
    """Return what takes belong to: the values of `SUBJECT`."""
    return part.machine, part.release, part.device


def audits_of(results: Path, part: Takes) -> list[dict[str, Any]]:
    """Return the audits of the machine, release and backend that takes are of.

    Raises:
        FeedersError: their file is damaged.
    """
    return read_audits(audits_file(machine_folder(results, part.machine), part.release, part.backend))


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the narrowest pair of takes between which the median lies with 95 % confidence; NaN for a single take.

    Makes no assumption of how takes are spread. Below six takes that confidence can't be had and it is their whole
    range: 94 % at five, 75 % at three.

    Source:
        The binomial interval of a median: W. J. Conover, Practical Nonparametric Statistics (1999).
    """
    if len(values) < 2:
        return np.nan, np.nan
    ordered = sorted(values)
    # Sorted takes that may be left out at each end.
    outside = max(
        0, int(np.sum(2 * stats.binom.cdf(range(len(values)), len(values), 0.5) <= 1 - MEDIAN_CONFIDENCE)) - 1
    )
    return ordered[outside], ordered[-1 - outside]


def by_cell(records: Iterable[Record]) -> list[tuple[tuple[str, str, int], list[Record]]]:
    """Return takes by workload, feeder and workers, in the order of the catalogues."""
    cells: dict[tuple[str, str, int], list[Record]] = {}
    for take in records:
        cells.setdefault((take.workload, take.feeder, take.workers), []).append(take)
    loads, feeders = ([row.name for row in rows] for rows in (WORKLOADS, FEEDERS))

    def place(cell: tuple[tuple[str, str, int], list[Record]]) -> tuple[int, int, int]:
        workload, feeder, workers = cell[0]
        return _index(loads, workload), _index(feeders, feeder), workers

    return sorted(cells.items(), key=place)


def _ceilings(records: Iterable[Record], epoch: int) -> dict[tuple[str, str, int | None], list[float]]:
    """Seconds of the ceiling's epochs by workload and round; of takes without a round, and of all, by workload."""
    ceilings: dict[tuple[str, str, int | None], list[float]] = {}
    for take in records:
        if take.feeder in CEILINGS and take.outcome == MEASURED:
            for key in {(take.workload, take.run, take.round), (take.workload, "", None)}:
                ceilings.setdefault(key, []).append(epoch_seconds(take, epoch))
    return ceilings


def of_long_epochs(takes: Sequence[Record]) -> Sequence[Record]:
    """Return the takes that timed a batch within long epochs; all of them where none did.

    Takes of before tell it from short epochs, in which it comes out larger.
    """
    return [take for take in takes if take.metrics.get("seconds_per_batch")] or takes


def _of_epoch(
    takes: Sequence[Record], ceilings: dict[tuple[str, str, int | None], list[float]], epoch: int
) -> list[Record]:
    """Make takes tell of epochs of that length, and how they did against the ceiling of their round."""
    told = []
    for take in takes:
        ceiling = ceilings.get((take.workload, take.run, take.round)) or ceilings.get((take.workload, "", None))
        take = of_length(take, epoch)
        if take.outcome == MEASURED and ceiling and take.feeder not in CEILINGS:
            stall = 100 * (1 - float(np.median(ceiling)) / epoch_seconds(take, epoch))
            take = dataclasses.replace(take, metrics={**take.metrics, "stall": stall})
        told.append(take)
    return told


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def _cell(takes: Sequence[Record], numbers: Sequence[Record], audit: dict[str, Any] | None) -> dict[str, Any]:
    """A row of all takes, which judge the delivery, and of those that give the numbers."""
    measured = [take for take in takes if take.outcome == MEASURED]
    counted = [take for take in numbers if take.outcome == MEASURED]
    row: dict[str, Any] = {"takes": len(takes), "measured": len(counted), "word": "", "message": "", "why": ""}
    if len(measured) * 2 <= len(takes):
        others = [take for take in takes if take.outcome != MEASURED]
        word = Counter(take.outcome for take in others).most_common(1)[0][0]
        message = next(take.message for take in others if take.outcome == word)
        return {**row, "state": NO_NUMBER, "word": word, "message": message}
    fault = _fault(measured, audit)
    row["why"] = fault or _breaks(takes)
    row["state"] = UNSAFE if fault else SAFE
    if not fault:
        # A loader may tell none of its samples from another. The ceiling, which nobody judges, says nothing.
        row["message"] = next((take.message for take in measured if not take.guarantee), "")
    for metric in METRICS:
        of = measured if metric.name in DELIVERY else counted
        values = [take.metrics[metric.name] for take in of if take.metrics.get(metric.name) is not None]
        if values:
            low, high = median_interval(values)
            row.update({metric.name: np.median(values), f"{metric.name}_low": low, f"{metric.name}_high": high})
    waits = [take.waits for take in counted if take.waits]
    return {**row, WAITS: np.median(np.array(waits), axis=0).tolist() if waits else None}


def _fault(measured: Sequence[Record], audit: dict[str, Any] | None) -> str:
    """What is wrong with the delivery of a cell; empty if nothing that is known of."""
    faults = []
    guarantees = sorted({take.guarantee for take in measured} - {"", EXACTLY_ONCE})
    if guarantees:
        faults.append(" or ".join(guarantees))
    for name in ("missing", "duplicated", "corrupt", "stale"):
        counts = [int(take.metrics.get(name) or 0) for take in measured]
        if any(counts):
            of = max(take.delivered or 0 for take in measured)
            faults.append(f"{_span(counts)} of {of:,} samples {name} in an epoch")
    # An audit feeds a loader with several workers.
    if not faults and audit and not audit.get("safe", True) and measured[0].workers > 1:
        content = ", content corrupt" if audit.get("content") == "corrupt" else ""
        faults.append(f"{audit['verdict']}{content} {PROVOKED}")
    return "; ".join(faults)


def _breaks(takes: Sequence[Record]) -> str:
    """How often a cell broke that has numbers; empty if never. A take without a stack had not come to its feeder."""
    words = Counter(take.outcome for take in takes if take.outcome in BROKEN and take.stack)
    counts = " and ".join(f"{word} in {count} of {len(takes)}" for word, count in words.items())
    return f"{BROKE}: {counts}" if counts else ""


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"

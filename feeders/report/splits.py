"""Where the time of an epoch goes, as a table of the page; what is not known of it is told."""

from __future__ import annotations

from typing import Iterable

import numpy as np
import pandas as pd

from feeders.measure.bottleneck import SHARES, shares
from feeders.measure.epochs import batches
from feeders.results.record import MEASURED
from feeders.results.takes import Takes

from .cells import KEY, by_cell, subject_of

COLUMNS = [*KEY, "cell", *SHARES, "rest", "unknown"]


def splits_table(parts: Iterable[Takes]) -> pd.DataFrame:
    """Return a row for each cell that was measured: shares of the time of its steady epochs in percent.

    Returns:
        The columns of `KEY`; ``cell``; a column for each of `SHARES`, NaN where it is not known; ``rest``, the least
        time that is none of them, what is not known included; and ``unknown``, the names of those.
    """
    rows = []
    for part in parts:
        for (workload, feeder, workers), takes in by_cell(part.records):
            each = [
                list(shares(take.metrics, batches(take)).values())
                for take in takes
                if take.outcome == MEASURED and take.metrics.get("epoch")
            ]
            if each:
                told = [_median(column) for column in zip(*each)]
                known = [share for share in told if not np.isnan(share)]
                unknown = ", ".join(name for name, share in zip(SHARES, told) if np.isnan(share))
                key = (*subject_of(part), workload, feeder, workers, f"{feeder} ×{workers}")
                rows.append((*key, *told, max(0.0, 100 - sum(known)), unknown))
    return pd.DataFrame(rows, columns=COLUMNS)


def _median(values: Iterable[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known else np.nan

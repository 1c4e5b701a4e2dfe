"""The noisy neighbour: how much longer a training step takes while a feeder uses the host beside it."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

import pandas as pd

from feeders.strategies import FEEDERS

from .cells import CEILINGS, SAFE, SUBJECT

# A batch without the wait for it, of the feeder over that of the ceiling; and what the GPU computes in it.
STEP_TIMES, KERNEL_TIMES = "step_times", "kernel_times"

# Where feeders with several workers prepare batches, by what the workers are.
PLACES = (
    ("threads inside the trainer", ("threads", "lock")),
    ("processes outside", ("processes",)),
)
SHARED_BY = {row.name: row.shared_by for row in FEEDERS}


def with_neighbours(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `STEP_TIMES` and `KERNEL_TIMES` of each cell, NaN where one side is not known.

    Args:
        cells: as `cells_table` returns it.
    """
    where = [*SUBJECT, "workload"]
    own = cells[where].assign(step=cells["step_work"], kernel=cells["gpu_busy"] * cells["epoch"])
    alone = own[cells["feeder"].isin(CEILINGS)].drop_duplicates(where)
    beside = own[where].merge(alone, how="left", on=where)
    ratios = {
        name: (own[part].to_numpy(float) / beside[part].to_numpy(float))
        for name, part in ((STEP_TIMES, "step"), (KERNEL_TIMES, "kernel"))
    }
    return cells.assign(**ratios)


def sentence(best: Mapping[str, Any] | None, cells: Sequence[Mapping[str, Any]]) -> str:
    """Say how much longer a step takes beside a feeder, and beside threads and processes; empty if not known.

    Args:
        best: the row of the feeder that is recommended.
        cells: rows of its subject and workload, that of the ceiling among them.
    """
    alone = next((cell for cell in cells if cell["feeder"] in CEILINGS), None)
    if best is None or alone is None or not _work(alone) or not _work(best):
        return ""
    text = (
        f"without its wait a step takes {_work(best) / _work(alone):.2f} times as long beside `{best['feeder']}` as "
        f"beside `{alone['feeder']}`"
    )
    safe = [cell for cell in cells if cell["state"] == SAFE and cell["workers"] > 1 and _work(cell)]
    spans = []
    for place, kinds in PLACES:
        times = [_work(cell) / _work(alone) for cell in safe if SHARED_BY.get(cell["feeder"]) in kinds]
        if times:
            spans.append(f"{place}: {_span(times)}")
    return "; ".join([text, *spans])


def _work(cell: Mapping[str, Any]) -> float:
    """Seconds of a batch without the wait for it; 0 if not known."""
    value = cell.get("step_work")
    return 0.0 if value is None or pd.isna(value) else float(value)


def _span(times: Sequence[float]) -> str:
    low, high = (f"{each:.2f}" for each in (min(times), max(times)))
    return f"{low} times" if low == high else f"{low} to {high} times"

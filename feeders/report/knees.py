"""Where more workers stop to help, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from feeders.loaders import WORKLOADS

from .cells import NO_NUMBER, RANKING_METRIC, SUBJECT
from .recommendation import FEEDERS_BY_NAME

# Share of a feeder's best that its knee reaches.
KNEE = 0.95

REASONS = {
    "lock": "one lock: workers take turns, and each hand-over costs",
    "processes": "processes share no GIL; each batch is copied to the one that trains, and they start anew for each "
    "epoch",
    "ops": "TensorFlow's threads without Python: no GIL, no wider than its thread pool",
}
THREADS = {
    "held": "threads share the GIL, and preparing a batch holds it: they take turns",
    "released": "threads share the GIL; preparing a batch releases it, so they run side by side",
    "short": "threads share the GIL; preparing a batch is so short that handing it over costs as much",
}

KEYS = [*SUBJECT, "workload", "feeder"]


def knees_table(cells: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each feeder that was measured with several numbers of workers.

    Args:
        cells: as `cells_table` returns it.

    Returns:
        The columns of `KEYS`; ``knee``: the fewest workers that reach `KNEE` of the feeder's best; ``gain``: its speed
        there over that with one worker; ``most`` workers measured; and the ``reason``.
    """
    rows = []
    usable = cells[cells["state"] != NO_NUMBER]
    for key, group in usable.groupby(KEYS, sort=False):
        speeds = dict(zip(group["workers"], group[RANKING_METRIC]))
        row = FEEDERS_BY_NAME.get(str(key[-1]))
        if len(speeds) > 1 and row is not None and row.parallel:
            rows.append({**dict(zip(KEYS, key)), **_knee(speeds), "reason": _reason(row.shared_by, str(key[-2]))})
    return pd.DataFrame(rows, columns=[*KEYS, "knee", "gain", "most", "reason"])


def _knee(speeds: dict[int, float]) -> dict[str, Any]:
    best = max(speeds.values())
    knee = min(workers for workers, value in speeds.items() if value >= KNEE * best)
    gain = speeds[knee] / speeds[1] if speeds.get(1) else np.nan
    return {"knee": knee, "gain": gain, "most": max(speeds)}


def _reason(shared_by: str, workload: str) -> str:
    gil = next((row.gil for row in WORKLOADS if row.name == workload), "")
    return REASONS.get(shared_by) or THREADS.get(gil, "")

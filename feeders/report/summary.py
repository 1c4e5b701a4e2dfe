"""The Markdown summary: effective throughput of every feeder, or the word for what became of it."""

from __future__ import annotations

from typing import Iterable

import numpy as np
import pandas as pd

from feeders.measure import MEASURED, Record
from feeders.strategies import FEEDERS
from feeders.workloads import WORKLOADS

from .takes import Takes

# Behind a number: not every sample arrived once, or not all whole.
UNSAFE = " ✗"


def summarise(parts: Iterable[Takes]) -> str:
    """Return a Markdown section for each release on each machine."""
    return "\n\n".join(_section(part) for part in parts)


def _section(part: Takes) -> str:
    first = part.records[0]
    stack = f"TensorFlow {first.stack['tensorflow']}, Keras {first.stack['keras']}, Python {first.stack['python']}"
    cells = pd.DataFrame(
        [(take.feeder, (take.workload, take.workers), take) for take in part.records],
        columns=["feeder", "column", "take"],
    )
    table = cells.groupby(["feeder", "column"])["take"].apply(lambda takes: _cell(list(takes))).unstack()
    columns = _ordered({(take.workload, take.workers) for take in part.records})
    table = table.reindex(index=[row.name for row in FEEDERS if row.name in table.index], columns=columns).fillna("")
    heads = [f"{workload} ×{workers}" for workload, workers in columns]
    rows = [f"| `{name}` | {' | '.join(cells)} |" for name, cells in zip(table.index, table.to_numpy())]
    return "\n".join(
        [
            f"**{stack}**, {first.host['cores']} cores, machine `{part.machine}`, environment `{part.environment}`:",
            "effective samples/s (unique and whole), by workload × workers",
            "",
            f"| feeder | {' | '.join(heads)} |",
            f"|---|{'--:|' * len(heads)}",
            *rows,
            "",
            _footnote(part.records),
        ]
    )


def _ordered(columns: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    order = [row.name for row in WORKLOADS]
    return sorted(columns, key=lambda column: (order.index(column[0]), column[1]))


def _cell(takes: list[Record]) -> str:
    """The median of the takes, or the word for what became of most of them."""
    measured = [take for take in takes if take.outcome == MEASURED]
    if len(measured) * 2 <= len(takes):
        words = pd.Series([take.outcome for take in takes if take.outcome != MEASURED])
        return str(words.mode()[0])
    value = np.median([take.metrics["effective_throughput"] for take in measured])
    return f"{value:,.0f}{'' if all(map(_is_safe, measured)) else UNSAFE}"


def _is_safe(take: Record) -> bool:
    return take.guarantee in ("", "exactly-once") and not take.metrics.get("corrupt")


def _footnote(records: Iterable[Record]) -> str:
    measured = [take for take in records if take.outcome == MEASURED]
    takes = pd.DataFrame(
        [((take.feeder, take.workload, take.workers), take.metrics["throughput"]) for take in measured],
        columns=["cell", "speed"],
    )
    speeds = takes.groupby("cell")["speed"]
    counts, quartiles = speeds.size(), speeds.quantile(np.array([0.25, 0.5, 0.75])).unstack()
    spread = 50 * (quartiles[0.75] - quartiles[0.25]) / quartiles[0.5]
    return (
        f"Medians of {_range(counts)} takes, each in fresh processes; half the distance between their quartiles is "
        f"{spread.median():.0f} % of the median in the middle cell and {spread.quantile(0.9):.0f} % in one of ten. "
        f"{UNSAFE.strip()}: in some take not every sample arrived exactly once and whole; only those that did count."
    )


def _range(counts: pd.Series[int]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"

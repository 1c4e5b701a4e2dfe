"""Everything that the report's page shows, as JSON: tables in columns, and the pages that show them."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, Callable, Iterable, Sequence

import numpy as np
import pandas as pd

from feeders.loaders import WORKLOADS
from feeders.measure import METRICS
from feeders.measure.epochs import EPOCH_BATCHES
from feeders.measure.metrics import Metric
from feeders.measure.timed import WAIT_QUANTILES
from feeders.releases.catalogue import age, oldest_first
from feeders.results.machines import name_of_host
from feeders.results.takes import Takes, read_takes

from .answers import answers_table, avoid_table
from .cells import CEILINGS, RANKING_METRIC, SUBJECT, WAITS, cells_table, of_other_length, subject_of
from .changes import changes_table, steps, upgrades_table
from .deliveries import audits_table, deliveries_table
from .devices import short_device
from .knees import KNEE, knees_table
from .neighbours import with_neighbours
from .origins import hosts_table, stacks_table
from .pages import PAGES
from .recommendation import FEEDERS_BY_NAME
from .splits import splits_table

SCHEMA = 1

CHOICES = (
    ("machine", "Machine"),
    ("release", "Release"),
    ("device", "Device"),
    ("workload", "Workload"),
    ("batches", "Batches of an epoch"),
    ("metric", "Metric"),
)

# Lengths of an epoch that answers in words are worked out for, the default first; numbers are for any length.
LENGTHS = (EPOCH_BATCHES, 10, 20, 50, 100, 200, 500, 2_000, 5_000, 10_000, 100_000)

# A number and its interval, as columns are named.
ENDS = ("", "_low", "_high")

# Counts of a verified epoch: they are on the page of the delivery, and no choice of what to plot. The inverse of
# what ranks is asv's.
NOT_PLOTTED = ("missing", "duplicated", "disordered", "corrupt", "stale", "effective", "beyond_limit")

KINDS = {
    "": "one thread",
    "threads": "threads",
    "lock": "one at a time, behind a lock",
    "processes": "processes",
    "ops": "TensorFlow ops",
}


def payload(results: Path) -> dict[str, Any]:
    """Return what the page needs, from the results alone.

    Args:
        results: the results folder.

    Returns:
        Choices, subjects (this host first, then newest releases), names of devices as they are shown, metrics,
        workloads, tables in columns, and pages.

    Raises:
        FeedersError: nothing has been measured yet, or a file is damaged; the text names the file and the line.
    """
    parts = sorted(oldest_first(read_takes(results)), key=lambda part: age(part.release), reverse=True)
    parts.sort(key=lambda part: part.machine != name_of_host())
    cells = with_neighbours(cells_table(results, parts))
    known = [row for row in METRICS if not row.gpu or cells[row.name].notna().any()]
    cells = cells.drop(columns=[f"{row.name}{end}" for row in METRICS if row not in known for end in ENDS])
    metrics = [row for row in known if row.name not in NOT_PLOTTED]
    metrics.sort(key=lambda row: row.name != RANKING_METRIC)  # what ranks is seen first
    changes = changes_table(results, parts)
    by_length = {length: of_other_length(cells, length) for length in LENGTHS}
    return {
        "schema": SCHEMA,
        "title": "Feeding Keras fit()",
        "subtitle": "Ways to feed Keras <code>fit()</code>, measured: fast, safe, with how many workers, and what "
        "upgrades changed.",
        "as_text": "feeders report --summary",
        "choices": [{"name": key, "title": title} for key, title in CHOICES],
        "subjects": _subjects(cells),
        "lengths": LENGTHS,
        "knee": KNEE,
        "names": {device: short_device(device) for device in dict.fromkeys(part.device for part in parts)},
        "metrics": [_metric(row) for row in metrics],
        "workloads": [{"name": row.name, "meaning": row.summary} for row in WORKLOADS],
        "tables": {
            key: _columns(frame)
            for key, frame in {
                "cells": _shown(cells, parts, changes),
                "answers": _each_length(answers_table, by_length),
                "avoid": _each_length(avoid_table, by_length),
                "splits": splits_table(parts),
                "knees": knees_table(cells),  # the page looks for the knee again, for its length
                "audits": audits_table(results, parts),
                "deliveries": deliveries_table(cells),
                "changes": changes,
                "upgrades": upgrades_table(changes),
                "hosts": hosts_table(results, parts),
                "stacks": stacks_table(parts),
                "metrics": _meanings(known),
            }.items()
        },
        "pages": [dataclasses.asdict(page) for page in PAGES],
    }


def _each_length(make: Callable[[pd.DataFrame], pd.DataFrame], by_length: dict[int, pd.DataFrame]) -> pd.DataFrame:
    """A table for epochs of each length, one below the other."""
    return pd.concat([make(cells).assign(batches=length) for length, cells in by_length.items()], ignore_index=True)


def _metric(row: Metric) -> dict[str, Any]:
    title = row.name.replace("_", " ")
    return {
        "name": row.name,
        "title": title,
        "unit": row.in_column()[0],
        "meaning": row.meaning,
        "lower_is_better": row.lower_is_better,
    }


def _subjects(cells: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {**dict(zip(SUBJECT, key)), "workloads": list(dict.fromkeys(group["workload"]))}
        for key, group in cells.groupby(list(SUBJECT), sort=False)
    ]


def _columns(frame: pd.DataFrame) -> dict[str, Any]:
    """A table as lists; what is not known is null, and numbers have four digits."""
    return {"columns": {str(key): [_plain(value) for value in frame[key].tolist()] for key in frame.columns}}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}") if math.isfinite(value) else None
    return value


def _shown(cells: pd.DataFrame, parts: Sequence[Takes], changes: pd.DataFrame) -> pd.DataFrame:
    """The cells in the units of the page, with what its charts need beside the numbers."""
    shown = cells.drop(columns=[WAITS, *(f"effective{end}" for end in ENDS)])
    for row in METRICS:
        factor = row.in_column()[1]
        for key in (f"{row.name}{end}" for end in ENDS):
            if factor != 1.0 and key in shown:
                shown[key] = shown[key] * factor
    titles = {subject_of(part): part.stack for part in parts}
    order = {release: index for index, release in enumerate(sorted(set(cells["release"]), key=age))}
    step_of = steps(changes)
    where = list(zip(*(cells[key] for key in (*SUBJECT, "feeder", "workload", "workers"))))
    extra = pd.DataFrame(
        {
            "cell": [f"{feeder} ×{workers}" for feeder, workers in zip(cells["feeder"], cells["workers"])],
            "ceiling": [feeder in CEILINGS for feeder in cells["feeder"]],
            "kind": [
                KINDS[FEEDERS_BY_NAME[feeder].shared_by] if feeder in FEEDERS_BY_NAME else ""
                for feeder in cells["feeder"]
            ],
            "parallel": [feeder in FEEDERS_BY_NAME and FEEDERS_BY_NAME[feeder].parallel for feeder in cells["feeder"]],
            "age": [order[release] for release in cells["release"]],
            "stack": [titles.get(key, "") for key in zip(*(cells[key] for key in SUBJECT))],
            "step": [step_of.get(key, ("", ""))[0] for key in where],
            "step_label": [step_of.get(key, ("", ""))[1] for key in where],
            **{f"q{round(100 * q)}": _quantile(cells[WAITS], q) for q in (0.05, 0.25, 0.5, 0.75, 0.95)},
        },
        index=cells.index,
    )
    return pd.concat([shown, extra], axis=1)


def _quantile(waits: Iterable[Any], quantile: float) -> list[float]:
    place = WAIT_QUANTILES.index(quantile)
    return [1e3 * each[place] if isinstance(each, list) else np.nan for each in waits]


def _meanings(metrics: Iterable[Metric]) -> pd.DataFrame:
    return pd.DataFrame([{"metric": row.name, "unit": row.in_column()[0], "meaning": row.meaning} for row in metrics])

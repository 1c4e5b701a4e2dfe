"""Where the numbers come from, as tables of the page: hosts, stacks and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

import numpy as np
import pandas as pd

from feeders.measure import BROKEN, MEASURED
from feeders.measure.metrics import spoken
from feeders.results.machines import read_description
from feeders.results.takes import Takes

from .cells import SUBJECT, subject_of

# Facts of a machine as people call them; asv calls them otherwise.
FACTS = {"arch": "architecture", "cpu": "CPU", "num_cpu": "cores", "os": "system", "ram": "memory"}


def hosts_table(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    """Return what is known of each machine, a row for each fact.

    Raises:
        FeedersError: the description of a machine is damaged.
    """
    machines = dict.fromkeys(part.machine for part in parts)
    rows = [
        (machine, FACTS.get(name, name), _size(value) if name == "ram" else value)
        for machine in machines
        for name, value in read_description(results, machine).items()
    ]
    return pd.DataFrame(rows, columns=["machine", "what", "value"])


def _size(value: str) -> str:
    """Bytes as people say them; what a person wrote there otherwise stays."""
    return spoken(float(value), "bytes") if value.isdecimal() else value


def stacks_table(parts: Iterable[Takes]) -> pd.DataFrame:
    """Return a row for each release, machine and environment: its stack, how it was measured, and counts."""
    rows = []
    for part in parts:
        records = part.records
        settings = {f"{key} {value}" for take in records for key, value in take.settings.items() if value is not None}
        overheads = [take.overhead for take in records if take.outcome == MEASURED and take.overhead is not None]
        rows.append(
            {
                **dict(zip(SUBJECT, subject_of(part))),
                "stack": part.stack,
                "takes": len(records),
                "cells": len({(take.feeder, take.workload, take.workers) for take in records}),
                "broken": sum(take.outcome in BROKEN for take in records),
                "settings": ", ".join(sorted(settings)),
                "load": float(np.median([take.host.get("load", np.nan) for take in records])),
                "overhead": float(np.median(overheads)) if overheads else np.nan,
                "first": min(take.started for take in records)[:16],
                "last": max(take.started for take in records)[:16],
            }
        )
    return pd.DataFrame(rows)

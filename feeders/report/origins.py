"""Where the numbers come from, as tables of the page: hosts, stacks and settings."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

import numpy as np
import pandas as pd

from feeders.measure import BROKEN, MEASURED
from feeders.results.machines import read_description
from feeders.results.takes import Takes

from .cells import SUBJECT, subject_of


def hosts_table(results: Path, parts: Iterable[Takes]) -> pd.DataFrame:
    """Return what is known of each machine, a row for each fact.

    Raises:
        FeedersError: the description of a machine is damaged.
    """
    machines = dict.fromkeys(part.machine for part in parts)
    rows = [(machine, *fact) for machine in machines for fact in read_description(results, machine).items()]
    return pd.DataFrame(rows, columns=["machine", "what", "value"])


def stacks_table(parts: Iterable[Takes]) -> pd.DataFrame:
    """Return a row for each release, machine and environment: its stack, how it was measured, and counts."""
    rows = []
    for part in parts:
        records = part.records
        settings = {f"{key} {value}" for take in records for key, value in take.settings.items()}
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

"""What all questions share: parameters, the store of takes, and how a series is declared."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Callable

from asv_runner.benchmarks.mark import SkipNotImplemented

from feeders.loaders import WORKLOADS
from feeders.measure import METRICS, WORKERS, Cell, current_profile
from feeders.measure.cells import OWN_WORKLOAD
from feeders.measure.metrics import SERIES_VERSION
from feeders.measure.store import Store
from feeders.strategies import FEEDERS

# One take a round. Five give asv an interval; verdicts need more and are made by feeders.compare.
ROUNDS = 5

# Above two deadlines of a take and one of the limit, which the first series of a cell may have to wait for.
TIMEOUT_SECONDS = 240

UNITS = {metric.name: metric.unit for metric in METRICS}


class Question:
    """Parameters and set-up of every class of series."""

    params = ([row.name for row in FEEDERS], [*(row.name for row in WORKLOADS), OWN_WORKLOAD], list(WORKERS))
    param_names = ("feeder", "workload", "workers")
    version = SERIES_VERSION
    timeout = TIMEOUT_SECONDS

    def setup_cache(self) -> str:
        """Return the folder of the store: asv makes one, gives it to all series, and removes it after the run."""
        return str(Path.cwd())

    def setup(self, folder: str, feeder: str, workload: str, workers: int) -> None:
        """Skip what the profile leaves out, where asv launches it all the same."""
        if Cell(feeder, workload, workers) not in current_profile().cells:
            raise NotImplementedError(f"not in profile {current_profile().name}")


def series(metric: str, unit: str = "") -> Callable[[Any], Any]:
    """Make a method an asv series of one metric; its docstring is asv's tooltip.

    Args:
        metric: what `Store.value` takes.
        unit: asv's unit, where no `Metric` has it.
    """

    def decorate(method: Any) -> Any:
        @functools.wraps(method)
        def track(self: Any, folder: str, feeder: str, workload: str, workers: int) -> Any:
            value = Store(folder).value(metric, Cell(feeder, workload, workers))
            if value is None:
                raise SkipNotImplemented(f"no {metric}")
            # With samples asv keeps one per round, and computes median, interval and quartiles over the rounds.
            return {"samples": [value], "number": 1}

        # asv exports attributes of functions only, and takes `rounds` of a track_ series from nowhere else.
        track.unit = unit or UNITS[metric]
        track.rounds = ROUNDS
        return track

    return decorate

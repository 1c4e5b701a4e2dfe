"""Which cells a host measures: what its cores can tell, in the time that people wait for it."""

from __future__ import annotations

from collections import Counter

import pytest

from feeders.measure import METRICS
from feeders.measure.cells import WORKERS, core_cells, core_workers, measured_workers
from feeders.strategies import FEEDERS, feeder

# Seconds on two cores where nothing else runs, reckoned from the CPU time and the waits of single takes: of one; of one
# whose workers are processes, which start three times; of one of the pool of processes, whose workers are new
# interpreters; and of one that Keras 3 refuses at once.
TAKE, PROCESSES, INTERPRETERS, REFUSED = 2.5, 3.6, 5.5, 0.5

# Of the limit of a workload; of asv's launch of a series on a cell; of imports and discovery, once.
LIMIT, LAUNCH, START = 4.0, 0.008, 25.0

ROUNDS = 5


@pytest.mark.parametrize(
    ("cores", "core", "full"),
    [
        (1, (1, 4), (1, 2, 4)),
        (2, (1, 2, 4), (1, 2, 4)),
        (4, (1, 4), (1, 2, 4, 8)),
        (6, (1, 4), (1, 2, 4, 8)),
        (16, (1, 4, 16), WORKERS),
        (100, (1, 4, 32), WORKERS),
    ],
)
def test_workers_follow_the_cores(cores, core, full):
    assert core_workers(cores) == core
    assert measured_workers(cores) == full


def test_numbers_of_workers_are_appended():
    """asv's parameters are never reordered."""
    assert WORKERS[:4] == (1, 2, 4, 8)


def counts(name, workload, cores=2):
    """Numbers of workers that the core profile measures a feeder with."""
    return tuple(cell.workers for cell in core_cells(cores) if (cell.feeder, cell.workload) == (name, workload))


def test_the_core_profile_takes_what_tells_something():
    assert counts("tfdata-map", "jpeg") == counts("lookahead-threads", "jpeg") == (1, 2, 4)
    assert counts("lookahead-threads", "jpeg", cores=16) == (1, 4, 16)
    assert counts("sequence", "text") == (1, 4)  # threads take turns behind the GIL
    assert counts("sequence", "remote") == (1, 4)
    assert counts("sequence", "remote", cores=16) == (1, 4, 16)
    assert counts("sequence-processes", "text") == (1, 2)
    assert counts("sequence-processes", "text", cores=16) == (1, 4, 16)
    assert counts("sequence-lock", "text") == (1, 4)
    assert counts("sequence-lock", "jpeg") == (4,)
    assert counts("sequence-call-lock", "remote") == (4,)
    assert counts("sequence-call-lock", "text") == ()


def test_the_core_profile_measures_every_installed_feeder_and_no_workload_without_the_others():
    for row in filter(lambda row: row.is_installed, FEEDERS):
        loads = {cell.workload for cell in core_cells(2) if cell.feeder == row.name}
        if row.name == "tfdata-service":  # `full` has it
            assert not loads
        else:
            assert loads == ({"remote"} if row.mistake else {"text", "jpeg", "remote"})


def seconds_of(cell):
    """What a take of a cell is planned with."""
    row = feeder(cell.feeder)
    if (
        cell.feeder.startswith(("generator-processes", "generator-locked-processes"))
        or cell.feeder == "generator-locked"
    ):
        return REFUSED
    if (cell.feeder == "generator" and cell.workers > 1) or (row.pulls == "ops" and cell.workload == "remote"):
        return REFUSED
    if row.name == "lookahead-processes":
        return INTERPRETERS
    return PROCESSES if row.shared_by == "processes" else TAKE


def test_a_run_of_the_core_profile_is_planned_for_25_minutes_and_a_quick_one_for_5():
    """By arithmetic, on two cores: the cells times what each is planned with."""
    cells = core_cells(2)
    assert len(cells) == 97
    series = 1 + sum(metric.lower_is_better and not metric.gpu for metric in METRICS)
    limits = LIMIT * len(Counter(cell.workload for cell in cells))
    a_round = sum(map(seconds_of, cells)) + limits + LAUNCH * series * len(cells)
    assert START + a_round <= 5 * 60
    assert START + ROUNDS * a_round <= 25 * 60

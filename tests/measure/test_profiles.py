"""Which cells a host measures: what its cores can tell."""

from __future__ import annotations

import pytest

from feeders.measure.cells import WORKERS, core_workers, measured_workers


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

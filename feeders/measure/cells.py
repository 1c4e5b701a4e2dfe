"""Cells, and the profiles that choose among them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from feeders.errors import FeedersError
from feeders.strategies import FEEDERS, feeder
from feeders.workloads import WORKLOADS, workload

WORKERS = (1, 2, 4, 8)

PROFILE_VARIABLE = "FEEDERS_PROFILE"


@dataclass(frozen=True)
class Cell:
    """What one take measures: a feeder, a workload and a number of workers.

    Raises:
        FeedersError: from `checked`, for a name that is in no catalogue or a number of workers below one.
    """

    feeder: str
    workload: str
    workers: int

    def __str__(self) -> str:
        return f"{self.feeder} on {self.workload}, workers {self.workers}"

    def checked(self) -> Cell:
        """Return the cell if its names are known."""
        feeder(self.feeder)
        workload(self.workload)
        if self.workers < 1:
            raise FeedersError(f"{self}: {self.workers} workers; expected 1 or more. Try: 1, 2, 4 or 8")
        return self


@dataclass(frozen=True)
class Profile:
    """A choice of cells.

    Attributes:
        name: its name in FEEDERS_PROFILE.
        workloads: which workloads.
        workers: which numbers of workers; feeders without workers are measured with one.
    """

    name: str
    workloads: tuple[str, ...]
    workers: tuple[int, ...]

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells, in catalogue order."""
        return tuple(
            Cell(row.name, load, count)
            for row in FEEDERS
            for load in self.workloads
            for count in self.workers
            if row.parallel or count == 1
        )


PROFILES = (
    # One workload that holds the GIL, one that releases it, one that only waits: with one worker and with some.
    Profile("core", ("text", "jpeg", "remote"), (1, 4)),
    Profile("full", tuple(row.name for row in WORKLOADS), WORKERS),
)


def profile(name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        FeedersError: there is none.
    """
    for row in PROFILES:
        if row.name == name:
            return row
    known = " or ".join(row.name for row in PROFILES)
    raise FeedersError(f"{PROFILE_VARIABLE}={name}: not a profile; expected {known}. Try: unset {PROFILE_VARIABLE}")


def current_profile() -> Profile:
    """Return the profile that FEEDERS_PROFILE names, `core` by default."""
    return profile(os.environ.get(PROFILE_VARIABLE) or "core")

"""Cells, and the profiles that choose among them."""

from __future__ import annotations

import os
from dataclasses import dataclass

from feeders import variables
from feeders.catalogue import Catalogue
from feeders.errors import FeedersError
from feeders.loaders import OPS, WORKLOADS, Workload, workload
from feeders.loaders.own import Own
from feeders.strategies import FEEDERS, Feeder, feeder

from .host import usable_cores

# The loader that FEEDERS_LOADER names, as asv's series call it.
OWN_WORKLOAD = "own"

# asv parameters are appended to, and never reordered.
WORKERS = (1, 2, 4, 8, 16, 32)

# Of the profile `core`: the workload that only waits, whose workers are many at once on any host; and the one whose
# preparation holds the GIL, where handing over a lock costs most.
WAITS, HOLDS = "remote", "text"


def measured_workers(cores: int) -> tuple[int, ...]:
    """Return the numbers of workers that a host can tell something of: up to twice its cores, and 4 anywhere.

    Loaders that wait gain from more workers than cores, so some are measured; many more only change places.
    """
    return tuple(count for count in WORKERS if count <= max(4, 2 * cores))


def core_workers(cores: int) -> tuple[int, ...]:
    """Return one worker, some, and as many as there are cores, or the nearest number below that is measured."""
    nearest = max(count for count in WORKERS if count <= max(1, cores))
    return tuple(sorted({1, 4, nearest}))


def is_own(name: str) -> bool:
    """Whether a workload's name is a person's loader: its address, or `OWN_WORKLOAD`."""
    return ":" in name or name == OWN_WORKLOAD


def address_of(name: str) -> str:
    """Return the address of a person's loader.

    Args:
        name: the address, or `OWN_WORKLOAD`, for which FEEDERS_LOADER has it.

    Raises:
        FeedersError: FEEDERS_LOADER is not set.
    """
    if name != OWN_WORKLOAD:
        return name
    address = os.environ.get(variables.LOADER)
    if not address:
        raise FeedersError(
            f"{OWN_WORKLOAD}: the loader that {variables.LOADER} names, which is not set. "
            f"Try: {variables.LOADER}=FILE.py:NAME with the same command"
        )
    return address


@dataclass(frozen=True)
class Cell:
    """What one take measures: a feeder, a workload or a person's loader by its address, and a number of workers."""

    feeder: str
    workload: str
    workers: int

    def __str__(self) -> str:
        return f"{self.feeder} on {self.workload}, workers {self.workers}"

    @property
    def is_own(self) -> bool:
        """Whether a person's loader is fed."""
        return is_own(self.workload)

    def rows(self) -> tuple[Feeder, Workload | Own]:
        """Return the rows of the catalogues that it names; a person's loader is a row of its own.

        Raises:
            FeedersError: there is no such row, or the number of workers is below one.
        """
        found = feeder(self.feeder), Own(address_of(self.workload)) if self.is_own else workload(self.workload)
        if self.workers < 1:
            raise FeedersError(f"{self}: {self.workers} workers; expected 1 or more. Try: 1, 2, 4 or 8")
        return found

    def load(self, call: str | None, steps: int | None, batch: int | None) -> Workload | Own:
        """Return what opens its loader.

        Args:
            call: makes a person's.
            steps: batches of an epoch of a person's.
            batch: samples of a batch of a workload; None is its own size.

        Raises:
            FeedersError: as `rows`, or there is no such size.
        """
        load = self.rows()[1]
        return Own(load.name, call, steps) if isinstance(load, Own) else load.of_batch(batch)

    def checked(self) -> Cell:
        """Return the cell.

        Raises:
            FeedersError: as `rows`.
        """
        self.rows()
        return self


@dataclass(frozen=True)
class Profile:
    """A choice of cells.

    Attributes:
        name: its name in FEEDERS_PROFILE.
        cells: what is measured.
    """

    name: str
    cells: tuple[Cell, ...]


def core_cells(cores: int) -> tuple[Cell, ...]:
    """Return the cells of the profile `core`, on a host of so many cores.

    One workload that holds the GIL, one that releases it, one that only waits; all feeders, with as many workers as
    tell something.
    """
    return tuple(
        Cell(row.name, load, count)
        for row in FEEDERS
        if row.is_installed
        for load in (HOLDS, "jpeg", WAITS)
        for count in _core_counts(row, load, cores)
    )


def own_cells(cores: int) -> tuple[Cell, ...]:
    """Return the cells of a person's loader: all feeders but those that are here to show a mistake."""
    return tuple(
        Cell(row.name, OWN_WORKLOAD, count)
        for row in FEEDERS
        if row.is_installed and not row.mistake
        for count in (core_workers(cores) if row.parallel else (1,))
    )


def _core_counts(row: Feeder, load: str, cores: int) -> tuple[int, ...]:
    if row.pulls == OPS and row.shared_by == "processes":  # tf.data service: made for other hosts than this one
        return ()
    if not row.parallel:
        return (1,)
    if row.mistake:  # several workers show it anywhere, and nobody chooses it for its speed
        return (4,) if load == WAITS else ()
    counts = core_workers(cores)
    if row.shared_by == "lock":  # one worker alone never waits for its lock
        return (1, 4) if load == HOLDS else (4,)
    if row.shared_by == "processes":  # beyond the cores they wait for each other
        return (4,) if load == WAITS else tuple(count for count in counts if count <= cores)
    if load == HOLDS and row.shared_by == "threads":  # they take turns, however many
        return (1, 4)
    return tuple(count for count in counts if count != 2) if load == WAITS else counts  # two that wait are twice one


def _grid(workloads: tuple[str, ...], workers: tuple[int, ...]) -> tuple[Cell, ...]:
    """All feeders on these workloads, in catalogue order; those without workers with one."""
    return tuple(
        Cell(row.name, load, count)
        for row in FEEDERS
        for load in workloads
        for count in workers
        if row.parallel or count == 1
    )


def _listed(workload: str, *cells: str) -> tuple[Cell, ...]:
    """Cells of a workload, each given as "feeder workers"."""
    pairs = (cell.split() for cell in cells)
    return tuple(Cell(feeder, workload, int(workers)) for feeder, workers in pairs)


_ROWS = (
    Profile("core", core_cells(usable_cores())),
    # What a host has no cores for is skipped.
    Profile("full", _grid(tuple(row.name for row in WORKLOADS), measured_workers(usable_cores()))),
    # Each kind of feeder, where releases may differ: to be measured on many releases. Keras 2 waits five seconds after
    # each epoch of a sequence with several workers, so these are few.
    Profile(
        "history",
        _listed(
            "text",
            *("resident 1", "arrays 1", "generator 1", "generator-locked-bridge 1", "sequence 1", "sequence 4"),
            *("sequence-processes 4", "tfdata-generator 1", "tfdata-map 1", "tfdata-map 4", "tfdata-native 4"),
        )
        + _listed(
            "remote",
            *("resident 1", "generator 1", "generator-processes 4", "generator-locked 4", "generator-serialized 1"),
            *("sequence 1", "sequence 4", "sequence-lock 4", "sequence-call-lock 4", "sequence-picklable-lock 1"),
            *("sequence-processes 4", "tfdata-map 4", "tfdata-interleave 4"),
        ),
    ),
)

PROFILES = Catalogue(f"a value of {variables.PROFILE}", _ROWS, hint=f"unset {variables.PROFILE}")


def profile(name: str) -> Profile:
    """Return the profile of that name.

    Raises:
        FeedersError: there is none.
    """
    return PROFILES.named(name)


def current_profile() -> Profile:
    """Return the profile that FEEDERS_PROFILE names, `core` by default; with FEEDERS_LOADER, that loader alone."""
    chosen = profile(os.environ.get(variables.PROFILE) or "core")
    return Profile(OWN_WORKLOAD, own_cells(usable_cores())) if os.environ.get(variables.LOADER) else chosen

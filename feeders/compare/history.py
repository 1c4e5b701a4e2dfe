"""The recorded history of a machine: for each cell the takes of each release, and what looks like a change in it."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Callable, Iterable, Mapping, Sequence

from feeders.measure import BROKEN, MEASURED, Cell, Record
from feeders.releases.stacks import stacks
from feeders.results.record import EXACTLY_ONCE, REFUSED

from .request import name_of
from .screen import History, Suspect, low_quantile, suspects

RecordsByRelease = Mapping[str, Sequence[Record]]


@dataclass(frozen=True)
class Suspected:
    """A cell that may have changed at a release.

    Attributes:
        cell: which.
        suspect: where, and what the screen saw.
    """

    cell: Cell
    suspect: Suspect

    @property
    def name(self) -> str:
        """Name of the cell."""
        return name_of(self.cell)

    @property
    def releases(self) -> tuple[str, str]:
        """The release before, and the one after."""
        return self.suspect.before, self.suspect.after

    @property
    def key(self) -> tuple[str, str, str]:
        """As `ReleaseFinding.key`."""
        return (self.name, *self.releases)


@dataclass(frozen=True)
class Turned:
    """A cell whose outcome, or what arrives of its samples, is another one from a release on.

    Attributes:
        cell: which.
        before: the release before.
        after: the release.
        was: outcome before, or the guarantee where it was measured.
        is_now: the same after.
        worse: whether it was measured before and breaks, is refused or no longer delivers every sample once.
    """

    cell: Cell
    before: str
    after: str
    was: str
    is_now: str
    worse: bool


def by_cell(releases: Mapping[str, Iterable[Record]]) -> dict[Cell, dict[str, list[Record]]]:
    """Return the takes of each cell by release.

    Args:
        releases: takes of each release, in the order of the releases; those of other environments than its stack's are
            left out where there are takes of that one.
    """
    cells: dict[Cell, dict[str, list[Record]]] = defaultdict(dict)
    for release, records in releases.items():
        for record in _of_one_environment(release, list(records)):
            cell = Cell(record.feeder, record.workload, record.workers)
            cells[cell].setdefault(release, []).append(record)
    return dict(cells)


def screen(cells: Mapping[Cell, RecordsByRelease]) -> list[Suspected]:
    """Return what may have changed: the epoch with its gap, or without it; each cell and transition once."""
    suspected: dict[tuple[Cell, str, str], Suspected] = {}
    for cell, takes in cells.items():
        for quantity in (_epoch, _feed):
            for suspect in suspects(_history(takes, quantity)):
                suspected.setdefault((cell, suspect.before, suspect.after), Suspected(cell, suspect))
    return list(suspected.values())


def turned(cells: Mapping[Cell, RecordsByRelease]) -> list[Turned]:
    """Return where most takes of a cell began to end otherwise, or all of them to deliver otherwise.

    A release whose takes deliver now so and now otherwise, as a race does, says nothing of the second.
    """
    changed = []
    for cell, takes in cells.items():
        states = [(release, state) for release, records in takes.items() if (state := _state(records))]
        for (before, was), (after, now) in zip(states, states[1:]):
            if was != now:
                changed.append(Turned(cell, before, after, _words(was), _words(now), _is_worse(was, now)))
    return changed


def _of_one_environment(release: str, records: list[Record]) -> list[Record]:
    digests = Counter(record.stack.get("pins", "") for record in records)
    stack = stacks().get(release)
    own = stack.digest if stack and stack.digest in digests else records[-1].stack.get("pins", "") if records else ""
    return [record for record in records if record.stack.get("pins", "") == own]


def _history(takes: RecordsByRelease, quantity: Callable[[Record], float | None]) -> History:
    history = {}
    for release, records in takes.items():
        values = [(_round(record), quantity(record)) for record in records]
        history[release] = [(key, value) for key, value in values if value is not None]
    return history


def _round(record: Record) -> str | None:
    return f"{record.run} {record.round}" if record.run else None


def _epoch(record: Record) -> float | None:
    """Log of the seconds of an epoch and its gap."""
    return low_quantile(record.epochs[1:]) if record.outcome == MEASURED else None


def _feed(record: Record) -> float | None:
    """Log of the seconds of an epoch without its gap."""
    if record.outcome != MEASURED or "gap" not in record.metrics:
        return None
    seconds = record.metrics["epoch"] - record.metrics["gap"]
    return math.log(seconds) if seconds > 0 else None


def _state(records: Sequence[Record]) -> tuple[str, str] | None:
    outcome = Counter(record.outcome for record in records).most_common(1)[0][0]
    if outcome != MEASURED:
        return outcome, ""
    guarantees = {record.guarantee for record in records if record.outcome == MEASURED}
    return (outcome, guarantees.pop()) if len(guarantees) == 1 else None


def _is_worse(was: tuple[str, str], now: tuple[str, str]) -> bool:
    if was[0] != MEASURED:
        return False
    return now[0] in (*BROKEN, REFUSED) or (was[1] == EXACTLY_ONCE and now[0] == MEASURED)


def _words(state: tuple[str, str]) -> str:
    return state[1] or state[0]

"""Locks that lock nothing."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.source import call_lock

from ._case import Case
from ._cause import Cause, Family, Fault

# For processes, which share no lock of `threading`, wherever it is made.
_PROCESSES = "Between processes it has to be a multiprocessing.Lock(): one of threading excludes none of them."

CALL_LOCK = Cause(
    "call-lock",
    "The lock is new in each call, so nobody ever waits for it: it excludes no one.",
    "Make the lock once, in __init__, and leave it out of the pickled state (__getstate__) where workers are "
    "processes.",
    race=True,
)


def find(case: Case) -> Iterator[Fault]:
    """Find a lock that is made in the function in which a race was seen."""
    race = case.race
    if race is None:
        return
    made = ((file, call_lock(function)) for file, function in race.functions)
    file, line = next(((file, line) for file, line in made if line is not None), ("", None))
    if line is not None:
        where = (f"{file}:{line}: a new lock in each call",)
        explains = ("shared-state", "raises")
        advice = _PROCESSES if case.description.processes else ""
        yield Fault(CALL_LOCK, race.seen, where, race.observations, advice, race.delivery, explains)


FAMILY = Family((CALL_LOCK,), find)

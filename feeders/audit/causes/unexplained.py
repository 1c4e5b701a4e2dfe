"""Faults without a name, which are faults all the same."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import Cause, Family, Fault

UNEXPLAINED = Cause(
    "unexplained",
    "Samples are lost, repeated or changed, and the lines that do it were not found.",
    "Give it more time (--seconds), or audit its parts.",
)


def find(case: Case) -> Iterator[Fault]:
    """Name what was counted wrong, where nothing else does."""
    if case.miscounted:
        yield Fault(UNEXPLAINED, case.worst_epoch(), fallback=True)


def notes(case: Case) -> Iterator[str]:
    """Say what was counted in one ``fit()`` alone."""
    runs = case.fits_with("faults") if case.can_be_counted else ()
    if len(runs) == 1 and not case.race and not case.is_buffer_reused:
        yield f"counted in one fit() and in no other one, so not judged: {case.worst_epoch()}"


FAMILY = Family((UNEXPLAINED,), find, notes)

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


FAMILY = Family((UNEXPLAINED,), find)

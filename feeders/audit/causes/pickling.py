"""What can't be sent to a worker process."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import Cause, Family, Fault

NOT_PICKLABLE = Cause(
    "not-picklable",
    "A process that is spawned gets the loader pickled, and a part of it can't be.",
    "Leave it out in __getstate__ and make it again in __setstate__; or open it at its first use in the worker.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it where worker processes get the loader pickled."""
    fault, ending = case.description.unpicklable, case.ending
    if fault and case.description.pickles:
        raised = ("raises",) if ending and "pickle" in ending.message else ()
        yield Fault(NOT_PICKLABLE, fault.text(), explains=("hangs", "hangs-at-epoch-end", *raised))


def notes(case: Case) -> Iterator[str]:
    """Say it where they do not, and would under another start method."""
    fault, known = case.description.unpicklable, case.description
    if fault and known.processes and not known.pickles:
        yield f"under spawn or forkserver (the default from Python 3.14) it could not start: {fault.text()}"


FAMILY = Family((NOT_PICKLABLE,), find, notes)

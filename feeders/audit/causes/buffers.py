"""An array that is written again while others still have it."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import CORRUPT, OBSERVATIONS, Cause, Family, Fault
from ._race import observations

REUSED_BUFFER = Cause(
    "reused-buffer",
    "A returned array is written again by a later call, while Keras still has it in its queue.",
    "Return a new array from each call, or a copy: buffer.copy().",
    race=True,
)


def find(case: Case) -> Iterator[Fault]:
    """Find it in two serial passes, or among workers that meet."""
    if not case.is_buffer_reused:
        return
    reused = case.evidence.forward.reused if case.evidence.forward else None
    if reused:
        owner = reused.owner or "memory of the loader"
        seen = f"batch {reused.index} was overwritten when batch {reused.by} was made; it is part of {owner}"
        count = OBSERVATIONS
    else:
        seen = f"{len(case.changed)} batches changed after they were returned"
        count = observations(case.changed)
    yield Fault(REUSED_BUFFER, seen, observations=count, delivery=(CORRUPT,), explains=("raises",))


FAMILY = Family((REUSED_BUFFER,), find)

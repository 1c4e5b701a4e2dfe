"""An array that is written again while others still have it."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.findings import ChangedBatch

from ._case import Case
from ._cause import CORRUPT, OBSERVATIONS, Cause, Family, Fault
from ._race import observations

REUSED_BUFFER = Cause(
    "reused-buffer",
    "A returned array is written again by a later call, while Keras still has it in its queue.",
    "Return a new array from each call, or a copy: buffer.copy().",
    race=True,
)

EXPLAINS = ("call-lock", "shared-handle", "shared-state", "raises")


def find(case: Case) -> Iterator[Fault]:
    """Find it in two serial passes, or among workers that meet."""
    if not case.is_pulled_as_by_keras:
        return
    changed = [item for item in case.findings if isinstance(item[1].seen, ChangedBatch)]
    forward, backward = case.evidence.forward, case.evidence.backward
    reused = forward.reused if forward else None
    if reused and (changed or (backward and backward.reused)):
        owner = reused.owner or "memory of the loader"
        seen = f"batch {reused.index} was overwritten when batch {reused.by} was made; it is part of {owner}"
        yield Fault(REUSED_BUFFER, seen, delivery=(CORRUPT,), explains=EXPLAINS)
    elif observations(changed) >= OBSERVATIONS:
        seen = f"{len(changed)} batches changed after they were returned"
        count = observations(changed)
        yield Fault(REUSED_BUFFER, seen, observations=count, delivery=(CORRUPT,), explains=EXPLAINS)


FAMILY = Family((REUSED_BUFFER,), find)

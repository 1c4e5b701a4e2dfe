"""Hooks between epochs that run while workers read."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import MISSING, OBSERVATIONS, Cause, Family, Fault

HOOK_REORDERS = Cause(
    "hook-reorders",
    "A hook between epochs changes the order of the data while workers already read the new epoch.",
    "Draw the order in on_epoch_end, which Keras 3 calls after its workers have stopped; or derive it from "
    "(seed, epoch) in the call.",
    race=True,
)


def find(case: Case) -> Iterator[Fault]:
    """Find lost samples, where workers read an epoch before its hook had ended."""
    runs = case.fits_with(MISSING) if case.can_be_counted else ()
    early = [run.read_before_hook for run in runs if run.read_before_hook]
    if len(early) >= OBSERVATIONS:
        seen = f"up to {max(early)} batches of an epoch were read before on_epoch_begin had ended"
        yield Fault(HOOK_REORDERS, seen, observations=len(early))


FAMILY = Family((HOOK_REORDERS,), find)

"""Datasets that interleave the same samples."""

from __future__ import annotations

from typing import Iterator

from ._case import Case
from ._cause import DUPLICATED, Cause, Family, Fault

OVERLAPPING_SHARDS = Cause(
    "overlapping-shards",
    "The generators that are interleaved yield the same samples.",
    "Give each its own part: range(number, batches, shards), or Dataset.shard.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it in both serial passes."""
    forward, backward = case.evidence.forward, case.evidence.backward
    if forward and backward and forward.overlap and backward.overlap:
        seen = f"every sample comes {forward.overlap} times in a single pass"
        yield Fault(OVERLAPPING_SHARDS, seen, delivery=(DUPLICATED,))


FAMILY = Family((OVERLAPPING_SHARDS,), find)

"""What can be wrong with a loader: one file a family of causes. Their order is the order of every report."""

from __future__ import annotations

from . import (
    accelerators,
    buffers,
    endings,
    forks,
    generators,
    growth,
    handles,
    hooks,
    keras,
    lengths,
    locks,
    passes,
    pickling,
    random_numbers,
    shards,
    state,
    unexplained,
    uses,
)
from ._case import Case
from ._cause import CORRUPT, DUPLICATED, MISSING, OBSERVATIONS, Cause, Family, Fault, reported
from .state import is_seen_once
from .unexplained import UNEXPLAINED
from .uses import is_use_seen_once

__all__ = [
    "CAUSES",
    "CORRUPT",
    "DUPLICATED",
    "FAMILIES",
    "MISSING",
    "OBSERVATIONS",
    "UNEXPLAINED",
    "Case",
    "Cause",
    "Family",
    "Fault",
    "is_seen_once",
    "is_use_seen_once",
    "reported",
]

FAMILIES: tuple[Family, ...] = (
    buffers.FAMILY,
    generators.FAMILY,
    locks.FAMILY,
    handles.FAMILY,
    state.FAMILY,
    keras.FAMILY,
    pickling.FAMILY,
    accelerators.FAMILY,
    forks.FAMILY,
    endings.FAMILY,
    lengths.FAMILY,
    passes.FAMILY,
    shards.FAMILY,
    hooks.FAMILY,
    random_numbers.FAMILY,
    growth.FAMILY,
    uses.FAMILY,
    unexplained.FAMILY,
)

CAUSES: tuple[Cause, ...] = tuple(cause for family in FAMILIES for cause in family.causes)

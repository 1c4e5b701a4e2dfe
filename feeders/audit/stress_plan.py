"""Whether workers of our own pull a loader from all sides, for how long, and what their calls are compared by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.measure.identity import Columns

from .evidence import Evidence
from .findings import CONTENTS, KEYS, SOUND
from .request import AuditRequest

# Each process that pulls goes on for so long, or for a part of the budget; the next one starts from another seed.
STRESS_SECONDS, STRESS_SHARE = 4.0, 0.2

# A process that pulls is not started for less.
SHORTEST_STRESS_SECONDS = 0.7

# How long a generator is pulled by threads of our own where this Keras has but one for it: it decides nothing.
ASIDE_SECONDS = 1.5


@dataclass(frozen=True)
class StressPlan:
    """How a loader is pulled from all sides.

    Attributes:
        compared: with a call that has no company, as `findings.compare` takes it.
        ordered: a dataset gives its batches in the same order each time.
        steps: indices or batches that belong to an epoch.
        seed: of the global random numbers, and of which place is held when.
        seconds: to go on for.
        right: what each index gives alone; None where that is not known, and has to be found out.
        slowest: seconds of the slowest batch that one thread has made.
    """

    compared: str | None
    ordered: bool
    steps: int
    seed: int
    seconds: float
    right: tuple[Columns, ...] | None = None
    slowest: float = 0.0


def can_be_pulled(evidence: Evidence) -> bool:
    """Whether it tells anything more to pull the loader from all sides."""
    known = evidence.description
    if known.own_workers:
        return known.has_several_workers
    if known.iterates:
        return not evidence.stress or (known.has_several_workers and not known.processes)
    # Workers that are spawned share no state, and take seconds to start: fit() alone is looked at.
    return known.kind == DATASET or (known.kind == SEQUENCE and known.has_several_workers and not known.pickles)


def stress_seconds(request: AuditRequest, evidence: Evidence, left: float) -> float:
    """Return for how long, where so many seconds of the budget are left."""
    known = evidence.description
    if known.iterates and known.workers == 1:
        return ASIDE_SECONDS
    longest = max(STRESS_SECONDS, STRESS_SHARE * request.seconds)
    return min(longest, max(SHORTEST_STRESS_SECONDS, left))


def plan_stress(request: AuditRequest, evidence: Evidence, seed: int, seconds: float) -> StressPlan:
    """Return how a loader is pulled, of which the reference is known."""
    reference, forward, compared = evidence.reference, evidence.forward, compared_by(request, evidence)
    assert reference is not None and forward is not None
    steps = evidence.indices
    known = reference.ordered and compared == CONTENTS and evidence.description.kind == SEQUENCE
    first = forward.epochs[0][:steps] if known and forward.epochs else ()
    right = first if len(first) == steps else None
    return StressPlan(compared, reference.ordered, steps, seed, seconds, right, forward.slowest)


def compared_by(request: AuditRequest, evidence: Evidence) -> str | None:
    """Return by what calls can be compared with those that one thread makes; None where by nothing."""
    reference, backward = evidence.reference, evidence.backward
    if request.is_feeder:
        return SOUND
    if reference is None or backward is None:
        return None
    by_key = reference.named and reference.keyed and backward.reread.keys
    column = CONTENTS if reference.reproducible and backward.reread.contents else KEYS if by_key else None
    return column if column and _comes_again(evidence, column) else None


def _comes_again(evidence: Evidence, column: str) -> bool:
    """Whether each pass of a pipeline gives the same samples: whoever pulls it begins another pass each time."""
    forward, reference = evidence.forward, evidence.reference
    if evidence.description.kind != DATASET or forward is None or reference is None:
        return True
    parts = [epoch[: evidence.indices] for epoch in forward.epochs[:2]]
    samples = [Counter(value for batch in part for value in batch.column(column)) for part in parts]
    # Of an iterator that one pass uses up the second one is empty, and is not there.
    return reference.keyed and len(samples) == 2 and samples[0] == samples[1]

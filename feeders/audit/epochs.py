"""The reference that follows from two serial passes, and the epochs of a ``fit()`` counted against it."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace
from typing import Sequence

from feeders.loaders.opening import DATASET, SEQUENCE
from feeders.measure.counts import Epoch, Reference, count
from feeders.measure.identity import Columns

from .events import BatchRead, BatchTrained, EpochBegan
from .evidence import ENDED, FitRun
from .findings import CONTENTS, KEYS
from .readings import Description, Reading
from .request import AuditRequest


def reference_of(request: AuditRequest, forward: Reading, backward: Reading) -> Reference:
    """Return what an epoch should deliver: what both passes agree on."""
    through = is_part_of_a_pass(request, forward.description)
    one, other = (
        tuple(_due(request, epoch) for epoch in reading.epochs) if through else reading.epochs
        for reading in (forward, backward)
    )
    named = request.is_feeder or request.key is not None
    # One thread draws the same in both passes where a file seeds; fit() does not.
    drawn = forward.drawn and not request.is_feeder
    settled = (not through or _is_settled(forward)) and (named or not drawn)
    keyed = settled and forward.addressed.keys and _agree(one, other, KEYS)
    orders = {tuple(batch.keys for batch in epoch) for epoch in (*one, *other)}
    return Reference(
        states=one,
        keyed=keyed,
        reproducible=forward.addressed.contents and not drawn and _agree(one, other, CONTENTS),
        ordered=keyed and len(orders) == 1 and not forward.unordered,
        addressed=forward.description.kind in (SEQUENCE, DATASET),
        named=named,
        through=through,
    )


def _is_settled(forward: Reading) -> bool:
    """Whether it is known what parts of a pass hold: an order that is new after each part leaves that open.

    Both passes of a pipeline are known. If it gives what is ready first, only whole passes hold the same each time.
    """
    if forward.description.kind != DATASET:
        return len(forward.epochs) == 1
    times = {count for part in forward.epochs[:1] for count in _samples(part, KEYS).values()}
    return not forward.unordered or (len(times) == 1 and times != {1})


def reference_of_a_pass(request: AuditRequest, forward: Reading, backward: Reading) -> Reference:
    """Return what one pass of a use beside ``fit()`` should deliver: the first epoch, in its order."""
    whole = reference_of(replace(request, epochs=1), forward, backward)
    orders = {tuple(batch.keys for batch in epoch) for epoch in _first_epochs(forward, backward)}
    return replace(whole, ordered=whole.keyed and len(orders) == 1, through=False)


def is_order_redrawn(forward: Reading, backward: Reading) -> bool:
    """Whether each pass comes in another order, for which nobody can ask the loader: there is no index."""
    if forward.description.kind == SEQUENCE:
        return False
    passes = forward.epochs[:2] if forward.description.kind == DATASET else _first_epochs(forward, backward)
    samples = [[key for batch in epoch for key in batch.keys] for epoch in passes]
    return any(Counter(one) == Counter(samples[0]) and one != samples[0] for one in samples)


def _first_epochs(forward: Reading, backward: Reading) -> list[Sequence[Columns]]:
    """The first epoch of both passes; of a dataset, that is read twice, its second one too."""
    more = 2 if forward.description.kind == DATASET else 1
    return [*forward.epochs[:more], *backward.epochs[:1]]


def is_part_of_a_pass(request: AuditRequest, known: Description) -> bool:
    """Whether ``steps_per_epoch`` ends an epoch elsewhere than at the end of a pass, which the next epoch goes on with.

    A pipeline that is shorter than that only ends early. Without a known length it has no end.
    """
    if request.steps is None or known.kind not in (SEQUENCE, DATASET):
        return False
    if known.kind == SEQUENCE:
        return request.steps != known.length
    return known.length is None or request.steps < known.length


def _due(request: AuditRequest, batches: Sequence[Columns]) -> tuple[Columns, ...]:
    """The batches of all epochs: one pass after the other."""
    return tuple(itertools.islice(itertools.cycle(batches), (request.steps or 0) * request.epochs))


def _agree(one: Sequence[Sequence[Columns]], other: Sequence[Sequence[Columns]], column: str) -> bool:
    """Whether each epoch holds the same in both; with a pass that broke nothing agrees."""
    return 0 < len(one) == len(other) and all(_samples(a, column) == _samples(b, column) for a, b in zip(one, other))


def _samples(epoch: Sequence[Columns], column: str) -> Counter[int]:
    return Counter(value for batch in epoch for value in batch.column(column))


def count_epochs(run: FitRun, reference: Reference) -> tuple[Epoch, ...]:
    """Count the batches between one begin of an epoch and the next; of a ``fit()`` that broke, without the last one."""
    parts: list[list[Columns]] = []
    reads: list[int] = []
    for event in run.events:
        if isinstance(event, EpochBegan) and not (reference.through and parts):
            parts.append([])
            reads.append(0)
        elif isinstance(event, BatchTrained) and parts:
            parts[-1].append(event.columns)
        elif isinstance(event, BatchRead) and parts:
            reads[-1] += 1
    known = reference.addressed and any(reads)
    complete = parts if run.outcome == ENDED else parts[:-1]
    return tuple(count(part, reference, read if known else None) for part, read in zip(complete, reads))

"""What one thread shows alone: batches that come twice, that differ in dtype, epochs that differ in length."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.readings import Reading
from feeders.loaders.opening import SEQUENCE

from ._case import Case
from ._cause import CORRUPT, DUPLICATED, MISSING, Cause, Family, Fault

SAME_BATCH_TWICE = Cause(
    "same-batch-twice",
    "Two indices give the same batch, also to one thread: another batch, which one of them stands for, never comes.",
    "Raise an exception for what can't be read, or leave it out of the order and of __len__.",
)
DTYPE_CHANGES = Cause(
    "dtype-changes",
    "Batches differ in dtype or structure. Keras takes those of the first batch for all: decimals are cut "
    "off, silently.",
    "Give every batch the same inputs, targets and weights, each with one dtype: array.astype(np.float32), or "
    "dtype= where the data is read.",
)
LENGTH_CHANGES = Cause(
    "length-changes",
    "The length differs from epoch to epoch, and Keras 3 keeps that of the first epoch.",
    "Return the same length in each epoch, or call fit() once per epoch; Keras 2 asks for the length again.",
)
SHUFFLE_AFTER_REPEAT = Cause(
    "shuffle-after-repeat",
    "repeat() comes before shuffle(): the end of a pass is mixed with the beginning of the next, so an epoch lacks "
    "some samples and has others twice.",
    "Put shuffle() before repeat().",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it in both serial passes."""
    forward, backward = case.evidence.forward, case.evidence.backward
    if not (forward and backward):
        return
    twice = _same_batches(case, forward)
    if twice and twice == _same_batches(case, backward):
        seen = f"batch {twice[0]} equals batch {twice[1]}, when one thread reads them"
        yield Fault(SAME_BATCH_TWICE, seen, delivery=(MISSING, DUPLICATED))
    changed = forward.changed_dtype
    if changed:
        seen = f"{changed.path} is {changed.first or 'not there'} in batch 0 and {changed.now or 'not there'} in batch "
        yield Fault(DTYPE_CHANGES, f"{seen}{changed.index}", delivery=(CORRUPT,), explains=("raises",))
    known = case.description
    if len(set(forward.lengths)) > 1 and known.generation == 3 and case.request.epochs > 1 and not case.request.steps:
        lengths = ", ".join(map(str, forward.lengths))
        seen = f"its lengths, epoch by epoch, are {lengths}"
        explains = ("raises", "length-too-long", "length-too-short", "last-batch-lost", "epoch-leak")
        yield Fault(LENGTH_CHANGES, seen, delivery=(MISSING,), explains=explains)
    if forward.blurred:
        seen = "the dataset repeats without end and is shuffled after that"
        yield Fault(SHUFFLE_AFTER_REPEAT, seen, delivery=(MISSING, DUPLICATED))


def _same_batches(case: Case, reading: Reading) -> tuple[int, int] | None:
    """Return the first two batches of an epoch with the same samples, where others come once."""
    reference = case.evidence.reference
    if not (reference and reference.tells and reading.epochs and case.description.kind == SEQUENCE):
        return None
    places: dict[tuple[int, ...], list[int]] = {}
    for index, batch in enumerate(reading.epochs[0]):
        places.setdefault(batch.keys, []).append(index)
    several = [found for keys, found in places.items() if len(found) > 1 and len(set(keys)) > 1]
    # Where each of them comes again, or the last ones are the first once more, a loader repeats what it holds.
    if not several or reading.wrapped or len(several) * 2 > len(places):
        return None
    return several[0][0], several[0][1]


FAMILY = Family((SAME_BATCH_TWICE, DTYPE_CHANGES, LENGTH_CHANGES, SHUFFLE_AFTER_REPEAT), find)

"""Lengths that count too many batches, or too few."""

from __future__ import annotations

from dataclasses import replace
from typing import Iterator

from feeders.audit.findings import CONTENTS, KEYS
from feeders.results.record import FAILED

from ._case import Case
from ._cause import MISSING, Cause, Family, Fault

LENGTH_TOO_LONG = Cause(
    "length-too-long",
    "The length counts batches that are not there.",
    "Return math.ceil(samples / batch_size).",
)
# The same of a generator, which has no length, and in the middle of an epoch.
EMPTY_BATCH = replace(
    LENGTH_TOO_LONG,
    meaning="It gives a batch without samples.",
    advice="End before it: for start in range(0, samples, batch_size). Or look for a filter that keeps nothing.",
)
# The same of what has no length.
BEGINS_AGAIN = replace(
    LENGTH_TOO_LONG,
    meaning="It begins again before it ends: its first batches come twice.",
    advice="End it after one pass: for start in range(0, samples, batch_size).",
)
LAST_BATCH_LOST = Cause(
    "last-batch-lost",
    "The length leaves out the last, short batch: no epoch reaches its samples.",
    "Return math.ceil(samples / batch_size) instead of samples // batch_size.",
)
LENGTH_TOO_SHORT = Cause(
    "length-too-short",
    "There are batches beyond the length, which nobody ever asks for.",
    "Return math.ceil(samples / batch_size).",
)


def find(case: Case) -> Iterator[Fault]:
    """Find batches that raise, are empty or come again, and samples beyond the length."""
    yield from _raises_at_its_end(case)
    yield from _too_long(case)
    yield from _too_short(case)


def _raises_at_its_end(case: Case) -> Iterator[Fault]:
    ending, length, forward = case.ending, case.description.length, case.evidence.forward
    failed = forward.failed if forward else None
    if not (ending and ending.outcome == FAILED and length and failed and "IndexError" in failed.exception.error):
        return
    if failed.index and failed.after == failed.index:
        seen = f"the length is {length}, and batch {failed.index} raises {failed.exception.error}"
        where = case.own_frames(failed.exception.frames)
        yield Fault(LENGTH_TOO_LONG, seen, where, ending.observations, explains=("raises",))


def _too_long(case: Case) -> Iterator[Fault]:
    length, forward, backward = case.description.length, case.evidence.forward, case.evidence.backward
    if not (forward and backward):
        return
    if forward.empty and backward.empty:
        seen = f"batch {forward.empty[0]} is empty"
        if case.description.iterates or forward.empty[-1] != len(forward.epochs[0]) - 1:
            yield Fault(EMPTY_BATCH, seen, explains=("raises",))
        else:
            yield Fault(LENGTH_TOO_LONG, f"the length is {length}, and {seen}", explains=("raises",))
    if case.is_wrapped and backward.wrapped:
        if length:
            yield Fault(LENGTH_TOO_LONG, f"the length is {length}, and its last batch comes a second time")
        else:
            yield Fault(BEGINS_AGAIN, "its last batches are its first ones once more")


def _too_short(case: Case) -> Iterator[Fault]:
    bounds, reference, forward = case.evidence.bounds, case.evidence.reference, case.evidence.forward
    if not (bounds and bounds.contents and reference and forward):
        return
    if not (reference.reproducible or (reference.named and reference.tells)):
        return
    column = CONTENTS if reference.reproducible else KEYS
    epochs = [{sample for batch in epoch for sample in batch.column(column)} for epoch in forward.epochs]
    epoch: set[int] = epochs[0] if epochs else set()
    every: set[int] = set().union(*epochs)
    # In an order that is drawn anew, what one epoch leaves out is in the next.
    is_same_order = bool(epoch) and bounds.first == forward.epochs[0][0].column(column)
    known = epoch if is_same_order else every
    new = [sum(content not in known for content in batch) for batch in bounds.contents]
    lost = sum(new)
    if lost:
        length = case.description.length
        short = sum(map(bool, new)) == 1 and lost < len(bounds.first)
        others = any(content in every - epoch for batch in bounds.contents for content in batch)
        missed = "are left out of the epoch, others of the next" if others else "are never reached"
        seen = f"the length is {length}; batch {length} holds {len(bounds.contents[0])} samples, {lost} {missed}"
        yield Fault(LAST_BATCH_LOST if short else LENGTH_TOO_SHORT, seen, delivery=(MISSING,))


def notes(case: Case) -> Iterator[str]:
    """Say how much of a long epoch was looked at."""
    cut, length = case.request.cut, case.description.length
    if cut and length and case.can_be_counted:
        yield (
            f"of the {length:,} batches of an epoch the first {cut:,} were audited, since each takes long; not the "
            "others, nor the end of an epoch. Try: a larger --seconds"
        )


FAMILY = Family((LENGTH_TOO_LONG, LAST_BATCH_LOST, LENGTH_TOO_SHORT), find, notes)

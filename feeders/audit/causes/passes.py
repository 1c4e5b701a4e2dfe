"""What one thread shows alone: batches that come twice, that differ in dtype, epochs that differ in length."""

from __future__ import annotations

from typing import Iterator

from feeders.audit.inspection import DtypeChange
from feeders.audit.readings import Reading
from feeders.audit.source import Mark, changed_in_place, functions_in
from feeders.keras_api import TENSORFLOW, asked_backend
from feeders.loaders.opening import DATASET
from feeders.results.record import FAILED

from ._case import Case
from ._cause import CORRUPT, DUPLICATED, MISSING, Cause, Family, Fault

SAME_BATCH_TWICE = Cause(
    "same-batch-twice",
    "One batch comes twice in an epoch, also to one thread: another batch, in whose place it comes, never does.",
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
READING_CHANGES = Cause(
    "reading-changes-data",
    "To read a batch changes the data that it is made of: whoever reads it again, as in the next epoch, gets another.",
    "Work on a copy: write x = x / 255 in the place of x /= 255, or begin with x = self.x[rows].copy().",
)
SHUFFLE_AFTER_REPEAT = Cause(
    "shuffle-after-repeat",
    "repeat() comes before shuffle(): the end of a pass is mixed with the beginning of the next, so an epoch lacks "
    "some samples and has others twice.",
    "Put shuffle() before repeat().",
)
SELECTION_CHANGES = Cause(
    "selection-changes",
    "Each pass takes other samples: shuffle() comes before take(), skip() or shard(), and shuffles anew each time. "
    "Samples that were split off get in.",
    "Split before you shuffle; or shuffle with a seed and reshuffle_each_iteration=False.",
)
REMAINDER_DROPPED = Cause(
    "remainder-dropped",
    "drop_remainder=True leaves out the last, short batch of each pass.",
    "Leave drop_remainder=True away; or choose a batch size that divides the number of samples.",
)


def find(case: Case) -> Iterator[Fault]:
    """Find it in both serial passes."""
    forward, backward = case.evidence.forward, case.evidence.backward
    if not (forward and backward):
        return
    twice, again = _same_batches(case, forward), _same_batches(case, backward)
    if twice and again and (twice == again or (_is_next(twice) and _is_next(again))):
        seen = f"batch {twice[0]} equals batch {twice[1]}, when one thread reads them"
        yield Fault(SAME_BATCH_TWICE, seen, delivery=(MISSING, DUPLICATED))
    changed = forward.changed_dtype
    if changed and _is_cast(case):
        yield Fault(DTYPE_CHANGES, _said_of(changed), delivery=(CORRUPT,), explains=("raises",))
    known = case.description
    if len(set(forward.lengths)) > 1 and known.generation == 3 and case.request.epochs > 1 and not case.request.steps:
        lengths = ", ".join(map(str, forward.lengths))
        seen = f"its lengths, epoch by epoch, are {lengths}"
        explains = ("raises", "length-too-long", "length-too-short", "last-batch-lost", "epoch-leak")
        yield Fault(LENGTH_CHANGES, seen, delivery=(MISSING,), explains=explains)
    if forward.blurred:
        seen = "the dataset repeats without end and is shuffled after that"
        yield Fault(SHUFFLE_AFTER_REPEAT, seen, delivery=(MISSING, DUPLICATED))
    yield from _left_out(forward)
    yield from _changed_by_reading(case, backward)


def _said_of(changed: DtypeChange) -> str:
    first, now = changed.first or "not there", changed.now or "not there"
    return f"{changed.path} is {first} in batch 0 and {now} in batch {changed.index}"


def _is_cast(case: Case) -> bool:
    """Whether Keras spoilt batches of another dtype, or may have where content is not compared.

    JAX and torch take each batch as it is, and TensorFlow loses nothing of a whole number that is written as a decimal.
    """
    reference, ending, wrong = case.evidence.reference, case.ending, case.miscounted
    if asked_backend() == TENSORFLOW:
        cast = bool(wrong) or not (reference and reference.reproducible)
    else:
        cast = CORRUPT in wrong
    return cast or bool(ending and ending.outcome == FAILED)


def _left_out(forward: Reading) -> Iterator[Fault]:
    """Find what a pipeline leaves out of a pass."""
    passes = [{value for batch in epoch for value in batch.contents} for epoch in forward.epochs]
    if forward.reselected and len(passes) > 1 and passes[0] != passes[1]:
        new = len(passes[1] - passes[0])
        seen = f"of {len(passes[1])} samples in the second pass, {new} were not in the first"
        yield Fault(SELECTION_CHANGES, seen, delivery=(MISSING,))
    if forward.remainder:
        seen = f"{forward.remainder.left} of {forward.remainder.of} samples of a pass are left out"
        yield Fault(REMAINDER_DROPPED, seen, delivery=(MISSING,))


def _changed_by_reading(case: Case, backward: Reading) -> Iterator[Fault]:
    """Find what gives the same alone, in both passes, and something else when it is read twice, which nobody drew."""
    reference = case.evidence.reference
    settled = reference is not None and reference.reproducible and reference.ordered
    if CORRUPT in case.miscounted and settled and not backward.reread.contents:
        yield Fault(
            READING_CHANGES, case.worst_epoch(), marks=_in_place(case), fallback=True, explains=("unexplained",)
        )


def _in_place(case: Case) -> tuple[Mark, ...]:
    """The lines of the loader that change an array in place."""
    source = case.request.source()
    found = [place for one in functions_in(source.place, source.name) for place in changed_in_place(one)]
    return tuple(Mark(source.place, line, "changed in place here", name) for name, line in found)


def _is_next(pair: tuple[int, int]) -> bool:
    """Whether a batch comes in the place of its neighbour, wherever an order drawn anew has put both."""
    return pair[1] == pair[0] + 1


def _same_batches(case: Case, reading: Reading) -> tuple[int, int] | None:
    """Return the first two batches of an epoch with the same samples, where others come once."""
    reference = case.evidence.reference
    if not (reference and reference.tells and reading.epochs):
        return None
    places: dict[tuple[int, ...], list[int]] = {}
    # What a pipeline without end gives later may be its next pass.
    epoch = reading.epochs[0][: reading.steps] if case.description.kind == DATASET else reading.epochs[0]
    for index, batch in enumerate(epoch):
        places.setdefault(batch.keys, []).append(index)
    several = [found for keys, found in places.items() if len(found) > 1 and len(set(keys)) > 1]
    # Where each of them comes again, or the last ones are the first once more, a loader repeats what it holds.
    if not several or reading.wrapped or len(several) * 2 > len(places):
        return None
    return several[0][0], several[0][1]


def notes(case: Case) -> Iterator[str]:
    """Say that dtypes differ where nothing is lost by it, and what a slice that is too long looks like."""
    forward, backward = case.evidence.forward, case.evidence.backward
    if not (forward and backward):
        return
    if forward.changed_dtype and not _is_cast(case):
        yield f"{_said_of(forward.changed_dtype)}: nothing was lost by it here. One dtype for all batches is safer"
    if _is_one(forward) and _is_one(backward):
        yield "each batch of an epoch holds the same samples, also where one thread reads it: does it use its index?"
    if _overlaps(forward) and _overlaps(backward):
        yield (
            "each batch begins with the last sample of the one before it, also where one thread reads it: "
            "a slice may be one too long, as [i * n : (i + 1) * n + 1]"
        )


def _is_one(reading: Reading) -> bool:
    """Whether all batches of an epoch are the same one, as for a trial, or by mistake."""
    batches = [(batch.keys, batch.contents) for batch in (reading.epochs[0] if reading.epochs else ())]
    return len(batches) > 1 and len(set(batches)) == 1


def _overlaps(reading: Reading) -> bool:
    """Whether each batch of an epoch begins with the last sample of the one before, another one each time."""
    batches = [batch.keys for batch in (reading.epochs[0] if reading.epochs else ()) if batch.keys]
    ends = {one[-1] for one, other in zip(batches, batches[1:]) if len(one) > 1 and one[-1] == other[0]}
    return len(batches) > 2 and len(ends) == len(batches) - 1


FAMILY = Family(
    (
        SAME_BATCH_TWICE,
        DTYPE_CHANGES,
        LENGTH_CHANGES,
        READING_CHANGES,
        SHUFFLE_AFTER_REPEAT,
        SELECTION_CHANGES,
        REMAINDER_DROPPED,
    ),
    find,
    notes,
)

"""What one thread alone reads of a loader, and what the loader was found to be."""

from __future__ import annotations

from dataclasses import dataclass

from feeders.loaders.opening import GENERATOR, ITERATOR
from feeders.loaders.pickling import PicklingFault
from feeders.measure.identity import Columns

from .exceptions import RaisedException
from .inspection import DtypeChange, Handle

SUSPENDED, EXHAUSTED = "suspended", "exhausted"


@dataclass(frozen=True)
class Description:
    """What a loader was found to be when it was opened; of one that could not be, nothing is known.

    Attributes:
        kind: how it is pulled, as `Opened` has it; empty if unknown.
        title: what it is, in words.
        workers: that pull it; None if unknown.
        processes: whether they are processes; None if unknown.
        own_workers: it brings them itself: what ``fit()`` pulls is pulled by one thread.
        ignores_workers: Keras takes its workers to be 1, whatever was asked for.
        length: batches in an epoch, where it tells.
        started: `SUSPENDED` or `EXHAUSTED`, where a generator was pulled before it was handed over.
        unpicklable: what keeps it from being pickled for a worker process.
        pickles: its worker processes get it pickled.
        handles: open files, archives and databases that it holds.
        generation: of Keras.
    """

    kind: str = ""
    title: str = ""
    workers: int | None = None
    processes: bool | None = None
    own_workers: bool = False
    ignores_workers: bool = False
    length: int | None = None
    started: str | None = None
    unpicklable: PicklingFault | None = None
    pickles: bool = False
    handles: tuple[Handle, ...] = ()
    generation: int | None = None

    @property
    def iterates(self) -> bool:
        """Whether it is pulled by ``next()``."""
        return self.kind in (GENERATOR, ITERATOR)

    @property
    def has_several_workers(self) -> bool:
        """Whether more than one worker pulls it."""
        return (self.workers or 1) > 1


@dataclass(frozen=True)
class Agreement:
    """Whether two readings of the same gave the same.

    Attributes:
        keys: the keys did.
        contents: the contents did.
    """

    keys: bool = True
    contents: bool = True


@dataclass(frozen=True)
class FailedRead:
    """Where a serial pass broke.

    Attributes:
        index: of the batch in its epoch; None before the first.
        epoch: complete ones before.
        after: batches read before.
        exception: what was raised.
    """

    index: int | None
    epoch: int
    after: int
    exception: RaisedException


@dataclass(frozen=True)
class ReusedBuffer:
    """A batch that was written into when another was made.

    Attributes:
        index: of the batch that was kept.
        by: index of the batch that was made.
        owner: attribute whose memory it is, where that was found.
    """

    index: int
    by: int
    owner: str | None


@dataclass(frozen=True)
class Remainder:
    """What is left out of a pass.

    Attributes:
        left: samples that are.
        of: samples of a pass.
    """

    left: int
    of: int


@dataclass(frozen=True)
class Reading:
    """A serial pass: what one thread reads, with nobody beside it.

    Attributes:
        description: what the loader is.
        epochs: the batches of each.
        steps: batches of an epoch, where that is not the loader's length.
        cut: of a longer epoch so many batches were read.
        endless: it does not end by itself.
        making: seconds until the loader was made.
        first: seconds of the first batch of an epoch.
        slowest: seconds of the slowest other batch.
        mean: seconds of a batch.
        reused: a batch that was overwritten.
        reread: an index read twice, with nothing between, gave the same.
        addressed: an index gave the same whatever had been read before.
        wrapped: the last batches are the first ones once more.
        repeats: more than a pass was asked for, so that its first batches may come again.
        empty: indices of batches without samples.
        overlap: how many times each sample comes, in a dataset that interleaves others.
        failed: where it broke.
        lengths: of the loader, in each epoch.
        changed_dtype: an array of another dtype than in the first batch.
        blurred: a dataset that repeats is shuffled after that.
        unordered: a dataset that hands on what is ready first.
        reselected: a dataset of which each pass takes another part.
        remainder: what a dataset leaves out of each pass, to have full batches only.
        drawn: a dataset that draws random numbers which are others in each ``fit()``.
        hook: seconds of the slowest hook between epochs.
    """

    description: Description
    epochs: tuple[tuple[Columns, ...], ...] = ()
    steps: int | None = None
    cut: int | None = None
    endless: bool = False
    making: float = 0.0
    first: float = 0.0
    slowest: float = 0.0
    mean: float = 0.0
    reused: ReusedBuffer | None = None
    reread: Agreement = Agreement()
    addressed: Agreement = Agreement()
    wrapped: bool = False
    repeats: bool = False
    empty: tuple[int, ...] = ()
    overlap: int | None = None
    failed: FailedRead | None = None
    lengths: tuple[int, ...] = ()
    changed_dtype: DtypeChange | None = None
    blurred: bool = False
    unordered: bool = False
    reselected: bool = False
    remainder: Remainder | None = None
    drawn: bool = False
    hook: float = 0.0

    def contents(self) -> set[int]:
        """Return the contents of all samples."""
        return {value for epoch in self.epochs for batch in epoch for value in batch.contents}


@dataclass(frozen=True)
class BrokenReading:
    """A serial pass that gave no answer.

    Attributes:
        outcome: failed, hung or crashed.
        message: what was seen.
        description: as far as it got.
    """

    outcome: str
    message: str
    description: Description = Description()

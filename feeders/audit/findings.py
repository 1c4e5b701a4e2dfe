"""What a call beside others gave, against what it gives alone."""

from __future__ import annotations

import collections
from dataclasses import dataclass
from typing import Iterator, Sequence, Union

from feeders.measure.identity import Columns

from .exceptions import RaisedException, first_line
from .switches import Place

# What calls are compared by: a column of `Columns`, or the checksum that each sample of this suite carries.
KEYS, CONTENTS, SOUND = "keys", "contents", "sound"

# Samples, and other batches, that a finding names.
NAMED = 5


@dataclass(frozen=True)
class WrongBatch:
    """A call gave something else than it gives alone.

    Attributes:
        index: of the batch.
        samples: the first few wrong ones.
        wrong: how many are.
        of: indices of batches that they belong to, the first few.
        torn: how many belong to none.
    """

    index: int
    samples: tuple[int, ...]
    wrong: int
    of: tuple[int, ...]
    torn: int

    def text(self) -> str:
        """Say it in words."""
        what = f"what belongs to batch {', '.join(map(str, self.of))}" if self.of else "content of no sample"
        return f"batch {self.index} held {what} ({self.wrong} sample{'' if self.wrong == 1 else 's'})"


@dataclass(frozen=True)
class ChangedBatch:
    """A batch was other than it had been returned.

    Attributes:
        index: of the batch.
    """

    index: int

    def text(self) -> str:
        """Say it in words."""
        return f"batch {self.index} changed after it was returned"


@dataclass(frozen=True)
class RaisedCall:
    """A call raised.

    Attributes:
        index: of the batch; None where an iterator was pulled.
        exception: what it raised.
    """

    index: int | None
    exception: RaisedException

    def text(self) -> str:
        """Say it in words."""
        head = first_line(self.exception.error)
        return head if self.index is None else f"batch {self.index} raised {head}"


@dataclass(frozen=True)
class WrongSet:
    """Calls together gave other samples than one thread gets.

    Attributes:
        samples: the first few of those that were too many.
        duplicated: samples that came once too often.
        torn: samples that nobody knows.
        missing: samples that did not come.
    """

    samples: tuple[int, ...]
    duplicated: int
    torn: int
    missing: int

    def text(self) -> str:
        """Say it in words."""
        return f"samples: {self.duplicated} duplicated, {self.missing} missing, {self.torn} unknown"


Seen = Union[WrongBatch, ChangedBatch, RaisedCall, WrongSet]


@dataclass(frozen=True)
class Finding:
    """Something that a trial showed.

    Attributes:
        trial: its number in the process.
        seen: what it is.
        place: where a thread was held meanwhile; None where none was.
        beside: places where other threads stood or went on.
    """

    trial: int
    seen: Seen
    place: Place | None = None
    beside: tuple[Place, ...] = ()


def compare(index: int, given: Columns, right: Sequence[Columns], compared: str | None) -> Iterator[WrongBatch]:
    """Yield a finding where a call gave something else than it gives alone.

    Args:
        index: that was asked for.
        given: what it gave.
        right: what each index gives alone.
        compared: `KEYS`, `CONTENTS` or `SOUND`; None where nothing is the same again.
    """
    if compared is None:
        return
    if compared == SOUND:
        bad = tuple(key for key, sound in zip(given.keys, given.contents) if not sound)
        if bad:
            yield WrongBatch(index, bad[:NAMED], len(bad), (), len(bad))
        return
    now, alone = given.column(compared), right[index].column(compared)
    if now == alone:
        return
    owner = {value: other for other, columns in enumerate(right) for value in columns.column(compared)}
    wrong = tuple(value for value, expected in zip(now, alone) if value != expected)
    yield WrongBatch(
        index=index,
        samples=wrong[:NAMED],
        wrong=len(wrong) + abs(len(now) - len(alone)),
        of=tuple(sorted({owner[value] for value in wrong if value in owner})[:NAMED]),
        torn=sum(value not in owner for value in wrong),
    )


def compare_sets(given: Sequence[Columns], right: Sequence[Columns], compared: str | None) -> Iterator[WrongSet]:
    """Yield a finding where calls in any order gave other samples than one thread gets.

    Args:
        given: what they gave.
        right: what they give alone.
        compared: as `compare` takes it.
    """
    if compared is None:
        return
    name = KEYS if compared == SOUND else compared
    now, expected = (
        collections.Counter(value for part in parts for value in part.column(name)) for parts in (given, right)
    )
    extra, missing = now - expected, expected - now
    if extra or missing:
        yield WrongSet(
            samples=tuple(extra)[:NAMED],
            duplicated=sum(count for value, count in extra.items() if value in expected),
            torn=sum(count for value, count in extra.items() if value not in expected),
            missing=sum(missing.values()),
        )

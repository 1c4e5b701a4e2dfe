"""What reached the training step: ids, epoch stamps and content, counted against what was asked for."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from feeders.loaders import CHECKSUM, EPOCH, ID, STATIC_EPOCH
from feeders.results.record import AT_LEAST_ONCE, AT_MOST_ONCE, EXACTLY_ONCE, NONE, Record

from .counts import Reference, count
from .identity import ByContent, Columns

# What makes a speed worth nothing.
WRONG = ("missing", "duplicated", "corrupt", "stale")

FAULTS = ("missing", "duplicated", "disordered", "corrupt", "stale")


@dataclass(frozen=True)
class Delivery:
    """Counts of one epoch, in samples.

    Attributes:
        delivered: samples that reached the training step.
        missing: ids that never did.
        duplicated: deliveries of an id after its first.
        disordered: samples that came after one of a higher id; None where they have no order.
        corrupt: samples whose content has not the checksum their id promises.
        stale: samples stamped with another epoch than most; None where the feeder can't stamp.
        whole: ids that arrived at least once, whole and in their epoch.
        by_content: samples carry no id: one of other content is none of those that are due.
    """

    delivered: int
    missing: int
    duplicated: int
    disordered: int | None
    corrupt: int
    stale: int | None
    whole: int
    by_content: bool = False

    def faults(self) -> dict[str, int | None]:
        """Return the counts of what may go wrong, None for one that is not known."""
        return {name: getattr(self, name) for name in FAULTS}

    @property
    def whole_share(self) -> float:
        """Ids that arrived whole, of all that should have."""
        return self.whole / (self.delivered - self.duplicated + self.missing)

    @property
    def guarantee(self) -> str:
        """The field's word for it: exactly-once, at-least-once, at-most-once or none."""
        if not self.missing and not (self.by_content and self.corrupt):
            return AT_LEAST_ONCE if self.duplicated else EXACTLY_ONCE
        return NONE if self.duplicated else AT_MOST_ONCE


class DeliveryLog:
    """Collects what a training step gets; `count` judges it."""

    def __init__(self) -> None:
        # One append for each batch: several devices take theirs at once.
        self._batches: list[tuple[Any, Any, Any]] = []

    def take_down(self, batch: Any) -> None:
        """Take down one batch of (x, y)."""
        self.add(*batch)

    def add(self, x: Any, y: Any) -> None:
        """Take down one batch.

        Args:
            x: float32, (batch, ...): content.
            y: int64, (batch, 4): as in `Stamped`.
        """
        sums = np.array([zlib.crc32(row.tobytes()) for row in x], np.int64)
        # JAX has no 64-bit integers by default; a CRC-32 has 32 bits.
        self._batches.append((y[:, ID], y[:, EPOCH], (sums ^ y[:, CHECKSUM]) & 0xFFFFFFFF == 0))

    @property
    def batches(self) -> int:
        """How many batches reached the training step so far."""
        return len(self._batches)

    def count(self, samples: int) -> Delivery:
        """Judge the epoch.

        Args:
            samples: how many samples the epoch should have had; ids are 0 ... samples - 1.
        """
        if not self._batches:
            return Delivery(0, samples, 0, 0, 0, None, 0)
        ids, stamps, sound = (np.concatenate(parts) for parts in zip(*self._batches))
        fresh, stale = _fresh(stamps)
        unique = len(np.unique(ids))
        return Delivery(
            delivered=len(ids),
            missing=samples - unique,
            duplicated=len(ids) - unique,
            disordered=int(np.count_nonzero(ids < np.maximum.accumulate(ids))),
            corrupt=int(np.count_nonzero(~sound)),
            stale=stale,
            whole=len(np.unique(ids[sound & fresh])),
        )


class ContentLog:
    """Collects what a training step gets of a person's loader; `count` judges it by what it holds.

    Args:
        reference: what an epoch should deliver.
    """

    def __init__(self, reference: Reference) -> None:
        self._reference, self._identity = reference, ByContent()
        self._batches: list[Columns] = []

    def take_down(self, batch: Any) -> None:
        """Take down one batch, in the structure it was fed in."""
        self._batches.append(self._identity.columns(batch))

    @property
    def batches(self) -> int:
        """How many batches reached the training step so far."""
        return len(self._batches)

    def count(self, samples: int) -> Delivery | None:
        """Judge the epoch; None where two serial passes differ, or too many samples are alike.

        Args:
            samples: how many samples the epoch should have had.
        """
        seen = count(self._batches, self._reference, None)
        if seen.missing is None or seen.duplicated is None or seen.corrupt is None or not self._reference.tells:
            return None
        return Delivery(
            delivered=seen.delivered,
            missing=seen.missing,
            duplicated=seen.duplicated,
            disordered=seen.disordered,
            corrupt=seen.corrupt,
            stale=None,
            whole=max(0, samples - seen.missing - seen.corrupt),
            by_content=True,
        )


def has_faults(record: Record) -> bool:
    """Whether a sample was missing, duplicated, corrupt or stale in the verified epoch of a take."""
    return any(record.metrics.get(name) for name in WRONG)


def delivery_text(record: Record) -> str:
    """Say how the verified epoch of a take was delivered: the guarantee, and the samples that break it."""
    wrong = [f"{record.metrics[name]:,.0f} {name}" for name in WRONG if record.metrics.get(name)]
    faults = f" ({', '.join(wrong)} of {record.delivered:,} samples)" if wrong else ""
    return f"{record.guarantee or record.message}{faults}"


def _fresh(stamps: Any) -> tuple[Any, int | None]:
    """Which samples carry the epoch's stamp, and how many do not.

    Keras calls epoch hooks a different number of times before training, by release: the epoch's own stamp is the one
    that most of its samples carry.
    """
    own = Counter(stamps.tolist()).most_common(1)[0][0]
    if own == STATIC_EPOCH:
        return np.ones(len(stamps), bool), None
    fresh = stamps == own
    return fresh, int(np.count_nonzero(~fresh))

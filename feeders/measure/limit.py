"""How fast a host could feed a loader at all, and how near a feeder comes to that."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Mapping

from feeders.loaders import INDEX, ITERATOR
from feeders.results.record import MEASURED, Record
from feeders.strategies import Feeder

from .epochs import EPOCH_BATCHES, effective_throughput
from .gil import Preparation


@dataclass(frozen=True)
class Limit:
    """What bounds every feeder of a loader on a host; each part measured by itself.

    Attributes:
        ceiling: samples per second that training takes if they cost nothing, from more batches than the last-level
            cache holds.
        train_cpu: seconds of CPU to train on a sample, alone or while the other cores prepare, whichever is less.
        prepare_cpu: seconds of CPU to prepare a sample while all cores do.
        prepare_seconds: seconds by the clock to prepare a sample in one thread, alone.
        gil_share: share of preparing in which the GIL is held.
        cores: that this process may use; a quota need not be whole.
    """

    ceiling: float
    train_cpu: float
    prepare_cpu: float
    prepare_seconds: float
    gil_share: float
    cores: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Limit:
        """Return what ``dataclasses.asdict`` made JSON of."""
        return cls(**values)

    @property
    def samples(self) -> float:
        """Samples per second that no feeder can beat.

        A loader that waits costs next to no CPU: the ceiling is what is left of it.
        """
        return min(self.ceiling, self.cores / (self.prepare_cpu + self.train_cpu))

    def preparation(self) -> Preparation:
        """Return what preparing takes, per sample."""
        return Preparation(self.prepare_seconds, self.prepare_cpu, self.gil_share)


def with_limit(record: Record, row: Feeder, limit: Limit | None) -> Record:
    """Put the limit to a take, and how near it comes to that in epochs of `EPOCH_BATCHES`.

    Args:
        record: a take.
        row: of its feeder. One that prepares no batches by the loader's Python has the ceiling for a limit, and the
            GIL's share is not its own; the ceiling itself has no share.
        limit: of its workload, measured in the same round; None if it could not be.
    """
    if limit is None or record.outcome != MEASURED:
        return record
    prepares = row.pulls in (INDEX, ITERATOR) and not row.whole and not row.ceiling
    best = limit.samples if prepares else limit.ceiling
    metrics = {**record.metrics, "limit": best}
    if prepares:
        metrics["gil_share"] = limit.gil_share
    effective = effective_throughput(record, EPOCH_BATCHES)
    if effective and not row.ceiling:
        metrics.update(share_of_limit=100 * effective / best, beyond_limit=1000 / effective - 1000 / best)
    return dataclasses.replace(record, metrics=metrics)

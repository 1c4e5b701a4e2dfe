"""What advice follows from: takes of ways of feeding, lockstep pairs of the best, and audits of how they read."""

from __future__ import annotations

import dataclasses
import re
import statistics
from dataclasses import dataclass, field
from typing import Any, Mapping

from feeders.audit import Audit
from feeders.audit.causes import Fault
from feeders.audit.judge import NOT_COUNTED
from feeders.compare.verdict import MARGIN
from feeders.measure import MEASURED, METRICS, Cell, Record
from feeders.measure.epochs import epoch_seconds, of_length
from feeders.measure.limit import Limit
from feeders.results.record import EXACTLY_ONCE
from feeders.strategies import FEEDERS, feeder

from .candidates import ONE, Dropped, use_of
from .cores import BUSY
from .duel import Duel
from .look import Look
from .request import AdviseRequest

# Counts of a verified epoch that must be nought.
WRONG = ("missing", "duplicated", "corrupt", "stale")

# Keras gives such a loader one worker, which is all that is asked of it where one reader is enough.
SUPER_NOT_CALLED = "super-not-called"

# What Keras does wrong with workers of its own; what brings its own workers is not touched by it.
OF_KERAS = ("keras-misdelivers", "keras-hangs", "hook-reorders", "epoch-leak", "steps-restart", SUPER_NOT_CALLED)

# Of the ceiling: from here on the device is fed.
FED = 0.95

# Begins what is said of a way that no audit has covered: it is not proven, and not known to be unsafe.
UNAUDITED = "not audited"

# Begins what is said of one that an audit has covered and could not count: the same is true of it.
UNCOUNTED = "not counted"


@dataclass(frozen=True)
class Tried:
    """A way of feeding and its takes.

    Attributes:
        cell: the way.
        takes: of it, oldest first.
        epoch: batches of an epoch that speeds are of; None is the loader's own.
    """

    cell: Cell
    takes: tuple[Record, ...]
    epoch: int | None = None

    @property
    def speed(self) -> float | None:
        """Samples per second that arrive once and whole, the middle of its takes; None if it was not measured."""
        values = [value for value in map(self._speed, self.takes) if value]
        return statistics.median(values) if values else None

    def _speed(self, take: Record) -> float | None:
        if take.outcome != MEASURED:
            return None
        told = of_length(take, self.epoch) if self.epoch else take
        return told.metrics.get("effective_throughput")

    def metric(self, name: str) -> float | None:
        """The middle of its takes; None if it is not known."""
        values = [take.metrics[name] for take in self.takes if take.metrics.get(name) is not None]
        return statistics.median(values) if values else None

    @property
    def epoch_seconds(self) -> float | None:
        """Seconds of an epoch as long as speeds are of, with the gap to the next one; None if they are not known."""
        known = [take for take in self.takes if take.metrics.get("epoch") is not None]
        values = [epoch_seconds(take, self.epoch) if self.epoch else take.metrics["epoch"] for take in known]
        return statistics.median(values) if values else None

    @property
    def fault(self) -> str:
        """What is wrong with its delivery or its outcome; empty if nothing is."""
        for take in self.takes:
            if take.outcome != MEASURED:
                return f"{take.outcome}: {gist(take.message)}"
            # Content that differs from pass to pass has no guarantee here: the audit counts it by its labels.
            if take.guarantee not in (EXACTLY_ONCE, ""):
                return f"delivered {take.guarantee}"
            counts = [(name, int(take.metrics.get(name) or 0)) for name in WRONG]
            wrong = [f"{count:,} samples {name}" for name, count in counts if count]
            if wrong:
                return f"{', '.join(wrong)} in an epoch"
        return ""

    def costs(self) -> dict[str, str]:
        """CPU, memory and first batch, as a person would say them; what is not known is left out."""
        titles = {"cpu": "CPU", "memory": "memory", "first_batch": "first batch"}
        said = {title: METRICS.named(name).format(self.metric(name)) for name, title in titles.items()}
        return {title: text for title, text in said.items() if text}


def is_fed(tried: Tried, limit: Limit | None) -> bool:
    """Whether a way of feeding gives nearly all that training can take."""
    return bool(limit and (tried.speed or 0.0) >= FED * limit.ceiling)


def percent(share: float) -> str:
    """Return a share as a person would say it."""
    return METRICS.named("gil_share").format(share)


def gist(message: str) -> str:
    """Return the first line of a message, cut."""
    line = re.split(r"\. (?:WARNING: |(?:Current )?[Tt]hread 0x)", next(iter(message.strip().splitlines()), ""))[0]
    return line if len(line) <= 160 else f"{line[:157]}..."


@dataclass(frozen=True)
class Evidence:
    """All that was seen.

    Attributes:
        request: what was asked for.
        look: at the loader.
        today: how it is fed now.
        used: the audit of that; None if it could not be made.
        audits: by how the loader is read: `ONE`, `THREADS` or `PROCESSES`.
        limit: of the loader here; None if it could not be measured.
        tried: ways of feeding with takes, today's first.
        dropped: the others, and why.
        duels: comparisons in lockstep.
        interrupted: whether Ctrl-C came before the end.
        seconds: that it took.
        lacking: that the longest part takes which there was no time for.
        stack: versions.
        host: the machine.
        cores: that this process may use; a quota need not be whole.
        given_cores: that the host gave, in the middle of all takes and pairs; None if nothing was measured.
    """

    request: AdviseRequest
    look: Look
    today: Cell
    used: Audit | None = None
    audits: Mapping[str, Audit] = field(default_factory=dict)
    limit: Limit | None = None
    tried: tuple[Tried, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    duels: tuple[Duel, ...] = ()
    interrupted: bool = False
    seconds: float = 0.0
    lacking: float = 0.0
    stack: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    cores: float = 1
    given_cores: float | None = None

    @property
    def is_busy(self) -> bool:
        """Whether others used so much of the host that ways with several workers look slower than they are."""
        several = any(each.cell != self.today for each in self.tried)
        return several and self.given_cores is not None and self.given_cores < BUSY * self.cores

    def tried_of(self, cell: Cell) -> Tried | None:
        """What was seen of a way of feeding."""
        return next((each for each in self.tried if each.cell == cell), None)

    def used_faults(self) -> list[Fault]:
        """What the audit found wrong with the loader as it is used now."""
        return faults_of(self.used, use_of(self.today)) if self.used else []

    def duel(self, a: Cell, b: Cell) -> Duel | None:
        """The pairs of two ways of feeding, as B against A."""
        for each in self.duels:
            if (each.a, each.b) == (a, b):
                return each
            if (each.a, each.b) == (b, a):
                return dataclasses.replace(each, a=a, b=b, log_ratios=tuple(-value for value in each.log_ratios))
        return None

    def unsafe(self, tried: Tried) -> str:
        """Why a way of feeding must not be used; empty if nothing is known against it.

        What reads the loader as an audit did is as safe as the audit says; what no audit has covered is not advised.
        """
        return tried.fault or unsafe_by_audit(tried.cell, self.audits)

    def safe(self) -> list[Tried]:
        """The ways of feeding that are measured, verified and audited, the fastest first."""
        fine = [each for each in self.tried if each.speed and not self.unsafe(each)]
        return sorted(fine, key=lambda each: -(each.speed or 0.0))

    def unproven(self) -> list[Tried]:
        """The ways that may be faster than today's and all safe ones, and that there was no time to audit."""
        known = [*self.safe(), *(each for each in self.tried if each.cell == self.today)]
        fastest = max((each.speed or 0.0 for each in known), default=0.0)
        return [
            each
            for each in self.tried
            if (each.speed or 0.0) > (1 + MARGIN) * fastest and self.unsafe(each).startswith(UNAUDITED)
        ]


def faults_of(audit: Audit, use: str) -> list[Fault]:
    """Return what an audit found wrong with a way of reading; a loader without workers is none where one is wanted."""
    harmless = (SUPER_NOT_CALLED,) if use == ONE else ()
    return [fault for fault in audit.verdict.faults if fault.cause.name not in harmless]


def is_safe(audit: Audit, use: str) -> bool:
    """Whether an audit has proven a way of reading."""
    return not faults_of(audit, use) and audit.verdict.word != NOT_COUNTED


def why_uncounted(audit: Audit) -> str:
    """Return why an audit could not count, and what to try; empty where that is a key that tells samples apart."""
    return "" if "--key" in audit.verdict.message else audit.verdict.message


def unsafe_by_audit(cell: Cell, audits: Mapping[str, Audit]) -> str:
    """Return what the audits say against a way of feeding; empty if it is proven safe."""
    use = use_of(cell)
    audit = audits.get(use)
    if audit is None:
        return f"{UNAUDITED} with {use}"
    names = [fault.cause.name for fault in faults_of(audit, use)]
    if feeder(cell.feeder).own_workers and is_of_keras(audit, use):
        return ""
    if names:
        return f"{', '.join(dict.fromkeys(names))}, with {use}"
    why = gist(why_uncounted(audit)).partition(". Try: ")[0] or "nothing tells its samples apart"
    return "" if is_safe(audit, use) else f"{UNCOUNTED}: {why}"


def is_of_keras(audit: Audit, use: str) -> bool:
    """Whether the loader itself was pulled by several, and only what Keras does around it was wrong."""
    names = {fault.cause.name for fault in faults_of(audit, use)}
    return bool(names) and names <= set(OF_KERAS) and any(run.answer.calls for run in audit.evidence.stress)


def simplest(tried: list[Tried], near: float) -> Tried | None:
    """Return the simplest of the ways that are near the fastest: fewest workers, then the order of the catalogue.

    Args:
        tried: measured ones.
        near: share of the fastest's speed that is as good.
    """
    if not tried:
        return None
    fastest = max(each.speed or 0.0 for each in tried)
    close = [each for each in tried if (each.speed or 0.0) >= near * fastest]
    return min(close, key=lambda each: (each.cell.workers, FEEDERS.names.index(each.cell.feeder)))

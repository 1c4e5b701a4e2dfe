"""Advice without processes: a machine of made-up speeds with a clock of its own, audits that say what they are told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import SimpleNamespace

from feeders.advise.budget import Budget
from feeders.advise.candidates import ONE, PROCESSES, THREADS
from feeders.advise.evidence import Evidence, unsafe_by_audit
from feeders.advise.lines import Line, Lines
from feeders.advise.look import Look
from feeders.advise.request import AdviseRequest
from feeders.advise.search import Search
from feeders.measure import Cell, Record
from feeders.measure.limit import Limit

LOADER = "mine.py:Train"
REQUEST = AdviseRequest(LOADER)

LINES = Lines(
    (Line("mine.py", 10, "__getitem__", "total += k", 0.8, 1.0), Line("mine.py", 11, "f", "wait()", 0.1, 0.0))
)

INDEXED = Look("sequence", "a mine.Train", ("index", "iterator"), steps=60, lines=LINES)


def cell(name, workers=1):
    return Cell(name, LOADER, workers)


def audit(*causes, word="exactly-once", calls=100, message=""):
    """An audit that found these causes, and pulled the loader so many times from several at once."""
    faults = tuple(
        SimpleNamespace(
            cause=SimpleNamespace(name=name, meaning=f"{name} means.", advice=f"Repair {name}."),
            advice="",
            summary="",
            where=(f"mine.py:12 in {name}",),
        )
        for name in causes
    )
    verdict = SimpleNamespace(word=word, faults=faults, message=message, deliveries=1000)
    stress = [SimpleNamespace(answer=SimpleNamespace(calls=calls))]
    evidence = SimpleNamespace(stress=stress)
    return SimpleNamespace(verdict=verdict, evidence=evidence, safe=not faults and word != "not-counted")


SAFE = {use: audit() for use in (ONE, THREADS, PROCESSES)}


def record(of, speed, outcome="measured", guarantee="exactly-once", **metrics):
    known = {"effective_throughput": speed, "throughput": speed, "cpu": 0.5, "memory": 1e9, "first_batch": 0.1}
    return Record(
        of.feeder,
        of.workload,
        of.workers,
        outcome,
        "" if outcome == "measured" else f"{outcome}, as planted",
        {**known, **metrics} if outcome == "measured" else {},
        guarantee if outcome == "measured" else "",
        batches=60,
    )


def limit(ceiling=100_000.0, prepare=1e-4, cpu=1e-4, gil=0.0, cores=2):
    """A loader that prepares 10,000 samples/s in one thread, on a host that trains on 100,000."""
    return Limit(ceiling, 1e-6, cpu, prepare, gil, cores)


@dataclass
class Bench:
    """A machine: its takes give the speeds that are planted, and its clock goes on by what they take.

    Attributes:
        speeds: samples per second by way of feeding; others give `other`.
        records: what is taken instead of a good record, by way of feeding.
        now: seconds on its clock.
        taken: ways of feeding, in the order of their takes.
        paired: the sides of each pair.
        starting: seconds that the first of them takes longer.
        given: cores that it gives.
    """

    speeds: dict
    other: float = 1_000.0
    records: dict = field(default_factory=dict)
    take_seconds: float = 2.0
    pair_seconds: float = 5.0
    now: float = 0.0
    taken: list = field(default_factory=list)
    paired: list = field(default_factory=list)
    starting: float = 0.0
    given: float = 2.0

    def clock(self):
        return self.now

    def pay(self, part, request=None):
        """Let the clock go on by what another part of advice takes: "import", "look", "survey", "audit" or "limit"."""
        self.now += request.seconds if request else 0.0

    def take(self, of, steady_seconds, deadline_seconds):
        self.now += self.take_seconds
        self.taken.append(of)
        return self.records.get(of) or record(of, self.speeds.get(of, self.other))

    def pair(self, a, b):
        self.now += self.pair_seconds + (0.0 if self.paired else self.starting)
        self.paired.append((a, b))
        # They lie a little above and below their mean, in turn.
        one, two = (self.speeds.get(side, self.other) for side in (a, b))
        return math.log(one / two) + 0.01 * (-1) ** len(self.paired)

    def given_cores(self):
        return self.given


def search(bench, today=None, seconds=180.0, audits=None, known=None):
    """A search on a made-up machine."""
    audits = SAFE if audits is None else audits
    return Search(
        bench,
        Budget(seconds, bench.clock),
        today or cell("sequence"),
        None,
        known,
        lambda text, share: None,
        lambda tried: tried.fault or unsafe_by_audit(tried.cell, audits),
    )


def evidence(found, audits=None, used=None, look=INDEXED, **others):
    """What a search has found, with audits."""
    audits = dict(SAFE if audits is None else audits)
    return Evidence(
        request=REQUEST,
        look=look,
        today=found.today,
        used=used or audits.get(ONE),
        audits=audits,
        limit=found.limit,
        tried=tuple(found.tried.values()),
        dropped=tuple(found.dropped),
        duels=tuple(found.duels.values()),
        stack={"keras": "3.15.1", "tensorflow": "2.21.0", "python": "3.12.1", "device": "cpu"},
        **others,
    )

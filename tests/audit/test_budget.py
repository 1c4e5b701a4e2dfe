"""No audit ends later than its budget and what it announced; told by a clock that processes of a test move on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import import_module

import pytest

from feeders.audit.budget import CLOSING_SECONDS, Budget
from feeders.audit.course import Course
from feeders.audit.events import BatchTrained, EpochBegan, Foreseen
from feeders.audit.evidence import ENDED, Bounds, FitAnswer, FitRun, Growth, Left, StressAnswer, StressRun
from feeders.audit.leaks import EPOCHS_AT_LEAST
from feeders.audit.readings import Description, Reading
from feeders.audit.request import AuditRequest
from feeders.measure.identity import Columns
from feeders.results.record import HUNG

BATCHES = 50

# A process starts, and one that trains starts.
START, TRAINS = 0.4, 1.6


@dataclass
class Clock:
    """Time that passes when somebody says so."""

    now: float = 1000.0

    def __call__(self):
        return self.now


@dataclass
class Loader:
    """How slow a loader is, in seconds."""

    kind: str = "sequence"
    making: float = 0.0
    first: float = 0.01
    batch: float = 0.01
    batches: int | None = BATCHES
    passes: int = 1
    slower: float = 1.0
    hangs: bool = False
    clock: Clock = field(default_factory=Clock)


def columns(number):
    return Columns((number, -number), (number, -number))


class Watched:
    """Stands for `Probes`: moves the clock as long as its processes would take."""

    loader = Loader()
    memory, patience = 1 << 30, 8.0

    def __init__(self, request):
        self.request = request

    def slowest_batch(self, slowest, first):
        """Patience is not what is tested."""

    def _passes(self, count, start=START):
        one = self.loader.first + self.loader.batch * (BATCHES - 1)
        self.loader.clock.now += start + self.loader.making + count * one

    def read(self, seed, backward, foresee=lambda seen: None):
        known = self.loader
        begin = known.clock.now
        known.clock.now += START + known.making + known.first + known.batch
        indexed = known.kind == "sequence"
        foresee(Foreseen(known.making, known.first, known.batch, known.batches, known.passes, indexed))
        known.clock.now = begin
        self._passes(known.passes)
        epochs = (tuple(columns(number) for number in range(BATCHES)),) * known.passes
        mean = (known.first + known.batch * (BATCHES - 1)) / BATCHES
        length = known.batches if indexed else None
        described = Description(known.kind, "a loader", workers=4, processes=False, length=length, generation=3)
        steps = self.request.steps
        return Reading(described, epochs, steps, making=known.making, first=known.first, slowest=known.batch, mean=mean)

    def fit(self, steps, seed, provoked, use="fit"):
        if self.loader.hangs:
            self.loader.clock.now += self.patience
            return FitRun(provoked, HUNG, "no end after 8 s", use=use)
        self._passes(self.request.epochs * self.loader.slower, TRAINS)
        one = [EpochBegan(), *(BatchTrained(columns(number).keys) for number in range(BATCHES))]
        return FitRun(provoked, ENDED, "", FitAnswer(None, Left(0, 0)), tuple(one * self.request.epochs), use=use)

    def growth(self, steps, seconds):
        self._passes(EPOCHS_AT_LEAST)
        return Growth()

    def bounds(self, length, column):
        self._passes(0)
        return Bounds((), (1, 2))

    def stress(self, plan):
        self._passes(1)
        self.loader.clock.now += plan.seconds
        return StressRun(ENDED, "", StressAnswer(30, 10, 5))


LOADERS = {
    "quick": (Loader(), {}),
    "quick, no time": (Loader(), {"seconds": 2.0}),
    "slow to make": (Loader(making=15.0), {}),
    "a shuffle buffer": (Loader("dataset", first=18.0, batch=0.0001, batches=None, passes=2), {}),
    "slow batches": (Loader("generator", first=2.0, batch=2.0, passes=2), {"steps": BATCHES}),
    "slow batches of a sequence": (Loader(first=1.0, batch=1.0), {"steps": BATCHES}),
    "used otherwise": (Loader(first=3.0), {"also": ("evaluate", "predict", "validation_data")}),
    "slower in fit()": (Loader(first=2.0, slower=3.0), {}),
    "hangs": (Loader(hangs=True), {}),
    "hangs, slow to make": (Loader(making=9.0, hangs=True), {"seconds": 5.0}),
}


@pytest.mark.parametrize("name", LOADERS)
def test_no_audit_ends_later_than_its_budget_and_what_it_announced(monkeypatch, name):
    known, options = LOADERS[name]
    clock = Clock()
    monkeypatch.setattr(Watched, "loader", replace(known, clock=clock))
    for module in ("inquiry", "course", "other_uses"):
        monkeypatch.setattr(import_module(f"feeders.audit.{module}"), "Probes", Watched)
    said = []
    budget = Budget(options.get("seconds", 15.0), lambda text: said.append((clock.now, text)), clock)
    course = Course(AuditRequest("mine.py:Mine", **{"seconds": 15.0, **options}), budget, lambda text: None)
    course.run()
    assert budget.passed() <= options.get("seconds", 15.0) + budget.announced, said
    assert course.evidence.fits
    slow = known.making + known.first + known.batch
    if slow > 1 and not known.hangs:
        # As soon as two batches have come, and not much of it later.
        moment, text = said[0]
        assert moment == pytest.approx(1000.0 + START + slow), said
        if known.slower == 1:
            assert float(text.partition("up to ")[2].partition(" s")[0]) >= 0.8 * budget.announced, said


def test_what_is_within_the_budget_is_not_announced():
    said, clock = [], Clock()
    budget = Budget(15.0, said.append, clock)
    clock.now += 5
    budget.allow(9.0, "reading it takes 9 s")
    budget.lengthen(0.2, 9.0, "made in 0 s")
    assert (said, budget.announced, budget.left()) == ([], 0.0, 10.0 - CLOSING_SECONDS)


def test_what_goes_beyond_is_announced_once_and_lengthens_nothing_but_what_it_should():
    said, clock = [], Clock()
    budget = Budget(15.0, said.append, clock)
    budget.allow(18.2, "reading it takes 18 s")
    budget.allow(18.2, "again")
    assert said == ["reading it takes 18 s: up to 4 s beyond the 15 s of --seconds"]
    assert budget.left() == 15.0 - CLOSING_SECONDS
    budget.lengthen(30.0, 18.2, "made in 5 s")
    assert said[1:] == ["made in 5 s: up to 30 s beyond the 15 s of --seconds"]
    assert (budget.left(), budget.announced) == (45.0 - CLOSING_SECONDS, 30.0)

"""Threads and processes of our own that pull a loader at once, each held in turn where a switch could hurt.

Every finding is about one call: index, what it gave, what it gives when nobody else is there, and where a thread was
held meanwhile. Content that is not reproducible is compared by key.
"""

from __future__ import annotations

import multiprocessing
import random
import time
from types import CodeType
from typing import Iterator, Sequence

from feeders.keras_api import seed_everything
from feeders.measure.identity import Columns

from .crew import Crew
from .crews import make_crew
from .events import Found, Heartbeat, LinesRan, TrialBegan
from .evidence import StressAnswer
from .findings import Finding, Seen
from .hooks import begin_epoch
from .journal import Journal
from .loader import open_loader, provoked_files
from .request import AuditRequest
from .stress_plan import StressPlan
from .switches import Place, Switches

# A thread is held until others ran so many lines, or so long: they may need a lock that it has.
HOLD_LINES = 40
HOLD_SECONDS = 0.01
LONGEST_HOLD_SECONDS = 0.1

# After the first fault, so many more trials look for the other places where a switch hurts.
TRIALS_AFTER = 60

# Findings kept; one loader can fail at every call.
MOST_FINDINGS = 200

# Places that a finding names.
MOST_PLACES = 20


def stress(request: AuditRequest, plan: StressPlan, journal: Journal) -> StressAnswer:
    """Open the loader, learn what its calls give one by one, and pull it from all sides.

    Args:
        request: what is audited.
        plan: how.
        journal: gets an event per trial and per finding.
    """
    if request.start_method:
        multiprocessing.set_start_method(request.start_method, force=True)
    seed_everything(request.seeded(plan.seed))
    chance = random.Random(plan.seed)
    with journal.kept_alive():
        loader = open_loader(request)
    begin_epoch(loader.x)
    crew = make_crew(loader, request, plan, chance, lambda: journal.write(Heartbeat()))
    return _Trials(crew, plan, chance, Switches(provoked_files(request)), journal).run()


class _Trials:
    def __init__(
        self, crew: Crew, plan: StressPlan, chance: random.Random, switches: Switches, journal: Journal
    ) -> None:
        self._crew, self._plan, self._random, self._switches, self._journal = crew, plan, chance, switches, journal
        self._calls = self._trials = self._findings = 0

    def run(self) -> StressAnswer:
        since = 0
        held: set[Place] = set()
        with self._switches:
            right = self._crew.learn()
            lines = tuple((place.file, place.line) for place in self._switches.places.values())
            self._journal.write(LinesRan(lines))
            self._switches.ran.clear()
            end, places = time.perf_counter() + self._plan.seconds, self._choices()
            while time.perf_counter() < end and self._findings < MOST_FINDINGS and since < TRIALS_AFTER:
                place = self._arrange(places)
                held.update([place] if place else [])
                self._trial(right, place)
                since += bool(self._findings)
        self._crew.close()
        self._journal.write(LinesRan(tuple(sorted(self._crew.lines.difference(lines)))))
        ran = {(place.file, place.line) for place in self._switches.ran} | self._crew.lines
        reached = sum((place.file, place.line) in ran for place in held)
        alone = tuple(line for line in dict.fromkeys(lines) if line not in ran)
        return StressAnswer(self._calls, self._trials, reached, alone)

    def _arrange(self, places: Iterator[tuple[CodeType, Place]]) -> Place | None:
        """Hold at the next place; make noise while none is known, or where nobody can be held."""
        choice = next(places, None) if self._crew.can_be_held else None
        if choice is None:
            self._switches.noise(0.2, 0.001)
            return None
        seconds = min(LONGEST_HOLD_SECONDS, max(HOLD_SECONDS, 3 * self._crew.slowest))
        self._switches.hold(*choice, share=self._random.choice((0.3, 1.0)), seconds=seconds, lines=HOLD_LINES)
        return choice[1]

    def _choices(self) -> Iterator[tuple[CodeType, Place]]:
        """Every line that has run; then lines and single operations, over and over."""
        tried: set[Place] = set()
        while True:
            lines = [(code, place) for (code, _), place in self._switches.places.items()]
            new = [choice for choice in lines if choice[1] not in tried]
            if not new:
                break
            tried.update(place for _, place in new)
            yield from self._random.sample(new, len(new))
        operations = self._switches.operations()
        while lines:
            yield self._random.choice(operations if operations and self._random.random() < 0.7 else lines)

    def _trial(self, right: Sequence[Columns], place: Place | None) -> None:
        self._trials += 1
        self._journal.write(TrialBegan())
        found = self._crew.trial(right)
        self._calls += self._crew.calls
        for seen in found[: MOST_FINDINGS - self._findings]:
            self._note(seen, place)

    def _note(self, seen: Seen, place: Place | None) -> None:
        self._findings += 1
        beside = tuple(self._switches.beside)[:MOST_PLACES]
        self._journal.write(Found(Finding(self._trials, seen, place, beside)))

"""The course of an audit: probes in turn, the most telling first, until a fault is certain or the budget is used."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

from feeders.loaders.opening import SEQUENCE
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED

from .budget import Budget
from .causes import UNEXPLAINED
from .epochs import count_epochs, reference_of
from .evidence import ENDED, Evidence, FitRun, Growth
from .findings import CONTENTS, KEYS
from .forecast import GROWTH_SHARE
from .inquiry import Inquiry
from .other_uses import use_otherwise
from .probes import Probes
from .readings import BrokenReading
from .reference_search import search_reference
from .request import AuditRequest
from .stress_plan import SHORTEST_STRESS_SECONDS, can_be_pulled, plan_stress, stress_seconds
from .uses import FIT

# Verdicts that are no delivery.
OUTCOMES = (REFUSED, FAILED, HUNG, CRASHED)

# Rounds beyond the budget that look again for what was seen once.
MOST_EXTRA_ROUNDS = 3


class Course:
    """Carries out an audit.

    Args:
        request: what to audit.
        budget: its time.
        progress: told what is going on.
    """

    def __init__(self, request: AuditRequest, budget: Budget, progress: Callable[[str], None]) -> None:
        self._inquiry, self._budget, self._progress = Inquiry(request, budget, progress), budget, progress

    @property
    def request(self) -> AuditRequest:
        """What is audited, with what was found out about key and steps."""
        return self._inquiry.request

    @property
    def evidence(self) -> Evidence:
        """All of it so far."""
        return self._inquiry.evidence

    def run(self) -> None:
        """Go on until a fault is certain or the budget is used."""
        search_reference(self._inquiry)
        if self.evidence.reference is None:
            self._look_without_reference()
            return
        self._fit_twice()
        if self.evidence.fits[-1].outcome != ENDED and self._is_certain():
            self._control()
            self._explain_failure()
            return
        self._look_beyond()
        self._draw()
        use_otherwise(self._inquiry)
        self._provoke()
        self._control()

    def _note(self, **evidence: object) -> None:
        self._inquiry.evidence = replace(self.evidence, **evidence)  # type: ignore[arg-type]

    def _has_race(self) -> bool:
        return any(fault.cause.race for fault in self._inquiry.judge().faults)

    def _is_certain(self) -> bool:
        """Whether more would tell no more: it ends badly, or a race has been seen often enough to be named."""
        return self._inquiry.judge().word in OUTCOMES or self._has_race()

    def _is_pending(self) -> bool:
        """Whether something was seen that has not been seen a second time."""
        return self._inquiry.judge().pending

    # fit().

    def _look_without_reference(self) -> None:
        self._fit(provoked=False)
        if self.evidence.fits[0].outcome == ENDED or not self.evidence.broken:
            self._fit(provoked=False)
        self._control()

    def _fit_twice(self) -> None:
        """Train on it as it is and provoked, then read epoch after epoch.

        No two processes run at once: a loader may write to a path or listen at a port of its own.
        """
        self._fit(provoked=False)
        self._fit(provoked=True)
        forecast = self._inquiry.forecast
        if forecast and not forecast.judges_growth:
            self._note(growth=Growth(cut=True))
        elif self.evidence.fits[-1].outcome == ENDED:
            self._progress("reading epoch after epoch")
            self._allow("growth", "reading epoch after epoch")
            seconds = self.request.seconds * GROWTH_SHARE
            grown = self._inquiry.timed("growth", lambda: self._inquiry.probes.growth(self._batches(), seconds))
            self._note(growth=grown)

    def _allow(self, kind: str, what: str) -> None:
        seconds = self._inquiry.expected(kind)
        self._budget.allow(seconds, f"{what} takes {seconds:.0f} s")

    def _steps(self) -> int | None:
        return self.evidence.forward.steps if self.evidence.forward else None

    def _fit(self, provoked: bool) -> None:
        number = len(self.evidence.fits) + 1
        self._progress(f"fit() {number}{', switches forced' if provoked else ''}")
        run = self._inquiry.fit(self._inquiry.probes, self._steps(), number, provoked, FIT)
        if self.evidence.reference:
            run = replace(run, epochs=count_epochs(run, self.evidence.reference))
        self._note(fits=(*self.evidence.fits, run))

    def _control(self) -> None:
        """Where a loader hangs, or nothing explains what it lost, see whether one that is known to be safe does too."""
        hung = any(run.outcome == HUNG for run in self.evidence.fits)
        unexplained = any(fault.cause is UNEXPLAINED for fault in self._inquiry.judge().faults)
        if (hung or unexplained) and self.evidence.description.kind == SEQUENCE:
            self._progress("fit() with a loader known to be safe")
            self._note(control=self._safe_fit())

    def _safe_fit(self) -> FitRun:
        known = self.evidence.description
        name = "sequence-processes" if known.processes else "sequence"
        request = AuditRequest(name, workers=known.workers, seconds=self.request.seconds)
        probes = Probes(request)
        control = self._inquiry.fit(probes, None, 1, False, FIT)
        self._allow("read", "reading a loader known to be safe")
        read = probes.read(1, backward=False)
        if isinstance(read, BrokenReading):
            return control
        return replace(control, epochs=count_epochs(control, reference_of(request, read, read)))

    def _explain_failure(self) -> None:
        """It reads well alone, and fit() fails: see what others do to it."""
        for seed in range(1, 1 + MOST_EXTRA_ROUNDS):
            if self.evidence.fits[0].outcome != FAILED or not self._can_be_pulled() or self._has_race():
                return
            self._stress(seed, 2 * SHORTEST_STRESS_SECONDS)

    # What else can be wrong.

    def _batches(self) -> int:
        return self.evidence.indices

    def _look_beyond(self) -> None:
        known = self.evidence.description
        if (
            known.kind == SEQUENCE
            and known.length
            and not self.request.is_feeder
            and not (self._steps() or self.request.cut)
        ):
            self._progress("asking beyond its length")
            self._allow("bounds", "asking beyond its length")
            reference = self.evidence.reference
            column = CONTENTS if reference and reference.reproducible else KEYS
            self._note(bounds=self._inquiry.probes.bounds(known.length, column))

    def _draw(self) -> None:
        """Look for equal random numbers, where content is random and workers are processes."""
        known = self.evidence.description
        if not self._is_random() or not known.processes or known.kind != SEQUENCE:
            return
        for seed in (1, 2):
            self._progress("comparing the random numbers of worker processes")
            self._allow("fit", "comparing random numbers")
            draws = self._inquiry.probes.draws(self._batches(), seed)
            self._note(draws=(*self.evidence.draws, *([draws] if draws else [])))

    def _is_random(self) -> bool:
        reference, backward = self.evidence.reference, self.evidence.backward
        return self.evidence.random or not (
            reference and reference.reproducible and backward and backward.reread.contents
        )

    # Races.

    def _provoke(self) -> None:
        """Pull it from all sides and train on it, in turns, until a fault is certain or the budget is used.

        What was seen once is looked for again beyond the budget: a fault is reported when it was seen twice.
        """
        seed, extra = 0, 0
        while not self._is_certain():
            seconds = self._budget.left() - self._overhead()
            if seconds < SHORTEST_STRESS_SECONDS and seed:
                if not self._is_pending() or extra == MOST_EXTRA_ROUNDS:
                    return
                extra += 1
            seed += 1
            pulled = self._can_be_pulled()
            if pulled:
                self._stress(seed, stress_seconds(self.request, self.evidence, seconds))
                if self._is_certain():
                    return
            if self._is_pending() or self._budget.left() > max(self._overhead(), self._inquiry.expected("fit")):
                self._fit(provoked=True)
            elif not pulled:
                return

    def _overhead(self) -> float:
        """What a process that pulls takes beside its trials: it reads everything once, alone."""
        mean = self.evidence.forward.mean if self.evidence.forward else 0.0
        forecast = self._inquiry.forecast
        again = forecast.making + forecast.first if forecast and self.evidence.stress else 0.0
        told = 0.0 if self.evidence.stress else self._inquiry.expected("stress") - SHORTEST_STRESS_SECONDS
        return max(mean * self._batches() + again + 0.7, told, self._inquiry.longest.get("overhead", 0.0))

    def _can_be_pulled(self) -> bool:
        return can_be_pulled(self.evidence)

    def _stress(self, seed: int, seconds: float) -> None:
        self._progress(f"pulling it from all sides, {len(self.evidence.stress) + 1}")
        self._budget.allow(self._overhead() + seconds, "pulling it from all sides")
        start = self._budget.passed()
        run = self._stressed().stress(plan_stress(self.request, self.evidence, seed, seconds))
        took = self._budget.passed() - start - seconds
        self._inquiry.longest["overhead"] = max(took, self._inquiry.longest.get("overhead", 0.0))
        self._note(stress=(*self.evidence.stress, run))

    def _stressed(self) -> Probes:
        """Workers that a feeder brings itself meet in the loader's calls, as those of a sequence of it do."""
        known = self.evidence.description
        if not known.own_workers:
            return self._inquiry.probes
        name = "sequence-processes" if known.processes else "sequence"
        return Probes(replace(self.request, loader=name, workers=known.workers))

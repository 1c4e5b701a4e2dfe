"""The course of an audit: probes in turn, the most telling first, until a fault is certain or the budget is used."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Callable

from feeders.errors import FeedersError
from feeders.loaders.opening import ARRAYS, DATASET, SEQUENCE
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED

from .causes import UNEXPLAINED, Case, is_use_seen_once
from .epochs import count_epochs, is_part_of_a_pass, reference_of, reference_of_a_pass
from .evidence import ENDED, Evidence, FitRun, Growth
from .identity import LABELS
from .judge import AuditVerdict, judge
from .leaks import EPOCHS_AT_LEAST, PATIENCE
from .probes import Probes
from .readings import BrokenReading, Reading
from .reference import FEWEST_PARTS, SHARE_OF_BUDGET
from .request import AuditRequest
from .stress_plan import SHORTEST_STRESS_SECONDS, can_be_pulled, plan_stress, stress_seconds

# Verdicts that are no delivery.
OUTCOMES = (REFUSED, FAILED, HUNG, CRASHED)

# Part of the budget that reading epoch after epoch may take.
GROWTH_SHARE = 0.15

# Processes that make the loader before races are looked for: two that read it, two of ``fit()``, one that asks beyond
# its length, one that pulls it. They don't pay for that from the budget; later ones do.
ESSENTIAL_PROBES = 6
WORTH_TELLING_SECONDS = 2.0

# Passes of a long epoch beside those of ``fit()``: two of the second reading, one for growth, two of whoever pulls.
PASSES = 5

# Rounds beyond the budget that look again for what was seen once.
MOST_EXTRA_ROUNDS = 3


class Course:
    """Carries out an audit.

    Args:
        request: what to audit.
        end: when the budget is used, as ``time.perf_counter()`` tells it.
        progress: told what is going on.

    Attributes:
        request: with what was found out about key and steps.
        evidence: so far.
    """

    def __init__(self, request: AuditRequest, end: float, progress: Callable[[str], None]) -> None:
        self.request, self._end, self._progress = request, end, progress
        self._probes = Probes(request)
        self._start = self._pass = 0.0
        self.evidence = Evidence(memory_limit=self._probes.memory)

    def run(self) -> None:
        """Go on until a fault is certain or the budget is used."""
        self._read()
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
        self._use_otherwise()
        self._provoke()
        self._control()

    def _judge(self) -> AuditVerdict:
        return judge(self.request, self.evidence)

    def _has_race(self) -> bool:
        return any(fault.cause.race for fault in self._judge().faults)

    def _is_certain(self) -> bool:
        """Whether more would tell no more: it ends badly, or a race has been seen often enough to be named."""
        return self._judge().word in OUTCOMES or self._has_race()

    def _is_pending(self) -> bool:
        """Whether something was seen that has not been seen a second time."""
        return self._judge().pending

    def _left(self) -> float:
        return self._end - time.perf_counter()

    # The reference.

    def _read(self) -> None:
        self._progress("reading it in one thread")
        forward = self._probes.read(1, backward=False)
        if self.request.also and forward.description.kind == ARRAYS:
            raise FeedersError(
                f"--also {','.join(self.request.also)}: {self.request.loader} is {forward.description.title}, which "
                "Keras cuts into batches by itself, in order, in one thread; expected a loader. Try: leave --also away"
            )
        if isinstance(forward, BrokenReading):
            self.evidence = replace(self.evidence, broken=forward)
            return
        if forward.cut or (forward.steps and forward.steps != self.request.steps and not forward.endless):
            self._restart(replace(self.request, steps=forward.steps, cut=forward.cut))
        length, steps = forward.description.length, self.request.steps
        if is_part_of_a_pass(self.request, forward.description) and length and steps:
            # What Keras does between epochs shows once those that its workers had read ahead are used up.
            epochs = max(self.request.epochs, min(FEWEST_PARTS, -(-length // steps)))
            self._restart(replace(self.request, epochs=epochs))
        self.evidence = replace(self.evidence, forward=forward)
        self._allow_for(forward)
        if forward.failed or not forward.epochs:
            return
        backward = self._probes.read(2, backward=True)
        if isinstance(backward, BrokenReading):
            self.evidence = replace(self.evidence, broken=backward)
            return
        self.evidence = replace(
            self.evidence, backward=backward, reference=reference_of(self.request, forward, backward)
        )
        self._read_with_fixed_numbers()
        self._read_by_label(forward)
        self._look_for_a_key()

    def _read_with_fixed_numbers(self) -> None:
        """Where content is random, see whether it is the same once global random numbers are."""
        reference, known = self.evidence.reference, self.evidence.description
        asked = self.request.is_feeder or self.request.key is not None
        if asked or known.kind != SEQUENCE or known.pickles or reference is None or reference.reproducible:
            return
        self._progress("reading it with the same random numbers for each index")
        random = self.request
        self._restart(replace(random, fixed_random=True))
        first, second = self._probes.read(1, backward=False), self._probes.read(2, backward=True)
        if isinstance(first, Reading) and isinstance(second, Reading) and second.reread.contents:
            fixed = reference_of(self.request, first, second)
            if fixed.reproducible:
                self.evidence = replace(self.evidence, forward=first, backward=second, reference=fixed, random=True)
                return
        self._restart(random)

    def _look_for_a_key(self) -> None:
        """Offer what would count, where nothing tells samples apart."""
        reference = self.evidence.reference
        if reference and not reference.tells:
            self._progress("looking for a key that tells its samples apart")
            self.evidence = replace(self.evidence, key=self._probes.find_key(reference.batches).expression)

    def _allow_for(self, forward: Reading) -> None:
        """Count the budget from its first batch: each process makes the loader anew and waits for it.

        An epoch that is longer than its part of the budget, and can't be cut short, is read several times beyond it.
        """
        self._probes.slowest_batch(forward.slowest, forward.first)
        self._start = forward.making + forward.first
        self._pass = forward.mean * len(forward.epochs[0]) if forward.epochs else 0.0
        beyond = self._start * ESSENTIAL_PROBES
        if self._pass > SHARE_OF_BUDGET * self.request.seconds:
            beyond = max(beyond, forward.making * ESSENTIAL_PROBES + self._pass * (PASSES + 2 * self.request.epochs))
        self._end += beyond
        if beyond > ESSENTIAL_PROBES * WORTH_TELLING_SECONDS:
            self._progress(
                f"made in {forward.making:.0f} s, first batch after {forward.first:.0f} s, an epoch takes "
                f"{self._pass:.0f} s, in each process: up to {beyond:.0f} s beyond the budget"
            )

    def _read_by_label(self, forward: Reading) -> None:
        """Where content is new in each pass, count labels instead, if it has them."""
        reference = self.evidence.reference
        labelled = any(batch.keys for batch in forward.epochs[0]) and self.request.key is None
        if not labelled or self.request.is_feeder or reference is None or reference.reproducible:
            return
        self._restart(replace(self.request, key=LABELS))
        try:
            first, second = self._probes.read(1, backward=False), self._probes.read(2, backward=True)
        except FeedersError:  # it has none
            self._restart(replace(self.request, key=None))
            return
        if isinstance(first, Reading) and isinstance(second, Reading):
            by_label = reference_of(self.request, first, second)
            self.evidence = replace(self.evidence, forward=first, backward=second, reference=by_label)
        else:  # it broke this time: what is known stands
            self._restart(replace(self.request, key=None))

    def _restart(self, request: AuditRequest) -> None:
        self.request = self._probes.request = request

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
        if self._pass * EPOCHS_AT_LEAST > self.request.seconds * GROWTH_SHARE * PATIENCE:
            self.evidence = replace(self.evidence, growth=Growth(cut=True))
        elif self.evidence.fits[-1].outcome == ENDED:
            self._progress("reading epoch after epoch")
            growth = self._probes.growth(self._batches(), self.request.seconds * GROWTH_SHARE)
            self.evidence = replace(self.evidence, growth=growth)

    def _steps(self) -> int | None:
        return self.evidence.forward.steps if self.evidence.forward else None

    def _fit(self, provoked: bool) -> None:
        number = len(self.evidence.fits) + 1
        self._progress(f"fit() {number}{', switches forced' if provoked else ''}")
        run = self._probes.fit(self._steps(), number, provoked)
        if self.evidence.reference:
            run = replace(run, epochs=count_epochs(run, self.evidence.reference))
        self.evidence = replace(self.evidence, fits=(*self.evidence.fits, run))

    def _control(self) -> None:
        """Where a loader hangs, or nothing explains what it lost, see whether one that is known to be safe does too."""
        hung = any(run.outcome == HUNG for run in self.evidence.fits)
        unexplained = any(fault.cause is UNEXPLAINED for fault in self._judge().faults)
        if (hung or unexplained) and self.evidence.description.kind == SEQUENCE:
            self._progress("fit() with a loader known to be safe")
            self.evidence = replace(self.evidence, control=self._safe_fit())

    def _safe_fit(self) -> FitRun:
        known = self.evidence.description
        name = "sequence-processes" if known.processes else "sequence"
        request = AuditRequest(name, workers=known.workers, seconds=self.request.seconds)
        probes = Probes(request)
        control, read = probes.fit(None, 1, provoked=False), probes.read(1, backward=False)
        if isinstance(read, BrokenReading):
            return control
        return replace(control, epochs=count_epochs(control, reference_of(request, read, read)))

    def _explain_failure(self) -> None:
        """It reads well alone, and fit() fails: see what others do to it."""
        for seed in range(1, 1 + MOST_EXTRA_ROUNDS):
            if self.evidence.fits[0].outcome != FAILED or not self._can_be_pulled() or self._has_race():
                return
            self._stress(seed, 2 * SHORTEST_STRESS_SECONDS)

    # Uses beside fit().

    def _use_otherwise(self) -> None:
        """Evaluate, predict or validate with it where that is asked for, as it is and provoked."""
        for use in self.request.also:
            self._use(use, provoked=False)
            self._use(use, provoked=True)
            for _ in range(MOST_EXTRA_ROUNDS):
                if is_use_seen_once(Case(self.request, self.evidence), use):
                    self._use(use, provoked=True)
            if any(epoch.faults for run in self.evidence.others if run.use == use for epoch in run.epochs):
                self._progress(f"{use} with a loader known to be safe")
                controls = (*self.evidence.other_controls, *self._safe_use(use))
                self.evidence = replace(self.evidence, other_controls=controls)

    def _use(self, use: str, provoked: bool) -> None:
        self._progress(f"{use}{', switches forced' if provoked else ''}")
        run = self._counted(self._probes.fit(self._steps(), len(self.evidence.others) + 1, provoked, use))
        self.evidence = replace(self.evidence, others=(*self.evidence.others, run))

    def _counted(self, run: FitRun) -> FitRun:
        forward, backward = self.evidence.forward, self.evidence.backward
        if forward is None or backward is None:
            return run
        return replace(run, epochs=count_epochs(run, reference_of_a_pass(self.request, forward, backward)))

    def _safe_use(self, use: str) -> tuple[FitRun, ...]:
        known = self.evidence.description
        if known.kind == DATASET:
            return ()
        name = "generator" if known.iterates else "sequence-processes" if known.processes else "sequence"
        request = AuditRequest(name, workers=known.workers, epochs=self.request.epochs, seconds=self.request.seconds)
        probes = Probes(request)
        read = probes.read(1, backward=False)
        if isinstance(read, BrokenReading):
            return ()
        control = probes.fit(None, 1, provoked=False, use=use)
        return (replace(control, epochs=count_epochs(control, reference_of_a_pass(request, read, read))),)

    # What else can be wrong.

    def _batches(self) -> int:
        return self.evidence.reference.batches if self.evidence.reference else 0

    def _look_beyond(self) -> None:
        known = self.evidence.description
        if (
            known.kind == SEQUENCE
            and known.length
            and not self.request.is_feeder
            and not (self._steps() or self.request.cut)
        ):
            self._progress("asking beyond its length")
            self.evidence = replace(self.evidence, bounds=self._probes.bounds(known.length))

    def _draw(self) -> None:
        """Look for equal random numbers, where content is random and workers are processes."""
        known = self.evidence.description
        if not self._is_random() or not known.processes or known.kind != SEQUENCE:
            return
        for seed in (1, 2):
            self._progress("comparing the random numbers of worker processes")
            draws = self._probes.draws(self._batches(), seed)
            self.evidence = replace(self.evidence, draws=(*self.evidence.draws, *([draws] if draws else [])))

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
            seconds = self._left() - self._overhead()
            if seconds < SHORTEST_STRESS_SECONDS and seed:
                if not self._is_pending() or extra == MOST_EXTRA_ROUNDS:
                    return
                extra += 1
            seed += 1
            if self._can_be_pulled():
                self._stress(seed, stress_seconds(self.request, self.evidence, seconds))
                if self._is_certain():
                    return
            if self._left() > max(self._overhead(), self._pass * self.request.epochs) or self._is_pending():
                self._fit(provoked=True)

    def _overhead(self) -> float:
        """A process that pulls reads everything once, alone."""
        mean = self.evidence.forward.mean if self.evidence.forward else 0.0
        again = self._start if self.evidence.stress else 0.0
        return mean * self._batches() + again + 0.7

    def _can_be_pulled(self) -> bool:
        return can_be_pulled(self.evidence)

    def _stress(self, seed: int, seconds: float) -> None:
        self._progress(f"pulling it from all sides, {len(self.evidence.stress) + 1}")
        run = self._stressed().stress(plan_stress(self.request, self.evidence, seed, seconds))
        self.evidence = replace(self.evidence, stress=(*self.evidence.stress, run))

    def _stressed(self) -> Probes:
        """Workers that a feeder brings itself meet in the loader's calls, as those of a sequence of it do."""
        known = self.evidence.description
        if not known.own_workers:
            return self._probes
        name = "sequence-processes" if known.processes else "sequence"
        return Probes(replace(self.request, loader=name, workers=known.workers))

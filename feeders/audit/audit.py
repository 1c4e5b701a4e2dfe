"""An audit: probes one after the other, the most telling first, until a fault is certain or the budget is used."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections import Counter
from typing import Any, Callable

from feeders.errors import FeedersError
from feeders.loaders import workload
from feeders.loaders.opening import DATASET, GENERATOR, ITERATOR, SEQUENCE
from feeders.measure.stack import describe_host, describe_stack, preload
from feeders.results.record import CRASHED, FAILED, HUNG, REFUSED

from .causes import cause
from .counts import Reference, count
from .evidence import ENDED, Evidence, FitRun
from .identity import LABELS
from .judge import Verdict, judge
from .probes import Probes, fit_run, is_broken, pull_run
from .request import Request

# Verdicts that are no delivery.
OUTCOMES = (REFUSED, FAILED, HUNG, CRASHED)

# Each process that pulls goes on for so long, or for a part of the budget; the next one starts from another seed.
PULL_SECONDS, PULL_SHARE = 4.0, 0.2

# A process that pulls is not started for less.
SHORTEST_PULL_SECONDS = 0.7

# Part of the budget that reading epoch after epoch may take.
GROWTH_SHARE = 0.15

# Rounds beyond the budget that look again for what was seen once.
MOST_EXTRA_ROUNDS = 3

# How long a generator is pulled by threads of our own where this Keras has but one for it: it decides nothing.
ASIDE_SECONDS = 1.5


@dataclasses.dataclass(frozen=True)
class Audit:
    """A finished audit.

    Attributes:
        request: as it was carried out, with what was found out about key and steps.
        verdict: what is wrong, and what is not known.
        evidence: from which it follows.
        stack, host: versions, and the machine.
        seconds: all of it took.
    """

    request: Request
    verdict: Verdict
    evidence: Evidence
    stack: dict[str, str]
    host: dict[str, Any]
    seconds: float


def audit(request: Request, progress: Callable[[str], None] = lambda text: None) -> Audit:
    """Audit a loader.

    Args:
        request: what to audit.
        progress: told what is going on.

    Raises:
        FeedersError: the call is wrong, TensorFlow is missing, or the loader can't be opened.
        Unsupported: the feeder can't feed the workload.
    """
    start = time.perf_counter()
    request.checked()
    preload()
    if request.is_feeder:
        workload(request.workload).material()
    work = _Audit(request, start + request.seconds, progress)
    work.run()
    return Audit(
        request=work.request,
        verdict=judge(work.request, work.evidence),
        evidence=work.evidence,
        stack=describe_stack(),
        host=describe_host(),
        seconds=time.perf_counter() - start,
    )


class _Audit:
    def __init__(self, request: Request, end: float, progress: Callable[[str], None]) -> None:
        self.request, self._end, self._progress = request, end, progress
        self.evidence = Evidence()
        self._probes = Probes(request)
        self.evidence.memory_limit = self._probes.memory

    def _left(self) -> float:
        return self._end - time.perf_counter()

    def run(self) -> None:
        self._read()
        if self.evidence.reference is None:
            self._fit(provoked=False)
            if self.evidence.fits[0].outcome == ENDED or not self.evidence.broken:
                self._fit(provoked=False)
            self._control()
            return
        with contextlib.ExitStack() as stack:
            growth = stack.enter_context(self._growing())
            self._fit(provoked=False)
            self._fit(provoked=True)
            self.evidence.growth = self._answer(growth)
        if self.evidence.fits[-1].outcome != ENDED and self._is_certain():
            self._control()
            self._explain_failure()
            return
        self._beyond()
        self._draw()
        self._provoke()
        self._control()

    def _explain_failure(self) -> None:
        """It reads well alone, and fit() fails: see what others do to it."""
        for seed in range(1, 1 + MOST_EXTRA_ROUNDS):
            if self.evidence.fits[0].outcome != FAILED or not self._pulls() or self._has_race():
                return
            self._pull(seed, 2 * SHORTEST_PULL_SECONDS)

    def _has_race(self) -> bool:
        return any(cause(fault.cause).race for fault in judge(self.request, self.evidence).faults)

    def _is_certain(self) -> bool:
        """Whether more would tell no more: it ends badly, or a race has been seen often enough to be named."""
        return judge(self.request, self.evidence).word in OUTCOMES or self._has_race()

    def _is_pending(self) -> bool:
        """Whether something was seen that has not been seen a second time."""
        return judge(self.request, self.evidence).pending

    # The reference.

    def _read(self) -> None:
        self._progress("reading it in one thread")
        first = self._serial(1, backwards=False)
        if first is None:
            return
        if first["steps"] and first["steps"] != self.request.steps and not first["endless"]:
            self._restart(steps=first["steps"])
        self.evidence.first = first
        self._probes.slowest_batch(first["slowest"])
        if first["raised"] or not first["epochs"]:
            return
        second = self._serial(2, backwards=True)
        if second is None:
            return
        self.evidence.second = second
        self.evidence.reference = _reference(self.request, first, second)
        labelled = (
            any(keys for keys, _ in first["epochs"][0]) and not self.request.is_feeder and self.request.key is None
        )
        if labelled and not self.evidence.reference.reproducible:
            self._read_by_label()

    def _read_by_label(self) -> None:
        """Its content is new in each pass: count labels instead, where it has them."""
        by_content = dataclasses.replace(self.evidence)
        self._restart(key=LABELS)
        try:
            first, second = self._serial(1, backwards=False), self._serial(2, backwards=True)
        except FeedersError:  # it has none
            self._restart(key=None)
            return
        if first and second:
            self.evidence.reference = _reference(self.request, first, second)
        else:  # it broke this time: what is known stands
            self.evidence = by_content
            self._restart(key=None)

    def _restart(self, **changes: Any) -> None:
        self.request = self._probes.request = dataclasses.replace(self.request, **changes)

    def _serial(self, seed: int, backwards: bool) -> dict[str, Any] | None:
        with self._probes.serial(seed, backwards) as running:
            answer, events = running.wait()
        if is_broken(answer):
            self.evidence.broken = answer["outcome"], answer["message"]
            self.evidence.first = next((event["seen"] for event in events if event["event"] == "opened"), {})
            return None
        return answer

    # fit().

    def _steps(self) -> int | None:
        first = self.evidence.first
        return first["steps"] if first and (first.get("endless") or first.get("steps")) else None

    def _fit(self, provoked: bool) -> None:
        number = len(self.evidence.fits) + 1
        self._progress(f"fit() {number}{', switches forced' if provoked else ''}")
        with self._probes.fit(self._steps(), number, provoked) as running:
            run = fit_run(self.request, running, provoked)
        if self.evidence.reference:
            run.epochs = _epochs(run, self.evidence.reference)
        self.evidence.fits.append(run)

    def _control(self) -> None:
        """Where a loader hangs, or nothing explains what it lost, see whether one that is known to be safe does too."""
        first = self.evidence.first
        hung = any(run.outcome == HUNG for run in self.evidence.fits)
        causes = [fault.cause for fault in judge(self.request, self.evidence).faults]
        if not (hung or "unexplained" in causes) or first.get("kind") != SEQUENCE:
            return
        self._progress("fit() with a loader known to be safe")
        name = "sequence-processes" if first["processes"] else "sequence"
        probes = Probes(Request(name, workers=first["workers"], seconds=self.request.seconds))
        with probes.fit(None, 1, False) as running:
            control = fit_run(probes.request, running, False)
        with probes.serial(1, backwards=False) as running:
            read, _ = running.wait()
        if not is_broken(read):
            control.epochs = _epochs(control, _reference(probes.request, read, read))
        self.evidence.control = control

    # What else can be wrong.

    def _answer(self, running: Any) -> dict[str, Any]:
        answer, _ = running.wait()
        return {} if is_broken(answer) else answer

    def _batches(self) -> int:
        return self.evidence.reference.batches if self.evidence.reference else 0

    def _growing(self) -> Any:
        return self._probes.growth(self._batches(), self.request.seconds * GROWTH_SHARE)

    def _beyond(self) -> None:
        first = self.evidence.first
        if first.get("kind") == SEQUENCE and first["length"] and not self.request.is_feeder and not self._steps():
            self._progress("asking beyond its length")
            with self._probes.beyond(first["length"]) as running:
                self.evidence.beyond = self._answer(running)

    def _draw(self) -> None:
        """Look for equal random numbers, where content is random and workers are processes."""
        reference = self.evidence.reference
        assert reference is not None
        random = not self.evidence.second["again"]["contents"] or not reference.reproducible
        if not random or not self.evidence.first.get("processes") or self.evidence.first["kind"] != SEQUENCE:
            return
        for seed in (1, 2):
            self._progress("comparing the random numbers of worker processes")
            with self._probes.draws(self._batches(), seed) as running:
                answer = self._answer(running)
            if answer:
                self.evidence.draws.append(answer)

    # Races.

    def _provoke(self) -> None:
        """Pull it from all sides and train on it, in turns, until a fault is certain or the budget is used.

        What was seen once is looked for again beyond the budget: a fault is reported when it was seen twice.
        """
        longest = max(PULL_SECONDS, PULL_SHARE * self.request.seconds)
        seed, extra = 0, 0
        while not self._is_certain():
            seconds = self._left() - self._overhead()
            if seconds < SHORTEST_PULL_SECONDS and seed:
                if not self._is_pending() or extra == MOST_EXTRA_ROUNDS:
                    return
                extra += 1
            seed += 1
            if self._pulls():
                aside = self.evidence.first["kind"] in (GENERATOR, ITERATOR) and self.evidence.first["workers"] == 1
                self._pull(seed, ASIDE_SECONDS if aside else min(longest, max(SHORTEST_PULL_SECONDS, seconds)))
                if self._is_certain():
                    return
            if self._left() > self._overhead() or self._is_pending():
                self._fit(provoked=True)

    def _overhead(self) -> float:
        """A process that pulls reads everything once, alone."""
        return float(self.evidence.first.get("mean", 0.0)) * self._batches() + 0.7

    def _pulls(self) -> bool:
        first = self.evidence.first
        if first["kind"] in (GENERATOR, ITERATOR):
            return not self.evidence.pulls or (first["workers"] > 1 and not first["processes"])
        # Workers that are spawned share no state, and take seconds to start: fit() alone is looked at.
        several = first["workers"] > 1 and not first["pickles"]
        return first["kind"] == DATASET or (first["kind"] == SEQUENCE and several)

    def _pull(self, seed: int, seconds: float) -> None:
        reference = self.evidence.reference
        assert reference is not None
        self._progress(f"pulling it from all sides, {len(self.evidence.pulls) + 1}")
        again = self.evidence.second["again"]
        column = None
        if self.request.is_feeder:
            column = "sound"
        elif reference.reproducible and again["contents"]:
            column = "contents"
        elif reference.named and reference.keyed and again["keys"]:
            column = "keys"
        with self._probes.pull(column, reference.ordered, reference.batches, seed, seconds) as running:
            self.evidence.pulls.append(pull_run(running))


def _reference(request: Request, first: dict[str, Any], second: dict[str, Any]) -> Reference:
    pairs = list(zip(first["epochs"], second["epochs"]))
    keyed, reproducible = (
        first["tells"][name] and all(_samples(a, column) == _samples(b, column) for a, b in pairs)
        for column, name in enumerate(("keys", "contents"))
    )
    once = [state for epochs in (first["epochs"], second["epochs"]) for state in epochs]
    return Reference(
        states=first["epochs"],
        keyed=keyed,
        reproducible=reproducible,
        ordered=keyed and all([part[0] for part in state] == [part[0] for part in once[0]] for state in once),
        addressed=first["kind"] in (SEQUENCE, DATASET),
        named=request.is_feeder or request.key is not None,
    )


def _samples(state: list[list[list[int]]], column: int) -> Counter[int]:
    return Counter(value for part in state for value in part[column])


def _epochs(run: FitRun, reference: Reference) -> list[Any]:
    """Count the batches between one epoch event and the next."""
    parts: list[list[dict[str, Any]]] = []
    reads: list[int] = []
    for event in run.events:
        if event["event"] == "epoch":
            parts.append([])
            reads.append(0)
        elif event["event"] == "batch" and parts:
            parts[-1].append(event)
        elif event["event"] == "read" and parts:
            reads[-1] += 1
    known = reference.addressed and any(reads)
    complete = parts if run.outcome == ENDED else parts[:-1]
    return [count(part, reference, read if known else None) for part, read in zip(complete, reads)]
